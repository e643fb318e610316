package site_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/site"
)

var shownSession = regexp.MustCompile(`name="session" value="([^"]*)"`)

func TestWhereIAmSignedIn(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	w.person("eve@example.org")
	const path = "/app/account"
	form := url.Values{"email": {"mara@example.org"}, "password": {"a phrase that is long"}}
	res := w.do(http.MethodPost, "/app/sign-in", form.Encode(), formHeader, "User-Agent: Old <b>phone\u202e")
	phone := "Cookie: ferry-login=" + res.Cookies()[0].Value
	laptop, eve := w.signIn("mara@example.org"), w.signIn("eve@example.org")
	sessions := func(cookie string) (ids []string, page string) {
		t.Helper()
		page = w.get(path, http.StatusOK, cookie)
		for _, m := range shownSession.FindAllStringSubmatch(page, -1) {
			ids = append(ids, m[1])
		}
		return ids, page
	}
	over := func(cookie string) bool {
		return w.do(http.MethodGet, path, "", cookie).StatusCode == http.StatusSeeOther
	}

	ids, page := sessions(laptop)
	if len(ids) != 2 || !strings.Contains(page, "Old &lt;b&gt;phone <small>") || strings.Count(page, "this browser") != 1 ||
		strings.Index(page, "this browser") > strings.Index(page, "Old &lt;b&gt;phone") {
		t.Fatalf("the latest first, which is this one: %s", page)
	}
	w.submit(path, eve, url.Values{"do": {"end-session"}, "session": {ids[1]}})
	if res := w.do(http.MethodPost, path, url.Values{"do": {"end-session"}, "session": {ids[1]}}.Encode(), formHeader, laptop, "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("a page of others: %s", res.Status)
	}
	if over(phone) {
		t.Fatal("somebody else ended it")
	}
	for range 2 { // again is fine
		if page := read(t, w.submit(path, laptop, url.Values{"do": {"end-session"}, "session": {ids[1]}})); !strings.Contains(page, "It is signed out.") {
			t.Errorf("ended: %s", page)
		}
	}
	if !over(phone) || over(laptop) {
		t.Error("another was ended")
	}
	phone = w.signIn("mara@example.org")
	w.submit(path, laptop, url.Values{"do": {"end-others"}})
	if !over(phone) || over(laptop) || over(eve) {
		t.Error("the others were ended, and they were others")
	}
	changed := w.submit(path, laptop, url.Values{"do": {"password"}, "old": {"a phrase that is long"}, "password": {"another phrase that is long"}})
	if page := read(t, changed); strings.Count(page, "this browser") != 1 || len(shownSession.FindAllString(page, -1)) != 1 {
		t.Errorf("after another password: %s", page)
	}
	laptop = "Cookie: ferry-login=" + changed.Cookies()[0].Value
	ids, _ = sessions(laptop)
	left := w.submit(path, laptop, url.Values{"do": {"end-session"}, "session": {ids[0]}})
	if left.StatusCode != http.StatusSeeOther || left.Cookies()[0].MaxAge >= 0 || !over(laptop) {
		t.Errorf("this one was ended: %s %v", left.Status, left.Cookies())
	}
}

func TestAgentName(t *testing.T) {
	for _, tt := range []struct{ agent, want string }{
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome · Linux"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge · Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari · macOS"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome · iPhone"},
		{"Mozilla/5.0 (Android 15; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox · Android"},
		{"Mozilla/5.0 (compatible) Firefox/132.0", "Firefox"},
		{"curl/8.5.0", "curl/8.5.0"},
		{"backup on Linux", "backup on Linux"},
		{"", "–"},
	} {
		if got := site.AgentName(tt.agent); got != tt.want {
			t.Errorf("%q is called %q, want %q", tt.agent, got, tt.want)
		}
	}
}
