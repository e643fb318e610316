package contact

import (
	"context"
	"fmt"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// AddGroup adds an empty group: Invalid with the field "name", Conflict
// "contact_groups_limit" or "contact_group_duplicate".
func (s *Service) AddGroup(ctx context.Context, owner account.ID, name string) (*Group, error) {
	if err := refusal(badGroupName(&name)); err != nil {
		return nil, err
	}
	g := &Group{ID: GroupID(s.ids.Key()), Owner: owner, Name: name}
	if err := s.store.AddContactGroup(ctx, g); err != nil {
		return nil, err
	}
	return g, nil
}

// RenameGroup gives a group another name. It fails as AddGroup does, and with
// NotFound "contact_group_unknown".
func (s *Service) RenameGroup(ctx context.Context, owner account.ID, group GroupID, name string) error {
	if err := refusal(badGroupName(&name)); err != nil {
		return err
	}
	if !id.IsKey(string(group)) {
		return GroupUnknown()
	}
	return s.store.RenameContactGroup(ctx, owner, group, name)
}

// DeleteGroup removes a group; its contacts stay. NotFound "contact_group_unknown".
func (s *Service) DeleteGroup(ctx context.Context, owner account.ID, group GroupID) error {
	if !id.IsKey(string(group)) {
		return GroupUnknown()
	}
	return s.store.DeleteContactGroup(ctx, owner, group)
}

// Group gives a group: NotFound "contact_group_unknown".
func (s *Service) Group(ctx context.Context, owner account.ID, group GroupID) (*Group, error) {
	if !id.IsKey(string(group)) {
		return nil, GroupUnknown()
	}
	return s.store.ContactGroup(ctx, owner, group)
}

// Groups gives up to n groups behind after, in the order in which they were added.
func (s *Service) Groups(ctx context.Context, owner account.ID, after GroupID, n int) ([]*Group, error) {
	if !isPlace(string(after)) {
		return nil, GroupUnknown()
	}
	return s.store.ContactGroups(ctx, owner, after, n)
}

// AddToGroup puts a contact into a group; one that is there stays there. NotFound
// "contact_unknown" or "contact_group_unknown", Conflict "contact_groups_limit".
func (s *Service) AddToGroup(ctx context.Context, owner account.ID, group GroupID, contact ID) error {
	if err := areKeys(group, contact); err != nil {
		return err
	}
	return s.store.AddToContactGroup(ctx, owner, group, contact)
}

// RemoveFromGroup takes a contact out of a group; for one that is not there it
// does nothing. NotFound "contact_unknown" or "contact_group_unknown".
func (s *Service) RemoveFromGroup(ctx context.Context, owner account.ID, group GroupID, contact ID) error {
	if err := areKeys(group, contact); err != nil {
		return err
	}
	return s.store.RemoveFromContactGroup(ctx, owner, group, contact)
}

func areKeys(group GroupID, contact ID) error {
	if !id.IsKey(string(contact)) {
		return Unknown()
	}
	if !id.IsKey(string(group)) {
		return GroupUnknown()
	}
	return nil
}

// Members gives up to n contacts of a group behind after, in the order in which
// they were added to the book, without their groups: NotFound
// "contact_group_unknown".
func (s *Service) Members(ctx context.Context, owner account.ID, group GroupID, after ID, n int) ([]*Contact, error) {
	if !id.IsKey(string(group)) {
		return nil, GroupUnknown()
	}
	if !isPlace(string(after)) {
		return nil, Unknown()
	}
	if _, err := s.store.ContactGroup(ctx, owner, group); err != nil {
		return nil, err
	}
	return s.store.ContactGroupMembers(ctx, owner, group, after, n)
}

// GroupByName finds a group by its name, without regard to case: NotFound
// "contact_group_unknown".
func (s *Service) GroupByName(ctx context.Context, owner account.ID, name string) (*Group, error) {
	if badGroupName(&name) != nil { // no group can have it
		return nil, GroupUnknown()
	}
	return s.store.ContactGroupByName(ctx, owner, Fold(name))
}

// MaxExpanded is how many entries Expand takes, and how many addresses it gives.
const MaxExpanded = 10_000

// mostUnknown is how many entries that are nothing Expand names, and looks up.
const mostUnknown = 20

// Expand makes addresses of a list of addresses and names of the owner's groups:
// in order, each once, at its first place. Empty entries, and groups without
// contacts, give none. Invalid "email_invalid", with a field "to" for each of the
// first entries that are neither; Conflict "too_many_recipients" for more than
// MaxExpanded. Without an owner it knows no groups.
func (s *Service) Expand(ctx context.Context, owner account.ID, entries []string) ([]string, error) {
	tooMany := fault.New(fault.Conflict, "too_many_recipients", "there are at most %d recipients", MaxExpanded)
	if len(entries) > MaxExpanded {
		return nil, tooMany
	}
	var all []string
	seen := map[string]bool{} // addresses, and, behind a space, the names of groups
	add := func(email string) error {
		if seen[email] {
			return nil
		}
		if len(all) == MaxExpanded {
			return tooMany
		}
		seen[email] = true
		all = append(all, email)
		return nil
	}
	var unknown []*fault.Field
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if email, err := account.NormalizeEmail(entry); err == nil {
			if err := add(email); err != nil {
				return nil, err
			}
			continue
		}
		name := " " + Fold(entry)
		if seen[name] {
			continue
		}
		seen[name] = true
		err := s.expandGroup(ctx, owner, entry, add)
		if fault.KindOf(err) == fault.NotFound {
			unknown = append(unknown, &fault.Field{
				Name: "to", Code: "email_invalid", Msg: fmt.Sprintf("%.100q is neither an e-mail address nor a contact group", entry),
			})
			if len(unknown) == mostUnknown {
				break
			}
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	if err := refusal(unknown...); err != nil {
		return nil, err
	}
	return all, nil
}

func (s *Service) expandGroup(ctx context.Context, owner account.ID, name string, add func(email string) error) error {
	if owner == "" {
		return GroupUnknown()
	}
	g, err := s.GroupByName(ctx, owner, name)
	if err != nil {
		return err
	}
	return pages(func(after ID) ([]*Contact, error) { return s.store.ContactGroupMembers(ctx, owner, g.ID, after, page) },
		func(c *Contact) ID { return c.ID }, func(c *Contact) error { return add(c.Email) })
}
