package site_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/report"
)

// Whoever has a link may say that something is wrong with what it opens; an administrator
// takes it out of sight, and gives it back.
func TestReports(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	w.person("mara@example.org")
	root, mara := w.signIn("root@example.org"), w.signIn("mara@example.org")
	mine := w.sendAs(mara, "Isles <b>", "isles", sent{"a.txt", "hello"})
	tr, _ := w.transfer("Sealed", "", sent{"a.txt", "hello"}) // of WeTransfer's API
	link := func(path string) string {
		t.Helper()
		m := regexp.MustCompile(`href="(/app/report\?link=[^"]+)"`).FindStringSubmatch(w.get(path, http.StatusOK))
		if m == nil {
			t.Fatalf("%s has no way to report it", path)
		}
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	if form := w.get(link("/to/isles"), http.StatusOK); !strings.Contains(form, "Isles &lt;b&gt;") || !strings.Contains(form, `name="link" value="/to/isles"`) {
		t.Errorf("the form: %s", form)
	}
	good := url.Values{"link": {"/to/isles"}, "kind": {"phishing"}, "text": {"It asks for <b>my bank</b>."}, "from": {"eve@example.org"}}
	with := func(name, value string) url.Values {
		changed := url.Values{}
		for k, v := range good {
			changed[k] = v
		}
		changed.Set(name, value)
		return changed
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
	}{
		{"a good one", good, 200},
		{"without an address", with("from", ""), 200},
		{"of a sealed transfer", with("link", downloads(tr)), 200},
		{"of nothing", with("link", "/to/nothing"), 404},
		{"of another page", with("link", "/app/admin"), 404},
		{"of another server", with("link", "https://example.org/to/isles"), 404},
		{"of no path", with("link", "%zz"), 404},
		{"of no kind", with("kind", "boring"), 400},
		{"that says nothing", with("text", " \n"), 400},
		{"that says too much", with("text", strings.Repeat("x", report.MaxText+1)), 400},
		{"from nobody", with("from", "eve@example.org, mara@example.org"), 400},
		{"with a header", with("from", "eve@example.org\r\nBcc: x"), 400},
	} {
		if res := w.post("/app/report", tt.form.Encode()); res.StatusCode != tt.status {
			t.Errorf("%s: %s", tt.name, res.Status)
		} else if tt.status == 400 && !strings.Contains(read(t, res), `name="link" value="/to/isles"`) {
			t.Errorf("%s: the form is lost", tt.name)
		}
	}
	if res := w.post("/app/report", good.Encode(), "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site reports: %s", res.Status)
	}

	w.get("/app/admin/reports", http.StatusNotFound, mara)
	list := w.get("/app/admin/reports", http.StatusOK, root)
	keys := regexp.MustCompile(`name="report" value="([^"]+)"`).FindAllStringSubmatch(list, -1)
	if len(keys) != 3 || !strings.Contains(list, "&lt;b&gt;my bank&lt;/b&gt;") || !strings.Contains(list, "Isles &lt;b&gt;") || !strings.Contains(list, `href="/to/isles"`) {
		t.Fatalf("the reports: %s", list)
	}
	decide := func(key, do string, cookie string, status int) {
		t.Helper()
		if res := w.submit("/app/admin/reports", cookie, url.Values{"report": {key}, "do": {do}}); res.StatusCode != status {
			t.Errorf("%s: %s", do, res.Status)
		}
	}
	decide(keys[2][1], "blocked", mara, http.StatusNotFound)
	decide(keys[2][1], "else", root, http.StatusBadRequest)
	decide("unknown", "blocked", root, http.StatusNotFound)
	w.get("/to/isles", http.StatusOK)
	for range 2 { // twice is as good as once
		decide(keys[2][1], "blocked", root, http.StatusSeeOther)
	}
	w.get("/to/isles", http.StatusGone)
	if list := w.get("/app/admin/reports", http.StatusOK, root); strings.Count(list, "<span>blocked</span>") != 2 {
		t.Error("not both reports about it are decided")
	}
	if shown := w.get(mine, http.StatusOK, mara); !strings.Contains(shown, "blocked") {
		t.Error("the sender is not told")
	}
	if w.submit(mine, mara, url.Values{"do": {"recover"}}); w.do(http.MethodGet, "/to/isles", "").StatusCode != http.StatusGone {
		t.Error("the sender gives back what was blocked")
	}
	decide(keys[2][1], "dismissed", root, http.StatusSeeOther)
	w.get("/to/isles", http.StatusOK)
	decide(keys[0][1], "blocked", root, http.StatusSeeOther)
	w.get(downloads(tr), http.StatusGone)
	if log := w.get("/app/admin/journal", http.StatusOK, root); strings.Count(log, "<code>report.block</code>") != 4 || strings.Count(log, "<code>report.dismiss</code>") != 1 {
		t.Error("what was decided is not in the journal")
	}

	// So many wait for one transfer.
	statuses := map[int]int{}
	for i := range report.MostWaiting + 3 {
		statuses[w.post("/app/report", with("text", strconv.Itoa(i)).Encode()).StatusCode]++
	}
	if statuses[200] != report.MostWaiting || statuses[429] != 3 {
		t.Errorf("%v", statuses)
	}

	if told := read(t, w.post("/app/report", good.Encode(), "Accept-Language: de")); !strings.Contains(told, "Das ist schon gemeldet worden") {
		t.Errorf("in another language: %s", told)
	}

	// Of what a password protects nothing is told.
	w.submit(mine, mara, url.Values{"do": {"password"}, "password": {"sesame"}})
	if form := w.get("/app/report?link=/to/isles", http.StatusOK); strings.Contains(form, "Isles") {
		t.Error("the form tells the title of what is locked")
	}
}

// Boards are reported and taken out of sight as transfers are, by whichever address.
func TestReportsOfBoards(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	root := w.signIn("root@example.org")
	for _, code := range []string{"b-", "s-"} {
		b, _ := w.board(code, "Links", board.DraftItem{Title: "x", URL: "https://example.org"})
		pages := []string{"/downloads/" + string(b.ID) + "/" + b.Hash}
		if code == "b-" {
			pages = append(pages, "/board/"+string(b.ID)+"/latest")
		}
		for _, page := range pages {
			shown := w.get(page, http.StatusOK)
			if form := w.get("/app/report?link="+url.QueryEscape(page), http.StatusOK); !strings.Contains(shown, "/app/report?link="+url.QueryEscape(page)+`"`) || !strings.Contains(form, `value="`+page+`"`) {
				t.Errorf("%s leads elsewhere: %s", page, shown)
			}
			if res := w.post("/app/report", url.Values{"link": {page}, "kind": {"phishing"}, "text": {"It is none."}}.Encode()); res.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", page, res.Status)
			}
		}
		key := regexp.MustCompile(`name="report" value="([^"]+)"`).FindStringSubmatch(w.get("/app/admin/reports", http.StatusOK, root))[1]
		if res := w.submit("/app/admin/reports", root, url.Values{"report": {key}, "do": {"blocked"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s", code, res.Status)
		}
		for _, page := range pages {
			w.get(page, http.StatusGone)
		}
	}
}
