// Package company is accounts under one roof: what a company says of itself, how
// many people it may have, and who among them manages the others.
//
// It owns the rules on a company's people: there is always an admin, nobody
// removes themselves, and there are no more users than licences. Each is decided
// in the transaction that changes something, so that two at once cannot both win.
// What one account is and how it ends is package account's; signing in is package
// session's. Start at Company, then Service.
package company

import (
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// An ID names a company.
type ID = account.CompanyID

// A Company is a company.
type Company struct {
	ID   ID
	Name string // unique
	Details

	Domain        string // of addresses that are its people's; unique; the operator vouches for it
	OwnPeopleOnly bool   // what its people send is for its people
	Plan          string // of new users; empty: that of the admin who adds them
	Licences      int    // 0: as many users as its plan has
	PaidUntil     time.Time

	Users   int // who has a licence; kept by the store, like Admins
	Admins  int // users who are admins and active
	Version int64

	CreatedAt time.Time
}

// Details are what a company says of itself, and how it wants to look.
type Details struct {
	Website                                   string
	ContactPerson, ContactPhone, ContactEmail string
	Street, PostAddress, PostNumber, Country  string
	Color1, Color2                            string // #rrggbb, or empty
	ConfirmationPage                          string
	EmailTemplate                             string
	UploadText                                string
	Receiver                                  string // address that is offered to those who send to the company
	Receivers                                 string // addresses to choose from, separated by commas
	InvoiceReference, InvoiceEmail            string
	InvoiceByEmail                            bool
}

// MayDownload tells whether somebody may have what the company's people sent: nil
// is whoever is not signed in. Unauthenticated "own_people_sign_in", Forbidden
// "own_people_only".
func (c *Company) MayDownload(a *account.Account) error {
	switch {
	case !c.OwnPeopleOnly || a != nil && a.Company == c.ID && a.State == account.Active:
		return nil
	case a == nil:
		return fault.New(fault.Unauthenticated, "own_people_sign_in", "these files are for the people of a company: sign in")
	}
	return fault.New(fault.Forbidden, "own_people_only", "these files are for the people of another company")
}

// check returns everything that is wrong with c.
func (c *Company) check() error {
	var bad []fault.Field
	wrong := func(name, code, msg string) { bad = append(bad, fault.Field{Name: name, Code: code, Msg: msg}) }
	c.Name = strings.TrimSpace(c.Name)
	if c.Name == "" {
		wrong("name", "missing", "is missing")
	}
	for _, text := range []struct {
		name, value string
		most        int
	}{
		{"name", c.Name, 200},
		{"website", c.Website, 500},
		{"contactperson", c.ContactPerson, 200},
		{"contactphone", c.ContactPhone, 40},
		{"streetaddress", c.Street, 500},
		{"postaddress", c.PostAddress, 200},
		{"postnumber", c.PostNumber, 40},
		{"country", c.Country, 100},
		{"customconfirmationpage", c.ConfirmationPage, 500},
		{"customemailtemplate", c.EmailTemplate, 20000},
		{"textonuploadpage", c.UploadText, 5000},
		{"defaultreceiveremaillist", c.Receivers, 5000},
		{"invoicereferenceperson", c.InvoiceReference, 200},
	} {
		if len(text.value) > text.most || strings.ContainsRune(text.value, 0) {
			wrong(text.name, "too_long", "is too long")
		}
	}
	addresses := []struct{ name, value string }{
		{"contactemail", c.ContactEmail}, {"defaultreceiveremail", c.Receiver}, {"invoiceemail", c.InvoiceEmail},
	}
	for a := range strings.SplitSeq(c.Receivers, ",") {
		addresses = append(addresses, struct{ name, value string }{"defaultreceiveremaillist", strings.TrimSpace(a)})
	}
	for _, a := range addresses {
		if _, err := account.NormalizeEmail(a.value); a.value != "" && err != nil {
			wrong(a.name, "email_invalid", "not an e-mail address")
		}
	}
	for _, link := range []struct{ name, value string }{{"website", c.Website}, {"customconfirmationpage", c.ConfirmationPage}} {
		if !isLink(link.value) {
			wrong(link.name, "url_invalid", "must be a http or https address")
		}
	}
	for _, color := range []struct{ name, value string }{{"color1", c.Color1}, {"color2", c.Color2}} {
		if color.value != "" && !isColor(color.value) {
			wrong(color.name, "color_invalid", "must be a color such as #1a2b3c")
		}
	}
	if c.Licences < 0 || c.Licences > 1<<30 {
		wrong("numberofuserlicences", "licences_invalid", "must be a number of users, or 0 for as many as the plan has")
	}
	return fault.Wrong(bad)
}

// isLink tells whether s may stand behind a link in a page: a bare name, as people
// type it, is one of a site.
func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (s == "" || u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "" && u.Opaque == "") &&
		!strings.ContainsAny(s, "\r\n\t <>\"'")
}

func isColor(s string) bool {
	return len(s) == 7 && s[0] == '#' && strings.Trim(strings.ToLower(s[1:]), "0123456789abcdef") == ""
}
