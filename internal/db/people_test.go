package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
)

func (w world) person(change ...func(*account.Account)) *account.Account {
	w.t.Helper()
	a := &account.Account{ID: account.ID(w.ids.Key()), Email: w.ids.Text(id.Lower, 8) + "@example.com", CreatedAt: now}
	for _, c := range change {
		c(a)
	}
	w.must(w.CreateAccount(w.ctx, a))
	return a
}

func (w world) company(licences int) *company.Company {
	w.t.Helper()
	c := &company.Company{ID: company.ID(w.ids.Key()), Name: w.ids.Text(id.Lower, 8), Licences: licences, CreatedAt: now}
	w.must(w.CreateCompany(w.ctx, c))
	return c
}

func (w world) employee(c *company.Company, admin bool) *account.Account {
	w.t.Helper()
	return w.person(func(a *account.Account) { a.Company, a.CompanyAdmin = c.ID, admin })
}

// counters gives users and admins of a company, as kept and as counted.
func (w world) counters(c company.ID) (kept, counted [2]int) {
	w.t.Helper()
	at, err := w.Company(w.ctx, c)
	w.must(err)
	users, err := w.UsersOf(w.ctx, c, "", 1000)
	w.must(err)
	for _, u := range users {
		counted[0]++
		if u.LeadsCompany() {
			counted[1]++
		}
	}
	return [2]int{at.Users, at.Admins}, counted
}

func (w world) change(a account.ID, change func(*account.Account)) {
	w.t.Helper()
	_, err := w.UpdateAccount(w.ctx, a, func(a *account.Account, _ *account.Profile) error { change(a); return nil })
	w.must(err)
}

func TestEveryFieldOfAPersonIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c := w.company(0)
		a := w.person()
		want := &account.Account{
			ID: a.ID, Email: "new@example.com", Verified: true, Name: "Ädä", Password: "text", MustChange: true,
			State: account.Disabled, Epoch: 7, Plan: "pro", PaidUntil: now.Add(time.Hour), Company: c.ID, CompanyAdmin: true,
			Admin: true, Quota: 5, CreatedAt: now,
		}
		profile := &account.Profile{
			Country: "DE", City: "Köln", Zip: "50667", Address: "Domkloster 4", Mobile: "+49", Signature: "bye\nbye",
			Subject: "files", Days: -1, Downloads: 3, Newsletter: true, Notify: true, Confirmation: true, NotReceiving: true,
		}
		for range 2 { // the second finds a profile
			_, err := w.UpdateAccount(w.ctx, a.ID, func(a *account.Account, p *account.Profile) error {
				*a, *p = *want, *profile
				return nil
			})
			w.must(err)
		}
		got, err := w.AccountByID(w.ctx, a.ID)
		w.must(err)
		said, err := w.ProfileOf(w.ctx, a.ID)
		w.must(err)
		if diff := cmp.Diff(want, got) + cmp.Diff(profile, said); diff != "" {
			t.Error(diff)
		}
		other := w.person()
		_, err = w.UpdateAccount(w.ctx, other.ID, func(a *account.Account, _ *account.Profile) error {
			a.Email = want.Email
			return nil
		})
		w.fails(err, fault.Conflict, "email_taken")
		_, err = w.UpdateAccount(w.ctx, "nobody", func(*account.Account, *account.Profile) error { return nil })
		w.fails(err, fault.NotFound, "account_unknown")
		_, err = w.UpdateAccount(w.ctx, other.ID, func(a *account.Account, _ *account.Profile) error { a.Plan = "x"; return nil })
		w.fails(err, fault.NotFound, "plan_unknown")
		if some, err := w.Accounts(w.ctx, "", 1); err != nil || len(some) != 1 {
			t.Errorf("%v, %v", some, err)
		}
		if rest, err := w.Accounts(w.ctx, a.ID, 10); err != nil || len(rest) != 1 || rest[0].ID != other.ID {
			t.Errorf("%v, %v", rest, err)
		}
	})
}

// A key works only while its owner does: each line ends it.
func TestWhatEndsAKey(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for name, end := range map[string]func(a *account.Account, k *account.APIKey) error{
			"the owner is disabled": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, (*account.Account).Disable)
				return nil
			},
			"disabled and enabled again": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, func(a *account.Account) { a.Disable(); a.Enable() })
				return nil
			},
			"another password": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, func(a *account.Account) { a.SetPassword("x", false) })
				return nil
			},
			"a plan without API": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, func(a *account.Account) { a.Plan = "free" })
				return nil
			},
			"erased": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, (*account.Account).Erase)
				return nil
			},
			"deleted":                 func(a *account.Account, k *account.APIKey) error { return w.DeleteKey(w.ctx, a.ID, k.ID, now) },
			"deleted by the operator": func(_ *account.Account, k *account.APIKey) error { return w.DeleteKey(w.ctx, "", k.ID, now) },
			"the role of an admin of a company is taken": func(a *account.Account, _ *account.APIKey) error {
				w.change(a.ID, func(a *account.Account) { a.SetCompanyAdmin(false) })
				return nil
			},
		} {
			a := w.person(func(a *account.Account) { a.CompanyAdmin = true })
			k := &account.APIKey{ID: account.KeyID(w.ids.Key()), Account: a.ID, Hash: hashOf(w.ids.Key()), CreatedAt: now}
			w.must(w.CreateKey(w.ctx, k))
			if _, err := w.KeyByHash(w.ctx, k.Hash); err != nil {
				t.Fatal(err)
			}
			w.must(end(a, k))
			_, byHash := w.KeyByHash(w.ctx, k.Hash)
			_, byID := w.KeyByID(w.ctx, k.ID)
			if !fault.Is(byHash, "key_unknown") || !fault.Is(byID, "key_unknown") {
				t.Errorf("%s: %v, %v", name, byHash, byID)
			}
			if err := w.RotateKey(w.ctx, "", k.ID, hashOf("new")); !fault.Is(err, "key_unknown") {
				t.Errorf("%s: rotated nevertheless: %v", name, err)
			}
		}
	})
}

