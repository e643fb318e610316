package backup_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/backup"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const (
	owner = account.ID("owner")
	chunk = 50_000
)

// A world is an installation without a server, and a folder for its backup.
type world struct {
	t         *testing.T
	dir, to   string
	db        *db.DB
	files     *disk.Store
	blobs     blob.Store // with the hold, as a server has it
	uploads   *upload.Service
	transfers *transfer.Service
	shares    *share.Service
	ids       *id.Source
	now       time.Time
	link      bool
	taken     func() // when the rows were taken
}

// template is a database with the owner's account: making one takes longer than most tests.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "ferry-backup-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := db.Open(context.Background(), "", db.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	a := &account.Account{ID: owner, Email: "a@example.com", CreatedAt: time.Now()}
	err = errors.Join(d.CreateAccount(context.Background(), a), d.Close())
	text, rerr := os.ReadFile(filepath.Join(dir, "ferry.db"))
	return text, errors.Join(err, rerr)
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), to: filepath.Join(t.TempDir(), "backup"), now: time.Now(), taken: func() {}}
	text, err := template()
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.dir, "ferry.db"), text, 0o600))
	w.open(w.dir)
	w.must(os.WriteFile(filepath.Join(w.dir, "secret"), []byte("secret"), 0o600))
	return w
}

func (w *world) open(dir string) {
	w.t.Helper()
	var err error
	w.db, err = db.Open(w.t.Context(), "", db.Options{Dir: dir})
	w.must(err)
	w.t.Cleanup(func() { _ = w.db.Close() })
	w.files, err = disk.Open(disk.OS(), filepath.Join(dir, "blobs"), disk.Options{})
	w.must(err)
	now := func() time.Time { return w.now }
	d := w.db
	w.blobs = blob.WithHold(w.files, func(ctx context.Context) (bool, error) { return d.Held(ctx, w.now) })
	w.ids = id.NewSource(now)
	w.uploads = upload.NewService(w.db, w.blobs, w.ids, now, upload.Limits{MaxFile: 1 << 40})
	w.transfers = transfer.NewService(w.db, w.db, w.uploads, w.ids, now, transfer.Limits{MaxFiles: 100, Keep: 24 * time.Hour})
	w.shares = share.NewService(w.db, w.blobs, now, share.Limits{}, slog.New(slog.DiscardHandler))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// create makes a transfer of one file.
func (w *world) create(size int64) *upload.File {
	w.t.Helper()
	key := w.ids.Key()
	_, files, err := w.transfers.Create(w.t.Context(), account.Actor{Owner: account.Owner{Account: owner}}, transfer.Draft{
		ID: share.ID("t" + key), Code: "t-" + key,
		Files: []transfer.DraftFile{{ID: upload.ID("f" + key), Name: "a.bin", Size: size, Chunk: chunk}},
	})
	w.must(err)
	return files[0]
}

func (w *world) put(f *upload.File, n int, size int) *upload.Part {
	w.t.Helper()
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(size)}).Read(body)
	p, err := w.uploads.Put(w.t.Context(), upload.Put{
		Account: owner, File: f.ID, Number: n, Length: int64(size), Body: bytes.NewReader(body),
	})
	w.must(err)
	return p
}

func (w *world) complete(f *upload.File) {
	w.t.Helper()
	_, err := w.uploads.Complete(w.t.Context(), f.ID, upload.CompleteOptions{})
	w.must(err)
}

func (w *world) whole() *upload.File {
	w.t.Helper()
	f := w.create(chunk + 10)
	w.put(f, 1, chunk)
	w.put(f, 2, 10)
	w.complete(f)
	return f
}

// hooked calls taken when the rows were taken.
type hooked struct{ *world }

func (h hooked) Hold(ctx context.Context, id string, now, until time.Time) error {
	return h.db.Hold(ctx, id, now, until)
}

func (h hooked) Prolong(ctx context.Context, id string, now, until time.Time) error {
	return h.db.Prolong(ctx, id, now, until)
}

func (h hooked) Release(ctx context.Context, id string) error { return h.db.Release(ctx, id) }

func (h hooked) Snapshot(ctx context.Context, dir string, each func(backup.Promise) error) (string, int, error) {
	s, err := h.db.Snapshot(ctx, dir, func(p db.Promise) error { return each(backup.Promise(p)) })
	h.taken()
	return s.Engine, s.Schema, err
}

func (w *world) make() (*backup.Result, error) {
	return backup.Make(w.t.Context(), backup.Source{
		Database: hooked{w}, Blobs: filepath.Join(w.dir, "blobs"), Secret: filepath.Join(w.dir, "secret"), Version: "test",
		Now: func() time.Time { return w.now }, IDs: w.ids, Link: w.link,
	}, w.to)
}

