// Package disktest gives tests a file system in memory that fails where they
// want, holds calls as long as they want, and loses power.
//
// It owns the model of what a kernel promises: what was synced stays; of the rest
// a power failure leaves any part; a failed sync drops what it could not write,
// and the next one succeeds without it. Two syncs of one file at the same moment
// know nothing of each other, where a kernel has the second wait for the first.
// Which faults come when is the test's matter. Start at FS.
package disktest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/blob/disk"
)

// A Call is one call of an FS or of one of its files.
type Call struct {
	Do   string // its name, such as "Mkdir" or "WriteAt"
	Path string
}

// An FS is a disk.FS in memory. It has one folder to begin with, "/".
type FS struct {
	before func(Call) error

	mu   sync.Mutex
	rand *rand.Rand
	root *node
}

// New makes an FS. What is left to chance, such as how much of a failed write
// was written, follows from seed. Before, if not nil, is called before every
// call, without a lock: it may take its time, and its error is the call's.
func New(seed uint64, before func(Call) error) *FS {
	if before == nil {
		before = func(Call) error { return nil }
	}
	return &FS{before: before, rand: rand.New(rand.NewPCG(seed, 1)), root: newFolder()}
}

// A node is a file or a folder: as programs see it, and as it is on the disk.
type node struct {
	folder      bool
	now, kept   content
	names, safe map[string]*node
	dirty       map[int64]bool  // pages that the next Datasync has to write
	changed     map[string]bool // names that the next SyncDir has to write
	modified    time.Time
}

func newFolder() *node {
	return &node{folder: true, names: map[string]*node{}, safe: map[string]*node{}, changed: map[string]bool{}}
}

func newFile() *node {
	return &node{
		now: content{pages: map[int64][]byte{}}, kept: content{pages: map[int64][]byte{}},
		dirty: map[int64]bool{}, modified: time.Now(),
	}
}

// find gives the folder that path lies in, and what it names, nil if nothing.
func (f *FS) find(path string) (dir, n *node, err error) {
	n = f.root
	for _, name := range split(path) {
		if n == nil {
			return nil, nil, syscall.ENOENT
		}
		if !n.folder {
			return nil, nil, syscall.ENOTDIR
		}
		dir, n = n, n.names[name]
	}
	return dir, n, nil
}

func split(path string) (names []string) {
	for path = filepath.Clean(path); path != "/" && path != "."; path = filepath.Dir(path) {
		names = append(names, filepath.Base(path))
	}
	slices.Reverse(names)
	return names
}

// enter announces a call, and takes the lock if it may go on.
func (f *FS) enter(do, path string) error {
	if err := f.before(Call{do, path}); err != nil {
		return &fs.PathError{Op: do, Path: path, Err: err}
	}
	f.mu.Lock()
	return nil
}

// leave gives back the lock; it is deferred with the error as it will be.
func (f *FS) leave(do, path string, err *error) {
	f.mu.Unlock()
	if _, isErrno := (*err).(syscall.Errno); isErrno {
		*err = &fs.PathError{Op: do, Path: path, Err: *err}
	}
}

// OpenFile implements disk.FS.
func (f *FS) OpenFile(path string, flag int, _ fs.FileMode) (_ disk.File, err error) {
	if err := f.enter("OpenFile", path); err != nil {
		return nil, err
	}
	defer f.leave("OpenFile", path, &err)
	dir, n, err := f.find(path)
	if err != nil {
		return nil, err
	}
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, syscall.ENOENT
	case n != nil && flag&os.O_EXCL != 0:
		return nil, syscall.EEXIST
	case n == nil:
		n = newFile()
		dir.set(filepath.Base(path), n)
	case n.folder && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, syscall.EISDIR
	}
	return &file{fsys: f, node: n, path: path}, nil
}

func (n *node) set(name string, to *node) {
	if to == nil {
		delete(n.names, name)
	} else {
		n.names[name] = to
	}
	n.changed[name] = true
}

// Mkdir implements disk.FS.
func (f *FS) Mkdir(path string, _ fs.FileMode) (err error) {
	if err := f.enter("Mkdir", path); err != nil {
		return err
	}
	defer f.leave("Mkdir", path, &err)
	dir, n, err := f.find(path)
	if err != nil {
		return err
	}
	if n != nil {
		return syscall.EEXIST
	}
	dir.set(filepath.Base(path), newFolder())
	return nil
}

// Unlink implements disk.FS.
func (f *FS) Unlink(path string) (err error) { return f.remove("Unlink", path, false) }

// Rmdir implements disk.FS.
func (f *FS) Rmdir(path string) (err error) { return f.remove("Rmdir", path, true) }