func TestKeysOfAPlan(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person(func(a *account.Account) { a.Plan = "personal" })
		k := &account.APIKey{
			ID: account.KeyID(w.ids.Key()), Account: a.ID, Name: "n", Hash: hashOf("1"), Scopes: account.Read | account.Manage,
			DailyLimit: 5, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}
		w.must(w.CreateKey(w.ctx, k))
		got, err := w.KeyByHash(w.ctx, k.Hash)
		w.must(err)
		k.PlanLimit = 1000
		if diff := cmp.Diff(k, got); diff != "" {
			t.Error(diff)
		}
		w.fails(w.RotateKey(w.ctx, "another", k.ID, hashOf("2")), fault.NotFound, "key_unknown")
		w.fails(w.DeleteKey(w.ctx, "another", k.ID, now), fault.NotFound, "key_unknown")
		w.must(w.RotateKey(w.ctx, a.ID, k.ID, hashOf("2")))
		_, err = w.KeyByHash(w.ctx, hashOf("1"))
		w.fails(err, fault.NotFound, "key_unknown")
		got, err = w.KeyByHash(w.ctx, hashOf("2"))
		w.must(err)
		if got.ID != k.ID || got.Epoch != 1 {
			t.Errorf("after it was rotated: %+v", got)
		}
		w.must(w.CreateKey(w.ctx, &account.APIKey{ID: account.KeyID(w.ids.Key()), Account: a.ID, Hash: hashOf("3"), CreatedAt: now}))
		if keys, err := w.KeysOf(w.ctx, a.ID, "", 10); err != nil || len(keys) != 2 || keys[0].ID != k.ID {
			t.Errorf("%v, %v", keys, err)
		}
		if keys, err := w.KeysOf(w.ctx, a.ID, k.ID, 10); err != nil || len(keys) != 1 {
			t.Errorf("%v, %v", keys, err)
		}
		free := w.person(func(a *account.Account) { a.Plan = "free" })
		w.fails(w.CreateKey(w.ctx, &account.APIKey{ID: "x", Account: free.ID, Hash: hashOf("4")}), fault.Conflict, "no_api_access")
		w.change(a.ID, (*account.Account).Disable)
		w.fails(w.CreateKey(w.ctx, &account.APIKey{ID: "x", Account: a.ID, Hash: hashOf("4")}), fault.Conflict, "no_api_access")
	})
}

func TestStorageIsThePlansWhereTheAccountHasNone(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, err := w.UpdatePlan(w.ctx, "small", func(p *plan.Plan) error { p.Storage = 100; return nil })
		w.must(err)
		small := w.person(func(a *account.Account) { a.Plan = "small" })
		w.create(small.ID, 60)
		tr, files := w.draft(small.ID, 60)
		w.fails(w.CreateTransfer(w.ctx, tr, files), fault.Full, "quota_exceeded")
		own := w.person(func(a *account.Account) { a.Plan, a.Quota = "small", 200 })
		w.create(own.ID, 60)
		w.create(own.ID, 60)
		none := w.person(func(a *account.Account) { a.Plan = "enterprise" })
		w.create(none.ID, 1<<50)
	})
}

func TestPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		want := &plan.Plan{
			ID: "gold", Name: "Gold", TransferBytes: 1, Days: 2, Storage: 3, Recipients: 4, Daily: 5, Downloads: 6, Contacts: 7,
			Users: 8, Calls: 9, Grace: 10 * time.Hour, Permanent: true, API: true, Company: true,
		}
		for range 2 {
			_, err := w.UpdatePlan(w.ctx, "gold", func(p *plan.Plan) error { *p = *want; return nil })
			w.must(err)
		}
		got, err := w.Plan(w.ctx, "gold")
		w.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		boom := errors.New("boom")
		if _, err := w.UpdatePlan(w.ctx, "gold", func(p *plan.Plan) error { p.Days = 99; return boom }); !errors.Is(err, boom) {
			t.Error(err)
		}

		inUse := func(want bool, why string) {
			t.Helper()
			err := w.DeletePlan(w.ctx, "gold")
			if fault.Is(err, "plan_in_use") != want || err != nil && !want {
				t.Fatalf("%s: %v", why, err)
			}
		}
		a := w.person(func(a *account.Account) { a.Plan = "gold" })
		inUse(true, "an account has it")
		if p, err := w.Plan(w.ctx, "gold"); err != nil || p.Accounts != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		w.change(a.ID, func(a *account.Account) { a.Plan = "pro" })
		c := w.company(0)
		_, err = w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error { c.Plan = "gold"; return nil })
		w.must(err)
		inUse(true, "a company gives it")
		_, err = w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error { c.Plan = ""; return nil })
		w.must(err)
		for use, back := range map[plan.Use]plan.ID{plan.New: "enterprise", plan.SignUp: "free"} {
			if id, err := w.DefaultPlan(w.ctx, use == plan.SignUp); err != nil || id != string(back) {
				t.Errorf("default %v: %s, %v", use, id, err)
			}
			w.must(w.SetDefaultPlan(w.ctx, "gold", use))
			inUse(true, "it is a default")
			w.fails(w.SetDefaultPlan(w.ctx, "none such", use), fault.NotFound, "plan_unknown")
			w.must(w.SetDefaultPlan(w.ctx, back, use))
		}
		inUse(false, "nobody has it")
		w.fails(w.DeletePlan(w.ctx, "gold"), fault.NotFound, "plan_unknown")
		if all, err := w.Plans(w.ctx, "basic", 100); err != nil || len(all) != 6 {
			t.Errorf("%d plans, %v", len(all), err)
		}
	})
}

