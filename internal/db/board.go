package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// CreateBoard implements board.Store.
func (d *DB) CreateBoard(ctx context.Context, b *board.Board, items []board.Item) error {
	files, links := sortItems(items)
	return d.createShare(ctx, &b.Share, files, links)
}

// AddItems implements board.Store. The board is locked, so that what its counters
// allow is what is added.
func (d *DB) AddItems(ctx context.Context, key share.Key, items []board.Item, l board.Limits, now time.Time) error {
	files, links := sortItems(items)
	var size int64
	for _, f := range files {
		size += max(f.Size, 0)
	}
	err := d.write(ctx, func(t tx) error {
		s, err := lockShare(t, `s.key = $1`, key)
		if err != nil {
			return err
		}
		if err := s.Alive(now); err != nil {
			return err
		}
		if s.Files+len(files) > l.MaxFiles {
			return fault.New(fault.Invalid, "too_many_files", "a board has at most %d files", l.MaxFiles)
		}
		if l.MaxSize > 0 && size > l.MaxSize-s.Size {
			return fault.New(fault.TooLarge, "transfer_too_large", "a board has at most %d bytes", l.MaxSize)
		}
		if len(files) > 0 {
			t.exec(`update shares set files = files + $1, open_files = open_files + $1 where key = $2`, len(files), key)
		}
		insertFiles(t, key, files)
		insertLinks(t, key, links)
		grow(t, s, size)
		return nil
	})
	return taken(err, idTaken())
}

func sortItems(items []board.Item) (files []*upload.File, links []*board.Link) {
	for _, i := range items {
		if i.File != nil {
			files = append(files, i.File)
		} else {
			links = append(links, i.Link)
		}
	}
	return files, links
}

func insertLinks(t tx, home share.Key, links []*board.Link) {
	for _, l := range links {
		t.exec(`insert into links (key, home, id, local, url, title, meta) values ($1, $2, $3, $4, $5, $6, $7)`,
			l.Key, home, l.ID, l.Local, l.URL, l.Title, l.Meta)
	}
}

// Board implements board.Store.
func (d *DB) Board(ctx context.Context, id share.ID) (*board.Board, error) {
	s, err := d.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.Kind != share.Board {
		return nil, share.NotFound()
	}
	return &board.Board{Share: *s}, nil
}

// Links implements board.Store.
func (d *DB) Links(ctx context.Context, key share.Key) (links []*board.Link, err error) {
	err = d.query(ctx, func(row scan) error {
		l := new(board.Link)
		links = append(links, l)
		return row(&l.Key, &l.ID, &l.Local, &l.URL, &l.Title, &l.Meta)
	}, `select key, id, local, url, title, meta from links where home = $1 order by key`, key)
	return links, err
}
