package company_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/plan"
)

type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }
func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

// A world is a company of two admins and a member, over a real database.
type world struct {
	*company.Service
	t          *testing.T
	ctx        context.Context
	db         *db.DB
	ids        *id.Source
	accounts   *account.Service
	blocks     *block.Service
	at         company.ID
	ann, ben   account.ID // admins
	mia        account.ID // a member
	unemployed account.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background()}
	d, err := db.Open(w.ctx, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	w.must(err)
	t.Cleanup(func() { _ = d.Close() })
	ring, err := keyring.New([]byte(strings.Repeat("k", keyring.MinSecret)))
	w.must(err)
	ids := id.NewSource(time.Now)
	w.accounts = account.NewService(d, plain{}, ids, ring, time.Now, 0)
	w.blocks = block.NewService(d, time.Now)
	w.db, w.ids = d, ids
	w.Service = w.over(d)

	ann, err := w.CreateMember(w.ctx, "Acme", account.New{Email: "ann@acme.example", Password: "correct horse"})
	w.must(err)
	w.ann, w.at = ann.ID, ann.Company
	ben, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "ben@acme.example", Password: "correct horse", Admin: true})
	w.must(err)
	mia, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "mia@acme.example", Name: "Mia", Password: "correct horse", NotReceiving: true})
	w.must(err)
	alone, err := w.accounts.CreateUser(w.ctx, account.New{Email: "alone@example.org", Password: "correct horse"})
	w.must(err)
	w.ben, w.mia, w.unemployed = ben.ID, mia.ID, alone.ID
	return w
}

func (w *world) over(s company.Store) *company.Service {
	return company.NewService(s, w.accounts, plan.NewService(w.db), w.blocks, w.ids, time.Now)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(who account.ID) *account.Account {
	w.t.Helper()
	a, err := w.accounts.ByID(w.ctx, who)
	w.must(err)
	return a
}

var yes, no = true, false

func TestWhoMayManage(t *testing.T) {
	w := newWorld(t)
	other, err := w.CreateMember(w.ctx, "Other", account.New{Email: "eve@other.example", Password: "correct horse"})
	w.must(err)
	disabled, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "dan@acme.example", Password: "correct horse", Admin: true})
	w.must(err)
	w.must(w.accounts.SetActive(w.ctx, disabled.ID, false))
	poor, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "poor@acme.example", Password: "correct horse", Admin: true})
	w.must(err)
	w.must(w.accounts.SetPlan(w.ctx, poor.ID, "pro", time.Time{}))
	name := "x"
	for who, want := range map[account.ID]string{
		w.ann: "", company.Operator: "", w.mia: "not_company_admin", w.unemployed: "not_company_admin", other.ID: "not_company_admin",
		disabled.ID: "not_company_admin", poor.ID: "plan_lacks_company",
	} {
		for call, do := range map[string]func() error{
			"Users": func() error { _, err := w.Users(w.ctx, w.at, who, "", 10); return err },
			"User":  func() error { _, err := w.User(w.ctx, w.at, who, w.mia); return err },
			"Update": func() error {
				_, err := w.Update(w.ctx, w.at, who, func(*company.Company) error { return nil })
				return err
			},
			"AddUser": func() error {
				_, err := w.AddUser(w.ctx, w.at, who, company.NewUser{Email: string(who) + "x@acme.example", Password: "correct horse"})
				return err
			},
			"UserByEmail": func() error { _, err := w.UserByEmail(w.ctx, w.at, who, "mia@acme.example"); return err },
			"UpdateUser":  func() error { _, err := w.UpdateUser(w.ctx, w.at, who, w.mia, company.Change{Name: &name}); return err },
			"RemoveUser": func() error {
				err := w.RemoveUser(w.ctx, w.at, who, w.unemployed)
				if fault.Is(err, "account_unknown") { // it got as far as looking for them
					return nil
				}
				return err
			},
		} {
			if err := do(); fault.CodeOf(err) != want {
				t.Errorf("%s by %s: %v, want %q", call, who, err, want)
			}
		}
	}
}