func (w *world) mustMake() *backup.Result {
	w.t.Helper()
	r, err := w.make()
	w.must(err)
	return r
}

// restored restores the backup and gives what is there then, and what is wrong with it.
func (w *world) restored() (*world, []audit.Finding) {
	w.t.Helper()
	r := &world{t: w.t, dir: filepath.Join(w.t.TempDir(), "new"), now: w.now.Add(time.Minute)}
	w.must(os.Mkdir(r.dir, 0o700))
	w.must(w.restoreTo(r.dir))
	r.open(r.dir)
	var found []audit.Finding
	s := audit.NewService(r.db, r.files, func() time.Time { return r.now }, audit.Limits{}, slog.New(slog.DiscardHandler))
	_, err := s.Verify(w.t.Context(), func(f audit.Finding) error { found = append(found, f); return nil })
	w.must(err)
	return r, found
}

func (w *world) restoreTo(dir string) error {
	_, err := backup.Restore(w.t.Context(), w.to, backup.Target{
		Blobs: filepath.Join(dir, "blobs"), Secret: filepath.Join(dir, "secret"),
		Load: func(ctx context.Context, rows, engine string, schema int) error {
			d, err := db.Load(ctx, "sqlite:"+filepath.Join(dir, "ferry.db"), rows, db.Snapshot{Engine: engine, Schema: schema})
			if err != nil {
				return err
			}
			return d.Close()
		},
	})
	return err
}

func (w *world) path(b blob.ID) string {
	return filepath.Join(w.dir, "blobs", string(b[:6]), string(b))
}

func (w *world) copied(b blob.ID) string {
	return filepath.Join(w.to, "blobs", string(b[:6]), string(b))
}

// What is taken down while a backup runs keeps its bytes until that is over.
func TestNothingGoesWhileABackupRuns(t *testing.T) {
	w := newWorld(t)
	f := w.whole()
	replaced := w.create(chunk)
	w.put(replaced, 1, chunk-1)
	loose := w.put(replaced, 1, chunk-2).Blob
	purge := func() error {
		return w.shares.Handlers()[share.JobPurge](t.Context(), job.Job{Kind: share.JobPurge, ID: string(f.Home.Key)})
	}
	remove := func() error {
		return w.shares.Handlers()[share.JobRemoveBlob](t.Context(), job.Job{Kind: share.JobRemoveBlob, ID: string(loose)})
	}
	w.taken = func() {
		w.must(w.shares.Delete(t.Context(), account.Owner{Account: owner}, f.Home.ID))
		w.put(replaced, 1, chunk-3)
		for name, job := range map[string]func() error{"purge": purge, "remove": remove} {
			if err := job(); !fault.Is(err, blob.CodeHeld) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if r := w.mustMake(); len(r.Lost) > 0 {
		t.Errorf("lost %v", r.Lost)
	}
	if r, found := w.restored(); len(found) > 0 {
		t.Errorf("found %v", found)
	} else if _, err := r.uploads.File(t.Context(), owner, f.ID); err != nil {
		t.Error(err)
	}
	w.must(purge())
	w.must(remove())
	for _, b := range []blob.ID{blob.ID(f.Key), loose} {
		if _, err := os.Stat(w.path(b)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("blob %s is still there: %v", b, err)
		}
	}
}

// An upload that is in progress is copied with its holes, again by each backup until it
// is complete, and goes on in the place that it was restored to.
func TestUploadsGoOnAfterARestore(t *testing.T) {
	w := newWorld(t)
	const parts = 2000
	f := w.create(parts * chunk)
	w.put(f, parts, chunk)
	w.mustMake()
	var st syscall.Stat_t
	w.must(syscall.Stat(w.copied(blob.ID(f.Key)), &st))
	if st.Size != parts*chunk || st.Blocks*512 > 10*chunk {
		t.Errorf("the copy has %d bytes, %d on the disk", st.Size, st.Blocks*512)
	}
	w.put(f, 1, chunk)
	if r := w.mustMake(); r.New != 1 {
		t.Errorf("%+v", r)
	}
	r, found := w.restored()
	if len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if n := len(r.parts(f)); n != 2 {
		t.Errorf("%d parts", n)
	}
	r.put(f, 2, chunk)
}

func (w *world) parts(f *upload.File) []upload.Part {
	w.t.Helper()
	all, err := w.uploads.AllParts(w.t.Context(), f.Key)
	w.must(err)
	return all
}

func TestASecondBackupCopiesWhatIsNew(t *testing.T) {
	for _, link := range []bool{false, true} {
		w := newWorld(t)
		w.link = link
		one, gone := w.whole(), w.whole()
		open := w.create(2 * chunk)
		w.put(open, 2, chunk)
		if r := w.mustMake(); r.New != 3 || r.Blobs != 3 {
			t.Fatalf("%+v", r)
		}
		a, b := w.stat(w.path(blob.ID(one.Key))), w.stat(w.copied(blob.ID(one.Key)))
		if os.SameFile(a, b) != link {
			t.Errorf("linked: %v", !link)
		}
		if a, b := w.stat(w.path(blob.ID(open.Key))), w.stat(w.copied(blob.ID(open.Key))); os.SameFile(a, b) {
			t.Error("what is still being filled was linked")
		}
		w.must(w.shares.Delete(t.Context(), account.Owner{Account: owner}, gone.Home.ID))
		w.must(w.shares.Handlers()[share.JobPurge](t.Context(), job.Job{ID: string(gone.Home.Key)}))
		w.put(open, 1, chunk)
		w.complete(open)
		w.whole()
		if r := w.mustMake(); r.New != 2 || r.Blobs != 3 || r.Removed != 1 {
			t.Errorf("the second: %+v", r)
		}
		// What a backup left that was killed is cleared away.
		window := string(one.Key[:6])
		for _, name := range []string{".part-1", filepath.Join("blobs", window, ".part-"+string(one.Key))} {
			w.must(os.WriteFile(filepath.Join(w.to, name), nil, 0o600))
		}
		w.must(os.Mkdir(filepath.Join(w.to, "rows-killed"), 0o700))
		if r := w.mustMake(); r.New != 0 || r.Removed != 1 {
			t.Errorf("the third: %+v", r)
		}
		if _, found := w.restored(); len(found) > 0 {
			t.Errorf("found %v", found)
		}
		entries, err := os.ReadDir(w.to)
		w.must(err)
		if len(entries) != 4 {
			t.Errorf("the folder has %v", entries)
		}
	}
}

func (w *world) stat(name string) os.FileInfo {
	w.t.Helper()
	info, err := os.Stat(name)
	w.must(err)
	return info
}

// A backup that breaks off leaves the earlier one as it was, and the next goes on.
func TestABrokenBackupLeavesTheEarlierOne(t *testing.T) {
	w := newWorld(t)
	gone := w.whole()
	w.mustMake()
	w.must(w.shares.Delete(t.Context(), account.Owner{Account: owner}, gone.Home.ID))
	w.must(w.shares.Handlers()[share.JobPurge](t.Context(), job.Job{ID: string(gone.Home.Key)}))
	late := w.whole()
	w.taken = func() { w.now = w.now.Add(time.Hour) } // the hold is over before the blobs are copied
	if _, err := w.make(); !fault.Is(err, "hold_lapsed") {
		t.Fatalf("got %v", err)
	}
	r, found := w.restored()
	if _, err := r.uploads.File(t.Context(), owner, gone.ID); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", err, found)
	}
	w.taken = func() {}
	if made := w.mustMake(); made.New != 0 || made.Removed != 1 { // late's blob was copied already
		t.Errorf("%+v", made)
	}
	r, found = w.restored()
	if _, err := r.uploads.File(t.Context(), owner, late.ID); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", err, found)
	}
	held, err := w.db.Held(t.Context(), w.now)
	if w.must(err); held {
		t.Error("a hold was left")
	}
}