func (f *FS) remove(do, path string, folder bool) (err error) {
	if err := f.enter(do, path); err != nil {
		return err
	}
	defer f.leave(do, path, &err)
	dir, n, err := f.find(path)
	switch {
	case err != nil:
		return err
	case n == nil:
		return syscall.ENOENT
	case folder && !n.folder:
		return syscall.ENOTDIR
	case !folder && n.folder:
		return syscall.EISDIR
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	dir.set(filepath.Base(path), nil)
	return nil
}

// ReadDir implements disk.FS. The order of the entries is left to chance.
func (f *FS) ReadDir(path string, visit func(fs.DirEntry) error) error {
	entries, err := f.entries(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func (f *FS) entries(path string) (entries []fs.DirEntry, err error) {
	if err := f.enter("ReadDir", path); err != nil {
		return nil, err
	}
	defer f.leave("ReadDir", path, &err)
	_, n, err := f.find(path)
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, syscall.ENOENT
	case !n.folder:
		return nil, syscall.ENOTDIR
	}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		c := n.names[name]
		entries = append(entries, fs.FileInfoToDirEntry(info{name, c.folder, c.now.size, c.modified}))
	}
	f.rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return entries, nil
}

// SyncDir implements disk.FS. What changes while it is under way is not synced.
func (f *FS) SyncDir(path string) error {
	f.mu.Lock()
	_, n, err := f.find(path)
	if err == nil && (n == nil || !n.folder) {
		err = syscall.ENOENT
	}
	if err != nil {
		f.mu.Unlock()
		return &fs.PathError{Op: "SyncDir", Path: path, Err: err}
	}
	names, as := n.changed, maps.Clone(n.names)
	n.changed = map[string]bool{}
	f.mu.Unlock()

	failed := f.enter("SyncDir", path)
	if failed != nil {
		f.mu.Lock()
	}
	defer f.mu.Unlock()
	if errors.Is(failed, disk.ErrNotBegun) {
		maps.Copy(n.changed, names)
		return failed
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if failed == nil || f.rand.IntN(2) == 0 {
			n.keep(name, as[name])
		}
	}
	return failed
}

func (n *node) keep(name string, as *node) {
	if as == nil {
		delete(n.safe, name)
	} else {
		n.safe[name] = as
	}
}

// StatFS implements disk.FS.
func (f *FS) StatFS(path string) (free, total int64, err error) {
	if err := f.enter("StatFS", path); err != nil {
		return 0, 0, err
	}
	defer f.leave("StatFS", path, &err)
	return 1 << 40, 2 << 40, nil
}

// Crash gives the file system as it may be found after a power failure at this
// moment: what was synced, and of everything else what chance has written. The
// old one goes on in a world of its own. Before is the new one's, as in New.
func (f *FS) Crash(seed uint64, before func(Call) error) *FS {
	after := New(seed, before)
	f.mu.Lock()
	defer f.mu.Unlock()
	after.root = f.root.survivor(after.rand)
	return after
}

// survivor is what a power failure leaves of n.
func (n *node) survivor(r *rand.Rand) *node {
	if !n.folder {
		s := newFile()
		s.modified = n.modified
		s.kept = n.now.survivor(n.kept, r)
		s.now = s.kept.clone()
		return s
	}
	s := newFolder()
	names := maps.Clone(n.names)
	maps.Copy(names, n.safe)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		found := n.safe[name]
		if r.IntN(2) == 0 {
			found = n.names[name]
		}
		if found != nil {
			s.safe[name] = found.survivor(r)
		}
	}
	s.names = maps.Clone(s.safe)
	return s
}

type info struct {
	name     string
	folder   bool
	size     int64
	modified time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.folder }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// A file is an open file.
type file struct {
	fsys   *FS
	node   *node
	path   string
	pos    int64
	closed bool
}

func (o *file) OS() *os.File { return nil }

func (o *file) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p, o.pos)
	o.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (o *file) ReadAt(p []byte, off int64) (_ int, err error) {
	if err := o.enter("ReadAt"); err != nil {
		return 0, err
	}
	defer o.fsys.leave("ReadAt", o.path, &err)
	n := o.node.now.readAt(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (o *file) Seek(offset int64, whence int) (_ int64, err error) {
	if err := o.enter("Seek"); err != nil {
		return 0, err
	}
	defer o.fsys.leave("Seek", o.path, &err)
	switch whence {
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.node.now.size
	}
	if offset < 0 {
		return 0, syscall.EINVAL
	}
	o.pos = offset
	return offset, nil
}

// WriteAt writes; when it is to fail, it has written some of it.
func (o *file) WriteAt(p []byte, off int64) (_ int, err error) {
	failed := o.enter("WriteAt")
	if failed != nil {
		o.fsys.mu.Lock()
		p = p[:o.fsys.rand.IntN(len(p)+1)]
	}
	defer o.fsys.mu.Unlock()
	if off < 0 {
		return 0, syscall.EINVAL
	}
	for _, page := range o.node.now.writeAt(p, off) {
		o.node.dirty[page] = true
	}
	o.node.modified = time.Now()
	return len(p), failed
}

// Datasync makes durable what is dirty when it is called. When it fails, it has
// written some of that, and forgets the rest.
// WriteBack writes nothing: what it would write is left to chance anyway. An
// error of before is lost, as it is only a hint.
func (o *file) WriteBack(int64, int64) {
	if o.enter("WriteBack") == nil {
		o.fsys.mu.Unlock()
	}
}

func (o *file) Datasync() error {
	o.fsys.mu.Lock()
	n := o.node
	dirty, as := n.dirty, n.now.only(n.dirty)
	n.dirty = map[int64]bool{}
	o.fsys.mu.Unlock()

	failed := o.enter("Datasync")
	if failed != nil {
		o.fsys.mu.Lock()
	}
	defer o.fsys.mu.Unlock()
	for _, page := range slices.Sorted(maps.Keys(dirty)) {
		if failed == nil || o.fsys.rand.IntN(2) == 0 {
			n.kept.pages[page] = as.pages[page]
			n.kept.size = max(n.kept.size, min(as.size, (page+1)*pageSize))
		}
	}
	return failed
}

// Close closes the file, also when it is to fail.
func (o *file) Close() (err error) {
	err = o.enter("Close")
	if err == nil {
		o.fsys.mu.Unlock()
	}
	o.closed = true
	return err
}

func (o *file) enter(do string) error {
	if o.closed {
		return &fs.PathError{Op: do, Path: o.path, Err: fs.ErrClosed}
	}
	return o.fsys.enter(do, o.path)
}
