// Package board is files and links that are never finished: a board takes items
// at any time, and each file can be had as soon as it is complete.
//
// It owns what a board may hold. WeTransfer's boards are one, and so is a
// transfer of its API v1, which has no finalize either. Bytes are left to package
// upload, the end of a board's life to package share, ids and wording to the
// door. Start at Service.
package board

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Board is a share of kind share.Board.
type Board struct{ share.Share }

// A Link is an address of the web that a board holds.
type Link struct {
	Key   string // primary key; begins with the time
	ID    string // public
	Local string // the client's own name for it, where an API has one
	URL   string
	Title string
	Meta  string // a JSON object, where an API keeps one; else ""
}

// An Item is a file or a link: exactly one of the two.
type Item struct {
	File *upload.File
	Link *Link
}

// Key gives the item's primary key: items are in the order of their keys.
func (i Item) Key() string {
	if i.File != nil {
		return string(i.File.Key)
	}
	return i.Link.Key
}

// A Store keeps boards.
type Store interface {
	// CreateBoard adds the board with its first items, AddItems adds items to
	// the board, all or nothing, in the order given: their keys ascend. Both
	// reserve the files' bytes of the account's quota by a conditional update
	// (Full "quota_exceeded"), and keep the board's counters; AddItems refuses
	// by a conditional update more than maxFiles files (Invalid "too_many_files")
	// or maxSize bytes (TooLarge "transfer_too_large"; 0: no limit), and a board
	// whose life is over (Gone).
	CreateBoard(ctx context.Context, b *Board, items []Item) error
	AddItems(ctx context.Context, key share.Key, items []Item, l Limits, now time.Time) error

	// Board finds by public id, of any owner, in any state: NotFound
	// "transfer_unknown".
	Board(ctx context.Context, id share.ID) (*Board, error)

	// Links gives all links of the board in order.
	Links(ctx context.Context, key share.Key) ([]*Link, error)
}

// Limits of a Service.
type Limits struct {
	MaxSize  int64 // bytes of a board, all files together; 0: none
	MaxFiles int   // items of a board
}

// A Service makes boards and adds to them.
type Service struct {
	store  Store
	files  upload.Store
	upload *upload.Service
	ids    *id.Source
	now    func() time.Time
	limits Limits
}

// NewService makes a Service.
func NewService(s Store, files upload.Store, u *upload.Service, ids *id.Source, now func() time.Time, l Limits) *Service {
	return &Service{store: s, files: files, upload: u, ids: ids, now: now, limits: l}
}

// A Draft is a board to be made. A board lives for Keep from its creation, or,
// with Idle, for Keep from the day it was last seen.
type Draft struct {
	ID          share.ID
	Code        string
	Hash        string
	Name        string
	Description string
	Keep        time.Duration
	Idle        bool
	Items       []DraftItem
}

// A DraftItem is a file, or with a URL a link, to be added.
type DraftItem struct {
	ID    string
	Local string

	Name   string // of a file
	Size   int64
	Chunk  int64
	Upload string

	URL   string // of a link
	Title string
	Meta  string
}

// Create makes a board, with items or without.
func (s *Service) Create(ctx context.Context, who account.Actor, d Draft) (*Board, []Item, error) {
	now := s.now()
	b := &Board{share.Share{
		Key: share.Key(s.ids.Key()), ID: d.ID, Kind: share.Board, Owner: who.Owner, State: share.Ready,
		Code: d.Code, Hash: d.Hash, Name: d.Name, Message: d.Description,
		CreatedAt: now, ReadyAt: now, ExpiresAt: now.Add(d.Keep),
	}}
	if d.Idle {
		b.Idle = d.Keep
	}
	items, err := s.items(ctx, b, d.Items)
	if err != nil {
		return nil, nil, err
	}
	return b, items, s.store.CreateBoard(ctx, b, items)
}

// Add puts items on the owner's board.
func (s *Service) Add(ctx context.Context, who account.Actor, bid share.ID, drafts []DraftItem) ([]Item, error) {
	b, err := s.Get(ctx, who, bid)
	if err != nil {
		return nil, err
	}
	items, err := s.items(ctx, b, drafts)
	if err != nil || len(items) == 0 {
		return items, err
	}
	return items, s.store.AddItems(ctx, b.Key, items, s.limits, s.now())
}

