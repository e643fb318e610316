// Package audit looks whether what was acknowledged is still there: every row has
// its bytes, every byte its row, all checksums are right.
//
// It owns what counts as damage, the reading of stored content in bounded steps that
// can be taken up again (reader.go), the check of everything that an operator asks
// for (Service.Verify), and the scrub that goes round by itself (scrub.go). Damaged
// content is marked, so that nobody is given it; what is found right again, because
// it was restored, loses its mark. It leaves refusing to package upload, and the
// mending to people. Start at Service.Verify.
package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Store keeps what there is to check, and what was found.
type Store interface {
	// Checkable gives up to n files after the given key, in the order of their keys,
	// that are open or complete. Home is nil where there is no such share.
	Checkable(ctx context.Context, after upload.Key, n int) ([]*File, error)

	// Parts gives up to n acknowledged parts after the given number, in order.
	Parts(ctx context.Context, file upload.Key, after, n int) ([]upload.Part, error)

	blob.Rows

	// Strays calls each with every row of a part or of content whose file is not
	// there, and of a file whose share is not. Memory does not grow with the rows.
	Strays(ctx context.Context, each func(Stray) error) error

	// Promised tells which of the blobs some row promises, Leaving which of them a
	// job is going to remove.
	Promised(ctx context.Context, ids []blob.ID) (map[blob.ID]bool, error)
	Leaving(ctx context.Context, ids []blob.ID) (map[blob.ID]bool, error)

	// SaveOutcome saves what was found, all or nothing.
	SaveOutcome(ctx context.Context, o *Outcome) error

	// ScrubState gives the State that was saved last; nil when there is none.
	ScrubState(ctx context.Context) ([]byte, error)

	job.Queue
}

// A File is one to be checked, with its checksum where one is known.
type File struct {
	upload.File
	SHA256 *[sha256.Size]byte // of the whole, once complete; nil: not known yet
}

// isPromised tells whether the file's bytes must be there: those of a share that is being
// purged go before its rows.
func (f *File) isPromised() bool { return f.Home != nil && !f.Home.Purging }

// A Stray is a row that belongs to nothing.
type Stray struct {
	Table string
	Key   string
}

// An Outcome is what a step of reading found.
type Outcome struct {
	At      time.Time
	Sums    []Sum        // of complete files that were read for the first time
	Damaged []upload.Key // complete files
	Sound   []upload.Key // marked as damaged, and right again
	Suspect []upload.Key // open files with a damaged part: upload reads them again before they are complete
	State   []byte       // of the scrub; nil: leave it
}

func (o *Outcome) isEmpty() bool {
	return len(o.Sums)+len(o.Damaged)+len(o.Sound)+len(o.Suspect) == 0 && o.State == nil
}

// A Sum is the checksum of a file.
type Sum struct {
	File   upload.Key
	SHA256 [sha256.Size]byte
}

// Kinds of findings.
const (
	Missing = "missing" // bytes that a row promises are not there
	Changed = "changed" // they are not what was acknowledged
	Rows    = "rows"    // rows that contradict each other
	Stale   = "stray"   // a row that belongs to nothing
	Orphan  = "orphan"  // a blob that no row promises
)

// A Finding is one thing that is wrong.
type Finding struct {
	Kind   string
	File   upload.Key
	ID     upload.ID // the file's public name
	Name   string
	Share  string // its public id
	Part   int
	Blob   blob.ID
	Detail string
}

// A Report counts what was looked at.
type Report struct {
	Files    int64
	Parts    int64
	Bytes    int64
	Blobs    int64
	Damaged  int64
	Findings int64
	Marked   int64 // files that were not known to be damaged
	Unmarked int64 // files that are right again
	Hashed   int64 // files whose SHA-256 is known since now
	Young    int64 // blobs without a row that may yet get one
	Leaving  int64 // blobs that a job is going to remove
}

