package filemail

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
)

// Calls about the caller's company. The classic ones are documented
// (www.filemail.com/apidoc/Company.aspx; pyfilemail for those about users); those of
// 2.0 are guesses in their style.

// manyUsers is what a company without a limit is told as: see manyDownloads.
const manyUsers = 9999

// A companyBody has the keys of the page's sample.
type companyBody struct {
	ID               company.ID `json:"id"`
	Name             string     `json:"name"`
	Domain           string     `json:"domain"`
	Website          string     `json:"website"`
	ContactPerson    string     `json:"contactperson"`
	ContactPhone     string     `json:"contactphone"`
	ContactEmail     string     `json:"contactemail"`
	Street           string     `json:"streetaddress"`
	PostAddress      string     `json:"postaddress"`
	PostNumber       string     `json:"postnumber"`
	Country          string     `json:"country"`
	Color1           string     `json:"color1"`
	Color2           string     `json:"color2"`
	ConfirmationPage string     `json:"customconfirmationpage"`
	EmailTemplate    string     `json:"customemailtemplate"`
	UploadText       string     `json:"textonuploadpage"`
	Receiver         string     `json:"defaultreceiveremail"`
	Receivers        string     `json:"defaultreceiveremaillist"`
	InvoiceReference string     `json:"invoicereferenceperson"`
	InvoiceEmail     string     `json:"invoiceemail"`
	InvoiceByEmail   bool       `json:"sendInvoiceByEmail"`
	Licences         int        `json:"numberofuserlicences"`
	Expires          int64      `json:"expiredate"` // classic: in seconds, as in the sample
	*moreOfCompany
}

// A moreOfCompany is what else 2.0 tells.
type moreOfCompany struct {
	OwnPeopleOnly bool  `json:"ownpeopleonly"` // what its people send is for its people
	Users         int   `json:"numberofusers"`
	Version       int64 `json:"version"`
}

// describeCompany makes the object of a company.
func (h *Handler) describeCompany(c *call, of *company.Company) (*companyBody, error) {
	licences, err := h.licences(c.r.Context(), of)
	if err != nil {
		return nil, err
	}
	b := &companyBody{
		ID: of.ID, Name: of.Name, Domain: of.Domain, Website: of.Website,
		ContactPerson: of.ContactPerson, ContactPhone: of.ContactPhone, ContactEmail: of.ContactEmail,
		Street: of.Street, PostAddress: of.PostAddress, PostNumber: of.PostNumber, Country: of.Country,
		Color1: of.Color1, Color2: of.Color2, ConfirmationPage: of.ConfirmationPage, EmailTemplate: of.EmailTemplate,
		UploadText: of.UploadText, Receiver: of.Receiver, Receivers: of.Receivers,
		InvoiceReference: of.InvoiceReference, InvoiceEmail: of.InvoiceEmail, InvoiceByEmail: of.InvoiceByEmail,
		Licences: licences, Expires: c.companyDate(of.PaidUntil),
	}
	if !c.classic {
		b.moreOfCompany = &moreOfCompany{of.OwnPeopleOnly, of.Users, of.Version}
	}
	return b, nil
}

func (c *call) companyDate(t time.Time) int64 {
	ms := millisOrNone(t)
	if c.classic && ms >= 0 {
		return ms / 1000
	}
	return ms
}

// licences gives how many users the company may have.
func (h *Handler) licences(ctx context.Context, of *company.Company) (int, error) {
	if of.Licences > 0 {
		return of.Licences, nil
	}
	its, err := h.cfg.People.Plans.Get(ctx, plan.ID(of.Plan))
	if err != nil {
		return 0, err
	}
	return orMany(its.Users, manyUsers), nil
}

// company gives whose company a call is about: NotFound for a caller without.
func (h *Handler) company(c *call) (company.ID, error) {
	a, err := h.caller(c)
	if err != nil {
		return "", err
	}
	if a.Company == "" {
		return "", fault.New(fault.NotFound, "company_unknown", "the account has no company")
	}
	return a.Company, nil
}

func (h *Handler) companyOf(c *call) (*company.Company, error) {
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	return h.cfg.People.Companies.Get(c.r.Context(), which)
}

func (h *Handler) getCompany(c *call) (any, error) {
	of, err := h.companyOf(c)
	if err != nil {
		return nil, err
	}
	return h.describeCompany(c, of)
}

func (h *Handler) updateCompany(c *call) (any, error) {
	change, version := c.companyChange(), c.in.number("version", 0, math.MaxInt32)
	if err := c.in.err(); err != nil {
		return nil, err
	}
	before, err := h.companyOf(c)
	if err != nil {
		return nil, err
	}
	licences, err := h.licences(c.r.Context(), before)
	if err != nil {
		return nil, err
	}
	of, err := h.cfg.People.Companies.Update(c.r.Context(), before.ID, c.who.Account, func(of *company.Company) error {
		if version != nil && *version != of.Version {
			return fault.New(fault.Conflict, "company_changed", "the company was changed by somebody else meanwhile")
		}
		return change(of, licences)
	})
	if err != nil {
		return nil, err
	}
	return h.describeCompany(c, of)
}

const maxCompanyText = 20_000 // what may be kept is the core's to say

