package coretest

import (
	"context"
	"maps"
	"slices"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
)

// A book is an account's contacts and groups.
type book struct {
	contacts map[contact.ID]contact.Contact
	groups   map[contact.GroupID]*bookGroup
}

type bookGroup struct {
	name    string
	members map[contact.ID]bool
}

// book enters and gives a book, which is made when it is missing.
func (m *Model) book(call string, owner account.ID) (*book, error) {
	if err := m.enter(call); err != nil {
		return nil, err
	}
	if m.books == nil {
		m.books = map[account.ID]*book{}
	}
	if m.books[owner] == nil {
		m.books[owner] = &book{map[contact.ID]contact.Contact{}, map[contact.GroupID]*bookGroup{}}
	}
	return m.books[owner], nil
}

func (b *book) byEmail(email string) contact.ID {
	for id, c := range b.contacts {
		if c.Email == email {
			return id
		}
	}
	return ""
}

func (b *book) byName(name string) contact.GroupID {
	for id, g := range b.groups {
		if contact.Fold(g.name) == contact.Fold(name) {
			return id
		}
	}
	return ""
}

func (b *book) memberships() (n int) {
	for _, g := range b.groups {
		n += len(g.members)
	}
	return n
}

// AddContact is contact.Store's.
func (m *Model) AddContact(_ context.Context, c *contact.Contact, limit int) error {
	b, err := m.book("AddContact", c.Owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if len(b.contacts) >= limit {
		return contact.LimitReached(limit)
	}
	if b.byEmail(c.Email) != "" {
		return contact.Duplicate()
	}
	b.contacts[c.ID] = *c
	return nil
}

// UpdateContact is contact.Store's.
func (m *Model) UpdateContact(_ context.Context, owner account.ID, id contact.ID, change func(*contact.Contact)) (*contact.Contact, error) {
	b, err := m.book("UpdateContact", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	c, ok := b.contacts[id]
	if !ok {
		return nil, contact.Unknown()
	}
	change(&c)
	if other := b.byEmail(c.Email); other != "" && other != id {
		return nil, contact.Duplicate()
	}
	b.contacts[id] = c
	return &c, nil
}

// DeleteContact is contact.Store's.
func (m *Model) DeleteContact(_ context.Context, owner account.ID, id contact.ID) error {
	b, err := m.book("DeleteContact", owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := b.contacts[id]; !ok {
		return contact.Unknown()
	}
	delete(b.contacts, id)
	for _, g := range b.groups {
		delete(g.members, id)
	}
	return nil
}

// MergeContacts is contact.Store's.
func (m *Model) MergeContacts(
	_ context.Context, owner account.ID, all []*contact.Contact, limit int, merge func(there, c *contact.Contact) bool,
) (added, updated int, err error) {
	b, err := m.book("MergeContacts", owner)
	if err != nil {
		return 0, 0, err
	}
	defer m.mu.Unlock()
	after, byEmail := maps.Clone(b.contacts), map[string]contact.ID{}
	for id, c := range after {
		byEmail[c.Email] = id
	}
	for _, c := range all {
		id := byEmail[c.Email]
		old := after[id]
		if id == "" {
			after[c.ID] = *c
			added++
		} else if merge(&old, c) {
			after[id] = old
			updated++
		}
	}
	if added > 0 && len(after) > limit {
		return 0, 0, contact.LimitReached(limit)
	}
	b.contacts = after
	return added, updated, nil
}

// Contact is contact.Store's.
func (m *Model) Contact(_ context.Context, owner account.ID, id contact.ID) (*contact.Contact, error) {
	b, err := m.book("Contact", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	c, ok := b.contacts[id]
	if !ok {
		return nil, contact.Unknown()
	}
	return &c, nil
}

// Contacts is contact.Store's.
func (m *Model) Contacts(_ context.Context, owner account.ID, after contact.ID, n int) ([]*contact.Contact, error) {
	b, err := m.book("Contacts", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return b.page(after, n, func(contact.ID) bool { return true }), nil
}

func (b *book) page(after contact.ID, n int, is func(contact.ID) bool) (all []*contact.Contact) {
	for _, id := range slices.Sorted(maps.Keys(b.contacts)) {
		if id > after && is(id) && len(all) < n {
			c := b.contacts[id]
			all = append(all, &c)
		}
	}
	return all
}

// GroupsOfContacts is contact.Store's.
func (m *Model) GroupsOfContacts(_ context.Context, owner account.ID, first, last contact.ID) (map[contact.ID][]contact.Group, error) {
	b, err := m.book("GroupsOfContacts", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	all := map[contact.ID][]contact.Group{}
	for _, g := range b.all(owner) {
		for id := range b.groups[g.ID].members {
			if first <= id && id <= last {
				all[id] = append(all[id], *g)
			}
		}
	}
	return all, nil
}

func (b *book) all(owner account.ID) (all []*contact.Group) {
	for _, id := range slices.Sorted(maps.Keys(b.groups)) {
		g := b.groups[id]
		all = append(all, &contact.Group{ID: id, Owner: owner, Name: g.name, Members: len(g.members)})
	}
	return all
}

// AddContactGroup is contact.Store's.
func (m *Model) AddContactGroup(_ context.Context, g *contact.Group) error {
	b, err := m.book("AddContactGroup", g.Owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if len(b.groups) >= contact.MaxGroups {
		return contact.GroupLimitReached()
	}
	if b.byName(g.Name) != "" {
		return contact.GroupDuplicate()
	}
	b.groups[g.ID] = &bookGroup{g.Name, map[contact.ID]bool{}}
	return nil
}

// RenameContactGroup is contact.Store's.
func (m *Model) RenameContactGroup(_ context.Context, owner account.ID, id contact.GroupID, name string) error {
	b, err := m.book("RenameContactGroup", owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if b.groups[id] == nil {
		return contact.GroupUnknown()
	}
	if other := b.byName(name); other != "" && other != id {
		return contact.GroupDuplicate()
	}
	b.groups[id].name = name
	return nil
}

// DeleteContactGroup is contact.Store's.
func (m *Model) DeleteContactGroup(_ context.Context, owner account.ID, id contact.GroupID) error {
	b, err := m.book("DeleteContactGroup", owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if b.groups[id] == nil {
		return contact.GroupUnknown()
	}
	delete(b.groups, id)
	return nil
}

// ContactGroup is contact.Store's.
func (m *Model) ContactGroup(_ context.Context, owner account.ID, id contact.GroupID) (*contact.Group, error) {
	return m.contactGroup("ContactGroup", owner, func(g *contact.Group) bool { return g.ID == id })
}

// ContactGroupByName is contact.Store's.
func (m *Model) ContactGroupByName(_ context.Context, owner account.ID, folded string) (*contact.Group, error) {
	return m.contactGroup("ContactGroupByName", owner, func(g *contact.Group) bool { return contact.Fold(g.Name) == folded })
}

func (m *Model) contactGroup(call string, owner account.ID, is func(*contact.Group) bool) (*contact.Group, error) {
	b, err := m.book(call, owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if all := b.all(owner); slices.ContainsFunc(all, is) {
		return all[slices.IndexFunc(all, is)], nil
	}
	return nil, contact.GroupUnknown()
}

// ContactGroups is contact.Store's.
func (m *Model) ContactGroups(_ context.Context, owner account.ID, after contact.GroupID, n int) (page []*contact.Group, err error) {
	b, err := m.book("ContactGroups", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, g := range b.all(owner) {
		if g.ID > after && len(page) < n {
			page = append(page, g)
		}
	}
	return page, nil
}

// AddToContactGroup is contact.Store's.
func (m *Model) AddToContactGroup(_ context.Context, owner account.ID, group contact.GroupID, id contact.ID) error {
	return m.changeMember("AddToContactGroup", owner, group, id, func(b *book, g *bookGroup) error {
		if !g.members[id] && b.memberships() >= contact.MaxMemberships {
			return contact.MembershipsReached()
		}
		g.members[id] = true
		return nil
	})
}

// RemoveFromContactGroup is contact.Store's.
func (m *Model) RemoveFromContactGroup(_ context.Context, owner account.ID, group contact.GroupID, id contact.ID) error {
	return m.changeMember("RemoveFromContactGroup", owner, group, id, func(_ *book, g *bookGroup) error {
		delete(g.members, id)
		return nil
	})
}

func (m *Model) changeMember(
	call string, owner account.ID, group contact.GroupID, id contact.ID, change func(*book, *bookGroup) error,
) error {
	b, err := m.book(call, owner)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, ok := b.contacts[id]; !ok {
		return contact.Unknown()
	}
	if b.groups[group] == nil {
		return contact.GroupUnknown()
	}
	return change(b, b.groups[group])
}

// ContactGroupMembers is contact.Store's.
func (m *Model) ContactGroupMembers(
	_ context.Context, owner account.ID, group contact.GroupID, after contact.ID, n int,
) ([]*contact.Contact, error) {
	b, err := m.book("ContactGroupMembers", owner)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	g := b.groups[group]
	if g == nil {
		return nil, nil
	}
	return b.page(after, n, func(id contact.ID) bool { return g.members[id] }), nil
}