// Limits of a Service.
type Limits struct {
	Orphan   time.Duration // blobs without a row are swept at this age: see share.Limits
	Interval time.Duration // between two rounds of the scrub; 0: none
	Rate     int64         // bytes that the scrub reads a second
}

// sweeps is how long the sweep of orphans may take to come to one that is due.
const sweeps = 2 * time.Hour

// A Service checks. It may work beside servers and other Services.
type Service struct {
	store  Store
	blobs  blob.Store
	now    func() time.Time
	limits Limits
	log    *slog.Logger
}

// NewService makes a Service.
func NewService(s Store, b blob.Store, now func() time.Time, l Limits, log *slog.Logger) *Service {
	return &Service{store: s, blobs: blob.WithRows(b, s), now: now, limits: l, log: log}
}

// verifyStep is how many bytes Verify reads between two notes of what it found.
const verifyStep = 1 << 30

// Verify checks everything, tells each thing that is wrong, and marks what is
// damaged. Its memory does not grow with what is stored. What comes while it runs
// need not be seen. An error means that it could not look everywhere.
func (s *Service) Verify(ctx context.Context, found func(Finding) error) (*Report, error) {
	r := &reader{Service: s, end: upload.Key(id.Before(s.now()))}
	r.found = func(f Finding) error {
		r.report.Findings++
		return found(f)
	}
	for done := false; !done; {
		o := &Outcome{At: s.now()}
		var err error
		if done, err = r.step(ctx, verifyStep, o); err != nil {
			return nil, err
		}
		if !o.isEmpty() {
			if err := s.store.SaveOutcome(ctx, o); err != nil {
				return nil, err
			}
		}
	}
	err := s.store.Strays(ctx, func(row Stray) error {
		return r.found(Finding{Kind: Stale, Detail: fmt.Sprintf("a row of %s belongs to nothing: %s", row.Table, row.Key)})
	})
	if err != nil {
		return nil, err
	}
	return &r.report, s.everyByte(ctx, r)
}

// blobsAtOnce is how many blobs are looked up together.
const blobsAtOnce = 100

// everyByte looks whether every blob has its row.
func (s *Service) everyByte(ctx context.Context, r *reader) error {
	var batch []blob.Info
	look := func() error {
		defer func() { batch = batch[:0] }()
		return s.lookUp(ctx, r, batch)
	}
	err := s.blobs.Walk(ctx, func(i blob.Info) error {
		r.report.Blobs++
		if batch = append(batch, i); len(batch) == blobsAtOnce {
			return look()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return look()
}

func (s *Service) lookUp(ctx context.Context, r *reader, batch []blob.Info) error {
	if len(batch) == 0 {
		return nil
	}
	ids := make([]blob.ID, len(batch))
	for i, b := range batch {
		ids[i] = b.ID
	}
	promised, err := s.store.Promised(ctx, ids)
	if err != nil {
		return err
	}
	leaving, err := s.store.Leaving(ctx, ids)
	if err != nil {
		return err
	}
	limit := s.now().Add(-s.limits.Orphan - sweeps)
	for _, b := range batch {
		switch {
		case promised[b.ID]:
		case leaving[b.ID]:
			r.report.Leaving++
		case string(b.ID) >= id.Before(limit) || b.Modified.After(limit):
			r.report.Young++
		default:
			if gone, err := s.isGone(ctx, b.ID); err != nil || gone {
				return err
			}
			detail := fmt.Sprintf("%d bytes that no row promises, since %s", b.Size, b.Modified.UTC().Format(time.RFC3339))
			if err := r.found(Finding{Kind: Orphan, Blob: b.ID, Detail: detail}); err != nil {
				return err
			}
		}
	}
	return nil
}

// isGone tells whether a blob was removed since it was seen.
func (s *Service) isGone(ctx context.Context, b blob.ID) (bool, error) {
	f, err := s.blobs.Open(ctx, b)
	if fault.KindOf(err) == fault.NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}
