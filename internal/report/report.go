// Package report is what people say is wrong with what a link opens: that it does harm, or
// is not the sender's to give away.
//
// It owns what a report is, and how many wait for one transfer. Whether something is taken
// out of sight is decided by who administers the installation, and done by package share.
// Start at Service.
package report

import (
	"context"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
)

// A Kind is what a report is about.
type Kind string

// Kinds gives all of them, in the order in which people are asked.
func Kinds() []Kind { return []Kind{"harmful", "phishing", "illegal", "copyright", "other"} }

// A Report is what somebody said. Where they came from is not kept.
type Report struct {
	Key     string
	At      time.Time
	Home    share.Key // what it is about
	Path    string    // of the page, from which it was made
	Title   string    // of what it is about, as it was then
	Kind    Kind
	Text    string
	From    string // the address that they gave, for an answer; empty: none
	Outcome Outcome
}

// An Outcome is what an administrator decided.
type Outcome string

// The outcomes. A report that was Blocked can be Dismissed later, and the other way round.
const (
	Waiting   Outcome = ""
	Blocked   Outcome = "blocked"
	Dismissed Outcome = "dismissed"
)

// Limits of a report, in bytes, and how many may wait for one share.
const (
	MaxText     = 4000
	MostWaiting = 20
)

// A Store keeps reports.
type Store interface {
	// AddReport adds r if fewer than most wait for its home: else Throttled
	// "reported_enough".
	AddReport(ctx context.Context, r *Report, most int) error
	// Reports gives up to n with a key less than before, or with "" the latest, the
	// latest first.
	Reports(ctx context.Context, before string, n int) ([]*Report, error)
	// Report finds one: NotFound "report_unknown".
	Report(ctx context.Context, key string) (*Report, error)
	// DecideReports sets the outcome of all reports about a share.
	DecideReports(ctx context.Context, home share.Key, o Outcome) error
}

// A Service takes reports and has them decided.
type Service struct {
	store  Store
	shares *share.Service
	ids    *id.Source
	now    func() time.Time
}

// NewService makes a Service.
func NewService(s Store, shares *share.Service, ids *id.Source, now func() time.Time) *Service {
	return &Service{s, shares, ids, now}
}

// Add takes a report in; Key and At are set. Invalid "report_invalid" for what is none,
// "email_invalid", Throttled "reported_enough".
func (s *Service) Add(ctx context.Context, r *Report) error {
	r.Text, r.From = strings.TrimSpace(r.Text), strings.TrimSpace(r.From)
	if !slices.Contains(Kinds(), r.Kind) || r.Text == "" || len(r.Text) > MaxText || !utf8.ValidString(r.Text) || strings.ContainsRune(r.Text, 0) {
		return fault.New(fault.Invalid, "report_invalid", "a report says of which kind it is, and what is wrong in at most %d bytes", MaxText)
	}
	if r.From != "" {
		if a, err := mail.ParseAddress(r.From); err != nil || a.Address != r.From || len(r.From) > 254 {
			return fault.New(fault.Invalid, "email_invalid", "this is no e-mail address")
		}
	}
	r.Key, r.At = s.ids.Key(), s.now()
	return s.store.AddReport(ctx, r, MostWaiting)
}

// List gives up to n reports that are older than the one with this key, or with "" the
// latest.
func (s *Service) List(ctx context.Context, before string, n int) ([]*Report, error) {
	return s.store.Reports(ctx, before, n)
}

// Decide takes what a report is about out of everybody's sight, with Blocked, or gives it
// back, with Dismissed; all reports about it are decided with it. NotFound
// "report_unknown". What is gone for good by now is decided all the same.
func (s *Service) Decide(ctx context.Context, key string, o Outcome) error {
	if o != Blocked && o != Dismissed {
		return fault.New(fault.Invalid, "report_invalid", "a report is decided one way or the other")
	}
	r, err := s.store.Report(ctx, key)
	if err != nil {
		return err
	}
	// The share first: a crash in between leaves a report that waits.
	if err := s.shares.Block(ctx, r.Home, o == Blocked); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return s.store.DecideReports(ctx, r.Home, o)
}
