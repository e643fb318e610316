package site_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
)

func form(email, password string) string {
	return url.Values{"email": {email}, "password": {password}}.Encode()
}

const asForm = "Content-Type: application/x-www-form-urlencoded"

func TestSetup(t *testing.T) {
	w := newWorld(t)
	token, err := w.accounts.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := "/setup/" + string(token)
	if page := w.get(path, http.StatusOK); !strings.Contains(page, `<form method="post">`) {
		t.Error("there is no form")
	}
	good := form("Ada@example.org", "long enough")
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		status           int
		says             string
	}{
		{"a wrong token", "/setup/" + strings.Repeat("x", len(token)), good, []string{asForm}, http.StatusNotFound, "Nothing here"},
		{"a page of another site", path, good, []string{asForm, "Sec-Fetch-Site: cross-site"}, http.StatusForbidden, ""},
		{"another host of the same site", path, good, []string{asForm, "Sec-Fetch-Site: same-site"}, http.StatusForbidden, ""},
		{"a page of another site in an old browser", path, good, []string{asForm, "Origin: https://evil.example"}, http.StatusForbidden, ""},
		{"no form", path, "{}", []string{"Content-Type: application/json"}, http.StatusUnsupportedMediaType, ""},
		{"a form that is too large", path, form("a@example.org", strings.Repeat("x", 20_000)), []string{asForm}, http.StatusRequestEntityTooLarge, ""},
		{"a bad address", path, form(`"><b>`, "long enough"), []string{asForm}, http.StatusBadRequest, "This is not an e-mail address."},
		{"a short password", path, form("ada@example.org", "short"), []string{asForm}, http.StatusBadRequest, "Between 8 and 1024"},
		{"values in the query", path + "?" + good, "", []string{asForm}, http.StatusBadRequest, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(http.MethodPost, tt.path, tt.body, tt.headers...)
			page := read(t, res)
			if res.StatusCode != tt.status || !strings.Contains(page, tt.says) || strings.Contains(page, "<b>") {
				t.Errorf("%d %s", res.StatusCode, page)
			}
		})
	}

	res := w.do(http.MethodPost, path, good, asForm, "Sec-Fetch-Site: same-origin", "Origin: null")
	page := read(t, res)
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", res.StatusCode, page)
	}
	m := regexp.MustCompile(`<pre class="key"><code>(\w+)</code>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no key in %s", page)
	}
	if _, err := w.accounts.Key(t.Context(), account.Secret(m[1])); err != nil {
		t.Error(err)
	}
	w.get(path, http.StatusNotFound)
	if res := w.do(http.MethodPost, path, form("eve@example.org", "long enough"), asForm); res.StatusCode != http.StatusNotFound {
		t.Errorf("a second time: %d", res.StatusCode)
	}
	if strings.Contains(w.log.String(), string(token)) || strings.Contains(w.log.String(), m[1]) {
		t.Error("a secret is in the log")
	}
}

func TestSetupWithoutFetchMetadata(t *testing.T) {
	w := newWorld(t)
	token, err := w.accounts.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// So browsers send a form over plain HTTP, from a page without a referrer.
	res := w.do(http.MethodPost, "/setup/"+string(token), form("ada@example.org", "long enough"), asForm, "Origin: null")
	if res.StatusCode != http.StatusOK {
		t.Errorf("%d", res.StatusCode)
	}
}
