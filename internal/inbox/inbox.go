// Package inbox is how others send to you: portals, each of which is a place of a
// company that takes transfers from anybody.
//
// It owns what a portal is, who makes one, and when it takes something in. The
// transfer that comes in is package transfer's: the portal says whose it is, whom it
// is for, and that its receiver pays for it. Start at Portal, then Service.
package inbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// An ID is a portal's public name: whoever knows it may send.
type ID string

// A Portal is a place to which anybody may send.
type Portal struct {
	Key     string // primary key; begins with the time
	ID      ID
	Company company.ID
	Owner   account.ID // the admin who made it: whose plan bounds what comes in, and whose storage takes it
	Name    string     // unique among the company's
	Text    string     // what those read who send
	To      []string   // addresses that what comes in is for

	Version   int64
	CreatedAt time.Time
	DeletedAt time.Time // zero: it is there
}

// Deleted tells that the portal takes nothing any more. It stays known, for what came
// in by it.
func (p *Portal) Deleted() bool { return !p.DeletedAt.IsZero() }

// Bounds of a portal.
const (
	MaxPortals = 1000 // of a company, those that were deleted among them
	maxName    = 200  // characters
	maxText    = 5000
	maxTo      = 100 // addresses
)

// check returns everything that is wrong with p, and puts its addresses in the form
// in which they are stored.
func (p *Portal) check() error {
	var bad []fault.Field
	wrong := func(name, code, format string, args ...any) {
		bad = append(bad, fault.Field{Name: name, Code: code, Msg: fmt.Sprintf(format, args...)})
	}
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" {
		wrong("name", "required", "is missing")
	}
	if utf8.RuneCountInString(p.Name) > maxName || strings.ContainsAny(p.Name, "\r\n\x00") {
		wrong("name", "text_invalid", "must be one line of at most %d characters", maxName)
	}
	if utf8.RuneCountInString(p.Text) > maxText || strings.ContainsRune(p.Text, 0) {
		wrong("text", "text_invalid", "must have at most %d characters", maxText)
	}
	var to []string
	for _, s := range p.To {
		a, err := account.NormalizeEmail(s)
		if err != nil {
			wrong("to", "email_invalid", "must be e-mail addresses")
			break
		}
		if !slices.Contains(to, a) {
			to = append(to, a)
		}
	}
	switch {
	case len(p.To) == 0:
		wrong("to", "required", "is missing")
	case len(p.To) > maxTo:
		wrong("to", "too_many", "must be at most %d addresses", maxTo)
	}
	p.To = to
	return fault.Wrong(bad)
}

// A Store keeps portals.
type Store interface {
	// CreatePortal adds one: Conflict "portal_exists" when the company has one of this
	// name, "portals_limit" when it has most already, those that were deleted too.
	CreatePortal(ctx context.Context, p *Portal, most int) error
	// Portal finds one in any state: NotFound "portal_unknown".
	Portal(ctx context.Context, id ID) (*Portal, error)
	// Portals gives all of a company in the order in which they were made.
	Portals(ctx context.Context, c company.ID) ([]*Portal, error)
	// UpdatePortal loads the portal, runs change on it and saves it, all or nothing.
	// Change may run more than once. Errors are those of CreatePortal and Portal.
	UpdatePortal(ctx context.Context, id ID, change func(*Portal) error) (*Portal, error)
}

// Companies tells of a portal's company.
type Companies interface {
	// Manage returns nil when the account manages the company: otherwise Forbidden
	// "not_company_admin", or Conflict "plan_lacks_company".
	Manage(ctx context.Context, c company.ID, who account.ID) error
	// Overdue tells that the time is over, with its grace, that the company has paid for.
	Overdue(ctx context.Context, c company.ID) (bool, error)
}

// A Service manages portals. It is safe for concurrent use.
type Service struct {
	store     Store
	companies Companies
	ids       *id.Source
	now       func() time.Time
}

// NewService makes a Service.
func NewService(s Store, c Companies, ids *id.Source, now func() time.Time) *Service {
	return &Service{s, c, ids, now}
}

// A Form is what an admin says of a portal; nil leaves it as it is.
type Form struct {
	Name, Text *string
	To         *[]string
	Version    *int64 // which one the change is of
}

