// Package plan is what accounts may do: a table of plans that the operator edits,
// each a set of limits.
//
// It owns what limits there are and which plan a new account gets. Whether a
// limit is passed is asked where the thing is counted (transfers, contacts,
// keys). Start at Plan.
package plan

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// An ID names a plan: a word of the operator's, such as "pro". Empty is none.
type ID string

// A Plan is a set of limits. In all of them 0 is no limit.
type Plan struct {
	ID   ID
	Name string

	TransferBytes int64 // of one transfer
	Days          int   // that a transfer is kept
	Storage       int64 // bytes of all that is kept
	Recipients    int   // of one transfer
	Daily         int   // transfers a day
	Downloads     int   // of one transfer
	Contacts      int   // in the address book
	Users         int   // of a company
	Calls         int   // a day, of each API key

	Grace time.Duration // an account goes on this long after its paid time

	Permanent bool // transfers may be kept for good
	API       bool // API keys work
	Company   bool // a company's admins may manage its people

	Accounts, Companies int // that have it; kept by the store
	ForNew              bool
	ForSignUp           bool
}

// None is the plan of an account that has none: everything, without limits.
func None() *Plan { return &Plan{Name: "No limits", Permanent: true, API: true, Company: true} }

// A Use is what a plan is the default for.
type Use int

const (
	New    Use = iota // accounts that the operator makes
	SignUp            // accounts that strangers make for themselves
)

// A Store keeps plans.
type Store interface {
	// Plan finds by id: NotFound "plan_unknown".
	Plan(ctx context.Context, id ID) (*Plan, error)
	// Plans gives up to n plans whose ids are greater than after, in their order.
	Plans(ctx context.Context, after ID, n int) ([]*Plan, error)

	// UpdatePlan loads the plan, or, when there is none, one that has nothing but
	// its id; runs change on it, and saves the limits and the name. If change
	// fails, so does UpdatePlan, and nothing is saved.
	UpdatePlan(ctx context.Context, id ID, change func(*Plan) error) (*Plan, error)
	// SetDefaultPlan makes the plan that of the use: NotFound "plan_unknown".
	SetDefaultPlan(ctx context.Context, id ID, u Use) error
	// DeletePlan removes a plan by one conditional change: Conflict
	// "plan_in_use" while an account or a company has it or it is a default,
	// NotFound "plan_unknown".
	DeletePlan(ctx context.Context, id ID) error
}

// A Service knows the plans.
type Service struct{ store Store }

// NewService makes a Service.
func NewService(s Store) *Service { return &Service{s} }

// Get finds a plan: None for the empty id, else NotFound "plan_unknown".
func (s *Service) Get(ctx context.Context, id ID) (*Plan, error) {
	if id == "" {
		return None(), nil
	}
	return s.store.Plan(ctx, id)
}

// List gives all plans, the smallest first.
func (s *Service) List(ctx context.Context) ([]*Plan, error) {
	const page = 100
	var all []*Plan
	for after := ID(""); ; after = all[len(all)-1].ID {
		some, err := s.store.Plans(ctx, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b *Plan) int {
		return cmp.Or(
			cmp.Compare(orEndless(a.TransferBytes), orEndless(b.TransferBytes)),
			cmp.Compare(orEndless(int64(a.Days)), orEndless(int64(b.Days))),
			cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

func orEndless(n int64) int64 {
	if n == 0 {
		return math.MaxInt64
	}
	return n
}

// Update changes a plan, or makes one when there is none of this id. Invalid with
// Fields for what no plan can have.
func (s *Service) Update(ctx context.Context, id ID, change func(*Plan)) (*Plan, error) {
	if !isWord(id) {
		return nil, fault.New(fault.Invalid, "plan_id", "a plan's id is a word of at most 40 lower-case letters, digits and dashes")
	}
	return s.store.UpdatePlan(ctx, id, func(p *Plan) error {
		change(p)
		p.Name = cmp.Or(strings.TrimSpace(p.Name), string(id))
		return p.check()
	})
}

func isWord(id ID) bool {
	return id != "" && id != "none" && len(id) <= 40 && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (p *Plan) check() error {
	var bad []fault.Field
	if len(p.Name) > 100 || strings.ContainsRune(p.Name, 0) {
		bad = append(bad, fault.Field{Name: "name", Code: "name_invalid", Msg: "must have at most 100 characters"})
	}
	for _, limit := range []struct {
		name string
		n    int64
	}{
		{"transfer bytes", p.TransferBytes},
		{"days", int64(p.Days)},
		{"storage", p.Storage},
		{"recipients", int64(p.Recipients)},
		{"daily", int64(p.Daily)},
		{"downloads", int64(p.Downloads)},
		{"contacts", int64(p.Contacts)},
		{"users", int64(p.Users)},
		{"calls", int64(p.Calls)},
		{"grace", int64(p.Grace)},
	} {
		if limit.n < 0 {
			bad = append(bad, fault.Field{Name: limit.name, Code: "limit_negative", Msg: "cannot be negative"})
		}
	}
	return fault.Wrong(bad)
}

// Delete removes a plan that nobody has: Conflict "plan_in_use".
func (s *Service) Delete(ctx context.Context, id ID) error { return s.store.DeletePlan(ctx, id) }

// SetDefault makes the plan that of new accounts.
func (s *Service) SetDefault(ctx context.Context, id ID, u Use) error {
	return s.store.SetDefaultPlan(ctx, id, u)
}
