package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
)

func (w world) contact(email string) *contact.Contact {
	return &contact.Contact{ID: contact.ID(w.ids.Key()), Owner: w.acc, Name: "Näme", Email: email, Mobile: "+1"}
}

func (w world) addContact(email string) *contact.Contact {
	w.t.Helper()
	c := w.contact(email)
	w.must(w.AddContact(w.ctx, c, contact.MaxContacts))
	return c
}

func (w world) addGroup(name string) *contact.Group {
	w.t.Helper()
	g := &contact.Group{ID: contact.GroupID(w.ids.Key()), Owner: w.acc, Name: name}
	w.must(w.AddContactGroup(w.ctx, g))
	return g
}

// overwrite takes over what the new contact has.
func overwrite(there, c *contact.Contact) bool {
	changed := there.Name != c.Name || there.Mobile != c.Mobile
	there.Name, there.Mobile = c.Name, c.Mobile
	return changed
}

// bookOf gives all that can be seen of a book.
func bookOf(t *testing.T, s contact.Store, owner account.ID) (all []any) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	contacts, err := s.Contacts(t.Context(), owner, "", 1000)
	must(err)
	groups, err := s.ContactGroups(t.Context(), owner, "", 1000)
	must(err)
	in, err := s.GroupsOfContacts(t.Context(), owner, "", "~")
	must(err)
	all = append(all, contacts, groups, in)
	for _, g := range groups {
		members, err := s.ContactGroupMembers(t.Context(), owner, g.ID, "", 1000)
		must(err)
		all = append(all, members)
	}
	return all
}

// counted fails when a counter of a book is not what it counts.
func (w world) counted() {
	w.t.Helper()
	for _, q := range []string{
		`select b.owner from contact_books b where b.contacts <> (select count(*) from contacts c where c.owner = b.owner)
			or b.lists <> (select count(*) from contact_groups g where g.owner = b.owner)
			or b.members <> (select count(*) from contact_members m where m.owner = b.owner)`,
		`select g.id from contact_groups g
			where g.members <> (select count(*) from contact_members m where m.owner = g.owner and m.list = g.id)`,
		`select m.contact from contact_members m
			where not exists (select c.id from contacts c where c.owner = m.owner and c.id = m.contact)
			or not exists (select g.id from contact_groups g where g.owner = m.owner and g.id = m.list)`,
	} {
		w.must(w.query(w.ctx, func(row scan) error {
			var who string
			w.t.Errorf("wrong: %v %s\n%s", row(&who), who, q)
			return nil
		}, q))
	}
}

