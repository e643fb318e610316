package db

import (
	"context"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
)

// Every change of a book begins with its row in contact_books, which PostgreSQL
// locks until the change is committed: the changes of one book come one after the
// other, and its counters are right.

const (
	selectContact = `select c.owner, c.id, c.name, c.email, c.mobile from contacts c where c.owner = $1`
	selectGroup   = `select g.owner, g.id, g.name, g.members from contact_groups g where g.owner = $1`
)

func contactDest(c *contact.Contact) []any {
	return []any{&c.Owner, &c.ID, &c.Name, &c.Email, &c.Mobile}
}

func groupDest(g *contact.Group) []any { return []any{&g.Owner, &g.ID, &g.Name, &g.Members} }

// lockBook keeps others from changing the book. Unknown is the error when there is
// none, so that nothing can be in it.
func lockBook(t tx, owner account.ID, unknown error) error {
	return find(t, unknown, func(row scan) error { return nil },
		`select owner from contact_books where owner = $1`+t.lock(" for update"), owner)
}

// openBook makes the book unless it is there. The change that follows locks it.
func openBook(t tx, owner account.ID) {
	t.exec(`
		insert into contact_books (owner, contacts, lists, members) values ($1, 0, 0, 0)
		on conflict (owner) do nothing`, owner)
}

// countContacts counts n contacts more, as far as the limit allows.
func countContacts(t tx, owner account.ID, n, limit int) {
	t.must(contact.LimitReached(limit), `
		update contact_books set contacts = contacts + $1 where owner = $2 and contacts + $1 <= $3`, n, owner, limit)
}

func insertContact(t tx, owner account.ID, c *contact.Contact) {
	t.exec(`insert into contacts (owner, id, name, email, mobile) values ($1, $2, $3, $4, $5)`,
		owner, c.ID, c.Name, c.Email, c.Mobile)
}

func updateContact(t tx, c *contact.Contact) {
	t.exec(`update contacts set name = $1, email = $2, mobile = $3 where owner = $4 and id = $5`,
		c.Name, c.Email, c.Mobile, c.Owner, c.ID)
}

// AddContact implements contact.Store.
func (d *DB) AddContact(ctx context.Context, c *contact.Contact, limit int) error {
	err := d.write(ctx, func(t tx) error {
		openBook(t, c.Owner)
		countContacts(t, c.Owner, 1, limit)
		insertContact(t, c.Owner, c)
		return nil
	})
	return taken(err, contact.Duplicate())
}

// UpdateContact implements contact.Store.
func (d *DB) UpdateContact(
	ctx context.Context, owner account.ID, id contact.ID, change func(*contact.Contact),
) (c *contact.Contact, err error) {
	err = d.write(ctx, func(t tx) error {
		if err := lockBook(t, owner, contact.Unknown()); err != nil {
			return err
		}
		c = new(contact.Contact)
		if err := findContact(t, owner, id, c); err != nil {
			return err
		}
		before := *c
		change(c)
		if c.Name != before.Name || c.Email != before.Email || c.Mobile != before.Mobile {
			updateContact(t, c)
		}
		return nil
	})
	if err != nil {
		return nil, taken(err, contact.Duplicate())
	}
	return c, nil
}

func findContact(t tx, owner account.ID, id contact.ID, c *contact.Contact) error {
	return find(t, contact.Unknown(), func(row scan) error { return row(contactDest(c)...) },
		selectContact+` and c.id = $2`, owner, id)
}

// DeleteContact implements contact.Store.
func (d *DB) DeleteContact(ctx context.Context, owner account.ID, id contact.ID) error {
	return d.write(ctx, func(t tx) error {
		if err := lockBook(t, owner, contact.Unknown()); err != nil {
			return err
		}
		var in []contact.GroupID
		err := t.query(func(row scan) error {
			in = append(in, "")
			return row(&in[len(in)-1])
		}, `select list from contact_members where owner = $1 and contact = $2`, owner, id)
		if err != nil {
			return err
		}
		t.must(contact.Unknown(), `delete from contacts where owner = $1 and id = $2`, owner, id)
		for _, g := range in {
			deleteMember(t, owner, g, id)
		}
		t.exec(`update contact_books set contacts = contacts - 1 where owner = $1`, owner)
		return nil
	})
}

// mergedAtOnce is how many contacts of a merge are looked up by one query. They are
// written before the next are, so that what waits to be sent stays small.
const mergedAtOnce = 100

