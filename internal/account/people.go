package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// Disable ends what the account's holder could do; what it sent lives on.
func (a *Account) Disable() {
	if a.State == Active {
		a.State = Disabled
		a.Epoch++
	}
}

// Enable lets the holder of a disabled account sign in again. Keys and sessions of
// before stay dead.
func (a *Account) Enable() {
	if a.State == Disabled {
		a.State = Active
	}
}

// SetPassword puts another password, as a Hasher's text, in place of the one
// before, and ends every session and key.
func (a *Account) SetPassword(text string, mustChange bool) {
	a.Password, a.MustChange = text, mustChange
	a.Epoch++
}

// SetCompanyAdmin gives the role or takes it. Taking it ends every session and
// key: they were made with other rights.
func (a *Account) SetCompanyAdmin(is bool) {
	if a.CompanyAdmin && !is {
		a.Epoch++
	}
	a.CompanyAdmin = is
}

// Erase leaves nothing but what others refer to.
func (a *Account) Erase() {
	*a = Account{ID: a.ID, State: Erased, Epoch: a.Epoch + 1, Used: a.Used, CreatedAt: a.CreatedAt}
}

// LeadsCompany tells whether the account can act as an admin of its company now.
func (a *Account) LeadsCompany() bool {
	return a.Company != "" && a.CompanyAdmin && a.State == Active
}

// Expired tells whether the paid time and the grace after it are over.
func (a *Account) Expired(now time.Time, grace time.Duration) bool {
	return !a.PaidUntil.IsZero() && !now.Before(a.PaidUntil.Add(grace))
}

// A Profile is what people say of themselves, and how they want to send when they
// say nothing else.
type Profile struct {
	Country string // two letters, upper case, or empty
	City    string
	Zip     string
	Address string
	Mobile  string

	Signature string // under a message
	Subject   string
	Days      int // -1: for good; 0: as the plan has it
	Downloads int // 0: no limit

	Newsletter   bool
	Notify       bool // tell them of downloads
	Confirmation bool // tell them when a transfer is complete
	NotReceiving bool // others cannot send to them by request
}

