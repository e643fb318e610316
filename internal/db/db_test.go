package db

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// now is the moment at which the tests happen.
var now = time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC)

// onBoth runs a test on each engine, with a new database.
func onBoth(t *testing.T, test func(t *testing.T, w world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), Options{})) })
	t.Run("postgres", func(t *testing.T) { test(t, openWorld(t, testenv.Postgres(t), Options{})) })
}

// A world is a database with an account, and what makes things to put there.
type world struct {
	*DB
	t   testing.TB
	ids *id.Source
	ctx context.Context
	acc account.ID
}

func openWorld(t testing.TB, url string, o Options) world {
	t.Helper()
	d, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	w := world{DB: d, t: t, ids: id.NewSource(time.Now), ctx: context.Background()}
	w.acc = w.account(0)
	return w
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fails checks that err is the fault of this kind and code.
func (w world) fails(err error, kind fault.Kind, code string) {
	w.t.Helper()
	if fault.KindOf(err) != kind || !fault.Is(err, code) {
		w.t.Fatalf("got %v, want %v (%s)", err, kind, code)
	}
}

func (w world) account(quota int64) account.ID {
	w.t.Helper()
	a := &account.Account{ID: account.ID(w.ids.Key()), Email: w.ids.Text(id.Lower, 8) + "@example.com", Quota: quota, CreatedAt: now}
	w.must(w.CreateAccount(w.ctx, a))
	return a.ID
}

// used gives what the account has reserved.
func (w world) used(a account.ID) (n int64) {
	w.t.Helper()
	w.must(w.query(w.ctx, func(row scan) error { return row(&n) }, `select used from accounts where id = $1`, a))
	return n
}

// draft makes a transfer with a file of each size, planned with chunks of 10 bytes.
func (w world) draft(a account.ID, sizes ...int64) (*transfer.Transfer, []*upload.File) {
	t := &transfer.Transfer{Share: share.Share{
		Key: share.Key(w.ids.Key()), ID: share.ID(w.ids.Text(id.Hex, 20)), Kind: share.Transfer,
		Owner: account.Owner{Account: a, Room: "room"}, State: share.Open, Code: "t-" + w.ids.Text(id.Base62, 10),
		Hash: "hash", Name: "Näme", Message: "message", Sealed: true, Files: len(sizes), OpenFiles: len(sizes),
		CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}}
	files := w.files(&t.Share, sizes...)
	for _, f := range files {
		t.Size += max(f.Size, 0)
	}
	return t, files
}

func (w world) files(home *share.Share, sizes ...int64) (files []*upload.File) {
	keys := w.ids.Keys(len(sizes))
	for i, n := range sizes {
		f := &upload.File{
			Key: upload.Key(keys[i]), ID: upload.ID(w.ids.Text(id.Hex, 20)), Name: fmt.Sprint("file ", i), Local: "local",
			Size: n, Chunk: 10, Upload: "upload", State: upload.Open, CreatedAt: now, Home: home,
		}
		files = append(files, f)
	}
	return files
}

func (w world) create(a account.ID, sizes ...int64) (*transfer.Transfer, []*upload.File) {
	w.t.Helper()
	t, files := w.draft(a, sizes...)
	w.must(w.CreateTransfer(w.ctx, t, files))
	return t, files
}

// sending makes a transfer that is open to later files, for these recipients.
func (w world) sending(to ...string) (*transfer.Transfer, []*transfer.Recipient) {
	t, _ := w.draft(w.acc)
	t.Sealed = false
	t.Sending = transfer.Sending{Track: w.ids.Text(id.Base62, 22), Sender: "alice@x.y", Recipients: len(to)}
	var all []*transfer.Recipient
	for _, a := range to {
		all = append(all, &transfer.Recipient{
			Key: transfer.RecipientKey(w.ids.Key()), Home: t.Key, Address: a, Track: w.ids.Text(id.Base62, 22),
		})
	}
	return t, all
}

func (w world) createBoard(a account.ID, items ...board.Item) *board.Board {
	w.t.Helper()
	t, _ := w.draft(a)
	b := &board.Board{Share: t.Share}
	b.Kind, b.State, b.ReadyAt, b.Idle, b.Sealed = share.Board, share.Ready, now, 90*24*time.Hour, false
	for _, i := range items {
		if i.File != nil {
			b.Files++
			b.OpenFiles++
			b.Size += i.File.Size
		}
	}
	w.must(w.CreateBoard(w.ctx, b, items))
	return b
}

// put records a part in its planned place, or loose in the given blob.
func (w world) put(f *upload.File, number int, n int64, loose blob.ID) error {
	return w.PutPart(w.ctx, f.Key, number, func(f *upload.File, old *upload.Part) (*upload.NewPart, error) {
		if err := f.Accepts(now); err != nil {
			return nil, err
		}
		p := upload.Part{Number: number, Segment: blob.Segment{Blob: f.Blob(), Offset: int64(number-1) * 10, Length: n}, CRC: 4000000000, ReceivedAt: now}
		if loose != "" {
			p.Segment = blob.Segment{Blob: loose, Length: n}
		}
		if old != nil {
			f.Parts--
			f.Got -= old.Length
		}
		f.Parts++
		f.Got += n
		f.Sum = 3000000000
		if loose != "" {
			f.Loose++
		}
		return &upload.NewPart{Part: p}, nil
	})
}

// complete settles a file as package upload does.
func (w world) complete(f *upload.File, drop ...int) (*upload.File, error) {
	return w.Complete(w.ctx, f.ID, func(f *upload.File, parts func() ([]upload.Part, error)) ([]int, []job.Job, error) {
		if f.State == upload.Complete {
			return nil, nil, nil
		}
		if err := f.Accepts(now); err != nil {
			return nil, nil, err
		}
		all, err := parts()
		if err != nil {
			return nil, nil, err
		}
		f.Got, f.Parts = 0, 0
		for _, p := range all {
			if !has(drop, p.Number) {
				f.Got += p.Length
				f.Parts++
			}
		}
		f.State, f.Size, f.CompletedAt = upload.Complete, f.Got, now
		return drop, []job.Job{{Kind: "completed", ID: string(f.Key), RunAt: now}}, nil
	})
}

func has(list []int, n int) bool {
	for _, i := range list {
		if i == n {
			return true
		}
	}
	return false
}

func (w world) setState(key share.Key, s share.State) {
	w.t.Helper()
	_, err := w.Update(w.ctx, key, func(sh *share.Share) ([]job.Job, error) {
		sh.State = s
		return nil, nil
	})
	w.must(err)
}

func hashOf(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := Open(t.Context(), "mysql://user:secret@host/db", Options{})
	if !fault.Is(err, "database_url") {
		t.Errorf("got %v, want database_url", err)
	}
}

func TestADatabaseThatDoesNotAnswer(t *testing.T) {
	url := fmt.Sprintf("postgres://ferry:secret@127.0.0.1:%d/ferry", testenv.FreePort(t))
	_, err := Open(t.Context(), url, Options{})
	if fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody listens: %v", err)
	}
	_, err = Open(t.Context(), "postgres://ferry:secret@%zz/ferry", Options{})
	if !fault.Is(err, "database_url") || strings.Contains(err.Error(), "secret") {
		t.Errorf("no URL: %v", err)
	}
}

func TestTheFileIsOursAlone(t *testing.T) {
	dir := t.TempDir()
	openWorld(t, "", Options{Dir: dir})
	for _, name := range []string{"ferry.db", "ferry.db-wal"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
}

func TestAPathIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?b%20#c&.db")
	openWorld(t, "sqlite:"+path, Options{})
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Error(err)
	}
}

func TestTextThatCannotBeStored(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for name, text := range map[string]string{"a NUL": "a\x00b", "no UTF-8": "a\xffb"} {
			tr, files := w.draft(w.acc)
			tr.Name = text
			w.fails(w.CreateTransfer(w.ctx, tr, files), fault.Invalid, "text_invalid")
			_, err := w.ByCode(w.ctx, text)
			w.fails(err, fault.Invalid, "text_invalid")
			if _, err := w.Transfer(w.ctx, tr.ID); !fault.Is(err, "transfer_unknown") {
				t.Errorf("a transfer with %s in its name: %v", name, err)
			}
		}
	})
}
