package company

import (
	"cmp"
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/plan"
)

// A Store keeps companies.
type Store interface {
	// CreateCompany adds a company: Conflict "company_exists" or "domain_taken",
	// NotFound "plan_unknown".
	CreateCompany(ctx context.Context, c *Company) error
	// CreateMember adds the account to the company of this name, which it adds
	// when there is none. The first of its users is its admin. It sets the
	// account's company. Errors are those of AddUser.
	CreateMember(ctx context.Context, fresh *Company, a *account.Account) error
	// Company, CompanyByName and CompanyByDomain find: NotFound "company_unknown".
	Company(ctx context.Context, id ID) (*Company, error)
	CompanyByName(ctx context.Context, name string) (*Company, error)
	CompanyByDomain(ctx context.Context, domain string) (*Company, error)
	// Companies gives up to n whose ids are greater than after, in their order.
	Companies(ctx context.Context, after ID, n int) ([]*Company, error)
	// UsersOf gives up to n users whose ids are greater than after, in their order.
	UsersOf(ctx context.Context, id ID, after account.ID, n int) ([]*account.Account, error)

	// UpdateCompany loads the company and, when who is not empty, that account;
	// runs change on them, and saves the company, all or nothing. The counters
	// are not change's to change. Change may run more than once. Conflict
	// "company_exists", "domain_taken"; NotFound "plan_unknown".
	UpdateCompany(ctx context.Context, id ID, who account.ID, change func(c *Company, who *account.Account) error) (*Company, error)
	// AddUser is UpdateCompany that then adds the account with its profile:
	// Conflict "email_taken", "licences_used" by a conditional update.
	AddUser(ctx context.Context, id ID, who account.ID, a *account.Account, p *account.Profile, may func(c *Company, who *account.Account) error) error
	// UpdateUser loads the company, who (nil when empty) and the user (the same
	// value, when they are the same), none of which anybody else changes
	// meanwhile; runs change on them and saves the user and its profile. NotFound
	// "account_unknown" for one who is not the company's; otherwise as
	// account.Store's UpdateAccount.
	UpdateUser(ctx context.Context, id ID, who, user account.ID, change func(c *Company, who, user *account.Account, p *account.Profile) error) (*account.Account, error)
}

// A Service manages companies and their people. Where it takes who, that is the
// account that asks, which must be an admin of the company: Forbidden
// "not_company_admin", or Conflict "plan_lacks_company" when their plan does not
// have it. Operator may do everything.
type Service struct {
	store    Store
	accounts *account.Service
	plans    *plan.Service
	blocks   *block.Service
	ids      *id.Source
	now      func() time.Time
}

// Operator is who asks when it is whoever runs the installation.
const Operator = account.ID("")

// NewService makes a Service.
func NewService(s Store, a *account.Service, p *plan.Service, b *block.Service, ids *id.Source, now func() time.Time) *Service {
	return &Service{store: s, accounts: a, plans: p, blocks: b, ids: ids, now: now}
}

// Create makes a company without people.
func (s *Service) Create(ctx context.Context, name, domain, plan string, licences int) (*Company, error) {
	c := s.fresh(name)
	c.Plan, c.Licences = plan, licences
	err := c.setDomain(domain)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, err
	}
	return c, s.store.CreateCompany(ctx, c)
}

func (s *Service) fresh(name string) *Company {
	return &Company{ID: ID(s.ids.Key()), Name: name, CreatedAt: s.now()}
}

// CreateMember makes an account in the company of this name, which is made when
// there is none. The first of its users is its admin. For the operator.
func (s *Service) CreateMember(ctx context.Context, name string, n account.New) (*account.Account, error) {
	c := s.fresh(name)
	if err := c.check(); err != nil {
		return nil, err
	}
	switch there, err := s.store.CompanyByName(ctx, c.Name); {
	case err == nil:
		n.Plan = cmp.Or(n.Plan, there.Plan)
	case fault.KindOf(err) != fault.NotFound:
		return nil, err
	}
	a, err := s.accounts.Draft(ctx, n)
	if err != nil {
		return nil, err
	}
	return a, s.store.CreateMember(ctx, c, a)
}

// Get finds a company: NotFound "company_unknown".
func (s *Service) Get(ctx context.Context, c ID) (*Company, error) { return s.store.Company(ctx, c) }

// ByName finds a company: NotFound "company_unknown".
func (s *Service) ByName(ctx context.Context, name string) (*Company, error) {
	return s.store.CompanyByName(ctx, name)
}

// ByAddress finds the company that has claimed the domain of an address: NotFound
// "company_unknown".
func (s *Service) ByAddress(ctx context.Context, email string) (*Company, error) {
	return s.store.CompanyByDomain(ctx, account.Domain(email))
}

// List gives up to n companies after the id, in the order in which they were made.
func (s *Service) List(ctx context.Context, after ID, n int) ([]*Company, error) {
	return s.store.Companies(ctx, after, n)
}

