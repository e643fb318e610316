package filemail

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/permit"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/wire"
)

// Calls about whoever makes them. The classic ones are documented
// (www.filemail.com/apidoc/User.aspx); those of 2.0 are guesses in its style.

// What a plan without a limit is told as: programs compare with these numbers, and to
// them 0 would be nothing at all. The first is in the page's sample.
const (
	manyDownloads = 9999
	manyDays      = 36_500
	manyBytes     = 1 << 50
)

// A userBody has the keys of the page's sample. Of who has not signed in only the
// limits are known.
type userBody struct {
	MaxDownloads int    `json:"maxdownloads"`
	MaxDays      int    `json:"maxdays"`
	MaxSize      int64  `json:"maxtransfersize"`
	Membership   string `json:"membershipname"`
	*personBody
	*moreBody
}

type personBody struct {
	Notify       bool               `json:"defaultnotify"`
	Days         int                `json:"defaultdays"`
	Confirmation bool               `json:"defaultconfirmation"`
	Downloads    int                `json:"defaultdownloads"`
	Name         string             `json:"name"`
	Email        string             `json:"email"`
	Country      string             `json:"country"`
	Newsletter   bool               `json:"newsletter"`
	Created      int64              `json:"created"`
	CompanyName  *string            `json:"companyname"`
	CompanyID    *account.CompanyID `json:"companyid"`
	CompanyAdmin bool               `json:"companyadmin"`
	ForceLock    bool               `json:"forcepasswordonincoming"` // Ferry has no such rule
}

// A moreBody is what else 2.0 tells: what can be changed, too.
type moreBody struct {
	ID         account.ID `json:"userid"`
	Verified   bool       `json:"emailverified"`
	Active     bool       `json:"active"`
	Receives   bool       `json:"canreceivefiles"`
	City       string     `json:"city"`
	Zip        string     `json:"zip"`
	Address    string     `json:"address"`
	Mobile     string     `json:"mobilephone"`
	Subject    string     `json:"defaultsubject"`
	Signature  string     `json:"signature"`
	MustChange bool       `json:"forcepasswordchange"`
}

// user makes the object of an account.
func (c *call) user(a *account.Account, own *account.Profile, of *plan.Plan, its *company.Company, usual int) userBody {
	b := limitsOf(of)
	b.personBody = &personBody{
		Notify: own.Notify, Days: permit.DaysOf(own, of, usual), Confirmation: own.Confirmation, Downloads: own.Downloads,
		Name: a.Name, Email: a.Email, Country: own.Country, Newsletter: own.Newsletter, Created: a.CreatedAt.UnixMilli(),
		CompanyAdmin: a.CompanyAdmin,
	}
	if its != nil {
		b.CompanyID, b.CompanyName = &its.ID, &its.Name
	}
	if !c.classic {
		b.moreBody = &moreBody{
			ID: a.ID, Verified: a.Verified, Active: a.State == account.Active, Receives: !own.NotReceiving,
			City: own.City, Zip: own.Zip, Address: own.Address, Mobile: own.Mobile, Subject: own.Subject,
			Signature: own.Signature, MustChange: a.MustChange,
		}
	}
	return b
}

func limitsOf(p *plan.Plan) userBody {
	return userBody{
		MaxDownloads: orMany(p.Downloads, manyDownloads), MaxDays: orMany(p.Days, manyDays),
		MaxSize: orMany(p.TransferBytes, manyBytes), Membership: p.Name,
	}
}

func orMany[N int | int64](n, many N) N {
	if n == 0 {
		return many
	}
	return n
}

// describe loads what belongs to an account, and makes its object.
func (h *Handler) describe(c *call, a *account.Account) (*userBody, error) { return h.describer(c)(a) }

// describer is describe for several accounts, which have few plans and companies.
func (h *Handler) describer(c *call) func(*account.Account) (*userBody, error) {
	ctx, p := c.r.Context(), h.cfg.People
	plans, companies := map[string]*plan.Plan{}, map[account.CompanyID]*company.Company{}
	return func(a *account.Account) (*userBody, error) {
		own, err := p.Accounts.Profile(ctx, a.ID)
		if err == nil && plans[a.Plan] == nil {
			plans[a.Plan], err = p.Plans.Get(ctx, plan.ID(a.Plan))
		}
		if err == nil && a.Company != "" && companies[a.Company] == nil {
			companies[a.Company], err = p.Companies.Get(ctx, a.Company)
		}
		if err != nil {
			return nil, err
		}
		return new(c.user(a, own, plans[a.Plan], companies[a.Company], p.Days)), nil
	}
}

