package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const (
	owner  = account.ID("owner")
	chunk  = 50_000
	orphan = 3 * time.Hour
)

// A world is an installation without a server.
type world struct {
	*audit.Service
	t         *testing.T
	db        *db.DB
	folder    string
	blobs     *disk.Store
	uploads   *upload.Service
	transfers *transfer.Service
	ids       *id.Source
	now       time.Time
	limits    audit.Limits
	log       bytes.Buffer
	rows      rows
}

// rows lets what lies beside rows be damaged.
type rows struct {
	*db.DB
	flip map[string]bool
}

func (r rows) RowBytes(ctx context.Context, key string) ([]byte, error) {
	b, err := r.DB.RowBytes(ctx, key)
	if r.flip[key] {
		b[len(b)/2] ^= 1
	}
	return b, err
}

func onBoth(t *testing.T, test func(*world)) {
	t.Run("sqlite", func(t *testing.T) { test(newWorld(t, "")) })
	t.Run("postgres", func(t *testing.T) { test(newWorld(t, testenv.Postgres(t))) })
}

// template is a database with the owner's account: making one takes longer than most tests.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "ferry-audit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := db.Open(context.Background(), "", db.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	err = errors.Join(d.CreateAccount(context.Background(), theOwner()), d.Close())
	text, rerr := os.ReadFile(filepath.Join(dir, "ferry.db"))
	return text, errors.Join(err, rerr)
})

func theOwner() *account.Account {
	return &account.Account{ID: owner, Email: "a@example.com", CreatedAt: time.Now()}
}

func newWorld(t *testing.T, url string) *world {
	dir := t.TempDir()
	if url == "" {
		text, err := template()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ferry.db"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := db.Open(t.Context(), url, db.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	w := &world{t: t, db: d, folder: filepath.Join(dir, "blobs"), now: time.Now(), limits: audit.Limits{Orphan: orphan}}
	if w.blobs, err = disk.Open(disk.OS(), w.folder, disk.Options{}); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return w.now }
	w.ids = id.NewSource(now)
	w.uploads = upload.NewService(d, w.blobs, w.ids, now, upload.Limits{MaxFile: 1 << 30})
	w.transfers = transfer.NewService(d, d, w.uploads, w.ids, now, transfer.Limits{MaxFiles: 100, Keep: 24 * time.Hour})
	if url != "" {
		w.must(d.CreateAccount(t.Context(), theOwner()))
	}
	w.rows = rows{d, map[string]bool{}}
	w.start()
	return w
}

// start makes the service anew, as a restart does.
func (w *world) start() {
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	w.Service = audit.NewService(w.rows, w.blobs, func() time.Time { return w.now }, w.limits, log)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// create makes a transfer of files of these sizes.
func (w *world) create(sizes ...int) []*upload.File {
	w.t.Helper()
	key := w.ids.Key()
	draft := transfer.Draft{ID: share.ID("t" + key), Code: "t-" + key}
	for i, n := range sizes {
		name := upload.ID("f" + key + string(rune('a'+i)))
		draft.Files = append(draft.Files, transfer.DraftFile{ID: name, Name: string(name) + ".bin", Size: int64(n), Chunk: chunk})
	}
	_, files, err := w.transfers.Create(w.t.Context(), account.Actor{Owner: account.Owner{Account: owner}}, draft)
	w.must(err)
	return files
}

// send sends a whole file in parts of size, which is chunk or makes them loose.
func (w *world) send(f *upload.File, size int) {
	w.t.Helper()
	data := make([]byte, f.Size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	n := 1
	for part := range slices.Chunk(data, size) {
		w.put(f, n, part)
		n++
	}
	_, err := w.uploads.Complete(w.t.Context(), f.ID, upload.CompleteOptions{})
	w.must(err)
}

func (w *world) put(f *upload.File, n int, body []byte) *upload.Part {
	w.t.Helper()
	p, err := w.uploads.Put(w.t.Context(), upload.Put{
		Account: owner, File: f.ID, Number: n, Length: int64(len(body)), Body: bytes.NewReader(body), MD5: n == 2,
	})
	w.must(err)
	return p
}

// all makes a small file, one in place and one of loose parts, all of them whole.
func (w *world) all() (small, planned, loose *upload.File) {
	files := w.create(1000, 2*chunk+10, 2*chunk+10)
	w.send(files[0], chunk)
	w.send(files[1], chunk)
	w.send(files[2], chunk-1)
	w.now = w.now.Add(time.Second) // they are older than the round
	return files[0], files[1], files[2]
}

func (w *world) path(b blob.ID) string { return filepath.Join(w.folder, string(b[:6]), string(b)) }

// flip changes a byte of a blob, and back.
func (w *world) flip(b blob.ID, at int64) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(b), os.O_RDWR, 0)
	w.must(err)
	defer f.Close()
	one := make([]byte, 1)
	_, err = f.ReadAt(one, at)
	w.must(err)
	one[0] ^= 0x10
	_, err = f.WriteAt(one, at)
	w.must(err)
}

