package contact

import (
	"context"
	"sync"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/id"
)

// A Service keeps the books of all accounts. It is safe for concurrent use.
type Service struct {
	store Store
	ids   *id.Source

	mu        sync.Mutex
	importing map[account.ID]bool // whose import is running
}

// NewService makes a Service.
func NewService(s Store, ids *id.Source) *Service {
	return &Service{store: s, ids: ids, importing: map[account.ID]bool{}}
}

// page is how many rows are read at once where a whole book is.
const page = 1000

// A Draft is a contact to be added.
type Draft struct{ Name, Email, Mobile string }

// Add adds a contact to a book that holds at most limit of them; 0: MaxContacts,
// which holds in any case. Invalid with Fields "name", "email", "mobile"; Conflict
// "contacts_limit", "contact_duplicate".
func (s *Service) Add(ctx context.Context, owner account.ID, d Draft, limit int) (*Contact, error) {
	if err := refusal(badName(&d.Name), badEmail(&d.Email), badMobile(&d.Mobile)); err != nil {
		return nil, err
	}
	c := &Contact{ID: ID(s.ids.Key()), Owner: owner, Name: d.Name, Email: d.Email, Mobile: d.Mobile}
	if err := s.store.AddContact(ctx, c, most(limit)); err != nil {
		return nil, err
	}
	return c, nil
}

func most(limit int) int {
	if limit <= 0 {
		return MaxContacts
	}
	return min(limit, MaxContacts)
}

// A Change is what becomes of a contact; nil leaves a value as it is.
type Change struct{ Name, Email, Mobile *string }

// Update changes a contact, and gives it without its groups. It fails as Add does,
// and with NotFound "contact_unknown".
func (s *Service) Update(ctx context.Context, owner account.ID, contact ID, ch Change) (*Contact, error) {
	var set Draft
	err := refusal(given(ch.Name, &set.Name, badName), given(ch.Email, &set.Email, badEmail),
		given(ch.Mobile, &set.Mobile, badMobile))
	if err != nil {
		return nil, err
	}
	if !id.IsKey(string(contact)) {
		return nil, Unknown()
	}
	return s.store.UpdateContact(ctx, owner, contact, func(c *Contact) {
		if ch.Name != nil {
			c.Name = set.Name
		}
		if ch.Email != nil {
			c.Email = set.Email
		}
		if ch.Mobile != nil {
			c.Mobile = set.Mobile
		}
	})
}

// given copies a value that is there, so that the caller's is not changed, and
// brings the copy into form.
func given[F any](from *string, to *string, bad func(*string) *F) *F {
	if from == nil {
		return nil
	}
	*to = *from
	return bad(to)
}

// Delete removes a contact: NotFound "contact_unknown".
func (s *Service) Delete(ctx context.Context, owner account.ID, contact ID) error {
	if !id.IsKey(string(contact)) {
		return Unknown()
	}
	return s.store.DeleteContact(ctx, owner, contact)
}

// Contact gives a contact with its groups: NotFound "contact_unknown".
func (s *Service) Contact(ctx context.Context, owner account.ID, contact ID) (*Contact, error) {
	if !id.IsKey(string(contact)) {
		return nil, Unknown()
	}
	c, err := s.store.Contact(ctx, owner, contact)
	if err != nil {
		return nil, err
	}
	groups, err := s.store.GroupsOfContacts(ctx, owner, contact, contact)
	if err != nil {
		return nil, err
	}
	c.Groups = groups[contact]
	return c, nil
}

// List gives up to n contacts behind after, in the order in which they were added,
// with their groups.
func (s *Service) List(ctx context.Context, owner account.ID, after ID, n int) ([]*Contact, error) {
	if !isPlace(string(after)) {
		return nil, Unknown()
	}
	all, err := s.store.Contacts(ctx, owner, after, n)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	groups, err := s.store.GroupsOfContacts(ctx, owner, all[0].ID, all[len(all)-1].ID)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		c.Groups = groups[c.ID]
	}
	return all, nil
}

// isPlace tells whether a list can begin behind s.
func isPlace(s string) bool { return s == "" || id.IsKey(s) }

// each runs do on all contacts of a book, a page at a time.
func (s *Service) each(ctx context.Context, owner account.ID, do func(*Contact) error) error {
	return pages(func(after ID) ([]*Contact, error) { return s.store.Contacts(ctx, owner, after, page) },
		func(c *Contact) ID { return c.ID }, do)
}

// pages runs do on all that more gives, a page at a time.
func pages[T any, K ~string](more func(after K) ([]*T, error), key func(*T) K, do func(*T) error) error {
	for after := K(""); ; {
		all, err := more(after)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := do(one); err != nil {
				return err
			}
			after = key(one)
		}
		if len(all) < page {
			return nil
		}
	}
}
