// Package contact is the address book of an account: its contacts, and the groups
// they are in.
//
// It owns what a contact and a group may be called, the search that the fields for
// recipients offer, how a mix of addresses and group names becomes addresses, and
// the files by which a book comes and goes (CSV, vCard). How many contacts an
// account may keep is told by the caller. Every call names the account, and what
// belongs to another account is missing. Start at Service.
package contact

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// An ID names a contact, a GroupID a group. They are the primary keys: only the
// owner of a book is shown them, and only with the owner they find anything, so
// that there is nothing to guess.
type (
	ID      string
	GroupID string
)

// A Contact is a person with one address.
type Contact struct {
	ID     ID
	Owner  account.ID
	Name   string  // may be empty
	Email  string  // as account.NormalizeEmail gives it; unique in its book
	Mobile string  // may be empty
	Groups []Group // where a method says so
}

// A Group is contacts under one name.
type Group struct {
	ID      GroupID
	Owner   account.ID
	Name    string // unique in its book, by Fold
	Members int
}

// What bounds a book, whatever a plan allows: a search reads the whole of it.
const (
	MaxContacts    = 100_000
	MaxGroups      = 500
	MaxMemberships = 200_000 // over all groups of a book
)

const (
	maxName      = 200 // characters
	maxGroupName = 100
	maxMobile    = 50
)

// Fold gives the form in which names and addresses are compared without regard to
// case. By way of the upper case, so that Σ, σ and ς are one.
func Fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// A Store keeps books. Each change is all or nothing.
type Store interface {
	// AddContact adds c to the book of its owner: Conflict "contacts_limit" when
	// the book has limit contacts already, by a conditional update of a counter,
	// Conflict "contact_duplicate" when it has the address.
	AddContact(ctx context.Context, c *Contact, limit int) error
	// UpdateContact loads the contact without its groups, runs change on it, and
	// saves name, address and mobile number: NotFound "contact_unknown", Conflict
	// "contact_duplicate". It may run change more than once.
	UpdateContact(ctx context.Context, owner account.ID, id ID, change func(*Contact)) (*Contact, error)
	// DeleteContact removes the contact, also from its groups: NotFound
	// "contact_unknown".
	DeleteContact(ctx context.Context, owner account.ID, id ID) error
	// MergeContacts puts all, whose addresses differ, into the book, and tells how
	// many were added and how many changed. Where the book has an address already,
	// merge changes the contact that is there and tells whether it did. It may run
	// more than once for the same, each time on a fresh one. Conflict
	// "contacts_limit" when the book would have more than limit contacts.
	MergeContacts(
		ctx context.Context, owner account.ID, all []*Contact, limit int, merge func(there, c *Contact) bool,
	) (added, updated int, err error)

	// Contact finds without the groups: NotFound "contact_unknown".
	Contact(ctx context.Context, owner account.ID, id ID) (*Contact, error)
	// Contacts gives up to n contacts of the book behind after, in the order of
	// their ids, without their groups.
	Contacts(ctx context.Context, owner account.ID, after ID, n int) ([]*Contact, error)
	// GroupsOfContacts gives, for the contacts from first to last, the groups they
	// are in.
	GroupsOfContacts(ctx context.Context, owner account.ID, first, last ID) (map[ID][]Group, error)

	// AddContactGroup adds g to the book of its owner: Conflict "contact_groups_limit"
	// when the book has MaxGroups groups already, Conflict "contact_group_duplicate"
	// when it has one of the name. RenameContactGroup fails so too.
	AddContactGroup(ctx context.Context, g *Group) error
	RenameContactGroup(ctx context.Context, owner account.ID, id GroupID, name string) error
	// DeleteContactGroup removes the group; its contacts stay. Like all others it
	// says NotFound "contact_group_unknown" for a group that is not there.
	DeleteContactGroup(ctx context.Context, owner account.ID, id GroupID) error
	ContactGroup(ctx context.Context, owner account.ID, id GroupID) (*Group, error)
	// ContactGroupByName finds by the folded name.
	ContactGroupByName(ctx context.Context, owner account.ID, folded string) (*Group, error)
	// ContactGroups gives up to n groups of the book behind after, in the order of
	// their ids.
	ContactGroups(ctx context.Context, owner account.ID, after GroupID, n int) ([]*Group, error)

	// AddToContactGroup and RemoveFromContactGroup do nothing when it is so already.
	// NotFound "contact_unknown" or "contact_group_unknown"; Conflict
	// "contact_groups_limit" when the book has MaxMemberships memberships.
	AddToContactGroup(ctx context.Context, owner account.ID, group GroupID, contact ID) error
	RemoveFromContactGroup(ctx context.Context, owner account.ID, group GroupID, contact ID) error
	// ContactGroupMembers gives up to n contacts of the group behind after, in the
	// order of their ids, without their groups; none when there is no such group.
	ContactGroupMembers(ctx context.Context, owner account.ID, group GroupID, after ID, n int) ([]*Contact, error)
}