// Ten want in at once where there is room for three.
func TestLicencesAreNotOverrun(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, err := w.UpdatePlan(w.ctx, "three", func(p *plan.Plan) error { p.Users = 3; return nil })
		w.must(err)
		byPlan := w.company(0)
		_, err = w.UpdateCompany(w.ctx, byPlan.ID, "", func(c *company.Company, _ *account.Account) error { c.Plan = "three"; return nil })
		w.must(err)
		for name, c := range map[string]*company.Company{"licences of its own": w.company(3), "those of its plan": byPlan} {
			var added atomic.Int64
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					key := w.ids.Key()
					err := w.AddUser(w.ctx, c.ID, "", &account.Account{ID: account.ID(key), Email: key + "@x.example"}, &account.Profile{},
						func(*company.Company, *account.Account) error { return nil })
					switch {
					case err == nil:
						added.Add(1)
					case !fault.Is(err, "licences_used"):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			kept, counted := w.counters(c.ID)
			if added.Load() != 3 || kept != counted || kept[0] != 3 {
				t.Errorf("%s: %d were added, %v kept, %v counted", name, added.Load(), kept, counted)
			}
		}
	})
}

// Admins who take the role from each other at the same moment, and an operator who
// takes it from all of them: one is left each time.
func TestAdminsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		refused := fault.New(fault.Forbidden, "refused", "no")
		for range 20 {
			c := w.company(0)
			var admins []*account.Account
			for range 4 {
				admins = append(admins, w.employee(c, true))
			}
			var wg sync.WaitGroup
			for i, admin := range admins {
				for who, user := range map[account.ID]*account.Account{admin.ID: admins[(i+1)%4], "": admin} {
					wg.Go(func() {
						_, err := w.UpdateUser(w.ctx, c.ID, who, user.ID, func(c *company.Company, who, user *account.Account, _ *account.Profile) error {
							if who != nil && !who.LeadsCompany() || user.LeadsCompany() && c.Admins <= 1 {
								return refused
							}
							user.SetCompanyAdmin(false)
							return nil
						})
						if err != nil && !fault.Is(err, "refused") {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			if kept, counted := w.counters(c.ID); kept != counted || counted[1] != 1 {
				t.Fatalf("users and admins: kept %v, counted %v", kept, counted)
			}
		}
	})
}

func TestCountersOfACompanyAreRight(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c, other := w.company(0), w.company(0)
		a, b := w.employee(c, true), w.employee(c, false)
		for i, change := range []func(){
			func() {},
			func() { w.change(b.ID, func(b *account.Account) { b.SetCompanyAdmin(true) }) },
			func() { w.change(a.ID, (*account.Account).Disable) },
			func() { w.change(a.ID, (*account.Account).Enable) },
			func() { w.change(b.ID, func(b *account.Account) { b.Company = other.ID }) },
			func() { w.change(b.ID, func(b *account.Account) { b.Company = c.ID }) },
			func() { w.change(b.ID, (*account.Account).Disable) },
			func() { w.change(b.ID, (*account.Account).Erase) },
			func() { w.change(a.ID, func(a *account.Account) { a.Company, a.CompanyAdmin = "", false }) },
		} {
			change()
			for _, c := range []company.ID{c.ID, other.ID} {
				if kept, counted := w.counters(c); kept != counted {
					t.Errorf("after step %d: kept %v, counted %v", i, kept, counted)
				}
			}
		}
	})
}

func TestCompanies(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c := w.company(2)
		want := &company.Company{
			ID: c.ID, Name: "Fährmann & Söhne", Domain: "ferry.example", OwnPeopleOnly: true, Plan: "business", Licences: 9,
			PaidUntil: now, Version: 1, CreatedAt: now,
			Details: company.Details{
				Website: "a", ContactPerson: "b", ContactPhone: "c", ContactEmail: "d", Street: "e", PostAddress: "f",
				PostNumber: "g", Country: "h", Color1: "i", Color2: "j", ConfirmationPage: "k", EmailTemplate: "l", UploadText: "m",
				Receiver: "n", Receivers: "o", InvoiceReference: "p", InvoiceEmail: "q", InvoiceByEmail: true,
			},
		}
		for range 2 { // the second changes nothing, and so counts no version
			_, err := w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error {
				v := c.Version
				*c = *want
				c.Version = v
				return nil
			})
			w.must(err)
		}
		for name, find := range map[string]func() (*company.Company, error){
			"id":     func() (*company.Company, error) { return w.Company(w.ctx, c.ID) },
			"name":   func() (*company.Company, error) { return w.CompanyByName(w.ctx, want.Name) },
			"domain": func() (*company.Company, error) { return w.CompanyByDomain(w.ctx, "ferry.example") },
		} {
			got, err := find()
			w.must(err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %s: %s", name, diff)
			}
		}
		other := w.company(0)
		rename := func(name, domain string) error {
			_, err := w.UpdateCompany(w.ctx, other.ID, "", func(c *company.Company, _ *account.Account) error {
				c.Name, c.Domain = name, domain
				return nil
			})
			return err
		}
		w.fails(rename(want.Name, ""), fault.Conflict, "company_exists")
		w.fails(rename("x", want.Domain), fault.Conflict, "domain_taken")
		w.must(rename("x", ""))
		_, err := w.CompanyByDomain(w.ctx, "")
		w.fails(err, fault.NotFound, "company_unknown")
		if all, err := w.Companies(w.ctx, c.ID, 10); err != nil || len(all) != 1 || all[0].ID != other.ID {
			t.Errorf("%v, %v", all, err)
		}
		a := w.person()
		w.fails(w.AddUser(w.ctx, c.ID, "", &account.Account{ID: "x", Email: a.Email}, &account.Profile{},
			func(*company.Company, *account.Account) error { return nil }), fault.Conflict, "email_taken")
		_, err = w.UpdateUser(w.ctx, c.ID, "", a.ID, func(*company.Company, *account.Account, *account.Account, *account.Profile) error { return nil })
		w.fails(err, fault.NotFound, "account_unknown")
	})
}

