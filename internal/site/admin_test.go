package site_test

import (
	"errors"
	"net/http"
	"net/url"
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
