package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/blobtest"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, filepath.Join(t.TempDir(), "blobs")) })
}

func TestStoreInMemory(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return openIn(t, disktest.New(1, nil)) })
}

func open(t *testing.T, root string) *disk.Store {
	t.Helper()
	s, err := disk.Open(disk.OS(), root, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openIn(t *testing.T, fsys disk.FS) *disk.Store {
	t.Helper()
	s, err := disk.Open(fsys, "/blobs", disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// idAt gives a new id made at t.
func idAt(t time.Time) blob.ID {
	return blob.ID(id.NewSource(func() time.Time { return t }).Key())
}

func TestFilesBelongToUsAlone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "blobs")
	s, id := open(t, root), blobtest.NewID()
	if err := blobtest.Write(t.Context(), s, id, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		root: 0o700, filepath.Join(root, string(id[:6])): 0o700, filepath.Join(root, string(id[:6]), string(id)): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, want mode %o", path, info, want)
		}
	}
}

func TestReaderIsTheBareFile(t *testing.T) {
	s, id := open(t, t.TempDir()), blobtest.NewID()
	if err := blobtest.Write(t.Context(), s, id, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, bare := r.(*os.File); !bare {
		t.Errorf("Open gives a %T; only *os.File is sent by sendfile", r)
	}
}

func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	root := t.TempDir()
	s, id := open(t, root), blobtest.NewID()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, string(id[:6])), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(root, string(id[:6]), string(id))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), id); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("Open: %v", err)
	}
	if _, err := s.Edit(t.Context(), id); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("Edit: %v", err)
	}
}

func TestBlobsAreSparse(t *testing.T) {
	root := t.TempDir()
	s, id := open(t, root), blobtest.NewID()
	if err := blobtest.Write(t.Context(), s, id, []byte("end"), 5<<30); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, string(id[:6]), string(id)))
	if err != nil {
		t.Fatal(err)
	}
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != 5<<30+3 || used > 1<<20 {
		t.Errorf("a blob of 5 GiB and 3 bytes has size %d and takes %d", info.Size(), used)
	}
}