// Whatever is done to two books, in whatever order, the database answers as a few
// maps do.
func TestBooksAreAsTheModelSays(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		model := &coretest.Model{}
		owners := []account.ID{w.acc, "other"}
		ids, groups := []contact.ID{"none"}, []contact.GroupID{"none"}
		email := func() string { return fmt.Sprintf("%d@example.com", r.IntN(12)) }
		name := func() string { return []string{"A", "a", "Ä", "ä", "Σ", "ς"}[r.IntN(6)] }
		for step := range 400 {
			owner := owners[r.IntN(2)]
			id, group := ids[r.IntN(len(ids))], groups[r.IntN(len(groups))]
			if r.IntN(5) > 0 { // rather what is there
				if all, _ := w.Contacts(w.ctx, owner, "", 100); len(all) > 0 {
					id = all[r.IntN(len(all))].ID
				}
				if all, _ := w.ContactGroups(w.ctx, owner, "", 100); len(all) > 0 {
					group = all[r.IntN(len(all))].ID
				}
			}
			var op string
			var do func(contact.Store) (any, error)
			switch r.IntN(10) {
			case 0, 1:
				c := w.contact(email())
				c.Owner, c.Name = owner, name()
				ids = append(ids, c.ID)
				op, do = "add", func(s contact.Store) (any, error) { return nil, s.AddContact(t.Context(), c, 8) }
			case 2:
				email, name := email(), name()
				op, do = "update", func(s contact.Store) (any, error) {
					return s.UpdateContact(t.Context(), owner, id, func(c *contact.Contact) { c.Email, c.Name = email, name })
				}
			case 3:
				op, do = "delete", func(s contact.Store) (any, error) { return nil, s.DeleteContact(t.Context(), owner, id) }
			case 4:
				var all []*contact.Contact
				for i := range r.IntN(4) {
					c := w.contact(fmt.Sprintf("%d@example.com", 3*i+r.IntN(3)))
					c.Name = name()
					ids = append(ids, c.ID)
					c.Owner = owner
					all = append(all, c)
				}
				op, do = "merge", func(s contact.Store) (any, error) {
					added, updated, err := s.MergeContacts(t.Context(), owner, all, 8, overwrite)
					return []int{added, updated}, err
				}
			case 5:
				g := &contact.Group{ID: contact.GroupID(w.ids.Key()), Owner: owner, Name: name()}
				groups = append(groups, g.ID)
				op, do = "add group", func(s contact.Store) (any, error) { return nil, s.AddContactGroup(t.Context(), g) }
			case 6:
				name := name()
				op, do = "rename group", func(s contact.Store) (any, error) {
					return nil, s.RenameContactGroup(t.Context(), owner, group, name)
				}
			case 7:
				if r.IntN(3) > 0 {
					continue
				}
				op, do = "delete group", func(s contact.Store) (any, error) { return nil, s.DeleteContactGroup(t.Context(), owner, group) }
			case 8:
				op, do = "put in", func(s contact.Store) (any, error) { return nil, s.AddToContactGroup(t.Context(), owner, group, id) }
			case 9:
				op, do = "take out", func(s contact.Store) (any, error) {
					return nil, s.RemoveFromContactGroup(t.Context(), owner, group, id)
				}
			}
			got, gotErr := do(w)
			want, wantErr := do(model)
			if fault.CodeOf(gotErr) != fault.CodeOf(wantErr) || (gotErr == nil) != (wantErr == nil) {
				t.Fatalf("step %d, %s: %v, the model says %v", step, op, gotErr, wantErr)
			}
			if diff := cmp.Diff(want, got); diff != "" && gotErr == nil {
				t.Fatalf("step %d, %s: %s", step, op, diff)
			}
			if diff := cmp.Diff(bookOf(t, model, owner), bookOf(t, w, owner)); diff != "" {
				t.Fatalf("step %d, %s: %s", step, op, diff)
			}
		}
		w.counted()
	})
}

func TestContactsAreFound(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a, b, c := w.addContact("a@example.com"), w.addContact("b@example.com"), w.addContact("c@example.com")
		g := w.addGroup("Straße")
		for _, m := range []*contact.Contact{c, a, b, a} {
			w.must(w.AddToContactGroup(w.ctx, w.acc, g.ID, m.ID))
		}
		got, err := w.Contact(w.ctx, w.acc, a.ID)
		w.must(err)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Error(diff)
		}
		_, err = w.Contact(w.ctx, "other", a.ID)
		w.fails(err, fault.NotFound, "contact_unknown")
		page, err := w.Contacts(w.ctx, w.acc, a.ID, 1)
		w.must(err)
		if diff := cmp.Diff([]*contact.Contact{b}, page); diff != "" {
			t.Error(diff)
		}
		page, err = w.ContactGroupMembers(w.ctx, w.acc, g.ID, a.ID, 10)
		w.must(err)
		if diff := cmp.Diff([]*contact.Contact{b, c}, page); diff != "" {
			t.Error(diff)
		}
		g.Members = 3
		for _, find := range []func() (*contact.Group, error){
			func() (*contact.Group, error) { return w.ContactGroup(w.ctx, w.acc, g.ID) },
			func() (*contact.Group, error) { return w.ContactGroupByName(w.ctx, w.acc, contact.Fold("STRAßE")) },
		} {
			found, err := find()
			w.must(err)
			if diff := cmp.Diff(g, found); diff != "" {
				t.Error(diff)
			}
		}
		_, err = w.ContactGroupByName(w.ctx, "other", contact.Fold("straße"))
		w.fails(err, fault.NotFound, "contact_group_unknown")
		_, err = w.ContactGroup(w.ctx, "other", g.ID)
		w.fails(err, fault.NotFound, "contact_group_unknown")
		w.counted()
	})
}

