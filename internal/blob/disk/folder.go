package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"github.com/ferry-server/ferry/internal/batch"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/planted"
)

// A place is a name in a folder: a blob's in its window, a window's in the root.
// Store.mu guards it.
//
// It is durable once an fsync of the folder has succeeded that began after the
// name was made, if no fsync of the folder failed in between. After a failure the
// kernel may have dropped what it could not write, and would report success the
// next time without having written it (LWN, "PostgreSQL's fsync() surprise",
// 2018). So a failure condemns every name of that folder that was not durable by
// then, also of blobs that did not take part; names made later start afresh. That is
// what becomes of a condemned window, too: see renew.
type place struct {
	in       *folder
	since    int // in.failures before the name was made; 0 if it was found there
	durable  bool
	removing int  // how many are about to remove it: until then it cannot be called durable
	late     bool // it would have been called so, but for them
}

// A folder is one that somebody writes in or removes. Store.mu guards all but
// path and the groups.
type folder struct {
	name, path string
	folderHistory
	refs    int
	sync    *batch.Group[struct{}] // runs syncFolder for all who wait
	making  *batch.Group[int]      // runs makeFolder for all who wait, with what made was when they saw that it is not there
	renewal *batch.Group[struct{}] // runs renew for all who wait
}

// A folderHistory is what outlives the folder's last user.
type folderHistory struct {
	place
	failures int // of its own fsync, and how often it was condemned
	cause    error
	made     int                  // changes when somebody sets out to make it, and when they have
	young    map[blob.ID]struct{} // made in it before its name was durable
}

// condemned tells that the name of the folder may never become durable, so that no blob
// may be promised there.
func (d *folder) condemned() bool {
	return !d.durable && d.removing == 0 && d.since != d.in.failures
}

// took notes that a blob was made in the folder. Store.mu is held.
func (d *folder) took(b blob.ID) {
	if d.durable {
		return
	}
	if d.young == nil {
		d.young = map[blob.ID]struct{}{}
	}
	d.young[b] = struct{}{}
}

func (s *Store) newFolder(path string) *folder {
	d := &folder{name: filepath.Base(path), path: path}
	d.sync = batch.New(math.MaxInt, func([]struct{}) error { return s.syncFolder(d) }, s.park)
	d.making = batch.New(math.MaxInt, func(made []int) error { return s.makeFolder(d, made) }, s.park)
	d.renewal = batch.New(math.MaxInt, func([]struct{}) error { return s.renew(d) }, s.park)
	return d
}

// enter gives the folder to one more user. s.mu is held. One that this process has not
// made was there when Open synced the root, if it is there: then it is durable.
func (s *Store) enter(name string) *folder {
	d := s.folders[name]
	if d == nil {
		d = s.newFolder(filepath.Join(s.root.path, name))
		d.durable = true
		if h, known := s.unsettled[name]; known {
			d.folderHistory = h
		} else if h, known := s.past.Get(name); known {
			d.folderHistory = h
		}
		d.in = s.root
		s.folders[name] = d
	}
	d.refs++
	return d
}

// exit is how a user of the folder leaves. s.mu is held. That a folder is not durable must
// not be forgotten.
func (s *Store) exit(d *folder) {
	d.refs--
	if d.refs > 0 {
		return
	}
	delete(s.folders, d.name)
	if d.durable {
		delete(s.unsettled, d.name)
		s.past.Put(d.name, d.folderHistory)
	} else {
		s.unsettled[d.name] = d.folderHistory
	}
}

// makeFolder makes a folder that somebody has missed, unless it was made since they
// looked.
func (s *Store) makeFolder(d *folder, made []int) error {
	s.mu.Lock()
	if !slices.Contains(made, d.made) {
		s.mu.Unlock()
		return nil
	}
	d.made++
	failures := s.root.failures
	if !d.condemned() { // else who still writes to what was there would take the next for it
		d.since = failures
	}
	d.durable, d.late = false, false
	s.mu.Unlock()
	err := s.fsys.Mkdir(d.path, 0o700)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.made++
	switch {
	case err == nil:
		d.since = failures
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	return err
}

// renew makes a condemned folder anew, so that its name starts afresh, and condemns what
// was made in it so far. That is lost: no row promises any of it, as no Sync in a folder
// has succeeded before the folder was durable, and only what was made since then is
// removed. If anything else lies there, the folder stays as it is, and takes no blobs.
func (s *Store) renew(d *folder) error {
	s.mu.Lock()
	if !d.condemned() {
		s.mu.Unlock()
		return nil // somebody else has
	}
	d.failures++
	d.cause = s.root.cause
	made := d.made
	s.mu.Unlock()
	var err error
	for range 10 { // who looked before may still make a blob
		s.mu.Lock()
		young := slices.Sorted(maps.Keys(d.young))
		s.mu.Unlock()
		for _, id := range young {
			err := s.fsys.Unlink(filepath.Join(d.path, string(id)))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err = s.fsys.Rmdir(d.path); err == nil || errors.Is(err, fs.ErrNotExist) {
			s.mu.Lock()
			for _, id := range young {
				delete(d.young, id)
			}
			s.mu.Unlock()
			return d.making.Do(made)
		}
	}
	return err
}

// syncFolder makes the names in d durable, and d's own.
func (s *Store) syncFolder(d *folder) error {
	if err := s.settle(&d.place); err != nil {
		return err // of another folder, which remembers it
	}
	s.mu.Lock()
	if d.durable {
		d.young = nil
	}
	s.mu.Unlock()
	if planted.FolderNotSynced {
		return nil
	}
	err := s.fsys.SyncDir(d.path)
	if err != nil && !errors.Is(err, ErrNotBegun) {
		s.mu.Lock()
		d.failures++
		d.cause = err
		s.mu.Unlock()
	}
	return err
}

// settle returns nil once p is durable. It is called with one place by one
// goroutine at a time.
func (s *Store) settle(p *place) error {
	s.mu.Lock()
	durable, since := p.durable, p.since // as it is made anew, perhaps, while we wait
	s.mu.Unlock()
	if durable {
		return nil
	}
	if err := p.in.sync.Do(struct{}{}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.in.failures != since {
		return fmt.Errorf("an earlier sync of the folder failed: %w", p.in.cause)
	}
	p.durable, p.late = p.removing == 0, p.removing > 0
	return nil
}
