package site_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestContacts(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	w.person("eve@example.org")
	mara, eve := w.signIn("mara@example.org"), w.signIn("eve@example.org")
	const at = "/app/contacts"
	if res := w.do(http.MethodGet, at, ""); res.StatusCode != http.StatusSeeOther {
		t.Errorf("a stranger sees a book: %s", res.Status)
	}
	send := func(cookie string, status int, pairs ...string) string {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		res := w.submit(at, cookie, form)
		page := read(t, res)
		if res.StatusCode != status {
			t.Errorf("%v: %s", pairs, res.Status)
		}
		return page
	}
	send(mara, 303, "do", "add", "name", "Zoë <b>", "email", "Zoe@example.org")
	if page := send(mara, 400, "do", "add", "name", "Lars", "email", "nobody"); !strings.Contains(page, "This is not an e-mail address.") || !strings.Contains(page, `value="nobody"`) {
		t.Errorf("a wrong address: %s", page)
	}
	if page := send(mara, 409, "do", "add", "email", "zoe@example.org"); !strings.Contains(page, "There is a contact with this address already.") {
		t.Errorf("an address twice: %s", page)
	}
	send(mara, 400, "do", "else")
	if res := w.do(http.MethodPost, at, "do=add&email=x@example.org", formHeader, mara, "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site adds: %s", res.Status)
	}
	page := w.get(at, http.StatusOK, mara)
	found := regexp.MustCompile(`name="contact" value="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) != 1 || !strings.Contains(page, "<bdi>Zoë &lt;b&gt;</bdi>") {
		t.Fatalf("the book: %s", page)
	}
	id := found[0][1]
	send(eve, 404, "do", "change", "contact", id, "email", "eve@example.org")
	send(eve, 303, "do", "delete", "contact", id) // is nothing to them
	if page := w.get(at+"?search=zo", http.StatusOK, eve); strings.Contains(page, "Zoë") {
		t.Error("somebody else finds it")
	}
	if page := w.get(at+"?search=ZO%C3%8B", http.StatusOK, mara); !strings.Contains(page, "<bdi>Zoë &lt;b&gt;</bdi>") {
		t.Errorf("it is not found: %s", page)
	}
	send(mara, 303, "do", "change", "contact", id, "name", "Zoë", "email", "zoe@example.net")
	if page := w.get(at, http.StatusOK, mara); !strings.Contains(page, "zoe@example.net") || strings.Contains(page, "zoe@example.org") {
		t.Errorf("it was not changed: %s", page)
	}
	for range 2 { // twice is as good as once
		send(mara, 303, "do", "delete", "contact", id)
	}
	if page := w.get(at, http.StatusOK, mara); strings.Contains(page, "zoe@") {
		t.Error("it is still there")
	}
}