// Damage in storage is told, keeps nothing else from being backed up, and does not reach
// the good copy of an earlier backup.
func TestDamageDoesNotSpread(t *testing.T) {
	w := newWorld(t)
	first := w.whole()
	w.mustMake()
	second, third := w.whole(), w.whole()
	for _, f := range []*upload.File{first, second} {
		w.must(os.Truncate(w.path(blob.ID(f.Key)), 5))
	}
	r := w.mustMake()
	if len(r.Lost) != 1 || r.Lost[0] != blob.ID(second.Key) || r.New != 1 {
		t.Errorf("%+v", r)
	}
	_, found := w.restored()
	if len(found) != 2 || found[0].File != second.Key { // its two parts
		t.Errorf("found %v", found)
	}
	_ = third
}

func TestWhatIsNoBackupIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.must(os.Mkdir(w.to, 0o700))
	w.must(os.WriteFile(filepath.Join(w.to, "letter.txt"), nil, 0o600))
	if _, err := w.make(); err == nil || !strings.Contains(err.Error(), "no backup") {
		t.Errorf("got %v", err)
	}
	if err := w.restoreTo(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no whole backup") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedRowsAreNotRestored(t *testing.T) {
	w := newWorld(t)
	w.whole()
	r := w.mustMake()
	name := filepath.Join(w.to, r.Rows, "db", "ferry.db")
	text, err := os.ReadFile(name)
	w.must(err)
	text[len(text)/2] ^= 1
	w.must(os.WriteFile(name, text, 0o600))
	if err := w.restoreTo(t.TempDir()); err == nil || !strings.Contains(err.Error(), "the backup is damaged") {
		t.Errorf("got %v", err)
	}
}
