// Package disk keeps blobs as files in a folder of the machine.
//
// It owns where a blob lies, when its bytes and its name are on stable storage,
// and what is known of a disk that failed. It leaves to its callers which ranges
// of a blob they write and which blobs they still need. The rules that make a nil
// from Sync worth something are told at Store.sync and at place; the calls into
// the system are behind FS, and disktest has one that fails and loses power.
// Start at Store.
//
// A blob lies under its final name from its first byte on, at
// root/<first 6 characters of its id>/<id>. There are no temporary names and no
// renames: a blob that no row speaks of is an orphan, and the sweep removes it.
// Files are sparse and grow as they are written; nothing is allocated in advance,
// room is reserved in the ledger.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/recent"
)

// A key of package id begins with 48 bits of milliseconds, 5 bits a character
// but for the first, which has 3. So 6 characters name a window of 2^20 ms, 17
// minutes: blobs made at the same time share a folder, and the fsync of it.
const windowLen = 6

// What is remembered of blobs and folders that nobody writes any more. What is
// forgotten of durable names costs an fsync; of failed blobs it costs the refusal
// of later writes, while rows only ever promised what an earlier sync covered.
const (
	rememberDurable = 16 << 10
	rememberFailed  = 16 << 10
	rememberFolders = 1 << 10
)

// A Store is a blob.Store on a file system. No other process and no other Store
// may write under its root. Besides the faults of blob.Store it knows Internal
// "sync_failed", from Sync and from Edit: an fsync of this blob failed, and it
// takes no more writes as long as the process lives. Another blob may do.
type Store struct {
	fsys FS
	root *folder
	now  func() time.Time
	park func()

	mu        sync.Mutex // never held during a call of fsys
	files     map[blob.ID]*file
	folders   map[string]*folder
	durable   recent.Map[blob.ID, struct{}]     // blobs whose name is durable
	failed    recent.Map[blob.ID, error]        // blobs an fsync of which failed, and why
	past      recent.Map[string, folderHistory] // folders that are durable
	unsettled map[string]folderHistory          // folders that this process has made and that are not
}

var _ blob.Store = (*Store)(nil)

// Options are what a Store may be told; the zero value will do.
type Options struct {
	// Now tells the time; time.Now when nil.
	Now func() time.Time

	// Park, if not nil, is called by every goroutine that may have waited for
	// another inside the Store, before it goes on: a simulation holds it there.
	Park func()
}

// Open gives the Store of the blobs under root. It makes root, but not what is
// above it, and syncs both: where folders cannot be synced no upload could ever
// be acknowledged, and that is better learnt at the start.
func Open(fsys FS, root string, opts Options) (*Store, error) {
	s := &Store{
		fsys: fsys, now: opts.Now, park: opts.Park,
		files:   make(map[blob.ID]*file),
		folders: make(map[string]*folder), unsettled: make(map[string]folderHistory),
		durable: recent.Map[blob.ID, struct{}]{Most: rememberDurable},
		failed:  recent.Map[blob.ID, error]{Most: rememberFailed},
		past:    recent.Map[string, folderHistory]{Most: rememberFolders},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.park == nil {
		s.park = func() {}
	}
	s.root = s.newFolder(filepath.Clean(root))
	s.root.durable = true
	if err := fsys.Mkdir(s.root.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	// Also when it was there: whoever made it may have been killed before this.
	for _, dir := range []string{filepath.Dir(s.root.path), s.root.path} {
		if err := fsys.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("open blobs: %w", err)
		}
	}
	return s, nil
}

// Open implements blob.Store.
func (s *Store) Open(_ context.Context, id blob.ID) (blob.Reader, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	f, err := s.fsys.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(id)
	}
	if err != nil {
		return nil, classify(err, "open", id)
	}
	if bare := f.OS(); bare != nil {
		return bare, nil // net sends from this type, and no other, by sendfile
	}
	return f, nil
}

// Remove implements blob.Store. The removal itself is not synced: a blob that
// a power failure brings back is an orphan. Writers that are still open may go
// on, but their Sync reports that the blob is missing. So may an Edit that comes
// while the blob is being removed.
func (s *Store) Remove(_ context.Context, id blob.ID) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	f := s.files[id]
	if f == nil {
		f = &file{id: id} // in the books so that nobody opens what is about to go
		s.files[id] = f
	}
	f.removing++
	s.mu.Unlock()
	if f.ready != nil { // what is about to be made must go too
		<-f.ready
		s.park()
	}

	err = s.fsys.Unlink(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}

	s.mu.Lock()
	f.removing--
	f.gone = f.gone || err == nil
	if f.gone && f.removing == 0 {
		delete(s.files, id) // not before: another Unlink would hit the next of this name
		s.failed.Drop(id)
	}
	s.leave(f)
	s.mu.Unlock()
	if err != nil {
		return classify(err, "remove", id)
	}
	s.removeFolder(window(id))
	return nil
}

// removeFolder removes a folder that is empty, unless new blobs may still come
// into it: it belongs to the present window, or someone writes there. It need not
// succeed: an empty folder is in nobody's way.
func (s *Store) removeFolder(name string) {
	if name >= id.Before(s.now())[:windowLen] {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.enter(name)
	defer s.exit(d)
	if d.refs > 1 {
		return
	}
	durable, made := d.durable, d.made
	if durable {
		d.since = s.root.failures // else who comes now would take it for condemned
	}
	d.durable, d.late = false, false
	d.removing++
	s.mu.Unlock()
	err := s.fsys.Rmdir(d.path)
	s.mu.Lock()
	d.removing--
	switch {
	case d.made != made: // it is another
		d.durable = d.durable || d.late
	case err == nil:
		d.durable = true // until somebody makes it
	default:
		d.durable = durable || d.late
	}
	if d.durable {
		d.young = nil
	}
}

// Space implements blob.Store.
func (s *Store) Space(context.Context) (blob.Space, error) {
	free, total, err := s.fsys.StatFS(s.root.path)
	if err != nil {
		return blob.Space{}, fmt.Errorf("space for blobs: %w", err)
	}
	return blob.Space{Free: free, Total: total}, nil
}

// path gives where a blob lies. Only the letters and digits of a key become
// part of it.
func (s *Store) path(blobID blob.ID) (string, error) {
	if !id.IsKey(string(blobID)) {
		return "", fault.New(fault.Internal, "blob_id", "%q is no id of a blob", string(blobID))
	}
	return filepath.Join(s.root.path, window(blobID), string(blobID)), nil
}

// window gives the name of the folder of a blob.
func window(id blob.ID) string { return string(id[:windowLen]) }

func missing(id blob.ID) error {
	return fault.New(fault.NotFound, "blob_missing", "blob %s is missing", id)
}

// classify says in the words of blob.Store what the system said.
func classify(err error, doing string, id blob.ID) error {
	if isFull(err) {
		err = fmt.Errorf("%s blob %s: %w", doing, id, err) // the blob's name is for the log alone
		return fault.Wrap(fault.Full, "disk_full", err, "there is no room left")
	}
	return fmt.Errorf("%s blob %s: %w", doing, id, err)
}

// isFull also takes a blob for which the disk has room but no file can hold: on ext4
// that is all beyond 16 TiB.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