// items makes the drafts into items and counts them into b.
func (s *Service) items(ctx context.Context, b *Board, drafts []DraftItem) ([]Item, error) {
	now := s.now()
	most := cmp.Or(s.limits.MaxSize, math.MaxInt64) // so that no sum overflows
	keys := s.ids.Keys(len(drafts))
	items := make([]Item, len(drafts))
	for i, d := range drafts {
		if d.URL != "" {
			items[i].Link = &Link{Key: keys[i], ID: d.ID, Local: d.Local, URL: d.URL, Title: d.Title, Meta: d.Meta}
			continue
		}
		items[i].File = &upload.File{
			Key: upload.Key(keys[i]), ID: upload.ID(d.ID), Name: d.Name, Local: d.Local, Size: d.Size, Chunk: d.Chunk,
			Upload: d.Upload, State: upload.Open, CreatedAt: now, Home: &b.Share,
		}
		n := max(d.Size, 0)
		if n > most-b.Size {
			return nil, fault.New(fault.TooLarge, "transfer_too_large", "a board has at most %d bytes", most)
		}
		b.Files++
		b.OpenFiles++
		b.Size += n
	}
	if b.Files > s.limits.MaxFiles || len(items) > s.limits.MaxFiles {
		return nil, fault.New(fault.Invalid, "too_many_files", "a board has at most %d files", s.limits.MaxFiles)
	}
	if b.OpenFiles > 0 {
		return items, s.upload.Room(ctx)
	}
	return items, nil
}

// Get finds the owner's board: NotFound "transfer_unknown", Forbidden
// "board_foreign" for another's (WeTransfer's documents answer the two apart:
// its door decides where it may show), Gone when its life is over.
func (s *Service) Get(ctx context.Context, who account.Actor, bid share.ID) (*Board, error) {
	b, err := s.store.Board(ctx, bid)
	if err != nil {
		return nil, err
	}
	if b.Owner != who.Owner {
		return nil, fault.New(fault.Forbidden, "board_foreign", "not a member of this board")
	}
	return b, b.Alive(s.now())
}

// Items gives everything on the board, in the order it was added.
func (s *Service) Items(ctx context.Context, b *Board) ([]Item, error) {
	links, err := s.store.Links(ctx, b.Key)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, b.Files+len(links))
	err = s.upload.Files(ctx, &b.Share, func(f *upload.File) error {
		for len(links) > 0 && links[0].Key < string(f.Key) {
			items = append(items, Item{Link: links[0]})
			links = links[1:]
		}
		items = append(items, Item{File: f})
		return nil
	})
	for _, l := range links {
		items = append(items, Item{Link: l})
	}
	return items, err
}

// Links gives the links of a board to anybody who may see it: who that is was
// decided where the share was found (share.Service).
func (s *Service) Links(ctx context.Context, key share.Key) ([]*Link, error) {
	return s.store.Links(ctx, key)
}

// File finds a file on one of the owner's boards: NotFound "file_unknown" when
// there is no such file at all, Forbidden "file_foreign" when it is on another's
// board (WeTransfer's documents answer the two apart), Gone when the board's life
// is over.
func (s *Service) File(ctx context.Context, who account.Actor, fid upload.ID) (*upload.File, error) {
	f, err := s.files.File(ctx, fid)
	if err != nil {
		return nil, err
	}
	if err := s.mayFile(f, who); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *Service) mayFile(f *upload.File, who account.Actor) error {
	if f.Home.Kind != share.Board {
		return fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	if f.Home.Owner != who.Owner {
		return fault.New(fault.Forbidden, "file_foreign", "the file is on none of your boards")
	}
	return f.Home.Alive(s.now())
}

// CompleteFile settles the content of one file: see upload.Service.Complete and
// File.
func (s *Service) CompleteFile(ctx context.Context, who account.Actor, fid upload.ID) (*upload.File, error) {
	return s.upload.Complete(ctx, fid, upload.CompleteOptions{May: func(f *upload.File) error {
		return s.mayFile(f, who)
	}})
}
