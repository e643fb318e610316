package site_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/site"
)

const oldPassword = account.Secret("correct horse")

// ticket gives the token of the letter that was called for last, and its page.
func (w *world) ticket() (account.Secret, string) {
	w.t.Helper()
	all, err := w.db.Claim(w.t.Context(), w.now(), 10)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d letters, %v", len(all), err)
	}
	l, err := w.sessions.Letter(w.t.Context(), all[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return l.Token, site.TicketPath(l.Kind, l.Token)
}

func (w *world) loginStatus(email string, password account.Secret) string {
	_, err := w.sessions.Login(w.t.Context(), email, password, session.Client{Address: netip.MustParseAddr("198.51.100.1")}, session.Opaque)
	if err != nil {
		return err.Error()
	}
	return ""
}

func newPassword(s string) string { return url.Values{"password": {s}}.Encode() }

// TestLetterPages: what a letter is for happens when its page's button is pressed,
// once, and not when the page is opened.
func TestLetterPages(t *testing.T) {
	const ada = "ada@example.org"
	here := netip.MustParseAddr("198.51.100.1")
	user := func(w *world) *account.Account {
		a, err := w.accounts.CreateUser(t.Context(), account.New{Email: ada, Password: oldPassword})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, tt := range []struct {
		name           string
		ask            func(w *world) error
		body           string
		asks, done     string
		happened       func(w *world) bool
		passwordIsGood bool // of the form
	}{
		{"a sign-up", func(w *world) error {
			return w.sessions.Register(t.Context(), session.SignUp{Email: ada, Password: oldPassword, Terms: true}, here)
		}, "", "Finish my account", "Your account is ready", func(w *world) bool {
			return w.loginStatus(ada, oldPassword) == ""
		}, true},
		{"another address", func(w *world) error {
			return w.sessions.ChangeEmail(t.Context(), user(w).ID, oldPassword, "ada@example.com", here)
		}, "", "Yes, it is mine", "The address is confirmed", func(w *world) bool {
			return w.loginStatus("ada@example.com", oldPassword) == ""
		}, true},
		{"a new password", func(w *world) error {
			user(w)
			return w.sessions.Forgot(t.Context(), ada, here)
		}, newPassword("battery staple"), `name="password"`, "Your password is changed", func(w *world) bool {
			return w.loginStatus(ada, "battery staple") == ""
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if err := tt.ask(w); err != nil {
				t.Fatal(err)
			}
			token, path := w.ticket()
			if page := w.get(path, http.StatusOK); !strings.Contains(page, tt.asks) {
				t.Errorf("the page is %s", page)
			}
			refused := []struct {
				path, body string
				status     int
				headers    []string
			}{
				{path, tt.body, http.StatusForbidden, []string{asForm, "Sec-Fetch-Site: cross-site"}},
				{path, tt.body, http.StatusForbidden, []string{asForm, "Origin: https://evil.example"}},
				{path, "{}", http.StatusUnsupportedMediaType, []string{"Content-Type: application/json"}},
				{strings.Replace(path, string(token), strings.Repeat("a", len(token)), 1), tt.body, http.StatusNotFound, []string{asForm}},
			}
			if !tt.passwordIsGood {
				refused = append(refused, refused[0])
				refused[4].body, refused[4].status, refused[4].headers = newPassword("password1"), http.StatusBadRequest, []string{asForm}
			}
			for _, r := range refused {
				if res := w.do(http.MethodPost, r.path, r.body, r.headers...); res.StatusCode != r.status {
					t.Errorf("POST with %v: %d, want %d", r.headers, res.StatusCode, r.status)
				}
			}
			if tt.happened(w) {
				t.Fatal("it happened before the button was pressed")
			}
			res := w.do(http.MethodPost, path, tt.body, asForm, "Sec-Fetch-Site: same-origin")
			if page := read(t, res); res.StatusCode != http.StatusOK || !strings.Contains(page, tt.done) {
				t.Errorf("%d %s", res.StatusCode, page)
			}
			if !tt.happened(w) {
				t.Error("it did not happen")
			}
			res = w.do(http.MethodPost, path, tt.body, asForm)
			if page := read(t, res); res.StatusCode != http.StatusNotFound || !strings.Contains(page, "This link is no longer good") {
				t.Errorf("a second time: %d %s", res.StatusCode, page)
			}
			if strings.Contains(w.log.String(), string(token)) {
				t.Error("the token is in the log")
			}
		})
	}
}

func TestLetterPagesTooLate(t *testing.T) {
	w := newWorld(t)
	err := w.sessions.Register(t.Context(), session.SignUp{Email: "ada@example.org", Password: oldPassword, Terms: true}, netip.MustParseAddr("198.51.100.1"))
	if err != nil {
		t.Fatal(err)
	}
	_, path := w.ticket()
	w.wait(time.Hour)
	if res := w.do(http.MethodPost, path, "", asForm); res.StatusCode != http.StatusNotFound {
		t.Errorf("%d", res.StatusCode)
	}
}
