// Package share is what transfers and boards have in common: whose they are, by
// which links they are reached, how long they live, and how they go.
//
// It owns the life of a share (open → ready → expired or deleted → purged) and
// the jobs that end it: the sweep of what is due, the purge of its bytes, the
// sweep of orphans. What may be put into a share and when it is finished is
// decided by packages transfer and board; how bytes get in, by upload.
package share

import (
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// A Key is a share's primary key; it begins with the time. It never leaves the
// program.
type Key string

// An ID is a share's public name, in the shape of the API that made it.
type ID string

// A Kind tells transfers and boards apart.
type Kind int

const (
	Transfer Kind = 1 // files on their way to people, finished once
	Board    Kind = 2 // files and links, never finished
)

// A State is where a share is in its life. It only moves forward.
type State int

const (
	Open    State = 1 // being filled; nobody but its owner sees it
	Ready   State = 2 // can be downloaded; a board is ready from the start
	Expired State = 3 // its time is over: 410
	Deleted State = 4 // its owner or the operator took it down: 410
	Purged  State = 5 // its bytes are gone too; remembered for the 410
)

func (s State) String() string {
	return [...]string{"none", "open", "ready", "expired", "deleted", "purged"}[max(0, min(int(s), 5))]
}

// A Share is a transfer or a board.
type Share struct {
	Key     Key
	ID      ID
	Kind    Kind
	Owner   account.Owner
	State   State
	Code    string // the last part of its short link, with its prefix, such as "t-Ab12Cd34Ef"; unique, never given out twice
	Hash    string // goes with ID in long links
	Name    string // title, "" when it has none
	Message string

	Locked    bool // has a password: see package transfer
	Blocked   bool // taken out of sight by an admin
	Cancelled bool // deleted by its sender before it was finished
	Purging   bool // its bytes are being removed: there is no way back

	Portal       string // by which it came in: whose it is has received it, and did not send it
	MaxSize      int64  // bytes that all files together may have; 0: no limit of its own
	MaxDownloads int    // how often it may be fetched; 0: no limit

	Live      bool  // its files can be fetched while they come in
	Sealed    bool  // takes no files after its creation
	Files     int   // how many files it has
	OpenFiles int   // how many of them are not complete
	Size      int64 // announced bytes, all files together

	Idle time.Duration // a board lives this long after it was last seen; 0: its end is fixed

	CreatedAt time.Time
	ReadyAt   time.Time // zero while Open
	ExpiresAt time.Time
	Version   int64 // counts the changes of the share itself
}

// Alive returns nil while the share can be used at all, else the fault that says
// why not: Gone once it expired, was deleted, cancelled, blocked or purged. The clock decides, not
// only the state: the sweep may come later than the end.
func (s *Share) Alive(now time.Time) error {
	switch {
	case s.Blocked:
		return fault.New(fault.Gone, "transfer_blocked", "it has been blocked")
	case s.Cancelled:
		return fault.New(fault.Gone, "transfer_cancelled", "it has been cancelled")
	case s.State == Deleted:
		return fault.New(fault.Gone, "transfer_deleted", "it has been deleted")
	case s.State >= Expired, !now.Before(s.ExpiresAt):
		return fault.New(fault.Gone, "transfer_expired", "it has expired")
	}
	return nil
}

// Visible returns nil when strangers with the link may see the share.
func (s *Share) Visible(now time.Time) error {
	if err := s.Alive(now); err != nil {
		return err
	}
	if s.State != Ready {
		return NotFound()
	}
	return nil
}

// Reachable is Visible, and lets strangers see what comes in, too, where its sender wants
// that.
func (s *Share) Reachable(now time.Time) error {
	if s.State == Open && s.Live {
		return s.Alive(now)
	}
	return s.Visible(now)
}

// TooLarge is why a share takes no more bytes: TooLarge "transfer_too_large", or
// "portal_too_large" where its receiver has the limit.
func (s *Share) TooLarge() error {
	if s.Portal != "" {
		return fault.New(fault.TooLarge, "portal_too_large", "who receives it takes at most %d bytes", s.MaxSize)
	}
	return fault.New(fault.TooLarge, "transfer_too_large", "it has at most %d bytes", s.MaxSize)
}

// NotFound is the answer for a share that is not there, and, byte for byte, for
// one that the caller must not know of.
func NotFound() error { return fault.New(fault.NotFound, "transfer_unknown", "no such transfer") }

// Delete takes the share down. From then on it is remembered as long as one that
// expired at that moment, also where it was to live for ever.
func (s *Share) Delete(now time.Time) {
	if s.State < Expired {
		s.State = Deleted
		if now.Before(s.ExpiresAt) {
			s.ExpiresAt = now
		}
	}
}

// Never is the end of a share that has none.
var Never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Permanent tells that the share does not end by itself.
func (s *Share) Permanent() bool { return !s.ExpiresAt.Before(Never) }