func TestTheThreeRules(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *world) error
		code string
	}{
		{"an admin removes a member", func(w *world) error { return w.RemoveUser(w.ctx, w.at, w.ann, w.mia) }, ""},
		{"an admin removes another", func(w *world) error { return w.RemoveUser(w.ctx, w.at, w.ann, w.ben) }, ""},
		{"an admin removes themselves", func(w *world) error { return w.RemoveUser(w.ctx, w.at, w.ann, w.ann) }, "remove_yourself"},
		{"a stranger is removed", func(w *world) error { return w.RemoveUser(w.ctx, w.at, w.ann, w.unemployed) }, "account_unknown"},
		{"the operator removes one of two admins", func(w *world) error { return w.RemoveUser(w.ctx, w.at, company.Operator, w.ann) }, ""},
		{"and the last one", func(w *world) error {
			w.must(w.RemoveUser(w.ctx, w.at, company.Operator, w.ann))
			return w.RemoveUser(w.ctx, w.at, company.Operator, w.ben)
		}, "last_admin"},
		{"an admin gives up the role", func(w *world) error { return w.role(w.ann, w.ann, false) }, "own_admin_role"},
		{"an admin takes it from another", func(w *world) error { return w.role(w.ann, w.ben, false) }, ""},
		{"the last admin gives it up", func(w *world) error {
			w.must(w.role(w.ann, w.ben, false))
			return w.role(w.ann, w.ann, false)
		}, "last_admin"},
		{"the operator takes it from the last admin", func(w *world) error {
			w.must(w.role(w.ann, w.ben, false))
			return w.role(company.Operator, w.ann, false)
		}, "last_admin"},
		{"it is taken from a member, who has none", func(w *world) error { return w.role(w.ann, w.mia, false) }, ""},
		{"it is given", func(w *world) error { return w.role(w.ann, w.mia, true) }, ""},
		{"it is kept", func(w *world) error { return w.role(w.ann, w.ann, true) }, ""},
		{"an admin deactivates themselves", func(w *world) error { return w.active(w.ann, w.ann, false) }, "remove_yourself"},
		{"an admin deactivates another", func(w *world) error { return w.active(w.ann, w.ben, false) }, ""},
		{"the operator deactivates the last admin", func(w *world) error {
			w.must(w.active(w.ann, w.ben, false))
			return w.active(company.Operator, w.ann, false)
		}, "last_admin"},
		{"an admin who is not active is none", func(w *world) error {
			w.must(w.active(w.ann, w.ben, false))
			return w.role(w.ann, w.ann, false)
		}, "last_admin"},
		{"and may lose the role", func(w *world) error {
			w.must(w.active(w.ann, w.ben, false))
			return w.role(w.ann, w.ben, false)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if err := tt.do(w); fault.CodeOf(err) != tt.code {
				t.Errorf("%v, want %q", err, tt.code)
			}
			at, err := w.Get(w.ctx, w.at)
			w.must(err)
			users, err := w.Users(w.ctx, w.at, company.Operator, "", 10)
			w.must(err)
			admins := 0
			for _, u := range users {
				if u.LeadsCompany() {
					admins++
				}
			}
			if at.Users != len(users) || at.Admins != admins || admins == 0 {
				t.Errorf("%d users and %d admins are counted; there are %d and %d", at.Users, at.Admins, len(users), admins)
			}
		})
	}
}

func (w *world) role(who, user account.ID, admin bool) error {
	_, err := w.UpdateUser(w.ctx, w.at, who, user, company.Change{Admin: &admin})
	return err
}

func (w *world) active(who, user account.ID, active bool) error {
	_, err := w.UpdateUser(w.ctx, w.at, who, user, company.Change{Active: &active})
	return err
}