// may returns nil when who, nil for the operator, manages the people of c.
func may(c *Company, who *account.Account) error {
	if who == nil || who.Company == c.ID && who.LeadsCompany() {
		return nil
	}
	return fault.New(fault.Forbidden, "not_company_admin", "only an admin of the company may do that")
}

// admit loads who and looks at their plan, which does not change under the hands of
// a request. That they are an admin is asked again where it decides.
func (s *Service) admit(ctx context.Context, c ID, who account.ID) (*account.Account, error) {
	if who == Operator {
		return nil, nil
	}
	a, err := s.accounts.ByID(ctx, who)
	if err != nil {
		return nil, err
	}
	if err := may(&Company{ID: c}, a); err != nil {
		return nil, err
	}
	p, err := s.plans.Get(ctx, plan.ID(a.Plan))
	if err != nil {
		return nil, err
	}
	if !p.Company {
		return nil, fault.New(fault.Conflict, "plan_lacks_company", "the plan has no management of a company's people")
	}
	return a, nil
}

// Manage returns nil when who manages the company's people.
func (s *Service) Manage(ctx context.Context, c ID, who account.ID) error {
	_, err := s.admit(ctx, c, who)
	return err
}

// Overdue tells that the time is over that the company has paid for, with the grace of
// its plan.
func (s *Service) Overdue(ctx context.Context, c ID) (bool, error) {
	of, err := s.store.Company(ctx, c)
	if err != nil || of.PaidUntil.IsZero() {
		return false, err
	}
	p, err := s.plans.Get(ctx, plan.ID(of.Plan))
	if err != nil {
		return false, err
	}
	return !s.now().Before(of.PaidUntil.Add(p.Grace)), nil
}

// Users gives up to n users of the company after the id, in the order in which
// they were made.
func (s *Service) Users(ctx context.Context, c ID, who account.ID, after account.ID, n int) ([]*account.Account, error) {
	if _, err := s.admit(ctx, c, who); err != nil {
		return nil, err
	}
	return s.store.UsersOf(ctx, c, after, n)
}

// User finds a user of the company: NotFound "account_unknown" for one of another.
func (s *Service) User(ctx context.Context, c ID, who, user account.ID) (*account.Account, error) {
	if _, err := s.admit(ctx, c, who); err != nil {
		return nil, err
	}
	a, err := s.accounts.ByID(ctx, user)
	return userOf(c, a, err)
}

// UserByEmail finds a user of the company by the address: errors are those of User.
func (s *Service) UserByEmail(ctx context.Context, c ID, who account.ID, email string) (*account.Account, error) {
	if _, err := s.admit(ctx, c, who); err != nil {
		return nil, err
	}
	a, err := s.accounts.ByEmail(ctx, email)
	return userOf(c, a, err)
}

func userOf(c ID, a *account.Account, err error) (*account.Account, error) {
	if err == nil && a.Company != c {
		return nil, account.Unknown()
	}
	return a, err
}

// Update changes what a company says of itself and whom its files are for. Licences,
// domain, plan and paid time are the operator's: Forbidden "operator_only". Invalid
// with Fields for what they cannot be.
func (s *Service) Update(ctx context.Context, c ID, who account.ID, change func(*Company) error) (*Company, error) {
	if _, err := s.admit(ctx, c, who); err != nil {
		return nil, err
	}
	return s.store.UpdateCompany(ctx, c, who, func(c *Company, who *account.Account) error {
		if err := may(c, who); err != nil {
			return err
		}
		before := *c
		if err := change(c); err != nil {
			return err
		}
		if err := c.setDomain(c.Domain); err != nil {
			return err
		}
		if who != nil && (c.Domain != before.Domain || c.Plan != before.Plan || c.Licences != before.Licences || !c.PaidUntil.Equal(before.PaidUntil)) {
			// Who claims a domain takes in everybody who has an address there.
			return fault.New(fault.Forbidden, "operator_only", "licences, domain, plan and paid time are set by whoever runs this server")
		}
		return c.check()
	})
}

func (c *Company) setDomain(domain string) (err error) {
	c.Domain = ""
	if domain != "" {
		c.Domain, err = account.NormalizeDomain(domain)
	}
	return err
}

// NewUser describes a user to be added.
type NewUser struct {
	Email        string
	Name         string
	Password     account.Secret
	Admin        bool
	NotReceiving bool
}

// AddUser makes an account in the company. Its address counts as verified when it is
// of the company's own domain, or added by the operator. Invalid with Fields,
// Forbidden "blocked", Conflict "email_taken" or "licences_used".
func (s *Service) AddUser(ctx context.Context, c ID, who account.ID, n NewUser) (*account.Account, error) {
	admin, err := s.admit(ctx, c, who)
	if err != nil {
		return nil, err
	}
	there, err := s.store.Company(ctx, c)
	if err != nil {
		return nil, err
	}
	fresh := account.New{Email: n.Email, Name: n.Name, Password: n.Password, Plan: there.Plan}
	if _, err := s.accounts.Check(fresh); err != nil {
		return nil, err
	}
	if err := s.blocks.Check(ctx, n.Email); err != nil {
		return nil, err
	}
	a, err := s.accounts.Draft(ctx, fresh)
	if err != nil {
		return nil, err
	}
	if admin != nil {
		a.Plan = cmp.Or(there.Plan, admin.Plan)
		a.Verified = there.Domain != "" && account.Domain(a.Email) == there.Domain
	}
	a.Company, a.CompanyAdmin = c, n.Admin
	if err := s.store.AddUser(ctx, c, who, a, &account.Profile{NotReceiving: n.NotReceiving}, may); err != nil {
		return nil, err
	}
	return a, nil
}

