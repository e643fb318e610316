package site_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/job"
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
	w.giveUp("purge", "transfer-1", "<b>the disk</b> cannot be read")
	page := w.get("/app/admin", http.StatusOK, root)
	if !strings.Contains(page, "purge transfer-1") || !strings.Contains(page, "&lt;b&gt;the disk&lt;/b&gt; cannot be read") || strings.Contains(page, "%!") {
		t.Errorf("work that was given up is not shown: %s", page)
	}
	for range 2 { // the second finds it alive
		if res := w.submit("/app/admin", root, url.Values{"do": {"revive"}, "kind": {"purge"}, "job": {"transfer-1"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("trying again: %s", res.Status)
		}
	}
	if page := w.get("/app/admin", http.StatusOK, root); strings.Contains(page, "transfer-1") {
		t.Error("what is tried again still waits for somebody")
	}
	w.giveUp("send", "letter-1", "no mail server")
	w.giveUp("send", "letter-2", "no mail server")
	if res := w.submit("/app/admin", root, url.Values{"do": {"revive-all"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("trying all again: %s", res.Status)
	}
	if page := w.get("/app/admin", http.StatusOK, root); strings.Contains(page, "letter-") {
		t.Error("of all that is tried again some still waits for somebody")
	}
	w.submit("/app/admin", root, url.Values{"do": {"enable"}, "user": {string(mara.ID)}})
	w.signIn("mara@example.org")
	if !strings.Contains(w.log.String(), "administered") {
		t.Error("what was done is not logged")
	}
}

// giveUp leaves a job that failed as often as it may.
func (w *world) giveUp(kind, id, cause string) {
	w.t.Helper()
	ctx, now := w.t.Context(), w.now()
	j := job.Job{Kind: kind, ID: id, RunAt: now.Add(-time.Hour), Attempts: job.MaxAttempts}
	if err := w.db.Enqueue(ctx, j); err != nil {
		w.t.Fatal(err)
	}
	claimed, err := w.db.Claim(ctx, now.Add(-time.Hour), 1)
	if err != nil || len(claimed) != 1 || claimed[0].ID != id {
		w.t.Fatalf("%v, %v", claimed, err)
	}
	claimed[0].RunAt = time.Time{}
	if err := w.db.Retry(ctx, claimed[0], errors.New(cause)); err != nil {
		w.t.Fatal(err)
	}
}

// Companies are made and changed, settings are told with where they come from, and what
// was done is written down, also what was refused.
func TestAdministeringCompanies(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	w.person("mara@example.org")
	root, other := w.signIn("root@example.org"), w.signIn("mara@example.org")
	for _, path := range []string{"/app/admin/companies", "/app/admin/settings", "/app/admin/journal"} {
		w.get(path, http.StatusNotFound, other)
		w.get(path, http.StatusOK, root)
	}
	if res := w.submit("/app/admin/companies", other, url.Values{"do": {"create"}, "name": {"Eve"}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("others make companies: %s", res.Status)
	}
	const at = "/app/admin/companies"
	for _, tt := range []struct {
		form   url.Values
		status int
	}{
		{url.Values{"do": {"create"}, "name": {"Reederei <b>"}, "domain": {"reederei.example"}, "licences": {"3"}}, 303},
		{url.Values{"do": {"create"}, "name": {"Reederei <b>"}}, 409},
		{url.Values{"do": {"create"}, "name": {""}}, 400},
		{url.Values{"do": {"create"}, "name": {"Other"}, "licences": {"-1"}}, 400},
		{url.Values{"do": {"create"}, "name": {"Other"}, "licences": {"many"}}, 400},
		{url.Values{"do": {"create"}, "name": {"Other"}, "plan": {"unknown"}}, 404},
		{url.Values{"do": {"change"}, "company": {"unknown"}}, 404},
		{url.Values{"do": {"change"}, "company": {strings.Repeat("x", 300)}}, 400},
		{url.Values{"do": {"else"}}, 400},
	} {
		if res := w.submit(at, root, tt.form); res.StatusCode != tt.status {
			t.Errorf("%v: %s: %s", tt.form, res.Status, read(t, res))
		}
	}
	page := w.get(at, http.StatusOK, root)
	id := regexp.MustCompile(`name="company" value="([^"]+)"`).FindStringSubmatch(page)
	if id == nil || !strings.Contains(page, "Reederei &lt;b&gt;") || !strings.Contains(page, "0 / 3 users") || strings.Contains(page, "Other") {
		t.Fatalf("the companies: %s", page)
	}
	if res := w.submit("/app/admin", root, url.Values{"do": {"create"}, "email": {"lars@reederei.example"}, "password": {"a phrase that is long"}, "company": {"Reederei <b>"}}); res.StatusCode != 303 {
		t.Errorf("a user of a company: %s: %s", res.Status, read(t, res))
	}
	w.submit(at, root, url.Values{"do": {"change"}, "company": {id[1]}, "licences": {"5"}, "paid": {"2030-12-31"}, "domain": {""}})
	page = w.get(at, http.StatusOK, root)
	if !strings.Contains(page, "1 / 5 users") || !strings.Contains(page, `value="2030-12-31"`) || strings.Contains(page, "reederei.example") {
		t.Errorf("a company that was changed: %s", page)
	}

	settings := w.get("/app/admin/settings", http.StatusOK, root)
	if !strings.Contains(settings, "&lt;ferry-data&gt;") || !strings.Contains(settings, "<b><bdi>•••</bdi></b></td><td><bdi>ferry.toml:3</bdi>") || !strings.Contains(settings, "<bdi>default</bdi>") {
		t.Errorf("the settings: %s", settings)
	}
	log := w.get("/app/admin/journal", http.StatusOK, root)
	for _, want := range []string{
		"<bdi>root@example.org</bdi></td><td><code>company.create</code> <bdi>Reederei &lt;b&gt;</bdi></td>", "<small>not done: company_unknown</small>",
		"<code>company.change</code> <bdi>" + id[1] + "</bdi></td>", "<code>user.create</code> <bdi>lars@reederei.example</bdi></td>",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the journal lacks %s: %s", want, log)
		}
	}
	if strings.Contains(log, "a phrase that is long") || strings.Contains(log, "Eve") {
		t.Error("the journal says too much")
	}
}

// The page of the traffic tells of each day what came in, went out and is stored.
func TestTraffic(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accounts.CreateUser(t.Context(), account.New{Email: "root@example.org", Password: "a phrase that is long", Admin: true}); err != nil {
		t.Fatal(err)
	}
	w.person("mara@example.org")
	root, mara := w.signIn("root@example.org"), w.signIn("mara@example.org")
	w.get("/app/admin/traffic", http.StatusNotFound, mara)
	w.get("/app/admin/traffic", http.StatusOK, root) // of nothing

	w.sendAs(mara, "Isles", "isles", sent{"a.txt", strings.Repeat("x", 5000)})
	w.meter.Write(t.Context(), 5000)
	w.wait(48 * time.Hour)
	root = w.signIn("root@example.org")
	w.meter.Out(70_000)
	page := w.get("/app/admin/traffic", http.StatusOK, root)
	rows := regexp.MustCompile(`<td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>`).FindAllStringSubmatch(page, -1)
	if len(rows) != 30 || strings.Join(rows[0][1:], ", ") != "5 kB, 0 bytes, 70 kB" || strings.Join(rows[2][1:], ", ") != "5 kB, 5 kB, 0 bytes" ||
		strings.Join(rows[3][1:], ", ") != "0 bytes, 0 bytes, 0 bytes" {
		t.Errorf("the days: %q", rows[:min(4, len(rows))])
	}
	if n := strings.Count(page, "<rect "); n != 90 || strings.Contains(page, "NaN") || strings.Contains(page, `height="-`) || strings.Contains(page, "%!") {
		t.Errorf("%d bars", n)
	}
}