// Two admins who take the role from each other, or remove each other, at the same
// moment: one of them wins.
func TestTwoAdminsAtOnce(t *testing.T) {
	for name, do := range map[string]func(w *world, who, other account.ID) error{
		"the role": func(w *world, who, other account.ID) error { return w.role(who, other, false) },
		"removing": func(w *world, who, other account.ID) error { return w.RemoveUser(w.ctx, w.at, who, other) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var won atomic.Int64
			var wg sync.WaitGroup
			for _, pair := range [][2]account.ID{{w.ann, w.ben}, {w.ben, w.ann}} {
				wg.Go(func() {
					switch err := do(w, pair[0], pair[1]); {
					case err == nil:
						won.Add(1)
					case !fault.Is(err, "not_company_admin") && !fault.Is(err, "account_unknown") && !fault.Is(err, "last_admin"):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			at, err := w.Get(w.ctx, w.at)
			w.must(err)
			if won.Load() != 1 || at.Admins != 1 {
				t.Errorf("%d won, %d admins are left", won.Load(), at.Admins)
			}
		})
	}
}

// A lateStore lets something happen between the first look at who asks and the
// change they ask for.
type lateStore struct {
	company.Store
	meanwhile func()
}

func (s *lateStore) UpdateUser(
	ctx context.Context, c company.ID, who, user account.ID,
	change func(*company.Company, *account.Account, *account.Account, *account.Profile) error,
) (*account.Account, error) {
	s.meanwhile()
	return s.Store.UpdateUser(ctx, c, who, user, change)
}

func (s *lateStore) AddUser(
	ctx context.Context, c company.ID, who account.ID, a *account.Account, p *account.Profile,
	may func(*company.Company, *account.Account) error,
) error {
	s.meanwhile()
	return s.Store.AddUser(ctx, c, who, a, p, may)
}

func (s *lateStore) UpdateCompany(
	ctx context.Context, c company.ID, who account.ID, change func(*company.Company, *account.Account) error,
) (*company.Company, error) {
	s.meanwhile()
	return s.Store.UpdateCompany(ctx, c, who, change)
}

func TestARoleThatIsLostMeanwhile(t *testing.T) {
	for name, do := range map[string]func(w *world) error{
		"UpdateUser": func(w *world) error { return w.role(w.ben, w.mia, true) },
		"RemoveUser": func(w *world) error { return w.RemoveUser(w.ctx, w.at, w.ben, w.mia) },
		"AddUser": func(w *world) error {
			_, err := w.AddUser(w.ctx, w.at, w.ben, company.NewUser{Email: "x@acme.example", Password: "correct horse"})
			return err
		},
		"Update": func(w *world) error {
			_, err := w.Update(w.ctx, w.at, w.ben, func(c *company.Company) error { c.Website = "x"; return nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := *w
			w.Service = w.over(&lateStore{Store: w.db, meanwhile: func() { before.must(before.role(w.ann, w.ben, false)) }})
			if err := do(w); !fault.Is(err, "not_company_admin") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNewUsers(t *testing.T) {
	w := newWorld(t)
	mia := w.user(w.mia)
	if mia.Company != w.at || mia.CompanyAdmin || mia.Verified || mia.Plan != w.user(w.ann).Plan || mia.Name != "Mia" {
		t.Errorf("%+v", mia)
	}
	if p, err := w.accounts.Profile(w.ctx, w.mia); err != nil || !p.NotReceiving {
		t.Errorf("%+v, %v", p, err)
	}
	w.must(w.blocks.Add(w.ctx, "spam.example", ""))
	for _, tt := range []struct {
		name string
		n    company.NewUser
		code string
	}{
		{"a taken address", company.NewUser{Email: "MIA@acme.example", Password: "correct horse"}, "email_taken"},
		{"a weak password", company.NewUser{Email: "x@acme.example", Password: "password"}, "password_weak"},
		{"no address", company.NewUser{Email: "x", Password: "correct horse"}, "email_invalid"},
		{"a blocked address", company.NewUser{Email: "x@spam.example", Password: "correct horse"}, "blocked"},
	} {
		if _, err := w.AddUser(w.ctx, w.at, w.ann, tt.n); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, err := w.Update(w.ctx, w.at, company.Operator, func(c *company.Company) error {
		c.Domain, c.Plan, c.Licences = "Acme.example", "business", 4
		return nil
	})
	w.must(err)
	ours, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "joe@acme.example", Password: "correct horse"})
	w.must(err)
	if !ours.Verified || ours.Plan != "business" {
		t.Errorf("%+v", ours)
	}
	if _, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "y@acme.example", Password: "correct horse"}); !fault.Is(err, "licences_used") {
		t.Errorf("a fifth user of four licences: %v", err)
	}
	w.must(w.RemoveUser(w.ctx, w.at, w.ann, ours.ID))
	theirs, err := w.AddUser(w.ctx, w.at, w.ann, company.NewUser{Email: "joe@elsewhere.example", Password: "correct horse"})
	w.must(err)
	if theirs.Verified {
		t.Error("an address of another domain counts as verified")
	}
	if c, err := w.ByAddress(w.ctx, "anybody@acme.example"); err != nil || c.ID != w.at {
		t.Errorf("%v, %v", c, err)
	}
}

func TestChangesOfAUser(t *testing.T) {
	w := newWorld(t)
	key, _, err := w.accounts.CreateKeyFor(w.ctx, w.mia, account.NewKey{})
	w.must(err)
	_, err = w.accounts.Key(w.ctx, key)
	w.must(err)
	name, email, plans := "Mia M", "m@acme.example", "free"
	a, err := w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Name: &name, Email: &email, NotReceiving: &no})
	w.must(err)
	if a.Name != name || a.Email != email || a.Verified || a.Epoch != 0 {
		t.Errorf("%+v", a)
	}
	_, err = w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Profile: func(p *account.Profile) { p.City = "Oslo" }})
	w.must(err)
	if p, err := w.accounts.Profile(w.ctx, w.mia); err != nil || p.City != "Oslo" {
		t.Errorf("the profile is %+v, %v", p, err)
	}
	if _, err := w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Profile: func(p *account.Profile) { p.Country = "Norway" }}); !fault.Is(err, "country_invalid") {
		t.Errorf("a country that is none: %v", err)
	}
	if a, err := w.UserByEmail(w.ctx, w.at, w.ann, "M@acme.example"); err != nil || a.ID != w.mia {
		t.Errorf("by the address: %v, %v", a, err)
	}
	if _, err := w.UserByEmail(w.ctx, w.at, w.ann, "alone@example.org"); !fault.Is(err, "account_unknown") {
		t.Errorf("a stranger by the address: %v", err)
	}
	if _, err := w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Plan: &plans}); !fault.Is(err, "operator_only") {
		t.Errorf("an admin gave another plan: %v", err)
	}
	taken := "ben@acme.example"
	if _, err := w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Email: &taken}); !fault.Is(err, "email_taken") {
		t.Errorf("%v", err)
	}
	if _, err := w.UpdateUser(w.ctx, w.at, w.ann, w.unemployed, company.Change{Name: &name}); !fault.Is(err, "account_unknown") {
		t.Errorf("a stranger was changed: %v", err)
	}
	if _, err := w.accounts.Key(w.ctx, key); err != nil {
		t.Errorf("a key that nothing ended: %v", err)
	}
	w.must(w.active(w.ann, w.mia, false))
	if _, err := w.accounts.Key(w.ctx, key); !fault.Is(err, "key_unknown") {
		t.Errorf("a key of a user who was deactivated, the next moment: %v", err)
	}
	weak, good := account.Secret("password"), account.Secret("battery staple")
	if _, err := w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Password: &weak}); !fault.Is(err, "password_weak") {
		t.Errorf("%v", err)
	}
	_, err = w.UpdateUser(w.ctx, w.at, w.ann, w.mia, company.Change{Password: &good, Active: &yes})
	w.must(err)
	if ok, err := w.accounts.Verify(w.ctx, w.user(w.mia), good); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestWhatACompanySaysOfItself(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		who    account.ID
		change func(*company.Company)
		code   string
		fields int
	}{
		{"its website", w.ann, func(c *company.Company) { c.Website = "https://acme.example" }, "", 0},
		{"as people type it", w.ann, func(c *company.Company) { c.Website = "www.acme.example/about" }, "", 0},
		{"its colors", w.ann, func(c *company.Company) { c.Color1 = "#1A2b3c" }, "", 0},
		{"addresses to choose from", w.ann, func(c *company.Company) { c.Receivers = "a@acme.example, b@acme.example" }, "", 0},
		{"for its people alone", w.ann, func(c *company.Company) { c.OwnPeopleOnly = true }, "", 0},
		{"all that is wrong is told at once", w.ann, func(c *company.Company) {
			c.Website, c.Color2, c.ContactEmail, c.Receivers, c.Name = "javascript:alert(1)", "red;}", "x", "a@acme.example,y", " "
		}, "missing", 5},
		{"a name with NUL", w.ann, func(c *company.Company) { c.Name = "a\x00" }, "too_long", 1},
		{"a domain is not an admin's to claim", w.ann, func(c *company.Company) { c.Domain = "gmail.example" }, "operator_only", 0},
		{"nor licences to take", w.ann, func(c *company.Company) { c.Licences = 100 }, "operator_only", 0},
		{"nor a plan", w.ann, func(c *company.Company) { c.Plan = "enterprise" }, "operator_only", 0},
		{"nor time", w.ann, func(c *company.Company) { c.PaidUntil = time.Now() }, "operator_only", 0},
		{"the operator may", company.Operator, func(c *company.Company) { c.Domain, c.Licences, c.Plan = "acme.example", 7, "pro" }, "", 0},
		{"a domain is one", company.Operator, func(c *company.Company) { c.Domain = "acme" }, "domain_invalid", 0},
		{"a plan is one", company.Operator, func(c *company.Company) { c.Plan = "none such" }, "plan_unknown", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.Update(w.ctx, w.at, tt.who, func(c *company.Company) error { tt.change(c); return nil })
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("%v, want %q", err, tt.code)
			}
			if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) != tt.fields {
				t.Errorf("%d fields: %v", len(f.Fields), f.Fields)
			}
		})
	}
	c, err := w.Get(w.ctx, w.at)
	w.must(err)
	if c.Version != 6 || c.Name != "Acme" {
		t.Errorf("version %d of %q", c.Version, c.Name)
	}
	boom := errors.New("boom")
	if _, err := w.Update(w.ctx, w.at, w.ann, func(*company.Company) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
}