// A Change is what to change of a user; nil leaves it as it is.
type Change struct {
	Email        *string
	Name         *string
	Password     *account.Secret
	Admin        *bool
	Active       *bool
	NotReceiving *bool
	Plan         *string // the operator's to change

	Profile func(*account.Profile) // nil leaves it as it is
}

// UpdateUser changes a user of the company. Beside account.Service.Update's errors:
// Conflict "last_admin" when no active admin would be left, "own_admin_role" when an
// admin takes that from themselves, "remove_yourself" when one deactivates
// themselves.
func (s *Service) UpdateUser(ctx context.Context, c ID, who, user account.ID, n Change) (*account.Account, error) {
	if _, err := s.admit(ctx, c, who); err != nil {
		return nil, err
	}
	now, err := s.User(ctx, c, who, user)
	if err != nil {
		return nil, err
	}
	email := now.Email
	if n.Email != nil {
		if email, err = account.NormalizeEmail(*n.Email); err != nil {
			return nil, fault.Wrong([]fault.Field{{Name: "email", Code: "email_invalid", Msg: "not an e-mail address"}})
		}
		if err := s.blocks.Check(ctx, email); err != nil {
			return nil, err
		}
	}
	text := ""
	if n.Password != nil {
		if text, err = s.accounts.Hash(ctx, "password", *n.Password, email); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, c, who, user, func(c *Company, who, user *account.Account, p *account.Profile) error {
		if who != nil && n.Plan != nil && *n.Plan != user.Plan {
			return fault.New(fault.Forbidden, "operator_only", "plans are set by whoever runs this server")
		}
		if n.Active != nil && !*n.Active {
			if err := c.mayEnd(who, user); err != nil {
				return err
			}
			user.Disable()
		} else if n.Active != nil {
			user.Enable()
		}
		if n.Admin != nil && !*n.Admin && user.LeadsCompany() {
			switch {
			case c.Admins <= 1:
				return lastAdmin()
			case who == user:
				return fault.New(fault.Conflict, "own_admin_role", "an admin cannot take the role from themselves")
			}
		}
		if n.Admin != nil {
			user.SetCompanyAdmin(*n.Admin)
		}
		if email != user.Email {
			user.Email = email
			user.Verified = who == nil || c.Domain != "" && account.Domain(email) == c.Domain
		}
		if n.Password != nil {
			user.SetPassword(text, false)
		}
		user.Name = deref(n.Name, user.Name)
		user.Plan = deref(n.Plan, user.Plan)
		p.NotReceiving = deref(n.NotReceiving, p.NotReceiving)
		if n.Profile != nil {
			n.Profile(p)
		}
		return nil
	})
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// RemoveUser takes a user's account away: see account.Service.Erase. Conflict
// "remove_yourself", "last_admin".
func (s *Service) RemoveUser(ctx context.Context, c ID, who, user account.ID) error {
	if _, err := s.admit(ctx, c, who); err != nil {
		return err
	}
	_, err := s.change(ctx, c, who, user, func(c *Company, who, user *account.Account, p *account.Profile) error {
		if err := c.mayEnd(who, user); err != nil {
			return err
		}
		user.Erase()
		*p = account.Profile{}
		return nil
	})
	return err
}

// mayEnd returns nil when who may end the user's account.
func (c *Company) mayEnd(who, user *account.Account) error {
	switch {
	case who == user:
		return fault.New(fault.Conflict, "remove_yourself", "nobody can remove their own account from the company")
	case user.LeadsCompany() && c.Admins <= 1:
		return lastAdmin()
	}
	return nil
}

func lastAdmin() error {
	return fault.New(fault.Conflict, "last_admin", "the company would be left without an admin")
}

// change runs a change of a user for somebody who may make it.
func (s *Service) change(
	ctx context.Context, c ID, who, user account.ID,
	change func(c *Company, who, user *account.Account, p *account.Profile) error,
) (*account.Account, error) {
	a, err := s.store.UpdateUser(ctx, c, who, user, func(c *Company, who, user *account.Account, p *account.Profile) error {
		if err := may(c, who); err != nil {
			return err
		}
		return account.Checked(func(user *account.Account, p *account.Profile) error { return change(c, who, user, p) })(user, p)
	})
	if err != nil {
		return nil, err
	}
	s.accounts.Forget() // what this ended, it ended at once
	return a, nil
}