func TestWalkPassesOverWhatIsNoBlob(t *testing.T) {
	root := t.TempDir()
	s, ours, other := open(t, root), blobtest.NewID(), idAt(time.Unix(0, 0))
	if err := blobtest.Write(t.Context(), s, ours, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	folder := string(ours[:6])
	for _, dir := range []string{
		"lost+found", "abcdef/" + string(blobtest.NewID()), folder + "/" + folder + "00000000000000000000",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{
		"README", string(ours), folder + "/.nfs0001", folder + "/" + string(other), "lost+found/" + string(ours),
	} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(folder, filepath.Join(root, "zzzzzz")); err != nil {
		t.Fatal(err)
	}
	err := s.Walk(t.Context(), func(i blob.Info) error {
		if i.ID != ours {
			t.Errorf("Walk shows %s", i.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEmptyFoldersOfThePastGo(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	past, present := idAt(time.Now().Add(-time.Hour)), blobtest.NewID()
	neighbour := past[:25] + "0"
	if past == neighbour {
		neighbour = past[:25] + "1"
	}
	exists := func(id blob.ID) bool {
		_, err := os.Stat(filepath.Join(root, string(id[:6])))
		return err == nil
	}
	for _, id := range []blob.ID{past, neighbour, present} {
		if err := blobtest.Write(t.Context(), s, id, []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(id blob.ID) {
		if err := s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if remove(present); !exists(present) {
		t.Error("the folder of the present went: the next blob has to make it again")
	}
	if remove(past); !exists(past) {
		t.Error("a folder went with a blob in it")
	}
	if remove(neighbour); exists(past) {
		t.Error("an empty folder of the past stays")
	}
	w, err := s.Edit(t.Context(), past)
	if err != nil {
		t.Fatalf("a late blob of that folder: %v", err)
	}
	if remove(past); !exists(past) {
		t.Error("a folder went while a Writer was open there")
	}
	if err := w.Sync(t.Context()); !fault.Is(err, "blob_missing") {
		t.Errorf("Sync of a blob that was removed: %v, want blob_missing: a row would promise what is gone", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestRemoveTakesWhatIsJustBeingMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, _ := slow(1) // Edit takes 5 ms here, Remove 1 ms
		s, id := openIn(t, fsys), blobtest.NewID()
		var editing sync.WaitGroup
		editing.Go(func() {
			if err := blobtest.Write(t.Context(), s, id, []byte("x"), 0); !fault.Is(err, "blob_missing") {
				t.Errorf("Write of a blob that was removed meanwhile: %v", err)
			}
		})
		time.Sleep(1500 * time.Microsecond)
		if err := s.Remove(t.Context(), id); err != nil {
			t.Error(err)
		}
		editing.Wait()
		if _, err := s.Open(t.Context(), id); !fault.Is(err, "blob_missing") {
			t.Errorf("it is there after Remove: %v", err)
		}
	})
}

// slow makes an FS in which each call takes a millisecond, and counts them.
func slow(seed uint64) (*disktest.FS, func(do string) int64) {
	var calls sync.Map
	fsys := disktest.New(seed, func(c disktest.Call) error {
		time.Sleep(time.Millisecond)
		n, _ := calls.LoadOrStore(c.Do, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		return nil
	})
	return fsys, func(do string) int64 {
		n, ok := calls.Load(do)
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
}

func TestSyncsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, count := slow(1)
		s := openIn(t, fsys)
		id := blobtest.NewID()
		folders := count("SyncDir")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := blobtest.Write(t.Context(), s, id, []byte("part"), int64(4*i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count("Datasync"); n > 2 {
			t.Errorf("20 Writers of one blob took %d fdatasyncs, want at most 2: the first's and everybody else's", n)
		}
		if n := count("SyncDir") - folders; n != 2 {
			t.Errorf("a blob in a new folder took %d fsyncs of folders, want 2", n)
		}
		if n := count("Close"); n != 1 {
			t.Errorf("20 Writers closed %d descriptors, want one shared", n)
		}

		folders = count("SyncDir")
		if err := blobtest.Write(t.Context(), s, id, []byte("late"), 1000); err != nil {
			t.Fatal(err)
		}
		if n := count("SyncDir") - folders; n != 0 {
			t.Errorf("a later part of a durable blob took %d fsyncs of folders", n)
		}
		for range 20 {
			wg.Go(func() {
				if err := blobtest.Write(t.Context(), s, blobtest.NewID(), []byte("small"), 0); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count("SyncDir") - folders; n > 2 {
			t.Errorf("20 new blobs in one folder took %d fsyncs of it, want at most 2", n)
		}
	})
}

func TestFailedSyncIsFinal(t *testing.T) {
	for _, failing := range []string{"Datasync", "SyncDir"} {
		t.Run(failing, func(t *testing.T) {
			var broken atomic.Bool
			fsys := disktest.New(1, func(c disktest.Call) error {
				if broken.Load() && c.Do == failing {
					return syscall.EIO
				}
				return nil
			})
			s, id := openIn(t, fsys), blobtest.NewID()
			if err := blobtest.Write(t.Context(), s, blobtest.NewID(), []byte("x"), 0); err != nil {
				t.Fatal(err) // so that the folder itself is durable
			}
			first, err := s.Edit(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			second, err := s.Edit(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			broken.Store(true)
			refused := func(what string, err error) {
				t.Helper()
				if !fault.Is(err, "sync_failed") || fault.KindOf(err) != fault.Internal || !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: %v, want internal (sync_failed) because of EIO", what, err)
				}
			}
			refused("the Sync that fails", first.Sync(t.Context()))
			broken.Store(false)
			refused("the next Sync", first.Sync(t.Context()))
			refused("another Writer's Sync", second.Sync(t.Context()))
			_, err = s.Edit(t.Context(), id)
			refused("Edit while it is open", err)
			if err := errors.Join(first.Close(), second.Close()); err != nil {
				t.Error(err)
			}
			_, err = s.Edit(t.Context(), id)
			refused("Edit after all closed", err)
			if err := blobtest.Write(t.Context(), s, blobtest.NewID(), []byte("x"), 0); err != nil {
				t.Errorf("another blob: %v", err)
			}
			if r, err := s.Open(t.Context(), id); err != nil {
				t.Errorf("what was acknowledged before must stay readable: %v", err)
			} else {
				r.Close()
			}
			if err := s.Remove(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFolderFailureCondemnsItsNames(t *testing.T) {
	var broken atomic.Bool
	fsys := disktest.New(1, func(c disktest.Call) error {
		if broken.Load() && c.Do == "SyncDir" {
			return syscall.EIO
		}
		return nil
	})
	s := openIn(t, fsys)
	at := time.Now().Add(-time.Hour)
	durable, closed, opened, later := idAt(at), idAt(at), idAt(at), idAt(at)
	if err := blobtest.Write(t.Context(), s, durable, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	edit := func(id blob.ID) blob.Writer {
		t.Helper()
		w, err := s.Edit(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	_ = edit(closed).Close()
	stays := edit(opened)
	broken.Store(true)
	if err := edit(idAt(at)).Sync(t.Context()); err == nil {
		t.Error("a folder's fsync failed and Sync says nil")
	}
	broken.Store(false)
	if err := stays.Sync(t.Context()); !fault.Is(err, "sync_failed") {
		t.Errorf("a blob made before the failure: %v, want sync_failed: its name may be lost", err)
	}
	if err := blobtest.Write(t.Context(), s, closed, []byte("x"), 0); !fault.Is(err, "sync_failed") {
		t.Errorf("a blob made, and closed, before the failure: %v, want sync_failed", err)
	}
	if err := blobtest.Write(t.Context(), s, durable, []byte("y"), 1); err != nil {
		t.Errorf("a blob that was durable before: %v", err)
	}
	if err := blobtest.Write(t.Context(), s, later, []byte("x"), 0); err != nil {
		t.Errorf("a blob made after the failure: %v", err)
	}
}

// Where a folder could not be opened, for want of room or descriptors, nothing is lost that
// could not be tried again.
func TestASyncThatWasNotBegunIsNotFinal(t *testing.T) {
	var broken atomic.Pointer[string]
	fsys := disktest.New(1, func(c disktest.Call) error {
		if at := broken.Load(); at != nil && c.Do == "SyncDir" && strings.HasPrefix(c.Path, *at) {
			return fmt.Errorf("%w: %w", disk.ErrNotBegun, syscall.ENOSPC)
		}
		return nil
	})
	s := openIn(t, fsys)
	for i, at := range []string{"/blobs", "/blobs/"} {
		when := time.Now().Add(time.Duration(i-5) * time.Hour)
		write := func() error { return blobtest.Write(t.Context(), s, idAt(when), []byte("x"), 0) }
		broken.Store(&at)
		if err := write(); err == nil {
			t.Errorf("%s: it was not synced, and acknowledged", at)
		}
		broken.Store(nil)
		if err := write(); err != nil {
			t.Errorf("%s: another one later: %v", at, err)
		}
	}
}

// A failed fsync of the root condemns the folders that were new, and what lies in them; it
// does not close them to blobs that come later.
func TestRootFailureCondemnsNewFolders(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		var broken atomic.Bool
		fsys := disktest.New(1, func(c disktest.Call) error {
			if broken.Load() && c.Do == "SyncDir" && c.Path == "/blobs" {
				return errno
			}
			return nil
		})
		former := openIn(t, fsys)
		p := newPromises()
		write := func(s *disk.Store, at time.Time) error { return p.upload(s, idAt(at), part(1, 0)) }
		found, durable, next := time.Now().Add(-6*time.Hour), time.Now().Add(-5*time.Hour), time.Now().Add(-4*time.Hour)
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%v: %s: %v", errno, what, err)
			}
		}
		must("a former start", write(former, found))
		s := openIn(t, fsys)
		must("a folder that will be durable", write(s, durable))

		var late, last, idle blob.Writer
		lateID, lastID, idleID := idAt(next), idAt(next), idAt(next)
		for id, w := range map[blob.ID]*blob.Writer{lateID: &late, lastID: &last, idleID: &idle} {
			var err error
			if *w, err = s.Edit(t.Context(), id); err == nil {
				_, err = (*w).WriteAt([]byte("x"), 0)
			}
			must("begun before", err)
		}
		must("closed without a sync", idle.Close())
		broken.Store(true)
		want := map[syscall.Errno]string{syscall.EIO: "sync_failed", syscall.ENOSPC: "disk_full"}[errno]
		for range 2 {
			if err := write(s, next); !fault.Is(err, want) {
				t.Errorf("a blob in a folder that cannot be made durable: %v, want %s", err, want)
			}
		}
		must("a folder that was durable", write(s, durable))
		must("a folder that was found", write(s, found))
		broken.Store(false)
		if err := p.sync(late, lateID, promise{0, []byte("x")}); !fault.Is(err, want) {
			t.Errorf("a blob begun before the failure: %v, want %s: its name may be lost", err, want)
		}
		for range 2 {
			must("another one in the same folder, later", write(s, next))
		}
		if err := p.sync(late, lateID, promise{0, []byte("x")}); !fault.Is(err, "sync_failed") {
			t.Errorf("the blob begun before the failure, again: %v, want sync_failed", err)
		}
		if err := p.sync(last, lastID, promise{0, []byte("x")}); !fault.Is(err, want) {
			t.Errorf("another one begun before the failure: %v, want %s", err, want)
		}
		must("closed", errors.Join(late.Close(), last.Close()))
		must("what was closed without a sync, again", p.upload(s, idleID, part(2, 0)))
		must("a folder made later", write(s, next.Add(time.Hour)))
		if len(p.made) != 8 {
			t.Errorf("%v: %d blobs were promised", errno, len(p.made))
		}
		for seed := range uint64(20) {
			must("after a power cut", p.check(fsys.Crash(seed, nil)))
		}
	}
}

func TestFullDisk(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		for _, failing := range []string{"OpenFile", "Mkdir", "WriteAt", "SyncDir", "Datasync", "Unlink"} {
			t.Run(failing+" "+errno.Error(), func(t *testing.T) {
				var full atomic.Bool
				fsys := disktest.New(1, func(c disktest.Call) error {
					if full.Load() && c.Do == failing {
						return errno
					}
					return nil
				})
				s, id := openIn(t, fsys), blobtest.NewID()
				full.Store(true)
				err := blobtest.Write(t.Context(), s, id, []byte("x"), 0)
				if failing == "Unlink" {
					err = s.Remove(t.Context(), id)
				}
				if fault.KindOf(err) != fault.Full || fault.CodeOf(err) != "disk_full" {
					t.Errorf("%v, want full (disk_full)", err)
				}
				if f, is := errors.AsType[*fault.Error](err); is && strings.Contains(f.Msg, string(id)) {
					t.Errorf("callers are told %q: how blobs are named is not theirs to know", f.Msg)
				}
				full.Store(false)
				err = blobtest.Write(t.Context(), s, id, []byte("x"), 0)
				if final := strings.Contains(failing, "ync"); final != fault.Is(err, "sync_failed") || !final && err != nil {
					t.Errorf("once there is room again: %v", err)
				}
			})
		}
	}
}

func TestOpenRefusesFoldersThatCannotSync(t *testing.T) {
	fsys := disktest.New(1, func(c disktest.Call) error {
		if c.Do == "SyncDir" {
			return syscall.EINVAL
		}
		return nil
	})
	if _, err := disk.Open(fsys, "/blobs", disk.Options{}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Open: %v", err)
	}
	nowhere := filepath.Join(t.TempDir(), "no", "such")
	if _, err := disk.Open(disk.OS(), nowhere, disk.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open below a folder that is missing: %v", err)
	}
}

func TestClosedWriterDoesNothing(t *testing.T) {
	s := openIn(t, disktest.New(1, nil))
	id := blobtest.NewID()
	w, err := s.Edit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Edit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = w.WriteAt([]byte("x"), 0)
	for _, err := range []error{err, w.Sync(context.Background()), w.Close()} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if err := other.Sync(t.Context()); err != nil {
		t.Errorf("a second Close took the file from the other Writer: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzEdit(f *testing.F) {
	for _, seed := range []string{
		"", "..", string(blobtest.NewID()), "../../../../../../etc/shadow", "000000/0000000000000000000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fsys := disktest.New(1, func(c disktest.Call) error {
			if c.Path != "/" && c.Path != "/blobs" && !strings.HasPrefix(c.Path, "/blobs/") ||
				filepath.Clean(c.Path) != c.Path || strings.Count(c.Path, "/") > 3 {
				t.Errorf("id %q led to %s", text, c.Path)
			}
			return nil
		})
		w, err := openIn(t, fsys).Edit(t.Context(), blob.ID(text))
		if (err == nil) != id.IsKey(text) {
			t.Fatalf("Edit(%q): %v", text, err)
		}
		if err == nil {
			_ = w.Close()
		}
	})
}

func TestTheDiskIsAskedToBeginEarly(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   func(i int) int64 // where the i-th MiB goes
		want int64
	}{
		{"one after the other, from the middle of the blob", func(i int) int64 { return int64(100+i) << 20 }, 2},
		{"here and there", func(i int) int64 { return int64(20-i) << 20 }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int64
			s := openIn(t, disktest.New(1, func(c disktest.Call) error {
				if c.Do == "WriteBack" {
					asked.Add(1)
					return syscall.EIO // a hint that fails is no failure
				}
				return nil
			}))
			w, err := s.Edit(t.Context(), blobtest.NewID())
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for i := range 20 {
				if _, err := w.WriteAt(make([]byte, 1<<20), tt.at(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Sync(t.Context()); err != nil || asked.Load() != tt.want {
				t.Errorf("asked %d times, want %d; %v", asked.Load(), tt.want, err)
			}
		})
	}
}