func TestMayDownload(t *testing.T) {
	open, closed := &company.Company{ID: "c"}, &company.Company{ID: "c", OwnPeopleOnly: true}
	own := &account.Account{Company: "c"}
	for _, tt := range []struct {
		name string
		c    *company.Company
		a    *account.Account
		code string
	}{
		{"anybody, where it is open", open, nil, ""},
		{"its own", closed, own, ""},
		{"its own who is disabled", closed, &account.Account{Company: "c", State: account.Disabled}, "own_people_only"},
		{"nobody", closed, nil, "own_people_sign_in"},
		{"another's", closed, &account.Account{Company: "d"}, "own_people_only"},
		{"somebody without", closed, &account.Account{}, "own_people_only"},
	} {
		if err := tt.c.MayDownload(tt.a); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestCompaniesOfTheOperator(t *testing.T) {
	w := newWorld(t)
	c, err := w.Create(w.ctx, "Later", "later.example", "pro", 1)
	w.must(err)
	for name, err := range map[string]error{
		"company_exists": func() error { _, err := w.Create(w.ctx, "Later", "", "", 0); return err }(),
		"domain_taken":   func() error { _, err := w.Create(w.ctx, "Latest", "LATER.example", "", 0); return err }(),
		"plan_unknown":   func() error { _, err := w.Create(w.ctx, "Latest", "", "none such", 0); return err }(),
		"missing":        func() error { _, err := w.Create(w.ctx, "", "", "", 0); return err }(),
	} {
		if !fault.Is(err, name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
	a, err := w.CreateMember(w.ctx, "Later", account.New{Email: "a@later.example", Password: "correct horse"})
	w.must(err)
	if a.Company != c.ID || !a.CompanyAdmin || a.Plan != "pro" {
		t.Errorf("%+v", a)
	}
	if _, err := w.CreateMember(w.ctx, "Later", account.New{Email: "b@later.example", Password: "correct horse"}); !fault.Is(err, "licences_used") {
		t.Errorf("%v", err)
	}
	if _, err := w.CreateMember(w.ctx, "Never", account.New{Email: "a@later.example", Password: "correct horse"}); !fault.Is(err, "email_taken") {
		t.Errorf("%v", err)
	}
	if _, err := w.ByName(w.ctx, "Never"); !fault.Is(err, "company_unknown") {
		t.Errorf("a refused account left its company behind: %v", err)
	}
	some, err := w.List(w.ctx, "", 1)
	w.must(err)
	rest, err := w.List(w.ctx, some[0].ID, 10)
	w.must(err)
	if len(rest) != 1 || rest[0].ID != c.ID {
		t.Errorf("%v, %v", some, rest)
	}
}
