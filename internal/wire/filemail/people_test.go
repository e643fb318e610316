package filemail

import (
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/transfer"
)

func TestGateKeys(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(w *town, of *account.Account) (key string)
		use    account.Scope
		want   string
	}{
		{"a key for everything", func(w *town, of *account.Account) string { return w.key(of, 0) }, account.Manage, ""},
		{"a key to read, to read", func(w *town, of *account.Account) string { return w.key(of, account.Read) }, account.Read, ""},
		{"a key to read, to send", func(w *town, of *account.Account) string { return w.key(of, account.Read) }, account.Send, "forbidden scope_missing"},
		{"a key to read, where any will do", func(w *town, of *account.Account) string { return w.key(of, account.Read) }, 0, ""},
		{"no key of ours", func(*town, *account.Account) string { return "nonsense" }, 0, "unauthenticated key_unknown"},
		{"a key whose owner is disabled", func(w *town, of *account.Account) string {
			k := w.key(of, 0)
			w.must(w.people.Accounts.SetActive(w.t.Context(), of.ID, false))
			return k
		}, 0, "unauthenticated key_unknown"},
		{"a key whose owner went to a plan without", func(w *town, of *account.Account) string {
			k := w.key(of, 0)
			w.plan(of, "free")
			return k
		}, 0, "unauthenticated key_unknown"},
		{"a key that has expired", func(w *town, of *account.Account) string {
			k, _, err := w.people.Accounts.CreateKeyFor(w.t.Context(), of.ID, account.NewKey{ExpiresAt: w.now.Add(time.Hour)})
			w.must(err)
			w.now = w.now.Add(time.Hour)
			return string(k)
		}, 0, "unauthenticated key_unknown"},
		{"a call too many", func(w *town, of *account.Account) string {
			k, _, err := w.people.Accounts.CreateKeyFor(w.t.Context(), of.ID, account.NewKey{DailyLimit: 1})
			w.must(err)
			_, err = w.people.Key(w.t.Context(), k, 0)
			w.must(err)
			return string(k)
		}, 0, "throttled daily_limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			key := tt.before(w, w.ada)
			who, err := w.people.Key(t.Context(), account.Secret(key), tt.use)
			if code(err) != tt.want {
				t.Fatalf("Key: %v, want %q", err, tt.want)
			}
			if err == nil && (who.Owner != account.Owner{Account: w.ada.ID} || who.Key == "") {
				t.Errorf("Key gives %v", who)
			}
		})
	}
}