// MergeContacts implements contact.Store. It goes through the addresses in their
// order, and so reads the book at most once. A list of addresses to look up would be
// less to read, but PostgreSQL, which knows nothing yet of a table that was just
// filled, then reads the whole book for each list.
func (d *DB) MergeContacts(
	ctx context.Context, owner account.ID, all []*contact.Contact, limit int, merge func(there, c *contact.Contact) bool,
) (added, updated int, err error) {
	if len(all) == 0 {
		return 0, 0, nil
	}
	all = slices.SortedFunc(slices.Values(all), func(a, b *contact.Contact) int { return strings.Compare(a.Email, b.Email) })
	err = d.write(ctx, func(t tx) error {
		added, updated = 0, 0
		openBook(t, owner)
		if err := lockBook(t, owner, contact.Unknown()); err != nil {
			return err
		}
		for some := range slices.Chunk(all, mergedAtOnce) {
			there, err := findByEmail(t, owner, some)
			if err != nil {
				return err
			}
			for _, c := range some {
				old := there[c.Email]
				switch {
				case old == nil:
					insertContact(t, owner, c)
					added++
				case merge(old, c):
					updateContact(t, old)
					updated++
				}
			}
		}
		if added > 0 {
			countContacts(t, owner, added, limit)
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return added, updated, nil
}

// findByEmail gives the contacts of the book that have the addresses of some, which
// are sorted by them.
func findByEmail(t tx, owner account.ID, some []*contact.Contact) (map[string]*contact.Contact, error) {
	wanted := map[string]bool{}
	for _, c := range some {
		wanted[c.Email] = true
	}
	there := map[string]*contact.Contact{}
	err := t.query(func(row scan) error {
		var c contact.Contact
		err := row(contactDest(&c)...)
		if wanted[c.Email] {
			there[c.Email] = &c
		}
		return err
	}, selectContact+` and c.email >= $2 and c.email <= $3 order by c.email`, owner, some[0].Email, some[len(some)-1].Email)
	return there, err
}

// Contact implements contact.Store.
func (d *DB) Contact(ctx context.Context, owner account.ID, id contact.ID) (*contact.Contact, error) {
	var c contact.Contact
	err := d.find(ctx, contact.Unknown(), func(row scan) error { return row(contactDest(&c)...) },
		selectContact+` and c.id = $2`, owner, id)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// Contacts implements contact.Store.
func (d *DB) Contacts(ctx context.Context, owner account.ID, after contact.ID, n int) ([]*contact.Contact, error) {
	return d.contacts(ctx, selectContact+` and c.id > $2 order by c.id limit $3 + 0`, owner, after, n)
}

func (d *DB) contacts(ctx context.Context, sql string, args ...any) (all []*contact.Contact, err error) {
	err = d.query(ctx, func(row scan) error {
		c := new(contact.Contact)
		all = append(all, c)
		return row(contactDest(c)...)
	}, sql, args...)
	return all, err
}

// GroupsOfContacts implements contact.Store.
func (d *DB) GroupsOfContacts(
	ctx context.Context, owner account.ID, first, last contact.ID,
) (map[contact.ID][]contact.Group, error) {
	all := map[contact.ID][]contact.Group{}
	err := d.query(ctx, func(row scan) error {
		var in contact.ID
		var g contact.Group
		err := row(append(groupDest(&g), &in)...)
		all[in] = append(all[in], g)
		return err
	}, `
		select g.owner, g.id, g.name, g.members, m.contact from contact_members m
		join contact_groups g on g.owner = m.owner and g.id = m.list
		where m.owner = $1 and m.contact >= $2 and m.contact <= $3
		order by m.contact, m.list`, owner, first, last)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// AddContactGroup implements contact.Store.
func (d *DB) AddContactGroup(ctx context.Context, g *contact.Group) error {
	err := d.write(ctx, func(t tx) error {
		openBook(t, g.Owner)
		t.must(contact.GroupLimitReached(), `
			update contact_books set lists = lists + 1 where owner = $1 and lists < $2`, g.Owner, contact.MaxGroups)
		t.exec(`insert into contact_groups (owner, id, name, folded, members) values ($1, $2, $3, $4, 0)`,
			g.Owner, g.ID, g.Name, contact.Fold(g.Name))
		return nil
	})
	return taken(err, contact.GroupDuplicate())
}

// RenameContactGroup implements contact.Store.
func (d *DB) RenameContactGroup(ctx context.Context, owner account.ID, id contact.GroupID, name string) error {
	err := d.write(ctx, func(t tx) error {
		if err := lockBook(t, owner, contact.GroupUnknown()); err != nil {
			return err
		}
		t.must(contact.GroupUnknown(), `
			update contact_groups set name = $1, folded = $2 where owner = $3 and id = $4`, name, contact.Fold(name), owner, id)
		return nil
	})
	return taken(err, contact.GroupDuplicate())
}

// DeleteContactGroup implements contact.Store.
func (d *DB) DeleteContactGroup(ctx context.Context, owner account.ID, id contact.GroupID) error {
	return d.write(ctx, func(t tx) error {
		if err := lockBook(t, owner, contact.GroupUnknown()); err != nil {
			return err
		}
		var g contact.Group
		if err := findGroup(t, owner, id, &g); err != nil {
			return err
		}
		t.exec(`delete from contact_members where owner = $1 and list = $2`, owner, id)
		t.exec(`delete from contact_groups where owner = $1 and id = $2`, owner, id)
		t.exec(`update contact_books set lists = lists - 1, members = members - $1 where owner = $2`, g.Members, owner)
		return nil
	})
}

func findGroup(t tx, owner account.ID, id contact.GroupID, g *contact.Group) error {
	return find(t, contact.GroupUnknown(), func(row scan) error { return row(groupDest(g)...) },
		selectGroup+` and g.id = $2`, owner, id)
}

// ContactGroup implements contact.Store.
func (d *DB) ContactGroup(ctx context.Context, owner account.ID, id contact.GroupID) (*contact.Group, error) {
	return d.contactGroup(ctx, selectGroup+` and g.id = $2`, owner, id)
}

// ContactGroupByName implements contact.Store.
func (d *DB) ContactGroupByName(ctx context.Context, owner account.ID, folded string) (*contact.Group, error) {
	return d.contactGroup(ctx, selectGroup+` and g.folded = $2`, owner, folded)
}

func (d *DB) contactGroup(ctx context.Context, sql string, args ...any) (*contact.Group, error) {
	var g contact.Group
	err := d.find(ctx, contact.GroupUnknown(), func(row scan) error { return row(groupDest(&g)...) }, sql, args...)
	if err != nil {
		return nil, err
	}
	return &g, nil
}

// ContactGroups implements contact.Store.
func (d *DB) ContactGroups(
	ctx context.Context, owner account.ID, after contact.GroupID, n int,
) (all []*contact.Group, err error) {
	err = d.query(ctx, func(row scan) error {
		g := new(contact.Group)
		all = append(all, g)
		return row(groupDest(g)...)
	}, selectGroup+` and g.id > $2 order by g.id limit $3 + 0`, owner, after, n)
	return all, err
}

// AddToContactGroup implements contact.Store.
func (d *DB) AddToContactGroup(ctx context.Context, owner account.ID, group contact.GroupID, id contact.ID) error {
	return d.changeMember(ctx, owner, group, id, func(t tx, member bool) {
		if member {
			return
		}
		t.must(contact.MembershipsReached(), `
			update contact_books set members = members + 1 where owner = $1 and members < $2`, owner, contact.MaxMemberships)
		t.exec(`insert into contact_members (owner, list, contact) values ($1, $2, $3)`, owner, group, id)
		t.exec(`update contact_groups set members = members + 1 where owner = $1 and id = $2`, owner, group)
	})
}

// RemoveFromContactGroup implements contact.Store.
func (d *DB) RemoveFromContactGroup(ctx context.Context, owner account.ID, group contact.GroupID, id contact.ID) error {
	return d.changeMember(ctx, owner, group, id, func(t tx, member bool) {
		if member {
			deleteMember(t, owner, group, id)
		}
	})
}

// changeMember runs change on a contact and a group that are both there.
func (d *DB) changeMember(
	ctx context.Context, owner account.ID, group contact.GroupID, id contact.ID, change func(t tx, member bool),
) error {
	return d.write(ctx, func(t tx) error {
		if err := lockBook(t, owner, contact.Unknown()); err != nil {
			return err
		}
		if err := findContact(t, owner, id, new(contact.Contact)); err != nil {
			return err
		}
		if err := findGroup(t, owner, group, new(contact.Group)); err != nil {
			return err
		}
		member := false
		err := t.query(func(scan) error {
			member = true
			return nil
		}, `select contact from contact_members where owner = $1 and list = $2 and contact = $3`, owner, group, id)
		if err != nil {
			return err
		}
		change(t, member)
		return nil
	})
}

// deleteMember takes a contact that is in the group out of it. The book is locked.
func deleteMember(t tx, owner account.ID, group contact.GroupID, id contact.ID) {
	t.exec(`delete from contact_members where owner = $1 and list = $2 and contact = $3`, owner, group, id)
	t.exec(`update contact_groups set members = members - 1 where owner = $1 and id = $2`, owner, group)
	t.exec(`update contact_books set members = members - 1 where owner = $1`, owner)
}

// ContactGroupMembers implements contact.Store.
func (d *DB) ContactGroupMembers(
	ctx context.Context, owner account.ID, group contact.GroupID, after contact.ID, n int,
) ([]*contact.Contact, error) {
	return d.contacts(ctx, `
		select c.owner, c.id, c.name, c.email, c.mobile from contact_members m
		join contacts c on c.owner = m.owner and c.id = m.contact
		where m.owner = $1 and m.list = $2 and m.contact > $3
		order by m.contact limit $4 + 0`, owner, group, after, n)
}