func (f *Form) fill(p *Portal) error {
	if f.Name != nil {
		p.Name = *f.Name
	}
	if f.Text != nil {
		p.Text = *f.Text
	}
	if f.To != nil {
		p.To = *f.To
	}
	return p.check()
}

// Create makes a portal of the company for its admin. Invalid with Fields; Forbidden
// "not_company_admin"; Conflict "plan_lacks_company", "portal_exists",
// "portals_limit".
func (s *Service) Create(ctx context.Context, c company.ID, who account.ID, f Form) (*Portal, error) {
	if err := s.companies.Manage(ctx, c, who); err != nil {
		return nil, err
	}
	p := &Portal{
		Key: s.ids.Key(), ID: ID(s.ids.Text(id.Base62, 22)), Company: c, Owner: who, Version: 1, CreatedAt: s.now(),
	}
	if err := f.fill(p); err != nil {
		return nil, err
	}
	return p, s.store.CreatePortal(ctx, p, MaxPortals)
}

// List gives the portals of the company that are there, for its admin.
func (s *Service) List(ctx context.Context, c company.ID, who account.ID) ([]*Portal, error) {
	if err := s.companies.Manage(ctx, c, who); err != nil {
		return nil, err
	}
	all, err := s.store.Portals(ctx, c)
	return slices.DeleteFunc(all, (*Portal).Deleted), err
}

// Change changes a portal of the company for its admin. Errors are those of Create,
// NotFound "portal_unknown" for another company's too, and Conflict "portal_changed"
// when somebody else changed it meanwhile.
func (s *Service) Change(ctx context.Context, c company.ID, who account.ID, portal ID, f Form) (*Portal, error) {
	return s.update(ctx, c, who, portal, func(p *Portal) error {
		if f.Version != nil && *f.Version != p.Version {
			return fault.New(fault.Conflict, "portal_changed", "the portal was changed by somebody else meanwhile")
		}
		return f.fill(p)
	})
}

// Delete closes a portal of the company for its admin. What came in by it stays.
func (s *Service) Delete(ctx context.Context, c company.ID, who account.ID, portal ID) error {
	_, err := s.update(ctx, c, who, portal, func(p *Portal) error {
		p.DeletedAt = s.now()
		return nil
	})
	return err
}

func (s *Service) update(ctx context.Context, c company.ID, who account.ID, portal ID, change func(*Portal) error) (*Portal, error) {
	if err := s.companies.Manage(ctx, c, who); err != nil {
		return nil, err
	}
	return s.store.UpdatePortal(ctx, portal, func(p *Portal) error {
		if p.Company != c || p.Deleted() {
			return Unknown()
		}
		return change(p)
	})
}

// Open gives a portal to somebody who wants to send to it: NotFound "portal_unknown"
// for one that was deleted too, Conflict "portal_overdue" while its company has not
// paid.
func (s *Service) Open(ctx context.Context, portal ID) (*Portal, error) {
	p, err := s.store.Portal(ctx, portal)
	if err != nil {
		return nil, err
	}
	if p.Deleted() {
		return nil, Unknown()
	}
	overdue, err := s.companies.Overdue(ctx, p.Company)
	if err != nil {
		return nil, err
	}
	if overdue {
		return nil, fault.New(fault.Conflict, "portal_overdue", "this portal is closed until its owner has paid")
	}
	return p, nil
}

// Of gives the portals of a company by their ids, in any state, for one of its people.
func (s *Service) Of(ctx context.Context, c company.ID) (map[ID]*Portal, error) {
	all, err := s.store.Portals(ctx, c)
	if err != nil {
		return nil, err
	}
	by := make(map[ID]*Portal, len(all))
	for _, p := range all {
		by[p.ID] = p
	}
	return by, nil
}

// Name gives what the portal is called, in any state, "" for one that is not there.
func (s *Service) Name(ctx context.Context, portal ID) (string, error) {
	p, err := s.store.Portal(ctx, portal)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return p.Name, nil
}

// Unknown is the answer for a portal that is not there, and for one of another
// company.
func Unknown() error { return fault.New(fault.NotFound, "portal_unknown", "no such portal") }
