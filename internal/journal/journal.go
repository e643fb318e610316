// Package journal is what administrators did to an installation, for the others to read.
//
// It owns that an act is written down before it is done, so that none is missing, and how
// it ended after. What the acts are, and who may do them, is left to who calls Do. Start
// there.
package journal

import (
	"cmp"
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// An Entry is one act.
type Entry struct {
	Key     string
	At      time.Time
	By      string // the account that did it
	Do      string // what, in words that stay: see the callers of Do
	About   string // to what: an id, an address; without secrets
	Outcome string // Done, the code of the fault that stopped it, or Begun
}

// What became of an act. A server that died in the middle leaves Begun: it may have been
// done.
const (
	Begun  = ""
	Done   = "done"
	Failed = "failed" // for a reason that is ours
)

// A Store keeps the journal.
type Store interface {
	// AddEntry writes an entry down.
	AddEntry(ctx context.Context, e Entry) error
	// EndEntry sets what became of one.
	EndEntry(ctx context.Context, key, outcome string) error
	// Entries gives up to n with a key less than before, or with "" the latest, the
	// latest first.
	Entries(ctx context.Context, before string, n int) ([]Entry, error)
}

// A Service keeps the journal.
type Service struct {
	store Store
	ids   *id.Source
	now   func() time.Time
}

// NewService makes a Service.
func NewService(s Store, ids *id.Source, now func() time.Time) *Service { return &Service{s, ids, now} }

// Do writes an act down, does it, and writes down what became of it. Nothing is done that
// could not be written down. It gives the error of the act.
func (s *Service) Do(ctx context.Context, by, do, about string, act func() error) error {
	e := Entry{Key: s.ids.Key(), At: s.now(), By: by, Do: do, About: about}
	if err := s.store.AddEntry(ctx, e); err != nil {
		return err
	}
	failed := act()
	outcome := Done
	if failed != nil {
		outcome = cmp.Or(fault.CodeOf(failed), Failed)
	}
	// The client may have gone meanwhile: what was done was done.
	if err := s.store.EndEntry(context.WithoutCancel(ctx), e.Key, outcome); err != nil && failed == nil {
		return err
	}
	return failed
}

// List gives up to n entries that are older than the one with this key, or with "" the
// latest.
func (s *Service) List(ctx context.Context, before string, n int) ([]Entry, error) {
	return s.store.Entries(ctx, before, n)
}
