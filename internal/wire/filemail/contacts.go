package filemail

import (
	"context"
	"math"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// Calls about contacts and their groups. The search alone is documented for 2.0
// (docs.filemail.com, Handling contacts); the others are guesses in its style, with
// the names of the classic calls (www.filemail.com/apidoc/Contacts.aspx), so that one
// function serves both.

const (
	maxBookText = 1000 // of a name or number; what may be kept is the core's to say
	maxBookID   = 64
	maxListed   = 1000 // contacts in one answer of 2.0, or read at once
)

// A contactBody is a contact. Classic ones have the three keys of the page's sample,
// and in lists the groups.
type contactBody struct {
	ID     contact.ID  `json:"contactid"`
	Name   string      `json:"name"`
	Email  string      `json:"email"`
	Mobile *string     `json:"mobile,omitempty"` // 2.0
	Groups []groupBody `json:"groups,omitzero"`  // in lists
}

// A groupBody is a group of contacts, also as it stands in a contact.
type groupBody struct {
	ID      contact.GroupID `json:"contactgroupid"`
	Name    string          `json:"name"`
	OldName string          `json:"contactgroupname,omitempty"` // classic: where pyfilemail reads the name
	Members *int            `json:"memberCount,omitempty"`      // 2.0, in lists of groups
}

func (c *call) contact(one *contact.Contact) contactBody {
	b := contactBody{ID: one.ID, Name: one.Name, Email: one.Email}
	if !c.classic {
		b.Mobile = &one.Mobile
	}
	return b
}

// listed is a contact in a list.
func (c *call) listed(one *contact.Contact) contactBody {
	b := c.contact(one)
	b.Groups = []groupBody{}
	for _, g := range one.Groups {
		b.Groups = append(b.Groups, c.groupName(g))
	}
	return b
}

func (c *call) groupName(g contact.Group) groupBody {
	b := groupBody{ID: g.ID, Name: g.Name}
	if c.classic {
		b.OldName = g.Name
	}
	return b
}

func (c *call) group(g contact.Group) groupBody {
	b := c.groupName(g)
	if !c.classic {
		b.Members = &g.Members
	}
	return b
}

// owner is whose book it is: keys and rooms of an account have one together.
func (c *call) owner() account.ID { return c.who.Account }

// contactID reads which contact: of the path in 2.0, if it is there.
func (c *call) contactID() contact.ID {
	return contact.ID(c.bookID("contact", "contactid"))
}

func (c *call) groupID() contact.GroupID {
	return contact.GroupID(c.bookID("group", "contactgroupid"))
}

func (c *call) bookID(ofPath, property string) string {
	if s := c.r.PathValue(ofPath); s != "" {
		return s
	}
	c.in.require(property)
	return c.in.line(property, maxBookID)
}

// notThere gives the classic API its own words for what is not there: "Contact not
// found" is on the page, with 1002, and the group's are a guess.
func (c *call) notThere(err error) error {
	switch {
	case c.classic && fault.Is(err, "contact_unknown"):
		return invalidParameter.saying("Contact not found", err)
	case c.classic && fault.Is(err, "contact_group_unknown"):
		return invalidParameter.saying("Contact group not found", err)
	}
	return err
}

type foundBody struct {
	Name    string `json:"name"`
	Email   string `json:"email"` // empty for a group
	IsGroup bool   `json:"isGroup"`
	Members int    `json:"memberCount"`
}

func (h *Handler) searchContacts(c *call) (any, error) {
	q := contact.Query{Term: c.in.text("term", maxBookText), Exclude: c.in.list("exclude", contact.MaxExpanded)}
	if limit := c.in.number("limit", 0, math.MaxInt32); limit != nil {
		q.Limit = int(*limit)
	}
	c.in.require("term")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	all, err := h.cfg.Contacts.Search(c.r.Context(), c.owner(), q)
	if err != nil {
		return nil, err
	}
	found := []foundBody{}
	for _, f := range all {
		found = append(found, foundBody(f))
	}
	return struct {
		Contacts []foundBody `json:"contacts"`
	}{found}, nil
}

// A pageBody is some contacts of a list. Next is what to say as after to have those
// that follow; null: there are none.
type pageBody struct {
	Contacts []contactBody `json:"contacts"`
	Next     *contact.ID   `json:"next"`
}

// page reads which contacts of a list are asked for, and makes an answer of what
// more gives: up to n contacts behind after.
func (c *call) page(
	more func(after contact.ID, n int) ([]*contact.Contact, error), body func(*contact.Contact) contactBody,
) (any, error) {
	most := maxListed
	if limit := c.in.number("limit", 1, maxListed); limit != nil {
		most = int(*limit)
	}
	after := c.in.line("after", maxBookID)
	if after != "" && !id.IsKey(after) {
		c.in.wrong("after", codeValue, "must be a contactid")
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	all, err := more(contact.ID(after), most+1) // to know whether there are more
	if err != nil {
		return nil, err
	}
	b := pageBody{Contacts: []contactBody{}}
	if len(all) > most {
		all = all[:most]
		b.Next = &all[most-1].ID
	}
	for _, one := range all {
		b.Contacts = append(b.Contacts, body(one))
	}
	return b, nil
}

func (h *Handler) listContacts(c *call) (any, error) {
	return c.page(func(after contact.ID, n int) ([]*contact.Contact, error) {
		return h.cfg.Contacts.List(c.r.Context(), c.owner(), after, n)
	}, c.listed)
}

// classicContacts gives the whole book: the classic call knows no pages.
func (h *Handler) classicContacts(c *call) (any, error) {
	return &list{"contacts", func(yield func(any) error) error {
		for after := contact.ID(""); ; {
			all, err := h.cfg.Contacts.List(c.r.Context(), c.owner(), after, maxListed)
			if err != nil {
				return err
			}
			for _, one := range all {
				if err := yield(c.listed(one)); err != nil {
					return err
				}
				after = one.ID
			}
			if len(all) < maxListed {
				return nil
			}
		}
	}}, nil
}

func (h *Handler) addContact(c *call) (any, error) {
	d := contact.Draft{
		Name: c.in.text("name", maxBookText), Email: c.in.email("email"), Mobile: c.in.text("mobile", maxBookText),
	}
	c.in.require("email")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	limit, err := h.cfg.Limits.Contacts(c.r.Context(), c.owner())
	if err != nil {
		return nil, err
	}
	one, err := h.cfg.Contacts.Add(c.r.Context(), c.owner(), d, limit)
	if err != nil {
		return nil, err
	}
	if !c.classic {
		return c.contact(one), nil
	}
	return struct {
		Contact contactBody `json:"contact"`
	}{c.contact(one)}, nil
}

func (h *Handler) updateContact(c *call) (any, error) {
	one := c.contactID()
	change := contact.Change{
		Name: c.in.change("name", maxBookText), Email: c.in.change("email", maxBookText), Mobile: c.in.change("mobile", maxBookText),
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	_, err := h.cfg.Contacts.Update(c.r.Context(), c.owner(), one, change)
	return nil, c.notThere(err)
}

func (h *Handler) deleteContact(c *call) (any, error) {
	one := c.contactID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, c.notThere(h.cfg.Contacts.Delete(c.r.Context(), c.owner(), one))
}

type groupsBody struct {
	Groups []groupBody `json:"groups"`
}

func (h *Handler) listGroups(c *call) (any, error) {
	all, err := h.cfg.Contacts.Groups(c.r.Context(), c.owner(), "", contact.MaxGroups)
	if err != nil {
		return nil, err
	}
	b := groupsBody{[]groupBody{}}
	for _, g := range all {
		b.Groups = append(b.Groups, c.group(*g))
	}
	return b, nil
}

// addGroup answers a classic call with the group twice: pyfilemail reads groups.
func (h *Handler) addGroup(c *call) (any, error) {
	name := c.in.text("name", maxBookText)
	c.in.require("name")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	g, err := h.cfg.Contacts.AddGroup(c.r.Context(), c.owner(), name)
	if err != nil {
		return nil, err
	}
	b := c.group(*g)
	if !c.classic {
		return b, nil
	}
	return struct {
		groupsBody
		Group groupBody `json:"group"`
	}{groupsBody{[]groupBody{b}}, b}, nil
}

func (h *Handler) renameGroup(c *call) (any, error) {
	g := c.groupID()
	name := c.in.text("name", maxBookText)
	c.in.require("name")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, c.notThere(h.cfg.Contacts.RenameGroup(c.r.Context(), c.owner(), g, name))
}

func (h *Handler) deleteGroup(c *call) (any, error) {
	g := c.groupID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, c.notThere(h.cfg.Contacts.DeleteGroup(c.r.Context(), c.owner(), g))
}

// listMembers gives the contacts of a group, without the groups that they are in.
func (h *Handler) listMembers(c *call) (any, error) {
	g := c.groupID()
	return c.page(func(after contact.ID, n int) ([]*contact.Contact, error) {
		return h.cfg.Contacts.Members(c.r.Context(), c.owner(), g, after, n)
	}, c.contact)
}

func (h *Handler) addMember(c *call) (any, error) {
	return changeMember(c, h.cfg.Contacts.AddToGroup)
}

func (h *Handler) removeMember(c *call) (any, error) {
	return changeMember(c, h.cfg.Contacts.RemoveFromGroup)
}

func changeMember(
	c *call, change func(context.Context, account.ID, contact.GroupID, contact.ID) error,
) (any, error) {
	g, one := c.groupID(), c.contactID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, c.notThere(change(c.r.Context(), c.owner(), g, one))
}