// check returns what is wrong with a changed account and its profile. Changes are
// judged as a whole, so that the caller learns all at once.
func check(a *Account, p *Profile) error {
	var bad []fault.Field
	wrong := func(name, code, msg string) { bad = append(bad, fault.Field{Name: name, Code: code, Msg: msg}) }
	for _, text := range []struct {
		name, value string
		most        int
	}{
		{"name", a.Name, 200},
		{"city", p.City, 200},
		{"zip", p.Zip, 40},
		{"address", p.Address, 500},
		{"mobile", p.Mobile, 40},
		{"signature", p.Signature, 2000},
		{"subject", p.Subject, 200},
	} {
		if len(text.value) > text.most || strings.ContainsRune(text.value, 0) {
			wrong(text.name, text.name+"_invalid", "is too long")
		}
	}
	p.Country = strings.ToUpper(p.Country)
	if p.Country != "" && (len(p.Country) != 2 || strings.Trim(p.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		wrong("country", "country_invalid", "must have two letters")
	}
	if p.Days < -1 || p.Days > 36500 {
		wrong("days", "days_invalid", "must be a number of days, or -1 for good")
	}
	if p.Downloads < 0 || p.Downloads > 1<<30 {
		wrong("downloads", "downloads_invalid", "must be a number of downloads, or 0 for no limit")
	}
	return fault.Wrong(bad)
}

// New describes an account to be made.
type New struct {
	Email    string
	Password Secret
	Name     string
	Plan     string // empty: the plan of new accounts; NoPlan: none
	Admin    bool
}

// NoPlan is what to say for an account that shall have no plan, and so no limits.
const NoPlan = "none"

// CreateUser makes an account for an address that the operator vouches for.
// Invalid with Fields for a bad address or password; Conflict "email_taken";
// NotFound "plan_unknown".
func (s *Service) CreateUser(ctx context.Context, n New) (*Account, error) {
	a, err := s.Draft(ctx, n)
	if err != nil {
		return nil, err
	}
	return a, s.store.CreateAccount(ctx, a)
}

// Draft gives an account to be made, with its password hashed, for whoever stores
// it with more: see CreateUser for what it refuses.
func (s *Service) Draft(ctx context.Context, n New) (*Account, error) {
	email, err := s.Check(New{Email: n.Email, Password: n.Password, Name: n.Name})
	if err != nil {
		return nil, err
	}
	text, err := s.hasher.Hash(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	plan := n.Plan
	switch plan {
	case NoPlan:
		plan = ""
	case "":
		if plan, err = s.store.DefaultPlan(ctx, false); err != nil {
			return nil, err
		}
	}
	return &Account{
		ID: ID(s.ids.Key()), Email: email, Verified: true, Name: n.Name, Password: text, Plan: plan,
		Admin: n.Admin, Quota: s.quota, CreatedAt: s.now(),
	}, nil
}

// SignedUp gives an account to be made for somebody who has shown that the
// address is theirs, and whose password was hashed before.
func (s *Service) SignedUp(ctx context.Context, email, name, password string) (*Account, error) {
	plan, err := s.store.DefaultPlan(ctx, true)
	if err != nil {
		return nil, err
	}
	return &Account{
		ID: ID(s.ids.Key()), Email: email, Verified: true, Name: name, Password: password, Plan: plan,
		Quota: s.quota, CreatedAt: s.now(),
	}, nil
}

// Check gives the address of an account to be made as it is stored, or Invalid
// with a Field for everything that is wrong with it, its name and its password.
func (s *Service) Check(n New) (email string, err error) {
	var bad []fault.Field
	email, err = NormalizeEmail(n.Email)
	if err != nil {
		bad = append(bad, fault.Field{Name: "email", Code: "email_invalid", Msg: "not an e-mail address"})
	}
	bad = append(bad, CheckPassword("password", n.Password, email)...)
	if len(n.Name) > 200 || strings.ContainsRune(n.Name, 0) {
		bad = append(bad, fault.Field{Name: "name", Code: "name_invalid", Msg: "must have at most 200 characters"})
	}
	return email, fault.Wrong(bad)
}

// ByID finds an account: NotFound "account_unknown".
func (s *Service) ByID(ctx context.Context, who ID) (*Account, error) {
	return s.store.AccountByID(ctx, who)
}

// ByEmail finds the account of an address: NotFound "account_unknown", also for
// what is no address.
func (s *Service) ByEmail(ctx context.Context, email string) (*Account, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return nil, Unknown()
	}
	return s.store.AccountByEmail(ctx, email)
}

// Unknown is the answer for an account that is not there, or not for the caller
// to know of.
func Unknown() error { return fault.New(fault.NotFound, "account_unknown", "no such account") }

// List gives up to n accounts after the id, in the order in which they were made.
func (s *Service) List(ctx context.Context, after ID, n int) ([]*Account, error) {
	return s.store.Accounts(ctx, after, n)
}

// Profile gives what an account's holder said of themselves.
func (s *Service) Profile(ctx context.Context, who ID) (*Profile, error) {
	return s.store.ProfileOf(ctx, who)
}

// Update changes an account and its profile: see Store.UpdateAccount. Invalid
// with Fields for what they cannot be. What change ends is ended at once.
func (s *Service) Update(ctx context.Context, who ID, change func(*Account, *Profile) error) (*Account, error) {
	a, err := s.store.UpdateAccount(ctx, who, Checked(change))
	if err == nil {
		s.Forget()
	}
	return a, err
}

// Checked is change, and then a look at the outcome: what every store of accounts
// is given.
func Checked(change func(*Account, *Profile) error) func(*Account, *Profile) error {
	return func(a *Account, p *Profile) error {
		if err := change(a, p); err != nil {
			return err
		}
		return check(a, p)
	}
}

// SetPassword gives an account another password and ends its sessions and keys.
// Invalid with Fields for a bad one.
func (s *Service) SetPassword(ctx context.Context, who ID, password Secret, mustChange bool) error {
	a, err := s.store.AccountByID(ctx, who)
	if err != nil {
		return err
	}
	text, err := s.Hash(ctx, "password", password, a.Email)
	if err != nil {
		return err
	}
	_, err = s.Update(ctx, who, func(a *Account, _ *Profile) error {
		if a.Email == "" {
			return notForInstallation()
		}
		a.SetPassword(text, mustChange)
		return nil
	})
	return err
}

// Hash gives the text of a new password of the account with this address, or
// Invalid with a Field of the given name.
func (s *Service) Hash(ctx context.Context, field string, password Secret, email string) (string, error) {
	if err := fault.Wrong(CheckPassword(field, password, email)); err != nil {
		return "", err
	}
	return s.hasher.Hash(ctx, password)
}

// Verify tells whether the password is the account's. A nil account costs the
// same and says no.
func (s *Service) Verify(ctx context.Context, a *Account, password Secret) (bool, error) {
	text := ""
	if a != nil {
		text = a.Password
	}
	return s.hasher.Verify(ctx, text, password)
}

// SetActive enables or disables an account.
func (s *Service) SetActive(ctx context.Context, who ID, active bool) error {
	_, err := s.Update(ctx, who, func(a *Account, _ *Profile) error {
		if a.Email == "" {
			return notForInstallation()
		}
		if active {
			a.Enable()
		} else {
			a.Disable()
		}
		return nil
	})
	return err
}

// SetPlan gives an account another plan, or NoPlan, paid until a moment; the zero
// time for one that costs nothing. NotFound "plan_unknown".
func (s *Service) SetPlan(ctx context.Context, who ID, plan string, until time.Time) error {
	if plan == NoPlan {
		plan = ""
	}
	_, err := s.Update(ctx, who, func(a *Account, _ *Profile) error {
		a.Plan, a.PaidUntil = plan, until
		return nil
	})
	return err
}

// Erase takes an account away: its address is free at once, what it sent is taken
// down by a job.
func (s *Service) Erase(ctx context.Context, who ID) error {
	_, err := s.Update(ctx, who, func(a *Account, p *Profile) error {
		if a.Email == "" {
			return notForInstallation()
		}
		a.Erase()
		*p = Profile{}
		return nil
	})
	return err
}

func notForInstallation() error {
	return fault.New(fault.Conflict, "installation_account", "the installation's own account stays as it is")
}

// Domain gives the part of an address after the @.
func Domain(email string) string { return email[strings.LastIndexByte(email, '@')+1:] }

// NormalizeDomain gives a domain as it is stored and compared: Invalid
// "domain_invalid" for what cannot stand behind the @ of an address.
func NormalizeDomain(domain string) (string, error) {
	d := strings.ToLower(domain)
	_, err := NormalizeEmail("somebody@" + d)
	labels := strings.Split(d, ".")
	if err != nil || len(labels) < 2 || slices.Contains(labels, "") || strings.ContainsAny(d, "@[]") {
		return "", fault.New(fault.Invalid, "domain_invalid", "not a domain such as example.com")
	}
	return d, nil
}