// Unknown is the answer for a contact that is not there, or another's.
func Unknown() error { return fault.New(fault.NotFound, "contact_unknown", "contact not found") }

// GroupUnknown is the answer for a group that is not there, or another's.
func GroupUnknown() error {
	return fault.New(fault.NotFound, "contact_group_unknown", "contact group not found")
}

// Duplicate is the answer for an address that the book has already.
func Duplicate() error {
	return fault.New(fault.Conflict, "contact_duplicate", "the address is in the book already")
}

// GroupDuplicate is the answer for a group's name that the book has already.
func GroupDuplicate() error {
	return fault.New(fault.Conflict, "contact_group_duplicate", "the book has a group of this name already")
}

// LimitReached is the answer for contacts that do not go into a full book.
func LimitReached(limit int) error {
	return fault.New(fault.Conflict, "contacts_limit", "the address book is full: it holds %d contacts", limit)
}

// GroupLimitReached is the answer for one group more than a book may have.
func GroupLimitReached() error {
	return fault.New(fault.Conflict, "contact_groups_limit", "an address book has at most %d groups", MaxGroups)
}

// MembershipsReached is the answer for one contact more than the groups of a book
// may have.
func MembershipsReached() error {
	return fault.New(fault.Conflict, "contact_groups_limit", "the groups of an address book have at most %d contacts together", MaxMemberships)
}

// badName, badEmail, badMobile and badGroupName bring a value into the form that
// is kept, and tell what is wrong with it: nil when nothing is.

func badName(s *string) *fault.Field { return badText(s, "name", maxName) }

func badMobile(s *string) *fault.Field { return badText(s, "mobile", maxMobile) }

func badEmail(s *string) *fault.Field {
	email, err := account.NormalizeEmail(strings.TrimSpace(*s))
	if err != nil || !utf8.ValidString(email) {
		return &fault.Field{Name: "email", Code: "email_invalid", Msg: "not an e-mail address"}
	}
	*s = email
	return nil
}

func badGroupName(s *string) *fault.Field {
	if bad := badText(s, "name", maxGroupName); bad != nil {
		return bad
	}
	if *s == "" {
		return &fault.Field{Name: "name", Code: "name_invalid", Msg: "must not be empty"}
	}
	// Where both may stand, an address is taken for an address.
	if _, err := account.NormalizeEmail(*s); err == nil {
		return &fault.Field{Name: "name", Code: "name_invalid", Msg: "must not be an e-mail address"}
	}
	return nil
}

func badText(s *string, name string, most int) *fault.Field {
	trimmed := strings.TrimSpace(*s)
	if !utf8.ValidString(trimmed) || strings.ContainsFunc(trimmed, unicode.IsControl) {
		return &fault.Field{Name: name, Code: name + "_invalid", Msg: "must be one line of text"}
	}
	// The form in which an import reads it: what was exported is nothing new.
	if *s = oneLine(trimmed); utf8.RuneCountInString(*s) > most {
		return &fault.Field{Name: name, Code: name + "_invalid", Msg: fmt.Sprintf("must have at most %d characters", most)}
	}
	return nil
}

// refusal makes one fault of what is wrong; nil when nothing is.
func refusal(all ...*fault.Field) error {
	var bad []fault.Field
	for _, f := range all {
		if f != nil {
			bad = append(bad, *f)
		}
	}
	if bad == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: bad[0].Code, Msg: bad[0].Name + " " + bad[0].Msg, Fields: bad}
}
