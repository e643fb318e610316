package contact

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// MaxFound is how many results a search gives when it names no smaller number.
const MaxFound = 1000

// A Query asks for contacts and groups.
type Query struct {
	Term    string   // a part of a contact's name or address, or of a group's name, in any case
	Exclude []string // addresses and names of groups that are not wanted
	Limit   int      // of results; 0: MaxFound, which holds in any case
}

// A Found is a contact or a group that a search gives.
type Found struct {
	Name    string
	Email   string // empty for a group
	IsGroup bool
	Members int // of a group
}

// Search gives what matches the query, in the order of names without regard to
// case, then of addresses. Invalid "term_required" without a term.
//
// It reads the whole book of the owner, which is bounded, and no other's.
func (s *Service) Search(ctx context.Context, owner account.ID, q Query) ([]Found, error) {
	if q.Term == "" {
		return nil, refusal(&fault.Field{Name: "term", Code: "term_required", Msg: "must not be empty"})
	}
	best := firsts{most: MaxFound}
	if q.Limit > 0 {
		best.most = min(q.Limit, MaxFound)
	}
	term, exclude := Fold(q.Term), map[string]bool{}
	for _, e := range q.Exclude {
		exclude[Fold(strings.TrimSpace(e))] = true
	}
	err := pages(func(after GroupID) ([]*Group, error) { return s.store.ContactGroups(ctx, owner, after, page) },
		func(g *Group) GroupID { return g.ID },
		func(g *Group) error {
			if name := Fold(g.Name); strings.Contains(name, term) && !exclude[name] {
				best.add(name, Found{Name: g.Name, IsGroup: true, Members: g.Members})
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = s.each(ctx, owner, func(c *Contact) error {
		name, email := Fold(c.Name), Fold(c.Email)
		if (strings.Contains(name, term) || strings.Contains(email, term)) && !exclude[email] {
			best.add(name, Found{Name: c.Name, Email: c.Email})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return best.sorted(), nil
}

// firsts keeps the first of what it is given, in twice their room.
type firsts struct {
	most int
	all  []named
}

type named struct {
	folded string
	Found
}

func (f *firsts) add(folded string, one Found) {
	f.all = append(f.all, named{folded, one})
	if len(f.all) >= 2*f.most {
		f.cut()
	}
}

func (f *firsts) cut() {
	slices.SortFunc(f.all, func(a, b named) int {
		return cmp.Or(strings.Compare(a.folded, b.folded), strings.Compare(a.Email, b.Email))
	})
	f.all = f.all[:min(len(f.all), f.most)]
}

func (f *firsts) sorted() []Found {
	f.cut()
	found := make([]Found, len(f.all))
	for i, n := range f.all {
		found[i] = n.Found
	}
	return found
}