func TestGateTokens(t *testing.T) {
	w := newTown(t)
	token := account.Secret(w.token(w.ada))
	who, err := w.people.Token(t.Context(), token)
	if err != nil || (who != account.Actor{Owner: account.Owner{Account: w.ada.ID}}) {
		t.Errorf("Token gives %v, %v", who, err)
	}
	for name, end := range map[string]func(){
		"a week later":              func() { w.now = w.now.Add(7 * 24 * time.Hour) },
		"its account was disabled":  func() { w.must(w.people.Accounts.SetActive(t.Context(), w.ada.ID, false)) },
		"another password was made": func() { w.must(w.people.Accounts.SetPassword(t.Context(), w.ada.ID, password, false)) },
	} {
		w.must(w.people.Accounts.SetActive(t.Context(), w.ada.ID, true))
		token := account.Secret(w.token(w.ada))
		end()
		if _, err := w.people.Token(t.Context(), token); code(err) != "unauthenticated login_token_invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScopes: what a key was not made for is refused by the table, also where a login
// token comes along.
func TestScopes(t *testing.T) {
	w := newWorld(
		t, route{method: "GET", pattern: "/user", needs: needsUser, call: whoami},
		post("/transfer/initialize", needsUser, whoami),
		route{method: "POST", pattern: "/contact/search", needs: needsUser, scope: account.Read, call: whoami},
		route{method: "GET", pattern: "/user/apikey", needs: needsUser, scope: account.Manage, call: whoami},
		route{method: "POST", pattern: "/auth/login", needs: needsKey, scope: anyKey, call: whoami},
		classic("/api/user/get", needsUser, whoami), classic("/api/user/update", needsUser, whoami),
	)
	const ok, no = "OK", "AuthorizationFailure"
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/user", ok},
		{"POST", "/transfer/initialize", no},
		{"POST", "/contact/search", ok},
		{"GET", "/user/apikey", no},
		{"POST", "/auth/login", ok},
		{"GET", "/api/user/get", ok},
		{"GET", "/api/user/update", no},
	} {
		for _, headers := range [][]string{{"X-Api-Key", readKey}, {"X-Api-Key", readKey, "Logintoken", goodToken}} {
			status := 200
			if tt.want == no {
				status = 401
			}
			w.do(tt.method, tt.path, "", headers...).want(status, tt.want)
		}
	}
}

// TestAccountsAskForManage: a key that was made to send does not touch accounts.
func TestAccountsAskForManage(t *testing.T) {
	for _, rt := range New(Config{}).routes() {
		about := false
		for _, prefix := range []string{"/auth/", "/user", "/company", "/api/authentication/", "/api/user/", "/api/company/"} {
			about = about || strings.HasPrefix(rt.pattern, prefix)
		}
		if about && rt.needs != needsNothing && rt.asks() == account.Send {
			t.Errorf("%s %s may be called with a key to send", rt.method, rt.pattern)
		}
	}
}

func TestContactsOfAPlan(t *testing.T) {
	w := newTown(t)
	for _, tt := range []struct {
		plan string
		want int
	}{{account.NoPlan, 0}, {"free", 20}} {
		w.plan(w.ada, tt.plan)
		if n, err := w.people.Contacts(t.Context(), w.ada.ID); n != tt.want || err != nil {
			t.Errorf("plan %s: %d, %v; want %d", tt.plan, n, err, tt.want)
		}
	}
	w.must(w.people.Accounts.Erase(t.Context(), w.ada.ID))
	if _, err := w.people.Contacts(t.Context(), w.ada.ID); newRefusal(err, false).status != invalidOrExpiredLoginToken {
		t.Errorf("of an account that is gone: %v", err)
	}
}

func TestRulesOfAPlan(t *testing.T) {
	w := newTown(t)
	_, err := w.people.Plans.Update(t.Context(), "short", func(p *plan.Plan) { p.Days = 3 })
	w.must(err)
	free := transfer.Rules{MaxSize: 5 << 30, MaxRecipients: 3, Daily: 2, MaxDays: 7, DefaultDays: 7}
	for _, tt := range []struct {
		name, plan string
		days       int // as the sender likes it
		want       transfer.Rules
	}{
		{"no plan has no limits", account.NoPlan, 0, transfer.Rules{MaxRecipients: 1000, DefaultDays: 7, Forever: true}},
		{"a plan", "free", 0, free},
		{"what the sender likes", account.NoPlan, 12, transfer.Rules{MaxRecipients: 1000, DefaultDays: 12, Forever: true}},
		{"for good, where that may be", "business", -1, transfer.Rules{MaxRecipients: 500, MaxDays: 90, DefaultDays: -1, Forever: true}},
		{"for good, where it may not", "free", -1, free},
		{"more than the plan has", "free", 30, free},
		{"a plan shorter than usual", "short", 0, transfer.Rules{MaxRecipients: 1000, MaxDays: 3, DefaultDays: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.plan(w.ada, tt.plan)
			_, err := w.people.Accounts.Update(t.Context(), w.ada.ID, func(_ *account.Account, p *account.Profile) error {
				p.Days = tt.days
				return nil
			})
			w.must(err)
			got, err := w.people.Rules(t.Context(), w.ada.ID)
			if err != nil || got != tt.want {
				t.Errorf("rules are %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}
