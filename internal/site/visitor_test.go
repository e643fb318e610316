package site_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
)

const formHeader = "Content-Type: application/x-www-form-urlencoded"

// person makes an account that may sign in.
func (w *world) person(email string) *account.Account {
	w.t.Helper()
	a, err := w.accounts.CreateUser(w.t.Context(), account.New{Email: email, Password: "a phrase that is long"})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// signIn gives the header with the cookie of a session.
func (w *world) signIn(email string) string {
	w.t.Helper()
	res := w.do(http.MethodPost, "/app/sign-in", url.Values{"email": {email}, "password": {"a phrase that is long"}}.Encode(), formHeader)
	for _, c := range res.Cookies() {
		if c.Name == "ferry-login" && res.StatusCode == http.StatusSeeOther {
			return "Cookie: " + c.Name + "=" + c.Value
		}
	}
	w.t.Fatalf("signing in: %s", res.Status)
	return ""
}

func TestSigningInAndOut(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	cookie := w.signIn("mara@example.org")
	if page := w.get("/docs", http.StatusOK, cookie); !strings.Contains(page, "/app/sign-out") || strings.Contains(page, `href="/app/sign-in"`) {
		t.Error("who is signed in is not offered to sign out")
	}
	if page := w.get("/docs", http.StatusOK); !strings.Contains(page, `href="/app/sign-in"`) {
		t.Error("who is not signed in is not offered to sign in")
	}
	if res := w.do(http.MethodPost, "/app/sign-out", "", cookie, "Origin: https://evil.example"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form signs out: %s", res.Status)
	}
	res := w.do(http.MethodPost, "/app/sign-out", "", cookie)
	if res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("signing out: %s, %s", res.Status, res.Header)
	}
	if page := w.get("/docs", http.StatusOK, cookie); strings.Contains(page, "/app/sign-out") {
		t.Error("the session goes on after signing out")
	}
}

func TestSigningInIsRefused(t *testing.T) {
	w := newWorld(t)
	a := w.person("mara@example.org")
	w.person("off@example.org")
	for _, tt := range []struct {
		name, email, password, header string
		status                        int
		says                          string
	}{
		{"wrong password", "mara@example.org", "not this one", "", 401, "Unknown address or wrong password."},
		{"unknown address", "nobody@example.org", "not this one", "", 401, "Unknown address or wrong password."},
		{"no address", "", "", "", 401, "Unknown address or wrong password."},
		{"another site's form", "mara@example.org", "a phrase that is long", "Origin: https://evil.example", 403, ""},
		{"another site's form over TLS", "mara@example.org", "a phrase that is long", "Sec-Fetch-Site: cross-site", 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{formHeader}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			res := w.do(http.MethodPost, "/app/sign-in", url.Values{"email": {tt.email}, "password": {tt.password}}.Encode(), headers...)
			if page := read(t, res); res.StatusCode != tt.status || !strings.Contains(page, tt.says) || strings.Contains(res.Header.Get("Set-Cookie"), "ferry-login") {
				t.Errorf("%s, %s", res.Status, page)
			}
		})
	}
	if err := w.accounts.SetActive(t.Context(), a.ID, false); err != nil {
		t.Fatal(err)
	}
	res := w.do(http.MethodPost, "/app/sign-in", url.Values{"email": {a.Email}, "password": {"a phrase that is long"}}.Encode(), formHeader)
	if page := read(t, res); res.StatusCode != 401 || !strings.Contains(page, "switched off") {
		t.Errorf("a disabled account: %s", res.Status)
	}
}

// Who signs in goes on to where they wanted to go, and never to another site.
func TestSignInLeadsOn(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	for next, want := range map[string]string{
		"/docs?a=b": "/docs?a=b", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/",
		"/\t/evil.example": "/", "javascript:alert(1)": "/", "docs": "/",
	} {
		form := url.Values{"email": {"mara@example.org"}, "password": {"a phrase that is long"}, "next": {next}}
		res := w.do(http.MethodPost, "/app/sign-in", form.Encode(), formHeader)
		if got := res.Header.Get("Location"); got != w.server.URL+want {
			t.Errorf("next %q leads to %s", next, got)
		}
	}
}

// The log tells a request by the pattern of its route, as its path may be a secret.
func TestTheRouteIsTold(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "/app/sign-in", nil)
	w.site.ServeHTTP(httptest.NewRecorder(), r)
	if r.Pattern != "/app/sign-in" {
		t.Errorf("pattern %q", r.Pattern)
	}
}
