package contact_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

const alice, bob = account.ID("alice"), account.ID("bob")

type world struct {
	*contact.Service
	t   *testing.T
	ctx context.Context
}

func newWorld(t *testing.T) world {
	ids := id.NewSource(func() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) })
	return world{contact.NewService(&coretest.Model{}, ids), t, t.Context()}
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w world) fails(err error, kind fault.Kind, code string) {
	w.t.Helper()
	if fault.KindOf(err) != kind || !fault.Is(err, code) {
		w.t.Errorf("got %v, want %v (%s)", err, kind, code)
	}
}

func (w world) add(owner account.ID, name, email string) *contact.Contact {
	w.t.Helper()
	c, err := w.Add(w.ctx, owner, contact.Draft{Name: name, Email: email}, 0)
	w.must(err)
	return c
}

func (w world) group(owner account.ID, name string, members ...*contact.Contact) *contact.Group {
	w.t.Helper()
	g, err := w.AddGroup(w.ctx, owner, name)
	w.must(err)
	for _, c := range members {
		w.must(w.AddToGroup(w.ctx, owner, g.ID, c.ID))
	}
	return g
}

func TestWhatAContactMayBe(t *testing.T) {
	for _, tt := range []struct {
		name  string
		draft contact.Draft
		want  contact.Draft
		bad   string // the fields
	}{
		{"an address is enough", contact.Draft{Email: "a@example.com"}, contact.Draft{Email: "a@example.com"}, ""},
		{
			"white space is taken off, addresses are lower case",
			contact.Draft{" Zoë   B ", " A@Example.COM ", " +1 2 "},
			contact.Draft{"Zoë B", "a@example.com", "+1 2"},
			"",
		},
		{"the longest name", contact.Draft{Name: strings.Repeat("ü", 200), Email: "a@b.c"}, contact.Draft{Name: strings.Repeat("ü", 200), Email: "a@b.c"}, ""},
		{"no address", contact.Draft{Name: "a"}, contact.Draft{}, "email"},
		{"an address with a name", contact.Draft{Email: "A <a@b.c>"}, contact.Draft{}, "email"},
		{"a second header", contact.Draft{Name: "a\r\nBcc: x@y.z", Email: "a@b.c"}, contact.Draft{}, "name"},
		{"all at once", contact.Draft{strings.Repeat("x", 201), "@", "\x00"}, contact.Draft{}, "name email mobile"},
		{"no UTF-8", contact.Draft{"\xff", "a@b.c", "\xff"}, contact.Draft{}, "name mobile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c, err := w.Add(w.ctx, alice, tt.draft, 0)
			if got := fields(err); got != tt.bad {
				t.Fatalf("bad fields are %q, want %q", got, tt.bad)
			}
			if err == nil && (contact.Draft{Name: c.Name, Email: c.Email, Mobile: c.Mobile}) != tt.want {
				t.Errorf("got %+v, want %+v", c, tt.want)
			}
		})
	}
}

