package share_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const day = 24 * time.Hour

var alice = account.Actor{Owner: account.Owner{Account: "alice", Room: "r"}}

// A world is everything that lives and dies, over a model of the database.
type world struct {
	t         *testing.T
	model     *coretest.Model
	blobs     blob.Store
	shares    *share.Service
	uploads   *upload.Service
	transfers *transfer.Service
	boards    *board.Service
	runner    *job.Runner
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, model: &coretest.Model{}}
	var err error
	if w.blobs, err = disk.Open(disktest.New(1, nil), "/blobs", disk.Options{}); err != nil {
		t.Fatal(err)
	}
	ids := id.NewSource(time.Now)
	log := slog.New(slog.DiscardHandler)
	w.shares = share.NewService(w.model, w.blobs, time.Now, share.Limits{Keep: day, Memory: 30 * day, Orphan: 2 * time.Hour}, log)
	w.uploads = upload.NewService(w.model, w.blobs, ids, time.Now, upload.Limits{MaxFile: 1 << 20})
	w.transfers = transfer.NewService(w.model, w.model, w.uploads, ids, time.Now, transfer.Limits{MaxFiles: 1000, Keep: 7 * day})
	w.boards = board.NewService(w.model, w.model, w.uploads, ids, time.Now, board.Limits{MaxFiles: 1000})
	w.runner = job.NewRunner(w.model, w.shares.Handlers(), time.Now, log)
	if err := w.model.Enqueue(context.Background(), w.shares.Jobs()...); err != nil {
		t.Fatal(err)
	}
	return w
}

// pass lets time go by. The jobs run in the last two hours of it: a year of
// minutely sweeps would take the test longer than it is worth.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := time.Now().Add(d)
	time.Sleep(d - min(d, 2*time.Hour))
	ctx := context.Background()
	for {
		n, err := w.runner.Step(ctx, 4)
		if err != nil {
			w.t.Fatal(err)
		}
		if n > 0 {
			continue
		}
		next, err := w.model.Next(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if !next.Before(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(next))
	}
}

func (w *world) blobCount() int {
	n := 0
	if err := w.blobs.Walk(context.Background(), func(blob.Info) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// size is that of every file here: too large to lie beside its row.
const size = upload.SmallMost + 1

// send makes a ready transfer of n files with one part each.
func (w *world) send(name string, n int) *transfer.Transfer {
	w.t.Helper()
	ctx := context.Background()
	d := transfer.Draft{ID: share.ID(name), Code: "t-" + name}
	for i := range n {
		d.Files = append(d.Files, transfer.DraftFile{ID: upload.ID(fmt.Sprintf("%s-%d", name, i)), Name: fmt.Sprint(i), Size: size, Chunk: size})
	}
	t, files, err := w.transfers.Create(ctx, alice, d)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		if _, err := w.uploads.Put(ctx, upload.Put{Account: "alice", File: f.ID, Number: 1, Length: size, Body: bytes.NewReader(make([]byte, size))}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.transfers.CompleteFile(ctx, alice, t.ID, f.ID); err != nil {
			w.t.Fatal(err)
		}
	}
	if t, err = w.transfers.Finalize(ctx, alice, t.ID); err != nil {
		w.t.Fatal(err)
	}
	return t
}

func TestLifeOfATransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		w.send("long", 250) // more than one step of the purge
		w.pass(6 * day)
		w.send("young", 1)
		if _, err := w.shares.ByCode(ctx, "t-long"); err != nil {
			t.Fatalf("after six days: %v", err)
		}
		w.pass(day + time.Minute)
		if _, err := w.shares.ByCode(ctx, "t-long"); fault.KindOf(err) != fault.Gone {
			t.Errorf("after seven days: %v", err)
		}
		if got := w.model.Used("alice"); got != size {
			t.Errorf("%d bytes of quota are held, want those of the young one", got)
		}
		if got := w.blobCount(); got != 251 {
			t.Errorf("%d blobs: the bytes are to be kept for a day", got)
		}
		w.pass(day + time.Minute)
		if got := w.blobCount(); got != 1 {
			t.Errorf("%d blobs after the purge, want the young one's", got)
		}
		if _, err := w.transfers.Get(ctx, alice, "long"); fault.KindOf(err) != fault.Gone {
			t.Errorf("purged: %v, want to be remembered as gone", err)
		}
		w.pass(31 * day)
		if _, err := w.shares.ByCode(ctx, "t-long"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after a month: %v", err)
		}
	})
}

func TestAShareThatEndedComesBesideGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		w.send("over", 1)
		_, _, err := w.transfers.Create(ctx, alice, transfer.Draft{ID: "open", Code: "t-open"})
		if err != nil {
			t.Fatal(err)
		}
		if sh, err := w.shares.ByID(ctx, "open"); fault.KindOf(err) != fault.NotFound || sh != nil {
			t.Errorf("one that was never finished: %v, %v", sh, err)
		}
		time.Sleep(7 * day)
		if sh, err := w.shares.ByID(ctx, "over"); fault.KindOf(err) != fault.Gone || sh == nil || sh.Code != "t-over" {
			t.Errorf("%v, %v", sh, err)
		}
	})
}

func TestTheClockEndsAShareBeforeTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.send("a", 1)
		time.Sleep(7 * day) // no job runs
		if _, err := w.shares.ByCode(context.Background(), "t-a"); fault.KindOf(err) != fault.Gone {
			t.Errorf("%v", err)
		}
	})
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		w.send("a", 2)
		for _, who := range []account.Owner{{Account: "bob", Room: "r"}, {Account: "alice", Room: "other"}} {
			if err := w.shares.Delete(ctx, who, "a"); fault.CodeOf(err) != "transfer_unknown" {
				t.Errorf("%v may delete it: %v", who, err)
			}
		}
		for range 2 {
			if err := w.shares.Delete(ctx, alice.Owner, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.shares.ByCode(ctx, "t-a"); fault.CodeOf(err) != "transfer_deleted" {
			t.Errorf("%v", err)
		}
		w.pass(time.Minute)
		if n, used := w.blobCount(), w.model.Used("alice"); n != 0 || used != 0 {
			t.Errorf("%d blobs and %d bytes of quota are left", n, used)
		}
	})
}

func TestWhatAnAccountSentGoesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		const many = 101 // more than a step
		for i := range many {
			w.send(fmt.Sprint("t", i), 1)
		}
		bob := account.Actor{Owner: account.Owner{Account: "bob"}}
		if _, _, err := w.transfers.Create(ctx, bob, transfer.Draft{ID: "bobs"}); err != nil {
			t.Fatal(err)
		}
		if err := w.model.Enqueue(ctx, job.Job{Kind: share.JobLeave, ID: "alice", RunAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		w.send("late", 1) // by a request that was begun before
		w.pass(2 * time.Minute)
		for i := range many {
			if _, err := w.shares.ByID(ctx, share.ID(fmt.Sprint("t", i))); fault.KindOf(err) != fault.Gone {
				t.Fatalf("transfer %d: %v", i, err)
			}
		}
		if _, err := w.shares.ByID(ctx, "late"); fault.KindOf(err) != fault.Gone {
			t.Errorf("the late one: %v", err)
		}
		if n := w.blobCount(); n != 0 {
			t.Errorf("%d blobs are left", n)
		}
		if _, err := w.transfers.Get(ctx, bob, "bobs"); err != nil {
			t.Errorf("another's transfer: %v", err)
		}
	})
}

func TestABoardLivesWhileItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		if _, _, err := w.boards.Create(ctx, alice, board.Draft{ID: "b", Code: "b-b", Name: "x", Keep: 90 * day, Idle: true}); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			w.pass(80 * day)
			b, err := w.shares.ByCode(ctx, "b-b")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := w.shares.Seen(ctx, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.pass(91 * day)
		if _, err := w.shares.ByCode(ctx, "b-b"); fault.KindOf(err) != fault.Gone {
			t.Errorf("unseen for 91 days: %v", err)
		}
	})
}

func TestOrphansAreSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		w.send("a", 1)
		orphan := blob.ID(id.NewSource(time.Now).Key())
		e, err := w.blobs.Edit(ctx, orphan)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = e.WriteAt([]byte("lost"), 0)
		_ = e.Close()
		w.pass(90 * time.Minute)
		if got := w.blobCount(); got != 2 {
			t.Errorf("%d blobs: a young orphan may belong to a running request", got)
		}
		w.pass(3 * time.Hour)
		if got := w.blobCount(); got != 1 {
			t.Errorf("%d blobs, want the promised one", got)
		}
		if _, err := w.blobs.Open(ctx, orphan); fault.CodeOf(err) != "blob_missing" {
			t.Errorf("the orphan: %v", err)
		}
	})
}

func TestUnfinishedIsNotVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		_, _, err := w.transfers.Create(ctx, alice, transfer.Draft{ID: "x", Code: "t-x", Files: []transfer.DraftFile{{ID: "f", Name: "f", Size: 1, Chunk: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.shares.ByCode(ctx, "t-x"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
		if _, err := w.transfers.Finalize(ctx, alice, "x"); fault.CodeOf(err) != "file_incomplete" {
			t.Errorf("finalize: %v", err)
		}
	})
}

// A purge of any size leaves other jobs their turn, and is over before its lease.
func TestPurgeGoesInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		sent := w.send("a", 250)
		if err := w.shares.Delete(ctx, alice.Owner, "a"); err != nil {
			t.Fatal(err)
		}
		purge := w.shares.Handlers()[share.JobPurge]
		for _, left := range []int{150, 50, 0} {
			err := purge(ctx, job.Job{Kind: share.JobPurge, ID: string(sent.Key)})
			if job.IsAgain(err) != (left > 0) || err != nil && left == 0 {
				t.Errorf("with %d files left: %v", left, err)
			}
			if got := w.blobCount(); got != left {
				t.Errorf("%d blobs, want %d", got, left)
			}
		}
		if _, err := w.transfers.Get(ctx, alice, "a"); fault.KindOf(err) != fault.Gone {
			t.Errorf("purged: %v", err)
		}
	})
}

func TestASweepThatFailsComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.send("a", 1)
		w.model.Hook = func(call string) error {
			if call == "Due" || call == "Promised" || call == "Forget" {
				return errors.New("the database is away")
			}
			return nil
		}
		for range 10 {
			w.pass(day)
		}
		w.model.Hook = nil
		w.pass(time.Hour)
		if got := w.blobCount(); got != 0 {
			t.Errorf("%d blobs: the sweep did not come back", got)
		}
	})
}

// A slowBody is one of the slowest clients that a door bears with: 1 KiB a second.
type slowBody struct{ left int64 }

func (s *slowBody) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	n := min(int64(len(p)), s.left, 1<<10)
	s.left -= n
	return int(n), nil
}

func TestSlowPartsAreNoOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), context.Background()
		const chunk = 12 << 20 // takes more than three hours
		_, _, err := w.transfers.Create(ctx, alice, transfer.Draft{
			ID: "x", Code: "t-x", Files: []transfer.DraftFile{{ID: "f", Name: "f", Size: 2 * chunk, Chunk: chunk}},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.pass(3 * day) // announced long before the first byte
		var sent sync.WaitGroup
		for n, length := range map[int]int64{1: chunk, 2: -1} { // in place, and loose
			sent.Go(func() {
				_, err := w.uploads.Put(ctx, upload.Put{
					Account: "alice", File: "f", Number: n, Length: length, Body: &slowBody{left: chunk},
				})
				if err != nil {
					t.Errorf("part %d: %v", n, err)
				}
			})
		}
		for range 2 {
			w.pass(2 * time.Hour)
		}
		sent.Wait()
		f, err := w.transfers.CompleteFile(ctx, alice, "x", "f")
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.uploads.Content(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(3 * time.Hour)
		if n, err := blob.Copy(ctx, io.Discard, w.blobs, c, 0, f.Size); err != nil || n != 2*chunk {
			t.Errorf("%d bytes are there: %v", n, err)
		}
	})
}