func TestTenJoinACompanyThatIsNotThereYet(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				key := w.ids.Key()
				c := &company.Company{ID: company.ID(w.ids.Key()), Name: "Acme", CreatedAt: now}
				if err := w.CreateMember(w.ctx, c, &account.Account{ID: account.ID(key), Email: key + "@x.example"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		c, err := w.CompanyByName(w.ctx, "Acme")
		w.must(err)
		if kept, counted := w.counters(c.ID); kept != counted || kept != [2]int{10, 1} {
			t.Errorf("kept %v, counted %v", kept, counted)
		}
	})
}

// What an account leaves behind is its id, and a job for what it sent.
func TestAnErasedAccountIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person(func(a *account.Account) { a.Plan, a.Admin = "pro", true })
		w.must(w.CreateKey(w.ctx, &account.APIKey{ID: "k", Account: a.ID, Hash: hashOf("k"), DailyLimit: 1}))
		w.must(w.CountCall(w.ctx, "k", 1, 1))
		w.login(a, "login", "refresh")
		tr, _ := w.create(a.ID, 10)
		w.must(w.AddContact(w.ctx, &contact.Contact{Owner: a.ID, ID: "c", Name: "c", Email: "c@example.com"}, 10))
		w.must(w.AddContactGroup(w.ctx, &contact.Group{Owner: a.ID, ID: "g", Name: "g"}))
		w.must(w.AddToContactGroup(w.ctx, a.ID, "g", "c"))
		_, err := w.UpdateAccount(w.ctx, a.ID, func(a *account.Account, p *account.Profile) error { p.City = "Köln"; return nil })
		w.must(err)
		w.change(a.ID, (*account.Account).Erase)

		_, err = w.AccountByID(w.ctx, a.ID)
		w.fails(err, fault.NotFound, "account_unknown")
		_, _, err = w.FindToken(w.ctx, hashOf("login"), now)
		w.fails(err, fault.NotFound, "token_unknown")
		if all, err := w.Accounts(w.ctx, "", 10); err != nil || len(all) != 1 {
			t.Errorf("%d accounts, %v", len(all), err)
		}
		if admin, err := w.HasAdmin(w.ctx); admin || err != nil {
			t.Errorf("an admin that is gone: %v, %v", admin, err)
		}
		rows := w.tables()
		for _, table := range []string{"api_keys", "key_calls", "sessions", "tokens", "profiles", "contact_books", "contacts", "contact_groups", "contact_members"} {
			if len(rows[table]) > 0 {
				t.Errorf("%s: %v", table, rows[table])
			}
		}
		w.must(w.CreateAccount(w.ctx, &account.Account{ID: "again", Email: a.Email})) // the address is free
		live, err := w.LiveOf(w.ctx, a.ID, 10)
		w.must(err)
		if len(live) != 1 || live[0] != tr.Key {
			t.Errorf("it sent %v, want %v", live, tr.Key)
		}
		jobs, err := w.Claim(w.ctx, now, 10)
		w.must(err)
		if len(jobs) != 1 || jobs[0].Kind != share.JobLeave || jobs[0].ID != string(a.ID) {
			t.Errorf("jobs %v", jobs)
		}
		w.setState(tr.Key, share.Deleted)
		if used := w.used(a.ID); used != 0 {
			t.Errorf("%d bytes are still reserved", used)
		}
		if live, err := w.LiveOf(w.ctx, a.ID, 10); len(live) != 0 || err != nil {
			t.Errorf("%v, %v", live, err)
		}
	})
}

func (w world) login(a *account.Account, login, refresh string) session.ID {
	w.t.Helper()
	s := &session.Session{ID: session.ID(w.ids.Key()), Account: a.ID, Epoch: a.Epoch, CreatedAt: now, ExpiresAt: now.Add(90 * time.Hour)}
	w.must(w.CreateSession(w.ctx, s, w.tokens(login, refresh)))
	return s.ID
}

func (w world) tokens(login, refresh string) []session.Token {
	return []session.Token{
		{Key: w.ids.Key(), Kind: session.LoginToken, Hash: hashOf(login), ExpiresAt: now.Add(7 * time.Hour)},
		{Key: w.ids.Key(), Kind: session.RefreshToken, Hash: hashOf(refresh), ExpiresAt: now.Add(90 * time.Hour)},
	}
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person(func(a *account.Account) { a.Epoch = 3 })
		id := w.login(a, "l", "r")
		s, got, err := w.FindToken(w.ctx, hashOf("l"), now)
		w.must(err)
		if diff := cmp.Diff(a, got); diff != "" || s.ID != id || s.Epoch != 3 || !s.CreatedAt.Equal(now) {
			t.Errorf("%+v, %s", s, diff)
		}
		dead := func(token string, at time.Time, why string) {
			t.Helper()
			if _, _, err := w.FindToken(w.ctx, hashOf(token), at); !fault.Is(err, "token_unknown") {
				t.Errorf("%s: %v", why, err)
			}
		}
		dead("r", now, "a refresh token is no login token")
		_, err = w.UseRefresh(w.ctx, hashOf("l"), now, w.tokens("x", "y"))
		w.fails(err, fault.NotFound, "token_unknown")
		dead("l", now.Add(7*time.Hour), "its time is over")
		other := w.person()
		w.fails(w.EndSession(w.ctx, other.ID, id), fault.NotFound, "session_unknown")
		if _, _, err := w.FindToken(w.ctx, hashOf("l"), now); err != nil {
			t.Errorf("another account ended it: %v", err)
		}
		w.must(w.EndSession(w.ctx, a.ID, id))
		w.fails(w.EndSession(w.ctx, a.ID, id), fault.NotFound, "session_unknown")
		dead("l", now, "logged out")
		_, err = w.UseRefresh(w.ctx, hashOf("r"), now, w.tokens("x", "y"))
		w.fails(err, fault.NotFound, "token_unknown")

		w.login(a, "l1", "r1")
		w.login(a, "l2", "r2")
		w.must(w.EndSessions(w.ctx, a.ID, ""))
		dead("l1", now, "logged out everywhere")
		dead("l2", now, "logged out everywhere")

		w.login(a, "l3", "r3")
		w.change(a.ID, func(a *account.Account) { a.SetPassword("x", false) })
		dead("l3", now, "another password")
		_, err = w.UseRefresh(w.ctx, hashOf("r3"), now, w.tokens("x", "y"))
		w.fails(err, fault.NotFound, "token_unknown")
		a.Epoch = 4
		w.login(a, "l4", "r4")
		w.change(a.ID, (*account.Account).Disable)
		dead("l4", now, "disabled")
		w.change(a.ID, (*account.Account).Enable)
		dead("l4", now, "enabled again")
	})
}