// caller loads the account of who makes the call.
func (h *Handler) caller(c *call) (*account.Account, error) {
	a, err := h.cfg.People.Accounts.ByID(c.r.Context(), c.who.Account)
	return a, permit.Gone(err)
}

func (h *Handler) getUser(c *call) (any, error) {
	a, err := h.caller(c)
	if err != nil {
		return nil, err
	}
	return h.describe(c, a)
}

// updateUser changes what the caller says of themselves.
func (h *Handler) updateUser(c *call) (any, error) {
	if c.in.has("password") {
		c.in.wrong("password", codeValue, "is changed by /auth/password/change")
	}
	change, name := c.in.profile(), c.in.changeLine("name", maxBookText)
	if err := c.in.err(); err != nil {
		return nil, err
	}
	if err := h.askForEmail(c, c.in.secret("currentpassword")); err != nil {
		return nil, err
	}
	a, err := h.putProfile(c.r.Context(), c.who.Account, name, change)
	if err != nil {
		return nil, err
	}
	return h.describe(c, a)
}

func (h *Handler) putProfile(
	ctx context.Context, who account.ID, name *string, change func(*account.Profile),
) (*account.Account, error) {
	a, err := h.cfg.People.Accounts.Update(ctx, who, func(a *account.Account, p *account.Profile) error {
		put(&a.Name, name)
		change(p)
		return nil
	})
	return a, profileNames.in(permit.Gone(err))
}

// askForEmail has a letter written to another address of the caller, which becomes
// theirs when its token comes back. It needs the password, so that a token alone is
// not enough to take an account over.
func (h *Handler) askForEmail(c *call, password account.Secret) error {
	email := c.in.email("email")
	if err := c.in.err(); err != nil || email == "" {
		return err
	}
	a, err := h.caller(c)
	if err != nil || a.Email == email {
		return err
	}
	if password == "" {
		return invalidField("currentpassword", codeMissing, "is required to change the address")
	}
	ctx := c.r.Context()
	return h.cfg.People.Sessions.ChangeEmail(ctx, a.ID, password, email, wire.ClientAddr(ctx))
}

// profile reads what somebody says of themselves, and gives the change that it is.
func (in *input) profile() func(*account.Profile) {
	texts := map[string]*string{"address": in.change("address", maxOwnText), "signature": in.change("signature", maxOwnText)}
	for _, name := range []string{"country", "city", "zip", "mobilephone", "defaultsubject"} {
		texts[name] = in.changeLine(name, maxOwnText)
	}
	newsletter, notify, confirmation := in.flag("newsletter"), in.flag("defaultnotify"), in.flag("defaultconfirmation")
	receives := in.flag("canreceivefiles")
	days, downloads := in.number("defaultdays", transfer.Forever, math.MaxInt32), in.number("defaultdownloads", 0, math.MaxInt32)
	return func(p *account.Profile) {
		put(&p.Country, texts["country"])
		put(&p.City, texts["city"])
		put(&p.Zip, texts["zip"])
		put(&p.Address, texts["address"])
		put(&p.Mobile, texts["mobilephone"])
		put(&p.Signature, texts["signature"])
		put(&p.Subject, texts["defaultsubject"])
		put(&p.Newsletter, newsletter)
		put(&p.Notify, notify)
		put(&p.Confirmation, confirmation)
		if receives != nil {
			p.NotReceiving = !*receives
		}
		if days != nil {
			p.Days = int(*days)
		}
		if downloads != nil {
			p.Downloads = int(*downloads)
		}
	}
}

const maxOwnText = 20_000 // of a text of somebody's; what may be kept is the core's to say

// put sets what is changed.
func put[T any](to, change *T) {
	if change != nil {
		*to = *change
	}
}

// renamed are inputs that the core calls by other names than this API.
type renamed map[string]string

var profileNames = renamed{
	"mobile": "mobilephone", "subject": "defaultsubject", "days": "defaultdays", "downloads": "defaultdownloads",
}

