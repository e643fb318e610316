// Package transfer is files on their way to people: made, filled part by part,
// finalized, and from then on open to whoever holds a link.
//
// It owns what a transfer may hold, when it may be finalized, whom it is for, who
// may see what of it, and what was fetched of it. Bytes are left to package
// upload, the end of a transfer's life to package share, letters to package notify,
// ids and wording to the door of the API that is spoken. Start at Service for
// transfers that are sealed when they are made, at Desk for those that have a
// sender, recipients and files that come later.
package transfer

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Transfer is a share of kind share.Transfer.
type Transfer struct {
	share.Share
	Sending
}

// Finalize closes t to new files and opens it for download. Finalizing again
// changes nothing and succeeds.
func (t *Transfer) Finalize(now time.Time) error {
	if err := t.Alive(now); err != nil {
		return err
	}
	if t.State == share.Ready {
		return nil
	}
	if err := t.filled(); err != nil {
		return err
	}
	t.State = share.Ready
	t.ReadyAt = now
	return nil
}

// filled returns nil when no file is open.
func (t *Transfer) filled() error {
	switch n := t.OpenFiles; { // a counter: finalizing must not read ten thousand files
	case n == 1:
		return fault.New(fault.Conflict, "file_incomplete", "1 file has not been uploaded")
	case n > 1:
		return fault.New(fault.Conflict, "file_incomplete", "%d files have not been uploaded", n)
	}
	return nil
}

// A Store keeps transfers.
type Store interface {
	// CreateTransfer adds the transfer and its files, all or nothing, and
	// reserves t.Size bytes of its account's quota by a conditional update: Full
	// "quota_exceeded" when there is no room. Conflict "id_taken" when a public
	// id or code is in use.
	CreateTransfer(ctx context.Context, t *Transfer, files []*upload.File) error

	// Transfer finds by public id, of any owner, in any state: NotFound
	// "transfer_unknown".
	Transfer(ctx context.Context, id share.ID) (*Transfer, error)

	// UpdateTransfer is share.Store's Update, by the public id. Of a Sending, the
	// counters and Track are not change's to change either.
	UpdateTransfer(ctx context.Context, id share.ID, change func(*Transfer) ([]job.Job, error)) (*Transfer, error)
}

// Limits of a Service. The documented limits of an API are one preset of them.
type Limits struct {
	MaxSize  int64 // bytes of a transfer, all files together; 0: none
	MaxFiles int   // files of a transfer
	Keep     time.Duration
}

// A Service makes and changes transfers.
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

// A Draft is a transfer to be made. Ids and codes come in the shape of the API
// that makes it; names are cleaned by it.
type Draft struct {
	ID      share.ID
	Code    string
	Hash    string
	Name    string
	Message string
	Sealed  bool
	Files   []DraftFile
}

// A DraftFile is a file to be made.
type DraftFile struct {
	ID     upload.ID
	Ident  string // see upload.File
	Local  string // see upload.File
	Name   string
	Size   int64 // bytes, or upload.Unknown
	Chunk  int64 // planned length of a part; 0: no plan
	Upload string
}

// Create makes a transfer with its files. Faults: Invalid "too_many_files",
// TooLarge "transfer_too_large", Full "quota_exceeded" or "disk_full".
func (s *Service) Create(ctx context.Context, who account.Actor, d Draft) (*Transfer, []*upload.File, error) {
	now := s.now()
	t := &Transfer{Share: share.Share{
		Key: share.Key(s.ids.Key()), ID: d.ID, Kind: share.Transfer, Owner: who.Owner, State: share.Open,
		Code: d.Code, Hash: d.Hash, Name: d.Name, Message: d.Message, Sealed: d.Sealed,
		Files: len(d.Files), OpenFiles: len(d.Files), CreatedAt: now, ExpiresAt: now.Add(s.limits.Keep),
	}}
	if len(d.Files) > s.limits.MaxFiles {
		return nil, nil, fault.New(fault.Invalid, "too_many_files", "a transfer has at most %d files", s.limits.MaxFiles)
	}
	most := cmp.Or(s.limits.MaxSize, math.MaxInt64) // so that no sum overflows
	keys := s.ids.Keys(len(d.Files))
	files := make([]*upload.File, len(d.Files))
	for i, f := range d.Files {
		n := max(f.Size, 0)
		if n > most-t.Size {
			return nil, nil, fault.New(fault.TooLarge, "transfer_too_large", "a transfer has at most %d bytes", most)
		}
		t.Size += n
		files[i] = &upload.File{
			Key: upload.Key(keys[i]), ID: f.ID, Ident: f.Ident, Local: f.Local, Name: f.Name, Size: f.Size, Chunk: f.Chunk, Upload: f.Upload,
			State: upload.Open, CreatedAt: now, Home: &t.Share,
		}
	}
	if err := s.upload.Room(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.store.CreateTransfer(ctx, t, files); err != nil {
		return nil, nil, err
	}
	return t, files, nil
}

// Get finds the owner's transfer: NotFound "transfer_unknown" for another's as
// for one that is not there, Gone for one whose life is over.
func (s *Service) Get(ctx context.Context, who account.Actor, tid share.ID) (*Transfer, error) {
	t, err := s.store.Transfer(ctx, tid)
	if err != nil {
		return nil, err
	}
	if err := s.may(t, who); err != nil {
		return nil, err
	}
	return t, nil
}

func (s *Service) may(t *Transfer, who account.Actor) error {
	if t.Owner != who.Owner {
		return share.NotFound() // strangers do not learn that it exists
	}
	return t.Alive(s.now())
}

// Files gives all files of the transfer in the order they were announced.
func (s *Service) Files(ctx context.Context, t *Transfer) ([]*upload.File, error) {
	files := make([]*upload.File, 0, t.Share.Files)
	err := s.upload.Files(ctx, &t.Share, func(f *upload.File) error {
		files = append(files, f)
		return nil
	})
	return files, err
}

// File finds a file of the owner's transfer: NotFound "file_unknown", Gone when
// the transfer's life is over.
func (s *Service) File(ctx context.Context, who account.Actor, tid share.ID, fid upload.ID) (*upload.File, error) {
	f, err := s.files.File(ctx, fid)
	if err != nil {
		return nil, err
	}
	if err := s.mayFile(f, who, tid); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *Service) mayFile(f *upload.File, who account.Actor, tid share.ID) error {
	if f.Home.Kind != share.Transfer || f.Home.ID != tid || f.Home.Owner != who.Owner || f.State == upload.Deleted {
		return fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return f.Home.Alive(s.now())
}

// CompleteFile settles the content of one file: see upload.Service.Complete and
// File.
func (s *Service) CompleteFile(ctx context.Context, who account.Actor, tid share.ID, fid upload.ID) (*upload.File, error) {
	return s.upload.Complete(ctx, fid, upload.CompleteOptions{May: func(f *upload.File) error {
		return s.mayFile(f, who, tid)
	}})
}

// Finalize closes the owner's transfer and opens it for download: see Get and
// Transfer.Finalize.
func (s *Service) Finalize(ctx context.Context, who account.Actor, tid share.ID) (*Transfer, error) {
	return s.store.UpdateTransfer(ctx, tid, func(t *Transfer) ([]job.Job, error) {
		if err := s.may(t, who); err != nil {
			return nil, err
		}
		return nil, t.Finalize(s.now())
	})
}
