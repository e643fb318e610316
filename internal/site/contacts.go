package site

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// ContactsPath is somebody's address book.
const ContactsPath = "/app/contacts"

func (h *Handler) contactRoutes() []wire.Route {
	return []wire.Route{
		h.personal(http.MethodGet, ContactsPath, func(w http.ResponseWriter, r *http.Request, me *account.Account) error {
			return h.showContacts(w, r, me, nil)
		}),
		h.personal(http.MethodPost, ContactsPath, h.changeContacts),
	}
}

type contactsPage struct {
	frame
	Search   string
	Contacts []contactRow
	Next     string
	Wrong    string
	Email    string // of the contact that was not taken
	Name     string
}

// A contactRow is a contact; one without an ID was found by its name, and cannot be
// changed in place.
type contactRow struct {
	ID          contact.ID
	Name, Email string
	Members     string // of a group
}

// Shown and Address are the name, or else the address, and the address as people are
// shown them. The fields of a form have them as they are.
func (c contactRow) Shown() string   { return words.Shown(cmp.Or(c.Name, c.Email)) }
func (c contactRow) Address() string { return words.Shown(c.Email) }

// showContacts shows the book, or what is searched for in it, with why a change failed.
func (h *Handler) showContacts(w http.ResponseWriter, r *http.Request, me *account.Account, wrong error) error {
	ctx, q, say := r.Context(), r.URL.Query(), h.say(r)
	p := contactsPage{frame: h.frame(r, say.Contacts.Title), Search: strings.TrimSpace(q.Get("search"))}
	if p.Search != "" {
		found, err := h.cfg.Contacts.Search(ctx, me.ID, contact.Query{Term: p.Search, Limit: pageOfMine})
		if err != nil {
			return err
		}
		for _, f := range found {
			row := contactRow{Name: f.Name, Email: f.Email}
			if f.IsGroup {
				row.Members = say.Contacts.Members(f.Members)
			}
			p.Contacts = append(p.Contacts, row)
		}
	} else {
		all, err := h.cfg.Contacts.List(ctx, me.ID, contact.ID(q.Get("after")), pageOfMine+1)
		if err != nil {
			return err
		}
		for i, c := range all {
			if i == pageOfMine {
				p.Next = "?after=" + url.QueryEscape(string(all[i-1].ID))
				break
			}
			p.Contacts = append(p.Contacts, contactRow{ID: c.ID, Name: c.Name, Email: c.Email})
		}
	}
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	if wrong != nil {
		p.Email, p.Name = r.PostForm.Get("email"), r.PostForm.Get("name")
	}
	return h.show(w, r, status, "contacts", p)
}

// changeContacts does what one of the forms of the page asks for.
func (h *Handler) changeContacts(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	r.PostForm = form
	ctx, which := r.Context(), contact.ID(form.Get("contact"))
	switch form.Get("do") {
	case "add":
		var limit int
		if limit, err = h.cfg.Senders.Contacts(ctx, me.ID); err != nil {
			return err
		}
		_, err = h.cfg.Contacts.Add(ctx, me.ID, contact.Draft{Name: form.Get("name"), Email: form.Get("email")}, limit)
	case "change":
		name, email := form.Get("name"), form.Get("email")
		_, err = h.cfg.Contacts.Update(ctx, me.ID, which, contact.Change{Name: &name, Email: &email})
	case "delete":
		if err = h.cfg.Contacts.Delete(ctx, me.ID, which); fault.KindOf(err) == fault.NotFound {
			err = nil // it is gone already
		}
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	return h.changed(w, err, ContactsPath, func() error { return h.showContacts(w, r, me, err) })
}
