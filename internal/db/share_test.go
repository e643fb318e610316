package db

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

func TestATransferComesBackAsItWasCreated(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, 25, upload.Unknown, 0)
		got, err := w.Transfer(w.ctx, tr.ID)
		w.must(err)
		if diff := cmp.Diff(tr, got); diff != "" {
			t.Error("by id:", diff)
		}
		byCode, err := w.ByCode(w.ctx, tr.Code)
		w.must(err)
		if diff := cmp.Diff(&tr.Share, byCode); diff != "" {
			t.Error("by code:", diff)
		}
		all, err := w.FilesOf(w.ctx, &tr.Share, "", 10)
		w.must(err)
		if diff := cmp.Diff(files, all); diff != "" {
			t.Error("files:", diff)
		}
		rest, err := w.FilesOf(w.ctx, &tr.Share, files[0].Key, 1)
		w.must(err)
		if len(rest) != 1 || rest[0].ID != files[1].ID {
			t.Errorf("one file after the first: %v", rest)
		}
		one, err := w.File(w.ctx, files[1].ID)
		w.must(err)
		if diff := cmp.Diff(files[1], one); diff != "" {
			t.Error("a file:", diff)
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		b := w.createBoard(w.acc)
		tr, _ := w.create(w.acc)
		for name, tt := range map[string]struct {
			get  func() error
			code string
		}{
			"no such transfer":                {func() error { _, err := w.Transfer(w.ctx, "x"); return err }, "transfer_unknown"},
			"a board is no transfer":          {func() error { _, err := w.Transfer(w.ctx, b.ID); return err }, "transfer_unknown"},
			"a transfer is no board":          {func() error { _, err := w.Board(w.ctx, tr.ID); return err }, "transfer_unknown"},
			"ids are compared bytewise":       {func() error { _, err := w.ByCode(w.ctx, "T"+tr.Code[1:]); return err }, "transfer_unknown"},
			"no code is nobody's":             {func() error { _, err := w.ByCode(w.ctx, ""); return err }, "transfer_unknown"},
			"no such share to update":         {func() error { _, err := w.Update(w.ctx, "x", nil); return err }, "transfer_unknown"},
			"no such board to add to":         {func() error { return w.AddItems(w.ctx, "x", nil, boardLimits, now) }, "transfer_unknown"},
			"no such file":                    {func() error { _, err := w.File(w.ctx, "x"); return err }, "file_unknown"},
			"no such file for a part":         {func() error { _, _, err := w.FileAndPart(w.ctx, "x", 1); return err }, "file_unknown"},
			"no such file to put to":          {func() error { return w.PutPart(w.ctx, "x", 1, nil) }, "file_unknown"},
			"no such file to complete":        {func() error { _, err := w.Complete(w.ctx, "x", nil); return err }, "file_unknown"},
			"no such file to suspect":         {func() error { return w.Suspect(w.ctx, "x") }, "file_unknown"},
			"no such account":                 {func() error { _, err := w.AccountByEmail(w.ctx, "x@y"); return err }, "account_unknown"},
			"the installation has no address": {func() error { _, err := w.AccountByEmail(w.ctx, ""); return err }, "account_unknown"},
			"no such key":                     {func() error { _, err := w.KeyByID(w.ctx, "x"); return err }, "key_unknown"},
			"no such key by its hash":         {func() error { _, err := w.KeyByHash(w.ctx, hashOf("x")); return err }, "key_unknown"},
			"no such certificate":             {func() error { _, err := w.Certs().Get(w.ctx, "x"); return err }, "cert_unknown"},
		} {
			t.Run(name, func(t *testing.T) {
				if err := tt.get(); fault.KindOf(err) != fault.NotFound || !fault.Is(err, tt.code) {
					t.Errorf("got %v, want %s", err, tt.code)
				}
			})
		}
	})
}

func TestNamesAreTakenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(1000)
		tr, files := w.create(acc, 10)
		for name, spoil := range map[string]func(*transfer.Transfer, []*upload.File){
			"the transfer's id": func(n *transfer.Transfer, _ []*upload.File) { n.ID = tr.ID },
			"its code":          func(n *transfer.Transfer, _ []*upload.File) { n.Code = tr.Code },
			"a file's id":       func(_ *transfer.Transfer, f []*upload.File) { f[1].ID = files[0].ID },
		} {
			t.Run(name, func(t *testing.T) {
				next, f := w.draft(acc, 20, 30)
				spoil(next, f)
				w.fails(w.CreateTransfer(w.ctx, next, f), fault.Conflict, "id_taken")
				if n := w.used(acc); n != 10 {
					t.Errorf("%d bytes are reserved after the refusal, want 10", n)
				}
				if all, err := w.FilesOf(w.ctx, &next.Share, "", 10); len(all) > 0 || err != nil {
					t.Errorf("files of a transfer that was refused: %v, %v", all, err)
				}
			})
		}
		for range 2 { // no code is no name
			next, _ := w.draft(acc)
			next.Code = ""
			w.must(w.CreateTransfer(w.ctx, next, nil))
		}
	})
}

func TestQuota(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(100)
		tr, _ := w.create(acc, 60)
		over, files := w.draft(acc, 20, 21)
		w.fails(w.CreateTransfer(w.ctx, over, files), fault.Full, "quota_exceeded")
		if _, err := w.File(w.ctx, files[0].ID); !fault.Is(err, "file_unknown") {
			t.Errorf("a file of the refused transfer: %v", err)
		}
		exact, _ := w.create(acc, 40)
		if n := w.used(acc); n != 100 {
			t.Errorf("%d bytes are reserved, want 100", n)
		}
		w.setState(tr.Key, share.Expired)
		w.setState(tr.Key, share.Purged) // what was released once stays so
		if n := w.used(acc); n != 40 {
			t.Errorf("%d bytes are reserved after one expired, want 40", n)
		}
		w.setState(exact.Key, share.Deleted)
		if n := w.used(acc); n != 0 {
			t.Errorf("%d bytes are reserved after all went, want 0", n)
		}
	})
}

