package disk

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/ferry-server/ferry/internal/batch"
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
// then, also of blobs that did not take part; names made later start afresh.
type place struct {
	in       *folder
	since    int // in.failures before the name was made; 0 if it was found there
	durable  bool
	removing int // how many are about to remove it: until then it cannot be called durable
}

// A folder is one that somebody writes in or removes. Store.mu guards all but
// path and sync.
type folder struct {
	name, path string
	folderHistory
	refs int
	sync *batch.Group[struct{}] // runs syncFolder for all who wait
}

// A folderHistory is what outlives the folder's last user.
type folderHistory struct {
	place
	failures int // of its own fsync
	cause    error
}

func (s *Store) newFolder(path string) *folder {
	d := &folder{name: filepath.Base(path), path: path}
	d.sync = batch.New(math.MaxInt, func([]struct{}) error { return s.syncFolder(d) }, s.park)
	return d
}

// enter gives the folder to one more user. s.mu is held.
func (s *Store) enter(name string) *folder {
	d := s.folders[name]
	if d == nil {
		d = s.newFolder(filepath.Join(s.root.path, name))
		if h, known := s.past.Get(name); known {
			d.folderHistory = h
		}
		d.in = s.root
		s.folders[name] = d
	}
	d.refs++
	return d
}

// exit is how a user of the folder leaves. s.mu is held.
func (s *Store) exit(d *folder) {
	d.refs--
	if d.refs == 0 {
		delete(s.folders, d.name)
		s.past.Put(d.name, d.folderHistory)
	}
}

// syncFolder makes the names in d durable, and d's own.
func (s *Store) syncFolder(d *folder) error {
	if err := s.settle(&d.place); err != nil {
		return err // of another folder, which remembers it
	}
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
	durable := p.durable
	s.mu.Unlock()
	if durable {
		return nil
	}
	if err := p.in.sync.Do(struct{}{}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.in.failures != p.since {
		return fmt.Errorf("an earlier sync of the folder failed: %w", p.in.cause)
	}
	p.durable = p.removing == 0
	return nil
}
