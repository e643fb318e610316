package disk

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"

	"github.com/ferry-server/ferry/internal/batch"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/planted"
)

// A file is one blob that is being written, or removed. All its Writers share one
// descriptor, so that a failed write-back, which the kernel reports once for each
// descriptor, is reported to one that tells everybody. Store.mu guards what is
// not said to be set once.
type file struct {
	id   blob.ID
	sync *batch.Group[struct{}] // runs Store.sync for all who wait; set once
	place
	refs   int   // Writers, and those who wait for ready
	failed error // the fsync that failed
	gone   bool

	ready   chan struct{} // closed when handle or openErr is set, once
	handle  File
	openErr error
}

// Edit implements blob.Store.
func (s *Store) Edit(_ context.Context, id blob.ID) (blob.Writer, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	f, first, err := s.join(id)
	if err != nil {
		return nil, err
	}
	if first {
		f.handle, f.openErr = s.openForWriting(f, path)
		close(f.ready)
	} else {
		<-f.ready
		s.park()
	}
	if f.openErr != nil {
		_ = s.part(f) // nothing is open
		return nil, classify(f.openErr, "edit", id)
	}
	return &writer{store: s, file: f}, nil
}

// join gives the blob's file to one more Writer. The first one has to open it.
func (s *Store) join(id blob.ID) (f *file, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cause, failed := s.failed.Get(id); failed {
		return nil, false, syncFailed(id, cause)
	}
	f, ok := s.files[id]
	switch {
	case !ok:
		f = &file{id: id, refs: 1, ready: make(chan struct{})}
		f.sync = batch.New(math.MaxInt, func([]struct{}) error { return s.sync(f) }, s.park)
		f.in = s.enter(window(id))
		_, f.durable = s.durable.Get(id)
		s.files[id] = f
		return f, true, nil
	case f.removing > 0:
		return nil, false, missing(id)
	case f.failed != nil:
		return nil, false, syncFailed(id, f.failed)
	}
	f.refs++
	return f, false, nil
}

// part is how a Writer leaves. The last one closes the file.
func (s *Store) part(f *file) error {
	s.mu.Lock()
	f.refs--
	last := f.refs == 0
	s.leave(f)
	s.mu.Unlock()
	if last && f.handle != nil {
		return f.handle.Close()
	}
	return nil
}

// leave takes f out of the books, once nobody writes or removes it any more, and
// notes what must be known when it is opened again. s.mu is held.
func (s *Store) leave(f *file) {
	if f.refs > 0 || f.removing > 0 {
		return
	}
	if s.files[f.id] == f {
		delete(s.files, f.id)
	}
	switch {
	case f.gone:
	case f.failed != nil:
		s.failed.Put(f.id, f.failed)
	case f.durable:
		s.durable.Put(f.id, struct{}{})
	}
	if f.in != nil {
		s.exit(f.in)
	}
}

// openForWriting opens the file or makes it, and its folder, if need be. Made and
// found are told apart because a name that was found, perhaps left by a process
// that was killed, is no more durable for being older. Of a name that is not known
// to be durable it is tried first whether it can be made: nearly always it can.
func (s *Store) openForWriting(f *file, path string) (File, error) {
	s.mu.Lock()
	known := f.durable
	s.mu.Unlock()
	var err error
	for range 10 { // as folders may be removed while we make them
		var h File
		if known {
			if h, err = s.fsys.OpenFile(path, os.O_WRONLY, 0); !errors.Is(err, fs.ErrNotExist) {
				return h, err
			}
			known = false
		}
		s.mu.Lock()
		if f.in.condemned() {
			s.mu.Unlock()
			if err = f.in.renewal.Do(struct{}{}); err != nil {
				return nil, err
			}
			continue
		}
		found, made := f.since, f.in.made
		f.since, f.durable = f.in.failures, false // whatever is known of a former one
		s.durable.Drop(f.id)
		s.mu.Unlock()
		h, err = s.fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case err == nil:
			s.mu.Lock()
			f.in.took(f.id)
			s.mu.Unlock()
			return h, nil
		case errors.Is(err, fs.ErrExist):
			s.mu.Lock()
			f.since = found
			s.mu.Unlock()
			known = true
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		default:
			if err = f.in.making.Do(made); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.New("its folder goes again and again")
}

// sync makes durable what was written to f before it was called: first the name,
// then the bytes. No two run at once for one file. A failure is final, because the
// kernel may have dropped the pages it could not write, and a second fdatasync
// would succeed without them.
func (s *Store) sync(f *file) error {
	s.mu.Lock()
	before := f.failed
	s.mu.Unlock()
	if before != nil {
		return syncFailed(f.id, before)
	}

	err := s.settle(&f.place)
	if err == nil && !planted.AnswerBeforeSync {
		err = f.handle.Datasync()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	f.failed = err
	switch {
	case f.gone || f.removing > 0:
		return missing(f.id) // and not nil, on which a row would promise the bytes
	case err == nil:
		return nil
	case isFull(err):
		return classify(err, "sync", f.id)
	}
	return syncFailed(f.id, err)
}

// syncFailed tells of a blob that takes no more writes.
func syncFailed(id blob.ID, cause error) error {
	return fault.Wrap(fault.Internal, "sync_failed", cause, "blob %s could not be synced", id)
}

// A writer is one Writer of a file.
type writer struct {
	store  *Store
	file   *file
	closed bool

	from, till int64 // a run of bytes of which the disk knows nothing yet
}

// writeBackStep is after how many bytes the disk is asked to begin: it then works
// while the next ones arrive, and Sync has little left to wait for.
const writeBackStep = 8 << 20

func (w *writer) WriteAt(p []byte, off int64) (int, error) {
	if w.closed {
		return 0, fs.ErrClosed
	}
	n, err := w.file.handle.WriteAt(p, off)
	if err != nil {
		return n, classify(err, "write", w.file.id)
	}
	if off != w.till {
		w.from = off
	}
	if w.till = off + int64(n); w.till-w.from >= writeBackStep {
		w.file.handle.WriteBack(w.from, w.till-w.from)
		w.from = w.till
	}
	return n, nil
}

// Sync implements blob.Writer. ctx is looked at before the wait, which cannot be
// broken off.
func (w *writer) Sync(ctx context.Context) error {
	if w.closed {
		return fs.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.file.sync.Do(struct{}{})
}

// Close implements blob.Writer. Its error takes nothing back: what a good Sync
// promised is on stable storage, and nothing else was promised.
func (w *writer) Close() error {
	if w.closed {
		return fs.ErrClosed
	}
	w.closed = true
	if err := w.store.part(w.file); err != nil {
		return classify(err, "close", w.file.id)
	}
	return nil
}
