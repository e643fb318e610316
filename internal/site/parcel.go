package site

import (
	"context"
	"slices"
	"sync"

	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/words"
)

// A parcel is what can be had of a share now: its files that are complete, and
// all of them as a zip. Nobody changes one.
type parcel struct {
	of      share.Key
	version [3]int64 // of the share, by its row: see versionOf
	files   []item
	size    int64 // of the files together
	archive *archive.Zip
}

// An item is a file as the page lists it.
type item struct {
	id   upload.ID
	name string // as shown to people; never empty
	size int64
}

// versionOf gives what changes whenever a file of the share is added or becomes
// complete: of a share at one version, files only come, and open ones only go.
func versionOf(sh *share.Share) [3]int64 {
	return [3]int64{sh.Version, int64(sh.Files), int64(sh.OpenFiles)}
}

// parcel gives what can be had of the share.
func (h *Handler) parcel(ctx context.Context, sh *share.Share) (*parcel, error) {
	if p := h.parcels.find(sh); p != nil {
		return p, nil
	}
	p := &parcel{of: sh.Key, version: versionOf(sh), files: make([]item, 0, sh.Files)}
	entries := make([]archive.Entry, 0, sh.Files)
	err := h.cfg.Uploads.Files(ctx, sh, func(f *upload.File) error {
		if f.State != upload.Complete {
			return nil // of a board: it shows what is there
		}
		content, err := h.cfg.Uploads.Content(ctx, f)
		if err != nil {
			return err
		}
		name := words.Shown(f.Name)
		if name == "" {
			name = h.words.Nameless
		}
		p.files = append(p.files, item{f.ID, name, f.Size})
		p.size += f.Size
		entries = append(entries, archive.Entry{
			Name: name, Size: f.Size, CRC32: f.Sum, Modified: f.CompletedAt, Content: content,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if p.archive, err = archive.Layout(entries); err != nil {
		return nil, err
	}
	h.parcels.keep(p)
	return p, nil
}

// A shelf keeps the parcels that were asked for last: a zip that is fetched in a
// thousand ranges is laid out once. What it gives was checked against the row of
// the share, so it needs no word from other nodes.
type shelf struct {
	mu      sync.Mutex
	parcels []*parcel // the one used last stands last
	files   int       // of all of them
}

// shelfFiles bounds what a shelf holds: some 6 MB. A larger parcel is not kept.
const (
	shelfFiles   = 20_000
	shelfParcels = 64
)

func (s *shelf) find(sh *share.Share) *parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.parcels, func(p *parcel) bool { return p.of == sh.Key })
	if i < 0 {
		return nil
	}
	p := s.parcels[i]
	s.parcels = slices.Delete(s.parcels, i, i+1)
	if p.version != versionOf(sh) {
		s.files -= len(p.files)
		return nil
	}
	s.parcels = append(s.parcels, p)
	return p
}

func (s *shelf) keep(p *parcel) {
	if len(p.files) > shelfFiles {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parcels = slices.DeleteFunc(s.parcels, func(old *parcel) bool {
		if old.of == p.of {
			s.files -= len(old.files)
		}
		return old.of == p.of
	})
	s.parcels = append(s.parcels, p)
	s.files += len(p.files)
	for s.files > shelfFiles || len(s.parcels) > shelfParcels {
		s.files -= len(s.parcels[0].files)
		s.parcels = slices.Delete(s.parcels, 0, 1)
	}
}