// Of many who add at once, alone or by files, as many win as there are places.
func TestManyForTheLastPlacesOfABook(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				n := 1
				var err error
				if i%4 == 0 {
					n = 3
					_, _, err = w.MergeContacts(w.ctx, w.acc, []*contact.Contact{
						w.contact(fmt.Sprint(i, "a@x.y")), w.contact(fmt.Sprint(i, "b@x.y")), w.contact(fmt.Sprint(i, "c@x.y")),
					}, 20, overwrite)
				} else {
					err = w.AddContact(w.ctx, w.contact(fmt.Sprint(i, "@x.y")), 20)
				}
				switch {
				case err == nil:
					in.Add(int64(n))
				case !fault.Is(err, "contacts_limit"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := w.Contacts(w.ctx, w.acc, "", 100)
		w.must(err)
		if int64(len(all)) != in.Load() || len(all) > 20 || len(all) < 18 {
			t.Errorf("the book has %d contacts, %d were let in", len(all), in.Load())
		}
		w.counted()
	})
}

func TestManyWithOneAddressAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var in atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				switch err := w.AddContact(w.ctx, w.contact("a@example.com"), 100); {
				case err == nil:
					in.Add(1)
				case fault.KindOf(err) != fault.Conflict || !fault.Is(err, "contact_duplicate"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d were added", in.Load())
		}
		w.counted()
	})
}

// Put into a group by many, and taken out by many, a contact is there once or not.
func TestManyChangeAMembershipAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c, g := w.addContact("a@example.com"), w.addGroup("g")
		for round := range 10 {
			change := []func(context.Context, account.ID, contact.GroupID, contact.ID) error{
				w.AddToContactGroup, w.RemoveFromContactGroup,
			}[round%2]
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					if err := change(w.ctx, w.acc, g.ID, c.ID); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			w.counted()
		}
	})
}

// What takes several queries is merged as one.
func TestALargeMergeIsWholeOrNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		const n = 3*mergedAtOnce + 7
		var all []*contact.Contact
		for i := range n {
			all = append(all, w.contact(fmt.Sprintf("%d@example.com", i)))
			if i%10 == 0 {
				w.addContact(all[i].Email)
			}
			if i%20 == 0 {
				all[i].Name = "New"
			}
		}
		before := bookOf(t, w, w.acc)
		_, _, err := w.MergeContacts(w.ctx, w.acc, all, n-1, overwrite)
		w.fails(err, fault.Conflict, "contacts_limit")
		taken := *all[0]
		taken.Email = "x@example.com"
		taken.ID = before[0].([]*contact.Contact)[0].ID
		if _, _, err = w.MergeContacts(w.ctx, w.acc, append(all, &taken), 2*n, overwrite); !errors.Is(err, errTaken) {
			t.Errorf("an id that is in use: %v", err)
		}
		if diff := cmp.Diff(before, bookOf(t, w, w.acc)); diff != "" {
			t.Fatalf("a merge that failed left %s", diff)
		}
		added, updated, err := w.MergeContacts(w.ctx, w.acc, all, n, overwrite)
		w.must(err)
		if added != n-31 || updated != 16 {
			t.Errorf("%d were added, %d updated", added, updated)
		}
		added, updated, err = w.MergeContacts(w.ctx, w.acc, all, 1, overwrite)
		if added != 0 || updated != 0 || err != nil {
			t.Errorf("once more, in a book that is too full by now: %d, %d, %v", added, updated, err)
		}
		w.counted()
	})
}

func TestABookHasSoManyGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var last *contact.Group
		for i := range contact.MaxGroups {
			last = w.addGroup(fmt.Sprint(i))
		}
		more := &contact.Group{ID: contact.GroupID(w.ids.Key()), Owner: w.acc, Name: "more"}
		w.fails(w.AddContactGroup(w.ctx, more), fault.Conflict, "contact_groups_limit")
		w.must(w.DeleteContactGroup(w.ctx, w.acc, last.ID))
		w.must(w.AddContactGroup(w.ctx, more))

		c := w.addContact("a@example.com")
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`update contact_books set members = $1 where owner = $2`, contact.MaxMemberships-1, w.acc)
			return nil
		}))
		w.must(w.AddToContactGroup(w.ctx, w.acc, more.ID, c.ID))
		w.must(w.AddToContactGroup(w.ctx, w.acc, more.ID, c.ID))
		other := w.addContact("b@example.com")
		w.fails(w.AddToContactGroup(w.ctx, w.acc, more.ID, other.ID), fault.Conflict, "contact_groups_limit")
	})
}

// contactChanges gives one of each change of a book that has something in it.
func (w world) contactChanges() map[string]func() error {
	a, b, c := w.addContact("a@example.com"), w.addContact("b@example.com"), w.addContact("c@example.com")
	g, gone := w.addGroup("g"), w.addGroup("gone")
	for _, in := range []*contact.Contact{a, b, c} {
		w.must(w.AddToContactGroup(w.ctx, w.acc, gone.ID, in.ID))
	}
	w.must(w.AddToContactGroup(w.ctx, w.acc, g.ID, b.ID))
	added := w.contact("d@example.com")
	merged := []*contact.Contact{w.contact("c@example.com"), w.contact("e@example.com")}
	merged[0].Name = "Merged"
	return map[string]func() error{
		"AddContact": func() error { return w.AddContact(w.ctx, added, 1000) },
		"UpdateContact": func() error {
			_, err := w.UpdateContact(w.ctx, w.acc, a.ID, func(c *contact.Contact) { c.Name = "Updated" })
			return err
		},
		"DeleteContact": func() error { return w.DeleteContact(w.ctx, w.acc, b.ID) },
		"MergeContacts": func() error {
			_, _, err := w.MergeContacts(w.ctx, w.acc, merged, 1000, overwrite)
			return err
		},
		"AddContactGroup": func() error {
			return w.AddContactGroup(w.ctx, &contact.Group{ID: "x", Owner: w.acc, Name: "x"})
		},
		"RenameContactGroup":     func() error { return w.RenameContactGroup(w.ctx, w.acc, g.ID, "renamed") },
		"DeleteContactGroup":     func() error { return w.DeleteContactGroup(w.ctx, w.acc, gone.ID) },
		"AddToContactGroup":      func() error { return w.AddToContactGroup(w.ctx, w.acc, g.ID, a.ID) },
		"RemoveFromContactGroup": func() error { return w.RemoveFromContactGroup(w.ctx, w.acc, g.ID, a.ID) },
	}
}

// readBook asks all that can be asked of a book.
func (w world) readBook() {
	_, _ = w.Contact(w.ctx, w.acc, "x")
	_, _ = w.Contacts(w.ctx, w.acc, "", 10)
	_, _ = w.GroupsOfContacts(w.ctx, w.acc, "", "x")
	_, _ = w.ContactGroup(w.ctx, w.acc, "x")
	_, _ = w.ContactGroupByName(w.ctx, w.acc, "x")
	_, _ = w.ContactGroups(w.ctx, w.acc, "", 10)
	_, _ = w.ContactGroupMembers(w.ctx, w.acc, "x", "", 10)
}
