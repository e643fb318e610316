package native

import (
	"context"
	"strconv"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/id"
)

// Address books: an account has one, whoever acts for it. Ids in it are primary keys
// that find nothing without their owner, so looking for one is no guess that is counted.

type contactBody struct {
	ID     contact.ID `json:"id"`
	Name   string     `json:"name"`
	Email  string     `json:"email"`
	Mobile string     `json:"mobile"`
	// Groups are those the contact is in; absent in the list of one group's members.
	Groups []contactGroup `json:"groups,omitzero"`
}

type contactGroup struct {
	ID   contact.GroupID `json:"id"`
	Name string          `json:"name"`
}

type groupBody struct {
	ID      contact.GroupID `json:"id"`
	Name    string          `json:"name"`
	Members int             `json:"members"`
}

func newContactBody(one *contact.Contact) contactBody {
	b := newMemberBody(one)
	b.Groups = []contactGroup{}
	for _, g := range one.Groups {
		b.Groups = append(b.Groups, contactGroup{g.ID, g.Name})
	}
	return b
}

func newMemberBody(one *contact.Contact) contactBody {
	return contactBody{ID: one.ID, Name: one.Name, Email: one.Email, Mobile: one.Mobile}
}

func newGroupBody(g *contact.Group) groupBody { return groupBody{g.ID, g.Name, g.Members} }

func contactPlace(one *contact.Contact) string { return string(one.ID) }

func (c *call) contact() contact.ID { return contact.ID(c.r.PathValue("contact")) }

func (c *call) group() contact.GroupID { return contact.GroupID(c.r.PathValue("group")) }

// keyPlace is place for a list whose places are keys.
func (c *call) keyPlace() (cursor string, limit int, err error) {
	cursor, limit, err = c.place()
	if err == nil && cursor != "" && !id.IsKey(cursor) {
		err = badCursor()
	}
	return cursor, limit, err
}

func (h *Handler) listContacts(c *call) (any, error) {
	cursor, limit, err := c.keyPlace()
	if err != nil {
		return nil, err
	}
	all, err := h.Contacts.List(c.ctx(), c.who.Account, contact.ID(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, newContactBody, contactPlace), nil
}

type foundBody struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	IsGroup bool   `json:"is_group"`
	Members int    `json:"members"`
}

// searchContacts gives what a field for recipients offers.
func (h *Handler) searchContacts(c *call) (any, error) {
	q := c.r.URL.Query()
	ask := contact.Query{Term: q.Get("term"), Exclude: q["exclude"], Limit: 20}
	if len(ask.Term) > 1000 {
		return nil, invalid("term", "too_long", "must have at most 1000 characters")
	}
	if s := q.Get("limit"); s != "" {
		var err error
		if ask.Limit, err = strconv.Atoi(s); err != nil || ask.Limit < 1 || ask.Limit > contact.MaxFound {
			return nil, invalid("limit", "limit_invalid", "must be between 1 and 1000")
		}
	}
	all, err := h.Contacts.Search(c.ctx(), c.who.Account, ask)
	if err != nil {
		return nil, err
	}
	out := list[foundBody]{Items: []foundBody{}}
	for _, f := range all {
		out.Items = append(out.Items, foundBody(f))
	}
	return out, nil
}

func (h *Handler) createContact(c *call) (any, error) {
	var in struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Mobile string `json:"mobile"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	limit, err := h.Senders.Contacts(c.ctx(), c.who.Account)
	if err != nil {
		return nil, err
	}
	one, err := h.Contacts.Add(c.ctx(), c.who.Account, contact.Draft{Name: in.Name, Email: in.Email, Mobile: in.Mobile}, limit)
	if err != nil {
		return nil, err
	}
	return newContactBody(one), nil
}

func (h *Handler) getContact(c *call) (any, error) {
	one, err := h.Contacts.Contact(c.ctx(), c.who.Account, c.contact())
	if err != nil {
		return nil, err
	}
	return newContactBody(one), nil
}

func (h *Handler) changeContact(c *call) (any, error) {
	var in struct {
		Name   *string `json:"name"`
		Email  *string `json:"email"`
		Mobile *string `json:"mobile"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	change := contact.Change{Name: in.Name, Email: in.Email, Mobile: in.Mobile}
	if _, err := h.Contacts.Update(c.ctx(), c.who.Account, c.contact(), change); err != nil {
		return nil, err
	}
	return h.getContact(c) // with its groups
}

func (h *Handler) deleteContact(c *call) (any, error) {
	return nil, h.Contacts.Delete(c.ctx(), c.who.Account, c.contact())
}

func (h *Handler) listGroups(c *call) (any, error) {
	cursor, limit, err := c.keyPlace()
	if err != nil {
		return nil, err
	}
	all, err := h.Contacts.Groups(c.ctx(), c.who.Account, contact.GroupID(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, newGroupBody, func(g *contact.Group) string { return string(g.ID) }), nil
}

// readGroup reads the one thing that can be said of a group.
func (c *call) readGroup() (name string, err error) {
	var in struct {
		Name string `json:"name"`
	}
	err = c.read(&in, bodyLimit)
	return in.Name, err
}

func (h *Handler) createGroup(c *call) (any, error) {
	name, err := c.readGroup()
	if err != nil {
		return nil, err
	}
	g, err := h.Contacts.AddGroup(c.ctx(), c.who.Account, name)
	if err != nil {
		return nil, err
	}
	return newGroupBody(g), nil
}

func (h *Handler) getGroup(c *call) (any, error) {
	g, err := h.Contacts.Group(c.ctx(), c.who.Account, c.group())
	if err != nil {
		return nil, err
	}
	return newGroupBody(g), nil
}

func (h *Handler) renameGroup(c *call) (any, error) {
	name, err := c.readGroup()
	if err != nil {
		return nil, err
	}
	if err := h.Contacts.RenameGroup(c.ctx(), c.who.Account, c.group(), name); err != nil {
		return nil, err
	}
	return h.getGroup(c)
}

func (h *Handler) deleteGroup(c *call) (any, error) {
	return nil, h.Contacts.DeleteGroup(c.ctx(), c.who.Account, c.group())
}

func (h *Handler) listMembers(c *call) (any, error) {
	cursor, limit, err := c.keyPlace()
	if err != nil {
		return nil, err
	}
	all, err := h.Contacts.Members(c.ctx(), c.who.Account, c.group(), contact.ID(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, newMemberBody, contactPlace), nil
}

func (h *Handler) addMember(c *call) (any, error) { return c.member(h.Contacts.AddToGroup) }

func (h *Handler) removeMember(c *call) (any, error) { return c.member(h.Contacts.RemoveFromGroup) }

func (c *call) member(change func(context.Context, account.ID, contact.GroupID, contact.ID) error) (any, error) {
	return nil, change(c.ctx(), c.who.Account, c.group(), c.contact())
}