// in tells err in the API's names.
func (names renamed) in(err error) error {
	f, is := errors.AsType[*fault.Error](err)
	if !is || len(f.Fields) == 0 {
		return err
	}
	var told []fault.Field
	for _, field := range f.Fields {
		if name, known := names[field.Name]; known {
			field.Name = name
		}
		told = append(told, field)
	}
	return fault.Wrong(told)
}

// API keys of the caller. A key makes no keys: that takes a login, so that one which
// got about, and is to end, does not live on in others.

type keyBody struct {
	ID      account.KeyID `json:"apikeyid"`
	Key     string        `json:"apikey,omitempty"` // when it was made, and never again
	Name    string        `json:"name"`
	Scopes  []string      `json:"scopes"`
	Daily   int           `json:"dailylimit"` // 0: what the plan says
	Created int64         `json:"created"`
	Expires int64         `json:"expiredate"`
}

func newKeyBody(k *account.APIKey, secret account.Secret) keyBody {
	return keyBody{
		ID: k.ID, Key: string(secret), Name: k.Name, Scopes: k.Scopes.Names(), Daily: k.DailyLimit,
		Created: k.CreatedAt.UnixMilli(), Expires: millisOrNone(k.ExpiresAt),
	}
}

// millisOrNone gives a date of 2.0: -1 is none.
func millisOrNone(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

var keyNames = renamed{"daily limit": "dailylimit", "expiry": "expiredate"}

func (h *Handler) addKey(c *call) (any, error) {
	k := account.NewKey{Name: c.in.line("name", maxBookText), ExpiresAt: c.in.moment("expiredate")}
	if n := c.in.number("dailylimit", 0, math.MaxInt32); n != nil {
		k.DailyLimit = int(*n)
	}
	var err error
	if k.Scopes, err = account.ParseScopes(c.in.list("scopes", maxScopes)); err != nil {
		c.in.wrong("scopes", fault.CodeOf(err), "must be read, send or manage")
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	secret, made, err := h.cfg.People.Accounts.CreateKeyFor(c.r.Context(), c.who.Account, k)
	if err != nil {
		return nil, keyNames.in(err)
	}
	return newKeyBody(made, secret), nil
}

const maxScopes = 10

// A keysBody is some of the caller's keys: see pageBody.
type keysBody struct {
	Keys []keyBody      `json:"apikeys"`
	Next *account.KeyID `json:"next"`
}

func (h *Handler) listKeys(c *call) (any, error) {
	after, most := c.pageOf("an apikeyid")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	all, err := h.cfg.People.Accounts.Keys(c.r.Context(), c.who.Account, account.KeyID(after), most+1)
	if err != nil {
		return nil, err
	}
	b := keysBody{Keys: []keyBody{}}
	if len(all) > most {
		all = all[:most]
		b.Next = &all[most-1].ID
	}
	for _, k := range all {
		b.Keys = append(b.Keys, newKeyBody(k, ""))
	}
	return b, nil
}

// pageOf reads which entries of a list are asked for: up to most behind after.
func (c *call) pageOf(what string) (after string, most int) {
	most = maxListed
	if limit := c.in.number("limit", 1, maxListed); limit != nil {
		most = int(*limit)
	}
	after = c.in.line("after", maxBookID)
	if after != "" && !id.IsKey(after) {
		c.in.wrong("after", codeValue, "must be %s", what)
	}
	return after, most
}

func (c *call) keyID() account.KeyID { return account.KeyID(c.r.PathValue("key")) }

func (h *Handler) rotateKey(c *call) (any, error) {
	secret, err := h.cfg.People.Accounts.RotateKey(c.r.Context(), c.who.Account, c.keyID())
	if err != nil {
		return nil, notFound.instead(err, fault.NotFound)
	}
	return struct {
		ID  account.KeyID `json:"apikeyid"`
		Key string        `json:"apikey"`
	}{c.keyID(), string(secret)}, nil
}

func (h *Handler) deleteKey(c *call) (any, error) {
	err := h.cfg.People.Accounts.DeleteKey(c.r.Context(), c.who.Account, c.keyID())
	return nil, notFound.instead(err, fault.NotFound)
}