func fields(err error) string {
	var names []string
	if e, ok := err.(*fault.Error); ok {
		for _, f := range e.Fields {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestABookHoldsWhatItsPlanAllows(t *testing.T) {
	w := newWorld(t)
	w.add(alice, "", "1@example.com")
	add := func(owner account.ID, email string) error {
		_, err := w.Add(w.ctx, owner, contact.Draft{Email: email}, 2)
		return err
	}
	w.fails(add(alice, "1@EXAMPLE.com"), fault.Conflict, "contact_duplicate")
	w.must(add(alice, "2@example.com"))
	w.fails(add(alice, "3@example.com"), fault.Conflict, "contacts_limit")
	w.must(add(bob, "1@example.com"))
}

func TestAChangeLeavesWhatItDoesNotName(t *testing.T) {
	w := newWorld(t)
	c, err := w.Add(w.ctx, alice, contact.Draft{"A", "a@example.com", "1"}, 0)
	w.must(err)
	w.add(alice, "B", "b@example.com")
	name, email, empty, taken := " New ", "NEW@example.com", "", "b@example.com"
	got, err := w.Update(w.ctx, alice, c.ID, contact.Change{Name: &name})
	w.must(err)
	if got.Name != "New" || got.Email != "a@example.com" || got.Mobile != "1" {
		t.Errorf("after the name: %+v", got)
	}
	got, err = w.Update(w.ctx, alice, c.ID, contact.Change{Email: &email, Mobile: &empty})
	w.must(err)
	if got.Name != "New" || got.Email != "new@example.com" || got.Mobile != "" {
		t.Errorf("after the rest: %+v", got)
	}
	_, err = w.Update(w.ctx, alice, c.ID, contact.Change{Email: &taken})
	w.fails(err, fault.Conflict, "contact_duplicate")
	_, err = w.Update(w.ctx, alice, c.ID, contact.Change{Email: &empty})
	w.fails(err, fault.Invalid, "email_invalid")
	if name != " New " {
		t.Error("the caller's value was changed")
	}
}

// Every call that names a contact or a group answers a stranger as if it were not
// there, and so it does for names that no contact can have.
func TestForeignIsMissing(t *testing.T) {
	w := newWorld(t)
	c := w.add(alice, "A", "a@example.com")
	g := w.group(alice, "Friends", c)
	own := w.add(bob, "B", "b@example.com")
	ownGroup := w.group(bob, "Others")
	const unknown, groupUnknown = "contact_unknown", "contact_group_unknown"
	name := "x"
	for _, ids := range []struct {
		contact contact.ID
		group   contact.GroupID
	}{
		{c.ID, g.ID},
		{contact.ID(strings.Repeat("0", id.KeyLen)), contact.GroupID(strings.Repeat("0", id.KeyLen))},
		{"\x00", "\xff"},
	} {
		_, err := w.Contact(w.ctx, bob, ids.contact)
		w.fails(err, fault.NotFound, unknown)
		_, err = w.Update(w.ctx, bob, ids.contact, contact.Change{Name: &name})
		w.fails(err, fault.NotFound, unknown)
		w.fails(w.Delete(w.ctx, bob, ids.contact), fault.NotFound, unknown)
		w.fails(w.AddToGroup(w.ctx, bob, ownGroup.ID, ids.contact), fault.NotFound, unknown)
		w.fails(w.RemoveFromGroup(w.ctx, bob, ownGroup.ID, ids.contact), fault.NotFound, unknown)
		w.fails(w.AddToGroup(w.ctx, bob, ids.group, own.ID), fault.NotFound, groupUnknown)
		w.fails(w.RemoveFromGroup(w.ctx, bob, ids.group, own.ID), fault.NotFound, groupUnknown)
		w.fails(w.RenameGroup(w.ctx, bob, ids.group, name), fault.NotFound, groupUnknown)
		_, err = w.Group(w.ctx, bob, ids.group)
		w.fails(err, fault.NotFound, groupUnknown)
		w.fails(w.DeleteGroup(w.ctx, bob, ids.group), fault.NotFound, groupUnknown)
		_, err = w.Members(w.ctx, bob, ids.group, "", 10)
		w.fails(err, fault.NotFound, groupUnknown)
	}
	_, err := w.GroupByName(w.ctx, bob, "Friends")
	w.fails(err, fault.NotFound, groupUnknown)
	_, err = w.Expand(w.ctx, bob, []string{"Friends"})
	w.fails(err, fault.Invalid, "email_invalid")
	found, err := w.Search(w.ctx, bob, contact.Query{Term: "a@"})
	w.must(err)
	if len(found) > 0 {
		t.Errorf("a stranger finds %+v", found)
	}
}

func TestListsArePagedAndTellTheGroups(t *testing.T) {
	w := newWorld(t)
	var all []*contact.Contact
	for i := range 5 {
		all = append(all, w.add(alice, "", fmt.Sprintf("%d@example.com", 5-i)))
	}
	w.group(alice, "Z", all[0], all[3])
	w.group(alice, "A", all[3])
	var got []string
	for after := contact.ID(""); ; {
		page, err := w.List(w.ctx, alice, after, 2)
		w.must(err)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			line := c.Email
			for _, g := range c.Groups {
				line += fmt.Sprint(" ", g.Name, g.Members)
			}
			got = append(got, line)
			after = c.ID
		}
	}
	want := []string{"5@example.com Z2", "4@example.com", "3@example.com", "2@example.com Z2 A1", "1@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	one, err := w.Contact(w.ctx, alice, all[3].ID)
	w.must(err)
	if len(one.Groups) != 2 || one.Groups[0].Name != "Z" {
		t.Errorf("its groups are %+v", one.Groups)
	}
	groups, err := w.Groups(w.ctx, alice, "", 1)
	w.must(err)
	rest, err := w.Groups(w.ctx, alice, groups[0].ID, 10)
	w.must(err)
	if len(rest) != 1 || rest[0].Name != "A" {
		t.Errorf("the second page of groups is %+v", rest)
	}
}

func TestWhatAGroupMayBeCalled(t *testing.T) {
	w := newWorld(t)
	w.group(alice, "Straße ΣΊΓΜΑΣ")
	for _, tt := range []struct {
		name, group, code string
	}{
		{"the same in another case", "STRAßE σίγμας", "contact_group_duplicate"},
		{"nothing", "  ", "name_invalid"},
		{"an address", "a@example.com", "name_invalid"},
		{"two lines", "a\nb", "name_invalid"},
		{"a hundred characters", strings.Repeat("ö", 100), ""},
		{"one more", strings.Repeat("ö", 101), "name_invalid"},
		{"a list, as an address book has it", "Smith, John", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.AddGroup(w.ctx, alice, tt.group)
			if fault.CodeOf(err) != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
	g := w.group(alice, "Other")
	w.must(w.RenameGroup(w.ctx, alice, g.ID, "OTHER"))
	if got, err := w.Group(w.ctx, alice, g.ID); err != nil || got.Name != "OTHER" {
		t.Errorf("%+v, %v", got, err)
	}
	w.fails(w.RenameGroup(w.ctx, alice, g.ID, "smith, john"), fault.Conflict, "contact_group_duplicate")
	w.fails(w.RenameGroup(w.ctx, alice, g.ID, ""), fault.Invalid, "name_invalid")
}

func TestAddressesAndGroupsBecomeAddresses(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.add(alice, "", "a@example.com"), w.add(alice, "", "b@example.com"), w.add(alice, "", "c@example.com")
	w.group(alice, "Friends", c, a)
	w.group(alice, "Work", b, a)
	w.group(alice, "Nobody")
	for _, tt := range []struct {
		name    string
		entries []string
		want    string
	}{
		{"addresses stay as they are, in lower case", []string{"X@example.com", " y@example.com "}, "x@example.com y@example.com"},
		{"a group in any case", []string{"fRIENDS"}, "a@example.com c@example.com"},
		{
			"each once, at its first place",
			[]string{"c@example.com", "Work", "Friends", "work", "c@example.com"},
			"c@example.com a@example.com b@example.com",
		},
		{"an empty group gives none", []string{"Nobody", "", " "}, ""},
		{"nothing", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := w.Expand(w.ctx, alice, tt.entries)
			w.must(err)
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	_, err := w.Expand(w.ctx, alice, []string{"a@example.com", "enemies", "b@", "Friends"})
	w.fails(err, fault.Invalid, "email_invalid")
	if got := fields(err); got != "to to" {
		t.Errorf("the bad fields are %q", got)
	}
	_, err = w.Expand(w.ctx, "", []string{"Friends"})
	w.fails(err, fault.Invalid, "email_invalid")
	_, err = w.Expand(w.ctx, alice, make([]string, contact.MaxExpanded+1))
	w.fails(err, fault.Conflict, "too_many_recipients")
}

func TestALargeGroupIsExpandedWholeOrNot(t *testing.T) {
	w := newWorld(t)
	g := w.group(alice, "All")
	for i := range 2345 { // more than two pages
		c := w.add(alice, "", fmt.Sprintf("%d@example.com", i))
		w.must(w.AddToGroup(w.ctx, alice, g.ID, c.ID))
	}
	got, err := w.Expand(w.ctx, alice, []string{"all"})
	w.must(err)
	if len(got) != 2345 || got[2344] != "2344@example.com" {
		t.Errorf("got %d addresses", len(got))
	}
	var more []string
	for i := range contact.MaxExpanded - 2344 {
		more = append(more, fmt.Sprintf("x%d@example.com", i))
	}
	_, err = w.Expand(w.ctx, alice, append(more, "all"))
	w.fails(err, fault.Conflict, "too_many_recipients")
	_, err = w.Expand(w.ctx, alice, append(more[1:], "all"))
	w.must(err)
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	a := w.add(alice, "Zoë Ärger", "zoe@example.com")
	b := w.add(alice, "bob", "b2@example.com")
	w.add(alice, "Bob", "b1@example.com")
	w.add(alice, "", "nameless@example.org")
	w.group(alice, "Bobsleigh", a, b)
	w.group(alice, "Ärzte")
	show := func(all []contact.Found) string {
		var out []string
		for _, f := range all {
			switch {
			case f.IsGroup:
				out = append(out, fmt.Sprintf("%s(%d)", f.Name, f.Members))
			default:
				out = append(out, f.Name+"<"+f.Email+">")
			}
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		name string
		q    contact.Query
		want string
	}{
		{
			"by a part of the name in any case, sorted by name, then address",
			contact.Query{Term: "BOB"},
			"Bob<b1@example.com> bob<b2@example.com> Bobsleigh(2)",
		},
		{"beyond ASCII", contact.Query{Term: "är"}, "Zoë Ärger<zoe@example.com> Ärzte(0)"},
		{"by a part of the address", contact.Query{Term: "@EXAMPLE.org"}, "<nameless@example.org>"},
		{"not as a pattern", contact.Query{Term: "b%b"}, ""},
		{"without what is excluded", contact.Query{Term: "bob", Exclude: []string{"B1@example.com", " bobSLEIGH "}}, "bob<b2@example.com>"},
		{"only the first", contact.Query{Term: "bob", Limit: 1}, "Bob<b1@example.com>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := w.Search(w.ctx, alice, tt.q)
			w.must(err)
			if show(got) != tt.want {
				t.Errorf("got %s, want %s", show(got), tt.want)
			}
		})
	}
	_, err := w.Search(w.ctx, alice, contact.Query{})
	w.fails(err, fault.Invalid, "term_required")
}

// The best of many are found wherever in the book they are.
func TestASearchReadsTheWholeBook(t *testing.T) {
	w := newWorld(t)
	for i := range 2500 {
		w.add(alice, fmt.Sprintf("Name %04d", 2499-i), fmt.Sprintf("%d@example.com", i))
	}
	got, err := w.Search(w.ctx, alice, contact.Query{Term: "name", Limit: 3})
	w.must(err)
	var names []string
	for _, f := range got {
		names = append(names, f.Name)
	}
	if want := []string{"Name 0000", "Name 0001", "Name 0002"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	got, err = w.Search(w.ctx, alice, contact.Query{Term: "name"})
	w.must(err)
	if len(got) != contact.MaxFound || got[999].Name != "Name 0999" {
		t.Errorf("%d are found", len(got))
	}
}