func TestSessionsAreListed(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a, other := w.person(), w.person()
		w.login(other, "other", "other refresh")
		var ids []session.ID
		for i := range 4 {
			s := &session.Session{
				ID: session.ID(w.ids.Key()), Account: a.ID, Epoch: a.Epoch, CreatedAt: now, ExpiresAt: now.Add(time.Duration(i) * time.Hour),
				UsedAt: now, Address: "192.0.2.0", Agent: "Browser",
			}
			w.must(w.CreateSession(w.ctx, s, w.tokens(fmt.Sprint("l", i), fmt.Sprint("r", i))))
			ids = append(ids, s.ID)
		}
		list := func(before session.ID, n int, want ...session.ID) []*session.Session {
			t.Helper()
			all, err := w.Sessions(w.ctx, a.ID, before, n, now)
			w.must(err)
			var got []session.ID
			for _, s := range all {
				got = append(got, s.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("before %q: %v, want %v", before, got, want)
			}
			return all
		}
		list("", 2, ids[3], ids[2])
		list(ids[2], 2, ids[1]) // the first is over
		later := now.Add(time.Minute)
		w.must(w.TouchSession(w.ctx, ids[2], later))
		w.must(w.TouchSession(w.ctx, ids[2], now)) // by a clock that is behind
		w.must(w.TouchSession(w.ctx, "gone", later))
		all := list("", 9, ids[3], ids[2], ids[1])
		if s := all[1]; !s.UsedAt.Equal(later) || s.Address != "192.0.2.0" || s.Agent != "Browser" || s.Account != a.ID {
			t.Errorf("%+v", s)
		}
		if !all[0].UsedAt.Equal(now) {
			t.Errorf("another was used, too: %+v", all[0])
		}
		// Where they began is forgotten before they are.
		for _, tt := range []struct {
			old  time.Time
			want string
		}{{now.Add(-time.Millisecond), "192.0.2.0"}, {now, ""}} {
			if _, err := w.SweepSessions(w.ctx, now.Add(-time.Hour), tt.old, 100); err != nil {
				t.Fatal(err)
			}
			if s := list("", 1, ids[3])[0]; s.Address != tt.want {
				t.Errorf("swept to %v: %q, want %q", tt.old, s.Address, tt.want)
			}
		}
		w.must(w.EndSessions(w.ctx, a.ID, ids[2]))
		list("", 9, ids[2])
		for token, lives := range map[string]bool{"l3": false, "l2": true, "l1": false, "other": true} {
			if _, _, err := w.FindToken(w.ctx, hashOf(token), now); (err == nil) != lives {
				t.Errorf("%s: %v", token, err)
			}
		}
		w.change(a.ID, func(a *account.Account) { a.SetPassword("x", false) })
		list("", 9)
	})
}

func TestRefreshTokensWorkOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person()
		w.login(a, "l1", "r1")
		_, err := w.UseRefresh(w.ctx, hashOf("r1"), now.Add(90*time.Hour), w.tokens("x", "y"))
		w.fails(err, fault.NotFound, "token_unknown") // too late
		got, err := w.UseRefresh(w.ctx, hashOf("r1"), now, w.tokens("l2", "r2"))
		w.must(err)
		if got.ID != a.ID {
			t.Errorf("account %s", got.ID)
		}
		for _, token := range []string{"l1", "l2"} {
			if _, _, err := w.FindToken(w.ctx, hashOf(token), now); err != nil {
				t.Errorf("%s: %v", token, err)
			}
		}
		for range 2 { // it is told each time, and the session is over for everybody
			_, err = w.UseRefresh(w.ctx, hashOf("r1"), now, w.tokens("l3", "r3"))
			w.fails(err, fault.Conflict, "refresh_used")
		}
		for _, token := range []string{"l1", "l2"} {
			_, _, err := w.FindToken(w.ctx, hashOf(token), now)
			w.fails(err, fault.NotFound, "token_unknown")
		}
		_, err = w.UseRefresh(w.ctx, hashOf("r2"), now, w.tokens("l3", "r3"))
		w.fails(err, fault.NotFound, "token_unknown")
	})
}

func TestTenRefreshAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.login(w.person(), "l", "r")
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				_, err := w.UseRefresh(w.ctx, hashOf("r"), now, w.tokens(fmt.Sprint("l", i), fmt.Sprint("r", i)))
				switch {
				case err == nil:
					won.Add(1)
				case !fault.Is(err, "refresh_used"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
		for i := range 10 {
			if _, _, err := w.FindToken(w.ctx, hashOf(fmt.Sprint("l", i)), now); !fault.Is(err, "token_unknown") {
				t.Errorf("token %d outlived the theft: %v", i, err)
			}
		}
	})
}

func TestAHundredTriesForTenPlaces(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		until := now.Add(15 * time.Minute)
		try := session.Try{Name: hashOf("ann from here"), Most: 10, Until: until}
		other := session.Try{Name: hashOf("bob from here"), Most: 200, Until: until}
		var counted atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				switch err := w.CountTries(w.ctx, now, other, try); {
				case err == nil:
					counted.Add(1)
				case fault.KindOf(err) != fault.Throttled || !fault.Is(err, "too_many_tries"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := counted.Load(); n != 10 {
			t.Errorf("%d tries were let pass", n)
		}
		w.fails(w.CountTries(w.ctx, until.Add(-1*time.Millisecond), try), fault.Throttled, "too_many_tries")
		later := session.Try{Name: try.Name, Most: 10, Until: until.Add(15 * time.Minute)}
		for range 10 {
			w.must(w.CountTries(w.ctx, until, later))
		}
		w.fails(w.CountTries(w.ctx, until, later), fault.Throttled, "too_many_tries")
		w.must(w.ForgetTry(w.ctx, try.Name))
		w.must(w.CountTries(w.ctx, until, later))
	})
}