func (w *world) verify() (*audit.Report, []audit.Finding) {
	w.t.Helper()
	var found []audit.Finding
	r, err := w.Verify(w.t.Context(), func(f audit.Finding) error { found = append(found, f); return nil })
	w.must(err)
	return r, found
}

// served tells whether the file's bytes are given out.
func (w *world) served(f *upload.File) bool {
	w.t.Helper()
	now, err := w.db.File(w.t.Context(), f.ID)
	w.must(err)
	_, err = w.uploads.Content(w.t.Context(), now)
	if err != nil && !fault.Is(err, "content_damaged") {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestWhatIsRightIsFoundRight(t *testing.T) {
	onBoth(t, func(w *world) {
		w.all()
		open := w.create(3 * chunk)[0]
		w.put(open, 2, make([]byte, chunk))
		w.now = w.now.Add(time.Second)
		r, found := w.verify()
		if len(found) > 0 || r.Files != 4 || r.Parts != 8 || r.Bytes != 1000+2*(2*chunk+10)+chunk || r.Hashed != 3 || r.Blobs != 5 {
			t := w.t
			t.Errorf("%+v, %v", r, found)
		}
		if r, _ = w.verify(); r.Hashed != 0 {
			w.t.Error("the second time it takes the checksums for new")
		}
	})
}

func TestDamageIsFoundAndMarked(t *testing.T) {
	onBoth(t, func(w *world) {
		small, planned, loose := w.all()
		w.verify()
		w.damage(small, planned, loose)
	})
}

func (w *world) damage(small, planned, loose *upload.File) {
	for _, tt := range []struct {
		name   string
		damage func(w *world, small, planned, loose *upload.File) (file *upload.File, mend func())
		kind   string
		detail string
	}{
		{"a byte of a planned file", func(w *world, _, f, _ *upload.File) (*upload.File, func()) {
			w.flip(blob.ID(f.Key), chunk+1)
			return f, func() { w.flip(blob.ID(f.Key), chunk+1) }
		}, audit.Changed, "CRC-32"},
		{"a byte of a loose part", func(w *world, _, _, f *upload.File) (*upload.File, func()) {
			b := w.parts(f)[2].Blob
			w.flip(b, 0)
			return f, func() { w.flip(b, 0) }
		}, audit.Changed, "CRC-32"},
		{"a byte beside a row", func(w *world, f, _, _ *upload.File) (*upload.File, func()) {
			w.rows.flip[string(f.Key)] = true
			return f, func() { delete(w.rows.flip, string(f.Key)) }
		}, audit.Changed, "CRC-32"},
		{"a blob that is gone", func(w *world, _, f, _ *upload.File) (*upload.File, func()) {
			name := w.path(blob.ID(f.Key))
			w.must(os.Rename(name, name+".away"))
			return f, func() { w.must(os.Rename(name+".away", name)) }
		}, audit.Missing, "not there"},
		{"a blob that was cut", func(w *world, _, f, _ *upload.File) (*upload.File, func()) {
			name := w.path(blob.ID(f.Key))
			whole, err := os.ReadFile(name)
			w.must(err)
			w.must(os.Truncate(name, chunk*2))
			return f, func() { w.must(os.WriteFile(name, whole, 0o600)) }
		}, audit.Missing, "ends after 0 of 10"},
	} {
		w.t.Run(tt.name, func(t *testing.T) {
			f, mend := tt.damage(w, small, planned, loose)
			r, found := w.verify()
			if len(found) == 0 || found[0].Kind != tt.kind || found[0].ID != f.ID || !strings.Contains(found[0].Detail, tt.detail) {
				t.Fatalf("found %+v", found)
			}
			if r.Damaged != 1 || r.Marked != 1 || w.served(f) {
				t.Errorf("%+v, served: %v", r, w.served(f))
			}
			for _, other := range []*upload.File{small, planned, loose} {
				if other != f && !w.served(other) {
					t.Errorf("%s was marked too", other.Name)
				}
			}
			if r, _ = w.verify(); r.Damaged != 1 || r.Marked != 0 {
				t.Errorf("the second time: %+v", r)
			}
			mend()
			if r, found = w.verify(); len(found) > 0 || r.Unmarked != 1 || !w.served(f) {
				t.Errorf("after it was restored: %+v %v", r, found)
			}
		})
	}
}

func (w *world) parts(f *upload.File) []upload.Part {
	w.t.Helper()
	parts, err := w.db.Parts(w.t.Context(), f.Key, 0, 100)
	w.must(err)
	return parts
}

// A damaged part of an open file is sent again: its sender is told that it is missing.
func TestDamageOfAnOpenFileIsSentAgain(t *testing.T) {
	w := newWorld(t, "")
	f := w.create(2 * chunk)[0]
	w.put(f, 1, make([]byte, chunk))
	w.put(f, 2, make([]byte, chunk))
	w.now = w.now.Add(time.Second)
	w.flip(blob.ID(f.Key), 7)
	if _, found := w.verify(); len(found) != 1 || found[0].Part != 1 {
		w.t.Fatalf("found %v", found)
	}
	_, err := w.uploads.Complete(w.t.Context(), f.ID, upload.CompleteOptions{})
	if !fault.Is(err, "part_missing") {
		w.t.Fatalf("complete: %v", err)
	}
	w.put(f, 1, make([]byte, chunk))
	_, err = w.uploads.Complete(w.t.Context(), f.ID, upload.CompleteOptions{})
	w.must(err)
	w.now = w.now.Add(time.Second)
	if _, found := w.verify(); len(found) > 0 {
		w.t.Errorf("found %v", found)
	}
}

func TestBytesWithoutRows(t *testing.T) {
	onBoth(t, func(w *world) {
		blobAt := func(age time.Duration) blob.ID {
			at := w.now.Add(-age)
			b := blob.ID(id.NewSource(func() time.Time { return at }).Key())
			e, err := w.blobs.Edit(w.t.Context(), b)
			w.must(err)
			_, err = e.WriteAt([]byte("orphan"), 0)
			w.must(err)
			w.must(e.Close())
			w.must(os.Chtimes(w.path(b), at, at))
			return b
		}
		blobAt(time.Minute)
		leaving := blobAt(48 * time.Hour)
		w.must(w.db.Enqueue(w.t.Context(), job.Job{Kind: share.JobRemoveBlob, ID: string(leaving), RunAt: w.now}))
		old := blobAt(48 * time.Hour)
		r, found := w.verify()
		if len(found) != 1 || found[0].Kind != audit.Orphan || found[0].Blob != old || r.Young != 1 || r.Leaving != 1 {
			w.t.Errorf("%+v, %v", r, found)
		}
	})
}

// Bytes go before the rows of a transfer that is purged: that is no damage.
func TestWhatIsBeingPurgedIsNoDamage(t *testing.T) {
	w := newWorld(t, "")
	_, f, _ := w.all()
	_, err := w.db.Update(w.t.Context(), f.Home.Key, func(s *share.Share) ([]job.Job, error) {
		s.State, s.Purging = share.Deleted, true
		return nil, nil
	})
	w.must(err)
	w.must(w.blobs.Remove(w.t.Context(), blob.ID(f.Key)))
	if _, found := w.verify(); len(found) > 0 {
		w.t.Errorf("found %v", found)
	}
}

// vanishing removes the bytes of a file, as a purge does, just before they are read.
type vanishing struct {
	blob.Store
	before func()
}

func (v vanishing) Open(ctx context.Context, b blob.ID) (blob.Reader, error) {
	v.before()
	return v.Store.Open(ctx, b)
}

func TestWhatGoesWhileItIsReadIsNoDamage(t *testing.T) {
	w := newWorld(t, "")
	_, f, _ := w.all()
	s := audit.NewService(w.rows, vanishing{w.blobs, func() {
		_, err := w.db.Update(w.t.Context(), f.Home.Key, func(s *share.Share) ([]job.Job, error) {
			s.State, s.Purging = share.Deleted, true
			return nil, nil
		})
		w.must(err)
		w.must(w.blobs.Remove(w.t.Context(), blob.ID(f.Key)))
	}}, func() time.Time { return w.now }, w.limits, slog.New(slog.DiscardHandler))
	r, err := s.Verify(w.t.Context(), func(f audit.Finding) error { w.t.Errorf("found %v", f); return nil })
	w.must(err)
	if r.Files != 2 { // the other two were loaded together with it
		w.t.Errorf("%+v", r)
	}
}

// runScrub does steps of the scrub until its round is over.
func (w *world) runScrub() (steps int) {
	w.t.Helper()
	for ; steps < 1000; steps++ {
		w.start() // every step after a restart
		err := w.Handlers()[audit.JobScrub](w.t.Context(), job.Job{Kind: audit.JobScrub})
		if !job.IsAgain(err) {
			w.t.Fatal(err)
		}
		w.now = w.now.Add(time.Second)
		if strings.Contains(w.log.String(), "scrub has read everything") {
			return steps + 1
		}
	}
	w.t.Fatal("the scrub does not end")
	return 0
}

func TestScrubGoesOnAfterRestarts(t *testing.T) {
	onBoth(t, func(w *world) {
		w.limits.Interval, w.limits.Rate = 24*time.Hour, 20_000 // less than a part a step
		_, planned, loose := w.all()
		w.now = w.now.Add(time.Hour)
		began := w.now
		if n := w.runScrub(); n < 10 {
			w.t.Errorf("all in %d steps", n)
		}
		if strings.Contains(w.log.String(), "ERROR") {
			w.t.Errorf("of what is right it says\n%s", &w.log)
		}
		w.log.Reset()
		if r, found := w.verify(); r.Hashed != 0 || len(found) > 0 { // the same SHA-256, put together in pieces
			w.t.Errorf("%+v, %v", r, found)
		}

		// Nothing is read before the next round is due.
		w.flip(blob.ID(planned.Key), chunk+30_000)
		_ = w.Handlers()[audit.JobScrub](w.t.Context(), job.Job{})
		if !w.served(planned) {
			w.t.Error("it read on")
		}
		w.now = began.Add(25 * time.Hour)
		w.runScrub()
		if w.served(planned) || !w.served(loose) || !strings.Contains(w.log.String(), "stored content is damaged") {
			w.t.Errorf("served: %v, %v\n%s", w.served(planned), w.served(loose), &w.log)
		}
		w.log.Reset()
		w.flip(blob.ID(planned.Key), chunk+30_000)
		w.now = began.Add(50 * time.Hour)
		if w.runScrub(); !w.served(planned) {
			w.t.Error("it stays marked")
		}
	})
}

// New files do not wait for the next round of all.
func TestScrubReadsWhatIsNew(t *testing.T) {
	w := newWorld(t, "")
	w.limits.Interval, w.limits.Rate = 7*24*time.Hour, 1<<20
	w.all()
	w.now = w.now.Add(time.Hour)
	w.runScrub()
	_, fresh, _ := w.all()
	step := func() error { return w.Handlers()[audit.JobScrub](t.Context(), job.Job{}) }
	w.flip(blob.ID(fresh.Key), 3)
	_ = step()
	if !w.served(fresh) {
		t.Error("it was read while it was young")
	}
	w.now = w.now.Add(2 * time.Hour)
	_ = step()
	if w.served(fresh) || strings.Contains(w.log.String(), "files=6") || !strings.Contains(w.log.String(), "scrub has read what is new") {
		t.Errorf("served: %v\n%s", w.served(fresh), &w.log)
	}
	if r, _ := w.verify(); r.Hashed != 0 {
		t.Errorf("%+v", r)
	}
}

// A file of which a part was read while it was open is begun anew once it is complete.
func TestScrubMeetsAFileThatIsCompleted(t *testing.T) {
	w := newWorld(t, "")
	w.limits.Interval, w.limits.Rate = 24*time.Hour, 40_000
	f := w.create(2 * chunk)[0]
	w.put(f, 1, make([]byte, chunk))
	w.put(f, 2, make([]byte, chunk))
	w.now = w.now.Add(2 * time.Hour)
	w.start()
	for range 2 {
		_ = w.Handlers()[audit.JobScrub](t.Context(), job.Job{})
	}
	_, err := w.uploads.Complete(t.Context(), f.ID, upload.CompleteOptions{})
	w.must(err)
	w.runScrub()
	if r, found := w.verify(); r.Hashed != 0 || len(found) > 0 {
		t.Errorf("%+v, %v", r, found)
	}
}
