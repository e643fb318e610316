package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
)

// What people write about is shown without the marks that turn the direction of writing
// or cannot be seen, also where others administer it. Fields of a form keep it as it is.
func TestAdministratorsAreShownWhatTheyRead(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	w.person("mara@example.org")
	root, mara := w.signIn("root@example.org"), w.signIn("mara@example.org")
	w.sendAs(mara, "Isles", "isles", sent{"a.txt", "hello"})
	const name, address = "ab\u202ecd\u200b", "ab\u202ecd\u200b@example.org"
	for _, tt := range []struct {
		path, cookie string
		form         url.Values
		status       int
		at           string
	}{
		{"/app/admin/companies", root, url.Values{"do": {"create"}, "name": {name}}, 303, "/app/admin/companies"},
		{"/app/admin", root, url.Values{"do": {"block"}, "pattern": {address}, "reason": {name}}, 303, "/app/admin/journal"},
		{"/app/report", "Cookie: a=b", url.Values{"link": {"/to/isles"}, "kind": {"other"}, "text": {name}, "from": {address}}, 200, "/app/admin/reports"},
		{"/app/contacts", mara, url.Values{"do": {"add"}, "name": {name}, "email": {address}}, 303, "/app/contacts"},
		{"/app/contacts", mara, url.Values{"do": {"add"}, "email": {"2" + address}}, 303, "/app/contacts?search=ab"},
	} {
		if res := w.submit(tt.path, tt.cookie, tt.form); res.StatusCode != tt.status {
			t.Errorf("%s %v: %s", tt.path, tt.form, res.Status)
		}
		page := w.get(tt.at, http.StatusOK, map[bool]string{true: root, false: mara}[strings.Contains(tt.at, "admin")])
		fields := strings.NewReplacer(`value="`+name+`"`, "", `value="`+address+`"`, "", `value="2`+address+`"`, "")
		if shown := fields.Replace(page); !strings.Contains(shown, "abcd") || strings.ContainsAny(shown, "\u202e\u200b") {
			t.Errorf("%s has %s", tt.at, shown)
		}
	}
}
