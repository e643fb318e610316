package filemail

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/plan"
)

func (w *town) senders(guests bool) *permit.Senders {
	return &permit.Senders{
		People: w.people, Blocks: w.blocks, Guests: guests, Now: func() time.Time { return w.now },
	}
}

func actorOf(a *account.Account) account.Actor {
	return account.Actor{Owner: account.Owner{Account: a.ID}}
}

func TestSender(t *testing.T) {
	w := newTown(t)
	_, err := w.companies.Create(t.Context(), "Acme", "acme.example", "", 0)
	w.must(err)
	_, _, err = w.people.Accounts.CreateKey(t.Context(), "", "the operator's", 0)
	w.must(err)
	unverified, late := w.person("eve@example.org"), w.person("late@example.org")
	_, err = w.people.Accounts.Update(t.Context(), unverified.ID, func(a *account.Account, _ *account.Profile) error {
		a.Verified = false
		return nil
	})
	w.must(err)
	w.must(w.people.Accounts.SetPlan(t.Context(), late.ID, "pro", w.now))
	p, err := w.people.Plans.Get(t.Context(), "pro")
	w.must(err)
	w.now = w.now.Add(p.Grace)
	installation := &account.Account{ID: account.Installation}
	for _, tt := range []struct {
		name    string
		who     account.Actor
		guests  bool
		claimed string
		owner   account.ID
		as      string
		want    string
	}{
		{"an account sends as itself", actorOf(w.ada), false, "", w.ada.ID, "ada@example.org", ""},
		{"whatever it claims", actorOf(w.ada), false, "boss@example.org", w.ada.ID, "ada@example.org", ""},
		{"the operator's key may say", actorOf(installation), false, "boss@example.org", account.Installation, "boss@example.org", ""},
		{"or not", actorOf(installation), false, "", account.Installation, "", ""},
		{"an account whose address is not verified", actorOf(unverified), true, "", "", "", "conflict email_not_verified"},
		{"an account whose paid time and grace are over", actorOf(late), true, "", "", "", "conflict account_expired"},
		{"an account that went away meanwhile", actorOf(&account.Account{ID: "gone"}), true, "", "", "", "unauthenticated login_token_invalid"},
		{"nobody, where guests may not send", account.Actor{}, false, "", "", "", "unauthenticated registration_required"},
		{"nobody, but the address has an account", account.Actor{}, false, "Ada@example.org", "", "", "unauthenticated login_required"},
		{"nobody, of a company's domain", account.Actor{}, false, "x@acme.example", "", "", "unauthenticated registration_required"},
		{"a guest", account.Actor{}, true, "x@example.org", account.Guests, "", ""},
		{"a guest of no address", account.Actor{}, true, "", account.Guests, "", ""},
		{"a guest whose address has an account", account.Actor{}, true, "ada@example.org", "", "", "unauthenticated login_required"},
		{"a guest of a company's domain", account.Actor{}, true, "x@acme.example", "", "", "conflict company_account_required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			owner, as, err := w.senders(tt.guests).Sender(t.Context(), tt.who, tt.claimed)
			if code(err) != tt.want {
				t.Fatalf("Sender: %v, want %q", err, tt.want)
			}
			if err == nil && (owner.Account != tt.owner || as != tt.as) {
				t.Errorf("owner %s as %q, want %s as %q", owner.Account, as, tt.owner, tt.as)
			}
		})
	}
}

func TestRulesOfGuests(t *testing.T) {
	w := newTown(t)
	s := w.senders(true)
	p, err := w.people.Plans.Get(t.Context(), "free")
	w.must(err)
	r, err := s.Rules(t.Context(), account.Guests)
	w.must(err)
	if r.Daily != 0 {
		t.Errorf("one guest may use up the %d transfers of all", r.Daily)
	}
	if r.MaxSize != p.TransferBytes || r.MaxRecipients != 0 || r.Forever || !r.NoPassword || r.MaxDays != 7 || r.DefaultDays != 7 {
		t.Errorf("guests have %+v", r)
	}
	_, err = w.people.Plans.Update(t.Context(), "free", func(p *plan.Plan) { p.Days = 2 })
	w.must(err)
	if r, err = s.Rules(t.Context(), account.Guests); err != nil || r.MaxDays != 2 || r.DefaultDays != 2 {
		t.Errorf("with a shorter plan guests have %+v, %v", r, err)
	}
	s.MaxSize = 1000
	for _, who := range []account.ID{account.Guests, w.ada.ID} {
		if r, err := s.Rules(t.Context(), who); err != nil || r.MaxSize != 1000 {
			t.Errorf("%s has %+v, %v: more than the server takes", who, r, err)
		}
	}
}

// TestLetGuests: the operator may give guests more or less room at each start.
func TestLetGuests(t *testing.T) {
	w := newTown(t)
	for _, storage := range []int64{1000, 500} {
		w.must(w.people.Accounts.LetGuests(t.Context(), storage))
		a, err := w.people.Accounts.ByID(t.Context(), account.Guests)
		if err != nil || a.Quota != storage {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

func TestAsker(t *testing.T) {
	w := newTown(t)
	member := func(email string) *account.Account {
		a, err := w.companies.CreateMember(t.Context(), "Acme", account.New{Email: email, Password: password, Plan: account.NoPlan})
		w.must(err)
		return a
	}
	boss, cid := member("boss@acme.example"), member("cid@acme.example")
	s := w.senders(false)
	asks := func(who, owner *account.Account) bool {
		t.Helper()
		a, err := s.Asker(t.Context(), actorOf(who))
		w.must(err)
		if a.Account != who.ID {
			t.Errorf("%s asks as %s", who.Email, a.Account)
		}
		return a.Over != nil && a.Over(owner.ID)
	}
	if !asks(boss, cid) {
		t.Error("an admin has no say over the company's people")
	}
	if asks(cid, boss) || asks(boss, w.ada) || asks(w.ada, w.bob) {
		t.Error("somebody has a say over others")
	}
	guest, err := s.Asker(t.Context(), actorOf(boss))
	if err != nil || guest.Over(account.Guests) || guest.Over(account.Installation) || guest.Over("") {
		t.Errorf("an admin has a say over what no person sent, %v", err)
	}
	w.plan(boss, "free") // without management of a company
	if asks(boss, cid) {
		t.Error("an admin whose plan has no company has a say")
	}
}