func (w world) ticket(k session.Kind, a *account.Account, token string) (*session.Ticket, job.Job) {
	t := &session.Ticket{
		ID: w.ids.Key(), Kind: k, Email: "new@ferry.example", Name: "n", Password: "text", Hash: hashOf(token),
		CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if a != nil {
		t.Account, t.Epoch = a.ID, a.Epoch
	}
	return t, job.Job{Kind: "letter", ID: t.ID, RunAt: now}
}

func TestTickets(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person(func(a *account.Account) { a.Epoch = 2 })
		k, letter := w.ticket(session.Verify, a, "token")
		full := session.Try{Name: hashOf("x"), Most: 0, Until: now.Add(time.Hour)}
		once := session.Try{Name: hashOf("y"), Most: 1, Until: now.Add(time.Hour)}
		w.must(w.CountTries(w.ctx, now, full))
		w.fails(w.CreateTicket(w.ctx, now, []session.Try{once, full}, k, letter), fault.Throttled, "too_many_tries")
		w.must(w.CreateTicket(w.ctx, now, []session.Try{once}, k, letter)) // the refusal has counted nothing
		byHash, err := w.Ticket(w.ctx, session.Verify, k.Hash, now)
		w.must(err)
		byID, err := w.TicketByID(w.ctx, k.ID, now)
		w.must(err)
		if diff := cmp.Diff(k, byHash) + cmp.Diff(k, byID); diff != "" {
			t.Error(diff)
		}
		jobs, err := w.Claim(w.ctx, now, 10)
		w.must(err)
		if len(jobs) != 1 || jobs[0].ID != k.ID {
			t.Errorf("%v", jobs)
		}
		unknown := func(_ any, err error) { t.Helper(); w.fails(err, fault.NotFound, "ticket_unknown") }
		unknown(w.Ticket(w.ctx, session.Reset, k.Hash, now))
		unknown(w.Ticket(w.ctx, session.Verify, k.Hash, now.Add(time.Hour)))
		unknown(w.TicketByID(w.ctx, k.ID, now.Add(time.Hour)))
		unknown(w.UseTicket(w.ctx, session.Reset, k.Hash, now, nil))
		boom := errors.New("boom")
		if _, err := w.UseTicket(w.ctx, session.Verify, k.Hash, now, func(*session.Ticket, *account.Account) error { return boom }); !errors.Is(err, boom) {
			t.Error(err)
		}
		var used atomic.Int64
		var wg sync.WaitGroup
		for range 10 { // a refusal has not spent it; ten at once spend it once
			wg.Go(func() {
				_, err := w.UseTicket(w.ctx, session.Verify, k.Hash, now, func(k *session.Ticket, a *account.Account) error {
					a.Email, a.Verified = k.Email, true
					return nil
				})
				switch {
				case err == nil:
					used.Add(1)
				case !fault.Is(err, "ticket_unknown"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if used.Load() != 1 {
			t.Errorf("it worked %d times", used.Load())
		}
		if a, err := w.AccountByEmail(w.ctx, k.Email); err != nil || !a.Verified {
			t.Errorf("%+v, %v", a, err)
		}

		k, letter = w.ticket(session.Reset, a, "second")
		w.must(w.CreateTicket(w.ctx, now, nil, k, letter))
		w.change(a.ID, func(a *account.Account) { a.SetPassword("x", false) })
		unknown(w.Ticket(w.ctx, session.Reset, k.Hash, now)) // of an earlier epoch
		unknown(w.UseTicket(w.ctx, session.Reset, k.Hash, now, nil))
	})
}

func TestAResetIsForWhoIsThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person(func(a *account.Account) { a.Epoch, a.Name = 2, "Ann" })
		off := w.person(func(a *account.Account) { a.State = account.Disabled })
		for email, want := range map[string]bool{a.Email: true, off.Email: false, "nobody@example.com": false, "": false} {
			k, letter := w.ticket(session.Reset, nil, email)
			k.Email = email
			w.must(w.CreateReset(w.ctx, now, []session.Try{{Name: hashOf(email), Most: 1, Until: now.Add(1)}}, k, letter))
			got, err := w.Ticket(w.ctx, session.Reset, k.Hash, now)
			if (err == nil) != want {
				t.Errorf("%q: %v, %v", email, got, err)
			}
			if want && (got.Account != a.ID || got.Epoch != 2 || got.Name != "Ann") {
				t.Errorf("%+v", got)
			}
		}
		if n := len(w.tables()["tries"]); n != 4 {
			t.Errorf("%d tries were counted, want all 4", n)
		}
		if n := len(w.tables()["jobs"]); n != 1 {
			t.Errorf("%d letters, want 1", n)
		}
	})
}

func TestRegistrations(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		k, letter := w.ticket(session.Register, nil, "token")
		w.must(w.CreateTicket(w.ctx, now, nil, k, letter))
		w.fails(w.UseRegistration(w.ctx, k.Hash, now.Add(time.Hour), &account.Account{ID: "x"}), fault.NotFound, "ticket_unknown")
		w.must(w.CreateAccount(w.ctx, &account.Account{ID: "other", Email: k.Email}))
		w.fails(w.UseRegistration(w.ctx, k.Hash, now, &account.Account{ID: "x", Email: k.Email}), fault.Conflict, "email_taken")
		w.change("other", (*account.Account).Erase)

		c := w.company(1)
		w.employee(c, true)
		_, err := w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error {
			c.Domain, c.Plan = "ferry.example", "business"
			return nil
		})
		w.must(err)
		a := &account.Account{ID: "x", Email: k.Email, Plan: "free"}
		w.fails(w.UseRegistration(w.ctx, k.Hash, now, a), fault.Conflict, "licences_used")
		_, err = w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error { c.Licences = 2; return nil })
		w.must(err)
		w.must(w.UseRegistration(w.ctx, k.Hash, now, a)) // none of the refusals has spent it
		got, err := w.AccountByID(w.ctx, "x")
		w.must(err)
		if got.Company != c.ID || got.CompanyAdmin || got.Plan != "business" {
			t.Errorf("%+v", got)
		}
		w.fails(w.UseRegistration(w.ctx, k.Hash, now, &account.Account{ID: "y", Email: "y@x.example"}), fault.NotFound, "ticket_unknown")
	})
}