func TestAccountsWithoutLimitDoNotOverflow(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.create(w.acc, 1<<62)
		over, files := w.draft(w.acc, 1<<62)
		w.fails(w.CreateTransfer(w.ctx, over, files), fault.Full, "quota_exceeded")
	})
}

func TestAHundredCreatesForTenPlaces(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(105)
		var made, refused atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				tr, files := w.draft(acc, 4, 6)
				switch err := w.CreateTransfer(w.ctx, tr, files); {
				case err == nil:
					made.Add(1)
				case fault.Is(err, "quota_exceeded"):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 10 || refused.Load() != 90 || w.used(acc) != 100 {
			t.Errorf("%d made, %d refused, %d bytes reserved; want 10, 90, 100", made.Load(), refused.Load(), w.used(acc))
		}
	})
}

func TestUpdate(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, _ := w.create(w.acc, 10)
		got, err := w.UpdateTransfer(w.ctx, tr.ID, func(tr *transfer.Transfer) ([]job.Job, error) {
			tr.State, tr.ReadyAt, tr.ExpiresAt, tr.Name = share.Ready, now, now.Add(2*time.Hour), "other"
			return []job.Job{{Kind: "k", ID: "1", RunAt: now}}, nil
		})
		w.must(err)
		loaded, err := w.Transfer(w.ctx, tr.ID)
		w.must(err)
		if diff := cmp.Diff(loaded, got); diff != "" {
			t.Error("what Update returned is not what it saved:", diff)
		}
		if loaded.State != share.Ready || !loaded.ReadyAt.Equal(now) || loaded.Name != "other" || loaded.Version != 1 {
			t.Errorf("saved: %+v", loaded)
		}
		if jobs, err := w.Claim(w.ctx, now, 10); len(jobs) != 1 || err != nil {
			t.Errorf("jobs: %v, %v", jobs, err)
		}

		boom := errors.New("boom")
		_, err = w.Update(w.ctx, tr.Key, func(s *share.Share) ([]job.Job, error) {
			s.Name = "never"
			return []job.Job{{Kind: "k", ID: "2", RunAt: now}}, boom
		})
		if err != boom {
			t.Errorf("change's error came back as %v", err)
		}
		if again, _ := w.Transfer(w.ctx, tr.ID); again.Name != "other" {
			t.Error("a failed change was saved")
		}
		if _, err := w.Update(w.ctx, tr.Key, func(s *share.Share) ([]job.Job, error) {
			s.State = share.Open
			return nil, nil
		}); !fault.Is(err, "state_backwards") {
			t.Errorf("going back: %v", err)
		}
		if same, err := w.Update(w.ctx, tr.Key, func(*share.Share) ([]job.Job, error) { return nil, nil }); err != nil || same.Version != 1 {
			t.Errorf("a change of nothing: version %d, %v", same.Version, err)
		}
	})
}

func TestUpdatesDoNotOverwriteEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, _ := w.create(w.acc)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := w.Update(w.ctx, tr.Key, func(s *share.Share) ([]job.Job, error) {
					s.ExpiresAt = s.ExpiresAt.Add(time.Second)
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, _ := w.Transfer(w.ctx, tr.ID)
		if d := got.ExpiresAt.Sub(tr.ExpiresAt); d != 50*time.Second || got.Version != 50 {
			t.Errorf("50 changes added %v, version %d", d, got.Version)
		}
	})
}

func TestOneOfManyDeletesReleases(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(1000)
		w.create(acc, 7)
		tr, _ := w.create(acc, 100)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := w.Update(w.ctx, tr.Key, func(s *share.Share) ([]job.Job, error) {
					s.Delete(now)
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.used(acc); n != 7 {
			t.Errorf("%d bytes are reserved, want 7", n)
		}
	})
}

func TestDueAndForget(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var keys []share.Key
		for i := range 4 {
			tr, _ := w.draft(w.acc)
			tr.ExpiresAt = now.Add(time.Duration(3-i) * time.Second)
			w.must(w.CreateTransfer(w.ctx, tr, nil))
			keys = append(keys, tr.Key)
		}
		due, err := w.Due(w.ctx, now.Add(2*time.Second), 10)
		w.must(err)
		if diff := cmp.Diff([]share.Key{keys[3], keys[2], keys[1]}, due); diff != "" {
			t.Error("due, the earliest first:", diff)
		}
		if due, _ := w.Due(w.ctx, now.Add(2*time.Second), 1); len(due) != 1 || due[0] != keys[3] {
			t.Errorf("the first of them: %v", due)
		}
		w.setState(keys[3], share.Purged)
		w.setState(keys[2], share.Expired)
		if due, _ := w.Due(w.ctx, now.Add(2*time.Second), 10); len(due) != 1 || due[0] != keys[1] {
			t.Errorf("those that ended are due no more: %v", due)
		}
		for _, want := range []int{1, 0} {
			if n, err := w.Forget(w.ctx, now.Add(time.Minute), 10); n != want || err != nil {
				t.Errorf("Forget dropped %d, %v; want %d", n, err, want)
			}
		}
	})
}