// companyChange reads what is to be said of a company. Licences and expiry are the
// operator's, but may come along as they are: programs send the whole object back.
func (c *call) companyChange() func(of *company.Company, licences int) error {
	text := func(name string) *string { return c.in.change(name, maxCompanyText) }
	name, domain := c.in.changeLine("name", maxBookText), text("domain")
	texts := map[string]*string{}
	for _, name := range []string{
		"website", "contactperson", "contactphone", "contactemail", "streetaddress", "postaddress", "postnumber", "country",
		"color1", "color2", "customconfirmationpage", "customemailtemplate", "textonuploadpage", "defaultreceiveremail",
		"defaultreceiveremaillist", "invoicereferenceperson", "invoiceemail",
	} {
		texts[name] = text(name)
	}
	invoice, own := c.in.flag("sendInvoiceByEmail"), c.in.flag("ownpeopleonly")
	licences, expires := c.in.number("numberofuserlicences", 0, math.MaxInt32), c.in.number("expiredate", -1, maxMoment)
	return func(of *company.Company, has int) error {
		if licences != nil && *licences != int64(has) || expires != nil && *expires != c.companyDate(of.PaidUntil) {
			return fault.New(fault.Forbidden, "operator_only", "licences and paid time are set by whoever runs this server")
		}
		put(&of.Name, name)
		put(&of.Domain, domain)
		for name, to := range map[string]*string{
			"website": &of.Website, "contactperson": &of.ContactPerson, "contactphone": &of.ContactPhone,
			"contactemail": &of.ContactEmail, "streetaddress": &of.Street, "postaddress": &of.PostAddress,
			"postnumber": &of.PostNumber, "country": &of.Country, "color1": &of.Color1, "color2": &of.Color2,
			"customconfirmationpage": &of.ConfirmationPage, "customemailtemplate": &of.EmailTemplate,
			"textonuploadpage": &of.UploadText, "defaultreceiveremail": &of.Receiver,
			"defaultreceiveremaillist": &of.Receivers, "invoicereferenceperson": &of.InvoiceReference,
			"invoiceemail": &of.InvoiceEmail,
		} {
			put(to, texts[name])
		}
		put(&of.InvoiceByEmail, invoice)
		put(&of.OwnPeopleOnly, own)
		return nil
	}
}

// changeLine is change for what may become a header of a letter.
func (in *input) changeLine(name string, most int) *string {
	s := in.change(name, most)
	if s != nil && strings.ContainsAny(*s, "\r\n") {
		in.wrong(name, codeValue, "must be one line")
	}
	return s
}

// A usersBody is some of a company's users: see pageBody.
type usersBody struct {
	Users []*userBody `json:"users"`
	Next  *account.ID `json:"next"`
}

func (h *Handler) listUsers(c *call) (any, error) {
	after, most := c.pageOf("a userid")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	all, err := h.cfg.People.Companies.Users(c.r.Context(), which, c.who.Account, account.ID(after), most+1)
	if err != nil {
		return nil, err
	}
	b := usersBody{Users: []*userBody{}}
	if len(all) > most {
		all = all[:most]
		b.Next = &all[most-1].ID
	}
	describe := h.describer(c)
	for _, a := range all {
		one, err := describe(a)
		if err != nil {
			return nil, err
		}
		b.Users = append(b.Users, one)
	}
	return b, nil
}

// addUser makes an account in the company. Without canreceivefiles it can.
func (h *Handler) addUser(c *call) (any, error) {
	n := company.NewUser{
		Email: c.in.text("email", maxItem), Name: c.in.line("name", maxBookText), Password: c.in.secret("password"),
		Admin: c.in.is("admin"),
	}
	if receives := c.in.flag("canreceivefiles"); receives != nil {
		n.NotReceiving = !*receives
	}
	c.in.require("email", "password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	a, err := h.cfg.People.Companies.AddUser(c.r.Context(), which, c.who.Account, n)
	if err != nil {
		return nil, err
	}
	return h.describe(c, a)
}

// updateUserOf changes a user of the company, whom find finds.
func (h *Handler) updateUserOf(c *call, find func(company.ID) (account.ID, error)) (any, error) {
	change := company.Change{
		Name: c.in.changeLine("name", maxBookText), Admin: c.in.flag("admin"), Active: c.in.flag("active"), Profile: c.in.profile(),
	}
	if c.in.has("email") {
		change.Email = new(c.in.email("email"))
	}
	if c.in.has("password") {
		change.Password = new(c.in.secret("password"))
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	user, err := find(which)
	if err != nil {
		return nil, err
	}
	a, err := h.cfg.People.Companies.UpdateUser(c.r.Context(), which, c.who.Account, user, change)
	if err != nil {
		return nil, profileNames.in(err)
	}
	return h.describe(c, a)
}

func (h *Handler) putUser(c *call) (any, error) {
	return h.updateUserOf(c, func(company.ID) (account.ID, error) { return account.ID(c.r.PathValue("user")), nil })
}

func (h *Handler) removeUser(c *call) (any, error) {
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	user := account.ID(c.r.PathValue("user"))
	return nil, h.cfg.People.Companies.RemoveUser(c.r.Context(), which, c.who.Account, user)
}