func TestWhatExpiredIsSwept(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := w.person()
		for i := range 5 {
			w.login(a, fmt.Sprint("l", i), fmt.Sprint("r", i))
			k, letter := w.ticket(session.Reset, a, fmt.Sprint("t", i))
			w.must(w.CreateTicket(w.ctx, now, []session.Try{{Name: hashOf(fmt.Sprint(i)), Most: 1, Until: now.Add(time.Hour)}}, k, letter))
		}
		if done, err := w.SweepSessions(w.ctx, now, now.Add(-time.Hour), 100); !done || err != nil {
			t.Errorf("%v, %v", done, err)
		}
		count := func() (n int) {
			rows := w.tables()
			return len(rows["tokens"]) + len(rows["sessions"]) + len(rows["tickets"]) + len(rows["tries"])
		}
		if n := count(); n != 25 {
			t.Errorf("%d rows are left of 25 that live", n)
		}
		late := now.Add(91 * time.Hour)
		if done, err := w.SweepSessions(w.ctx, late, now.Add(-time.Hour), 3); done || err != nil {
			t.Errorf("%v, %v", done, err)
		}
		for range 10 {
			if done, err := w.SweepSessions(w.ctx, late, now.Add(-time.Hour), 3); done || err != nil {
				w.must(err)
				break
			}
		}
		if n := count(); n != 0 {
			t.Errorf("%d rows are left of what is over", n)
		}
	})
}

func TestBlocks(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.must(w.PutBlock(w.ctx, block.Block{Pattern: "b.example", Reason: "spam", CreatedAt: now}))
		w.must(w.PutBlock(w.ctx, block.Block{Pattern: "a@c.example", CreatedAt: now}))
		w.must(w.PutBlock(w.ctx, block.Block{Pattern: "b.example", Reason: "still", CreatedAt: now.Add(1)}))
		all, err := w.Blocks(w.ctx, "", 10)
		w.must(err)
		want := []block.Block{{Pattern: "a@c.example", CreatedAt: now}, {Pattern: "b.example", Reason: "still", CreatedAt: now}}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
		}
		for names, want := range map[[2]string]bool{{"x@b.example", "b.example"}: true, {"x@c.example", "c.example"}: false} {
			if got, err := w.AnyBlocked(w.ctx, names[:]); got != want || err != nil {
				t.Errorf("%v: %v, %v", names, got, err)
			}
		}
		w.must(w.DropBlock(w.ctx, "b.example"))
		w.fails(w.DropBlock(w.ctx, "b.example"), fault.NotFound, "block_unknown")
	})
}

// Companies were names before they were rows.
func TestNamesOfCompaniesBecomeCompanies(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		all, err := scripts()
		if err != nil {
			t.Fatal(err)
		}
		old, err := Open(context.Background(), url, Options{scripts: all[:3]})
		if err != nil {
			t.Fatal(err)
		}
		err = old.write(context.Background(), func(t tx) error {
			for _, a := range [][3]string{{"2", "b@x", "Acme"}, {"1", "a@x", "Acme"}, {"3", "c@x", ""}, {"4", "d@x", "Söhne"}} {
				t.exec(`
					insert into accounts (id, email, password, company, admin, quota, used, created_at)
					values ($1, $2, '', $3, 0, 0, 0, 5)`, a[0], a[1], a[2])
			}
			return nil
		})
		if err := errors.Join(err, old.Close()); err != nil {
			t.Fatal(err)
		}
		w := openWorld(t, url, Options{})
		for name, want := range map[string][2]int{"Acme": {2, 1}, "Söhne": {1, 1}} {
			c, err := w.CompanyByName(w.ctx, name)
			w.must(err)
			if kept, counted := w.counters(c.ID); kept != counted || kept != want {
				t.Errorf("%s: kept %v, counted %v", name, kept, counted)
			}
		}
		for id, leads := range map[account.ID]bool{"1": true, "2": false, "3": false, "4": true} {
			a, err := w.AccountByID(w.ctx, id)
			w.must(err)
			if a.LeadsCompany() != leads || !a.Verified || a.Plan != "" {
				t.Errorf("%+v", a)
			}
		}
	})
}

