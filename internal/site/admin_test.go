package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
)

func TestAdministering(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	mara := w.person("mara@example.org")
	root, other := w.signIn("root@example.org"), w.signIn("mara@example.org")

	// To others there is nothing, whatever they ask for.
	if unknown := w.get("/app/nothing", http.StatusNotFound, other); w.get("/app/admin", http.StatusNotFound, other) != unknown {
		t.Error("others are told that there is something")
	}
	if res := w.submit("/app/admin", other, url.Values{"do": {"disable"}, "user": {string(mara.ID)}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("others administer: %s", res.Status)
	}
	if res := w.do(http.MethodPost, "/app/admin", "do=block&pattern=x.example", formHeader, root, "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page administers: %s", res.Status)
	}

	own, err := w.accounts.ByEmail(t.Context(), "root@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		form   url.Values
		status int
		says   string // on the page afterwards, or that is answered
	}{
		{url.Values{"do": {"create"}, "email": {"lars@example.org"}, "password": {"a phrase that is long"}, "name": {"<b>Lars</b>"}}, 303, "&lt;b&gt;Lars&lt;/b&gt;"},
		{url.Values{"do": {"create"}, "email": {"lars@example.org"}, "password": {"a phrase that is long"}}, 409, "There is an account with this address already."},
		{url.Values{"do": {"create"}, "email": {"eve@example.org"}, "password": {"short"}}, 400, "Between 8 and 1024 characters"},
		{url.Values{"do": {"disable"}, "user": {string(mara.ID)}}, 303, "switched off"},
		{url.Values{"do": {"disable"}, "user": {string(own.ID)}}, 409, "nobody switches off their own account"},
		{url.Values{"do": {"disable"}, "user": {"nobody"}}, 404, ""},
		{url.Values{"do": {"plan"}, "user": {string(mara.ID)}, "plan": {"unknown"}}, 404, ""},
		{url.Values{"do": {"plan"}, "user": {string(mara.ID)}, "plan": {"none"}}, 303, ""},
		{url.Values{"do": {"block"}, "pattern": {"evil.example"}, "reason": {"spam"}}, 303, "evil.example"},
		{url.Values{"do": {"block"}, "pattern": {"not a domain"}}, 400, ""},
		{url.Values{"do": {"unblock"}, "pattern": {"evil.example"}}, 303, ""},
		{url.Values{"do": {"unblock"}, "pattern": {"evil.example"}}, 303, ""},
		{url.Values{"do": {"nothing"}}, 400, ""},
	} {
		res := w.submit("/app/admin", root, tt.form)
		page := read(t, res)
		if res.StatusCode == http.StatusSeeOther {
			page = w.get("/app/admin", http.StatusOK, root)
		}
		if res.StatusCode != tt.status || !strings.Contains(page, tt.says) {
			t.Errorf("%v: %s: %s", tt.form, res.Status, page)
		}
	}
	if res := w.do(http.MethodGet, "/app/account", "", other); res.StatusCode != http.StatusSeeOther {
		t.Error("who is switched off goes on")
	}
	w.submit("/app/admin", root, url.Values{"do": {"enable"}, "user": {string(mara.ID)}})
	w.signIn("mara@example.org")
	if !strings.Contains(w.log.String(), "administered") {
		t.Error("what was done is not logged")
	}
}