// peopleChanges gives one of each change of people.
func (w world) peopleChanges() map[string]func() error {
	c := w.company(5)
	lead, leaving := w.employee(c, true), w.employee(c, true)
	someone, other := w.person(), w.person()
	w.login(leaving, "leaving", "leaving, too")
	w.login(someone, "login", "refresh")
	w.must(w.CreateKey(w.ctx, &account.APIKey{ID: "lead's key", Account: lead.ID, Hash: hashOf("lead's key"), CreatedAt: now}))
	registration, letter := w.ticket(session.Register, nil, "register")
	w.must(w.CreateTicket(w.ctx, now, nil, registration, letter))
	verify, letter := w.ticket(session.Verify, someone, "verify")
	w.must(w.CreateTicket(w.ctx, now, nil, verify, letter))
	reset, letter := w.ticket(session.Reset, nil, "reset")
	reset.Email = lead.Email
	try := []session.Try{{Name: hashOf("try"), Most: 5, Until: now.Add(time.Hour)}}
	return map[string]func() error{
		"UpdateAccount": func() error {
			_, err := w.UpdateAccount(w.ctx, other.ID, func(a *account.Account, p *account.Profile) error {
				a.Plan, p.City = "pro", "Köln"
				a.SetPassword("x", false)
				return nil
			})
			return err
		},
		"UpdateUser": func() error {
			_, err := w.UpdateUser(w.ctx, c.ID, lead.ID, leaving.ID,
				func(_ *company.Company, _, a *account.Account, _ *account.Profile) error { a.Erase(); return nil })
			return err
		},
		"AddUser": func() error {
			return w.AddUser(w.ctx, c.ID, lead.ID, &account.Account{ID: "u", Email: "u@example.com", Plan: "pro"},
				&account.Profile{NotReceiving: true}, func(*company.Company, *account.Account) error { return nil })
		},
		"CreateMember": func() error {
			return w.CreateMember(w.ctx, &company.Company{ID: "c", Name: "c"}, &account.Account{ID: "m", Email: "m@example.com"})
		},
		"UpdateCompany": func() error {
			_, err := w.UpdateCompany(w.ctx, c.ID, "", func(c *company.Company, _ *account.Account) error {
				c.Website, c.Plan = "x", "business"
				return nil
			})
			return err
		},
		"RotateKey": func() error { return w.RotateKey(w.ctx, "", "lead's key", hashOf("rotated")) },
		"UpdatePlan": func() error {
			_, err := w.UpdatePlan(w.ctx, "x", func(p *plan.Plan) error { p.Name = "x"; return nil })
			return err
		},
		"SetDefaultPlan": func() error { return w.SetDefaultPlan(w.ctx, "pro", plan.New) },
		"DeletePlan":     func() error { return w.DeletePlan(w.ctx, "trial") },
		"CreateReset":    func() error { return w.CreateReset(w.ctx, now, try, reset, letter) },
		"UseRefresh": func() error {
			_, err := w.UseRefresh(w.ctx, hashOf("refresh"), now, w.tokens("l", "r"))
			return err
		},
		"UseRegistration": func() error {
			return w.UseRegistration(w.ctx, registration.Hash, now, &account.Account{ID: "r", Email: registration.Email})
		},
		"UseTicket": func() error {
			_, err := w.UseTicket(w.ctx, session.Verify, verify.Hash, now, func(_ *session.Ticket, a *account.Account) error {
				a.Verified = true
				return nil
			})
			return err
		},
	}
}

// readPeople runs what no change does.
func (w world) readPeople() {
	a, c, other := w.person(), w.company(1), w.company(0)
	lead := w.employee(c, true)
	w.login(a, "person's", "person's refresh")
	w.change(a.ID, func(a *account.Account) { a.Company, a.Plan = other.ID, "pro" })
	w.change(a.ID, func(a *account.Account) { a.CompanyAdmin, a.Plan = true, "" })
	k, letter := w.ticket(session.Register, nil, "t")
	_ = w.CreateTicket(w.ctx, now, []session.Try{{Name: hashOf("n"), Most: 1, Until: now}}, k, letter)
	_ = w.ForgetTry(w.ctx, hashOf("n"))
	_, _, _ = w.FindToken(w.ctx, hashOf("person's"), now)
	for _, before := range []session.ID{"", "z"} {
		_, _ = w.Sessions(w.ctx, a.ID, before, 10, now)
	}
	_ = w.TouchSession(w.ctx, "x", now)
	_ = w.EndSession(w.ctx, a.ID, "x")
	for _, used := range []string{"once", "twice"} {
		_, _ = w.UseRefresh(w.ctx, hashOf("person's refresh"), now, w.tokens(used, used+" refresh"))
	}
	_ = w.EndSessions(w.ctx, a.ID, "")
	_ = w.CreateReset(w.ctx, now, nil, &session.Ticket{ID: "k", Kind: session.Reset, Email: a.Email}, letter)
	_, _ = w.Ticket(w.ctx, session.Register, k.Hash, now)
	_, _ = w.TicketByID(w.ctx, k.ID, now)
	_, _ = w.UseTicket(w.ctx, session.Verify, k.Hash, now, nil)
	_ = w.UseRegistration(w.ctx, k.Hash, now, &account.Account{ID: "x", Email: "x@x.example"})
	_, _ = w.SweepSessions(w.ctx, now.Add(999*time.Hour), now.Add(-time.Hour), 100)
	_, _ = w.AccountByID(w.ctx, a.ID)
	_, _ = w.Accounts(w.ctx, "", 1)
	_, _ = w.KeysOf(w.ctx, a.ID, "", 1)
	_ = w.RotateKey(w.ctx, a.ID, "k", hashOf("k2"))
	_ = w.DeleteKey(w.ctx, a.ID, "k", now)
	_, _ = w.CompanyByName(w.ctx, "x")
	_, _ = w.CompanyByDomain(w.ctx, "x")
	_, _ = w.Companies(w.ctx, "", 1)
	_, _ = w.UsersOf(w.ctx, c.ID, "", 1)
	_, _ = w.UpdateUser(w.ctx, c.ID, "", lead.ID, func(_ *company.Company, _, a *account.Account, p *account.Profile) error {
		a.Erase()
		return nil
	})
	for _, signUp := range []bool{false, true} {
		_, _ = w.DefaultPlan(w.ctx, signUp)
	}
	_ = w.SetDefaultPlan(w.ctx, "free", plan.New)
	_ = w.SetDefaultPlan(w.ctx, "free", plan.SignUp)
	_, _ = w.UpdatePlan(w.ctx, "x", func(*plan.Plan) error { return nil })
	_, _ = w.Plan(w.ctx, "x")
	_, _ = w.Plans(w.ctx, "", 1)
	_ = w.DeletePlan(w.ctx, "x")
	_ = w.PutBlock(w.ctx, block.Block{Pattern: "x"})
	_, _ = w.Blocks(w.ctx, "", 1)
	_, _ = w.AnyBlocked(w.ctx, []string{"x"})
	_ = w.DropBlock(w.ctx, "x")
	_, _ = w.LiveOf(w.ctx, a.ID, 1)
}
