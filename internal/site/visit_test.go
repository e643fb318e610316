package site_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// handIn makes a transfer at the desk, that is not complete yet.
func (w *world) handIn(f transfer.Form, files ...sent) *transfer.Transfer {
	w.t.Helper()
	ctx := w.t.Context()
	f.ID = share.ID(w.ids.Text("abcdefghijklmnopqrstuvwxyz", 15))
	t, err := w.desk.HandIn(ctx, sender.Owner, f, transfer.Rules{MaxRecipients: 5, DefaultDays: 7, Forever: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, file := range files {
		made, err := w.desk.OpenFile(ctx, t.ID, w.desk.Key(t), transfer.FileForm{
			ID: upload.ID(w.ids.Text("0123456789abcdef", 32)), Name: file.name, Size: int64(len(file.content)),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.fill(made, file.content)
	}
	return t
}

func (w *world) mail(f transfer.Form, files ...sent) *transfer.Transfer {
	w.t.Helper()
	t := w.handIn(f, files...)
	t, err := w.desk.Complete(w.t.Context(), t.ID, w.desk.Key(t))
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) recipient(t *transfer.Transfer) *transfer.Recipient {
	w.t.Helper()
	all, err := w.desk.Recipients(w.t.Context(), t, 10)
	if err != nil || len(all) == 0 {
		w.t.Fatal(all, err)
	}
	return all[0]
}

// stored gives the transfer as it is now.
func (w *world) stored(t *transfer.Transfer) *transfer.Transfer {
	w.t.Helper()
	t, err := w.desk.ByKey(w.t.Context(), t.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) fileIDs(t *transfer.Transfer) (all []upload.ID) {
	w.t.Helper()
	err := w.uploads.Files(w.t.Context(), &t.Share, func(f *upload.File) error {
		all = append(all, f.ID)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestPageOfALetter(t *testing.T) {
	w := newWorld(t)
	tr := w.mail(transfer.Form{
		Sender: "ada@example.org", Subject: "The <plans>", Message: "Dear Zoe,\nhere they are.", To: []string{"zoe@example.org"},
	}, sent{"a.txt", "hello"}, sent{"folder/b.txt", "12"})
	own, common := "/t/"+w.recipient(tr).Track, "/d/"+string(tr.ID)
	for _, tt := range []struct {
		name, path   string
		says, hushes []string
	}{
		{"the recipient's own", own, []string{"ada@example.org", "This link is your own"}, []string{"zoe@example.org", common}},
		{"the common one", common, []string{"Whoever has this link"}, []string{"ada@example.org", "zoe@example.org", own}},
		{"the common one by its track", "/t/" + tr.Track, []string{"Whoever has this link"}, []string{"ada@example.org", "zoe@example.org", own}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(http.MethodGet, tt.path, "")
			page := read(t, res)
			if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			for _, s := range append(tt.says, "The &lt;plans&gt;", "here they are.", "2 files", "7 bytes", "28 November 2026", tt.path+"/zip/", "a.txt") {
				if !strings.Contains(page, s) {
					t.Errorf("it lacks %q: %s", s, page)
				}
			}
			for _, s := range tt.hushes {
				if strings.Contains(page, s) {
					t.Errorf("it tells %q", s)
				}
			}
			if strings.Contains(page, "<script") {
				t.Error("it needs script")
			}
			if got := w.get(tt.path+"/file/"+string(w.fileIDs(tr)[0])+"/a.txt", http.StatusOK); got != "hello" {
				t.Errorf("the file is %q", got)
			}
			all := w.get(tt.path+"/zip/x.zip", http.StatusOK)
			z, err := zip.NewReader(strings.NewReader(all), int64(len(all)))
			if err != nil || len(z.File) != 2 || z.File[1].Name != "folder/b.txt" {
				t.Errorf("the zip: %v %v", z, err)
			}
		})
	}
	if page := w.get("/d/"+string(w.mail(transfer.Form{Subject: "x", Days: new(-1)}, sent{"a", "1"}).ID), http.StatusOK); !strings.Contains(page, "no end is set") || strings.Contains(page, "9999") {
		t.Errorf("for ever: %s", page)
	}
}

// What is fetched by a recipient's link is theirs, and what is only looked at is none.
func TestVisitsAreRegistered(t *testing.T) {
	w := newWorld(t)
	tr := w.mail(transfer.Form{Subject: "x", To: []string{"zoe@example.org"}}, sent{"a.txt", "hello"}, sent{"b.txt", ""})
	own, file := "/t/"+w.recipient(tr).Track, "/file/"+string(w.fileIDs(tr)[0])+"/a.txt"
	for _, step := range []struct {
		name, method, path, header string
		all, zoes                  int
	}{
		{"the page", "GET", own, "", 0, 0},
		{"the head of a file", "HEAD", own + file, "", 0, 0},
		{"the head of an empty one", "HEAD", own + "/file/" + string(w.fileIDs(tr)[1]) + "/b.txt", "", 0, 0},
		{"a part", "GET", own + file, "Range: bytes=0-2", 0, 0},
		{"the rest", "GET", own + file, "Range: bytes=3-", 1, 1},
		{"the zip", "GET", own + "/zip/x.zip", "", 2, 2},
		{"by the common link", "GET", "/d/" + string(tr.ID) + file, "", 3, 2},
	} {
		var headers []string
		if step.header != "" {
			headers = []string{step.header}
		}
		res := w.do(step.method, step.path, "", headers...)
		_ = read(t, res)
		w.settle(func() bool { return w.stored(tr).Downloads >= step.all })
		if all, zoes := w.stored(tr).Downloads, w.recipient(tr).Downloads; all != step.all || zoes != step.zoes {
			t.Errorf("%s: %d downloads, %d of Zoe's; want %d, %d", step.name, all, zoes, step.all, step.zoes)
		}
	}
	records, err := w.desk.Records(t.Context(), tr, 10)
	if err != nil || len(records) != 3 || records[0].Recipient != w.recipient(tr).Key || records[2].Recipient != "" || records[0].Address != "192.0.2.0" {
		t.Errorf("%+v %v", records, err)
	}
}

// settle waits for what is written after the last byte of an answer went out.
func (w *world) settle(done func() bool) {
	for end := time.Now().Add(5 * time.Second); !done() && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
}

func TestVisitsThatLeadNowhere(t *testing.T) {
	w := newWorld(t)
	who := transfer.Asker{Account: sender.Account}
	form := transfer.Form{Subject: "x", To: []string{"zoe@example.org"}}
	draft, expired, deleted := w.handIn(form, sent{"a", "1"}), w.mail(transfer.Form{Subject: "x", Days: new(1), To: form.To}, sent{"a", "1"}), w.mail(form, sent{"a", "1"})
	blocked, partly, cancelled := w.mail(form, sent{"a", "1"}), w.mail(form, sent{"a", "1"}, sent{"b", "2"}), w.handIn(form)
	other, _ := w.transfer("", "", sent{"a", "1"}) // of WeTransfer's API
	gone := w.fileIDs(partly)[0]
	if err := errors.Join(
		w.desk.Delete(t.Context(), who, deleted.ID), w.desk.Block(t.Context(), blocked.ID, true),
		w.desk.DeleteFile(t.Context(), who, gone), w.desk.Cancel(t.Context(), cancelled.ID, w.desk.Key(cancelled)),
	); err != nil {
		t.Fatal(err)
	}
	w.wait(2 * 24 * time.Hour)
	for _, tt := range []struct {
		name, path string
		status     int
		says       string
	}{
		{"no such id", "/d/zzzzzzzzzzzzzzz", 404, "Nothing here"},
		{"no such track", "/t/zzzzzzzzzzzzzzz", 404, "Nothing here"},
		{"not complete", "/d/" + string(draft.ID), 404, "Nothing here"},
		{"not complete, a recipient's", "/t/" + w.recipient(draft).Track, 404, "Nothing here"},
		{"expired", "/d/" + string(expired.ID), 410, "has expired"},
		{"expired, a recipient's", "/t/" + w.recipient(expired).Track, 410, "has expired"},
		{"expired, its zip", "/d/" + string(expired.ID) + "/zip/a.zip", 410, "has expired"},
		{"deleted", "/d/" + string(deleted.ID), 410, "was taken down"},
		{"cancelled", "/d/" + string(cancelled.ID), 410, "was taken back"},
		{"blocked", "/d/" + string(blocked.ID), 410, "is blocked"},
		{"a file that was taken out", "/d/" + string(partly.ID) + "/file/" + string(gone) + "/a", 410, "was taken out"},
		{"a file of another transfer", "/d/" + string(partly.ID) + "/file/" + string(w.fileIDs(blocked)[0]) + "/a", 404, "Nothing here"},
		{"no file", "/d/" + string(partly.ID) + "/file/x/a", 404, "Nothing here"},
		{"what has links of another shape", "/d/" + string(other.ID), 404, "Nothing here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if page := w.get(tt.path, tt.status); !strings.Contains(page, tt.says) {
				t.Errorf("it does not say %q: %s", tt.says, page)
			}
			if body := w.get(tt.path, tt.status, "Accept: application/json"); !strings.HasPrefix(body, `{"error"`) {
				t.Errorf("a program is told %s", body)
			}
		})
	}
	if page := w.get("/d/"+string(partly.ID), http.StatusOK); !strings.Contains(page, "1 file<") || strings.Contains(page, string(gone)) {
		t.Errorf("the rest: %s", page)
	}
	for range 60 {
		_ = w.do(http.MethodGet, "/d/guess", "")
	}
	w.get("/t/guess", http.StatusTooManyRequests)
	w.get("/d/"+string(partly.ID), http.StatusOK)
}

// post sends a form as a browser does.
func (w *world) post(path, form string, headers ...string) *http.Response {
	return w.do(http.MethodPost, path, form, append(headers, "Content-Type: application/x-www-form-urlencoded")...)
}

func TestPasswordOfALink(t *testing.T) {
	w := newWorld(t)
	tr := w.mail(transfer.Form{Subject: "Secret plans", Message: "psst", Password: "sesame", Sender: "ada@example.org", To: []string{"zoe@example.org"}}, sent{"a.txt", "hello"})
	wt, wtFiles := w.transfer("Secret plans", "psst", sent{"a.txt", "hello"})
	pass := account.Secret("sesame")
	if _, err := w.desk.Update(t.Context(), transfer.Asker{Account: sender.Account}, wt.ID, transfer.Change{Password: &pass}, transfer.Rules{}); err != nil {
		t.Fatal(err)
	}
	file := "/file/" + string(w.fileIDs(tr)[0]) + "/a.txt"
	for _, tt := range []struct{ name, root, file string }{
		{"the common link", "/d/" + string(tr.ID), file},
		{"a recipient's", "/t/" + w.recipient(tr).Track, file},
		{"a link of WeTransfer's shape", downloads(wt), "/file/" + string(wtFiles[0].ID) + "/a.txt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := w.get(tt.root, http.StatusOK)
			if !strings.Contains(form, `<form method="post">`) || strings.Contains(form, "plans") || strings.Contains(form, "psst") || strings.Contains(form, "a.txt") {
				t.Errorf("before the password: %s", form)
			}
			for _, path := range []string{tt.file, "/zip/a.zip"} {
				if page := w.get(tt.root+path, http.StatusForbidden); !strings.Contains(page, "A password, please") {
					t.Errorf("%s: %s", path, page)
				}
			}
			w.get(tt.root, http.StatusForbidden, "Accept: application/json")
			for password, says := range map[string]string{"": "Please enter", "open": "This is not the password"} {
				res := w.post(tt.root, "password="+password)
				if page := read(t, res); res.StatusCode != http.StatusForbidden || !strings.Contains(page, says) || len(res.Cookies()) != 0 {
					t.Errorf("password %q: %d %v %s", password, res.StatusCode, res.Cookies(), page)
				}
			}
			res := w.post(tt.root, "password=sesame")
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != w.server.URL+tt.root || len(res.Cookies()) != 1 {
				t.Fatalf("%d %v", res.StatusCode, res.Header)
			}
			c := res.Cookies()[0]
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || strings.Contains(c.String(), "sesame") {
				t.Errorf("the cookie is %v", c)
			}
			cookie := "Cookie: " + c.Name + "=" + c.Value
			if page := w.get(tt.root, http.StatusOK, cookie); !strings.Contains(page, "Secret plans") {
				t.Errorf("after the password: %s", page)
			}
			if got := w.get(tt.root+tt.file, http.StatusOK, cookie); got != "hello" {
				t.Errorf("the file is %q", got)
			}
			w.get(tt.root+"/zip/a.zip", http.StatusOK, cookie)
			w.get(tt.root+tt.file, http.StatusForbidden, "Cookie: "+c.Name+"="+strings.Repeat("0", len(c.Value)))
		})
	}
	w.as("198.51.100.9")
	for range 10 {
		_ = w.post("/d/"+string(tr.ID), "password=guess")
	}
	for _, password := range []string{"guess", "sesame"} {
		res := w.post("/t/"+w.recipient(tr).Track, "password="+password)
		if page := read(t, res); res.StatusCode != http.StatusTooManyRequests || !strings.Contains(page, "Too many passwords") {
			t.Errorf("the eleventh try: %d %s", res.StatusCode, page)
		}
	}
	if res := w.post("/d/"+string(tr.ID), "password=sesame", "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form: %d", res.StatusCode)
	}
	if res := w.do(http.MethodPost, "/d/"+string(tr.ID), `{"password":"sesame"}`, "Content-Type: application/json"); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("no form: %d", res.StatusCode)
	}
	if res := w.post("/d/"+string(w.mail(transfer.Form{Subject: "x"}, sent{"a", "1"}).ID), "password=x"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("where there is none: %d", res.StatusCode)
	}
}

// A download limit is of people, not of connections: the cookie of the page tells
// them apart, or else their addresses.
func TestDownloadsThatAreCounted(t *testing.T) {
	w := newWorld(t)
	tr := w.mail(transfer.Form{Subject: "x", MaxDownloads: 2}, sent{"a.txt", "hello"})
	wt, wtFiles := w.transfer("", "", sent{"a.txt", "hello"})
	if _, err := w.db.UpdateTransfer(t.Context(), wt.ID, func(tr *transfer.Transfer) ([]job.Job, error) {
		tr.MaxDownloads = 2
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, root, file string
		tr               *transfer.Transfer
	}{
		{"the desk's", "/d/" + string(tr.ID), "/file/" + string(w.fileIDs(tr)[0]) + "/a.txt", tr},
		{"of WeTransfer's shape", downloads(wt), "/file/" + string(wtFiles[0].ID) + "/a.txt", wt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			visitor := func() string {
				for _, c := range w.do(http.MethodGet, tt.root, "").Cookies() {
					if strings.Contains(c.Name, "guest-") {
						return "Cookie: " + c.Name + "=" + c.Value
					}
				}
				t.Fatal("nobody is told from others")
				return ""
			}
			ann, ben, cid := visitor(), visitor(), visitor()
			if again := w.do(http.MethodGet, tt.root, "", ann); len(again.Cookies()) != 1 { // the site's own
				t.Errorf("a second name: %v", again.Cookies())
			}
			fetch := func(who string, status int, headers ...string) {
				t.Helper()
				w.get(tt.root+tt.file, status, append(headers, who)...)
			}
			fetch(ann, http.StatusPartialContent, "Range: bytes=0-2")
			fetch(ann, http.StatusPartialContent, "Range: bytes=3-")
			w.settle(func() bool { return w.stored(tt.tr).Downloads == 1 })
			fetch(ben, http.StatusOK)
			w.settle(func() bool { return w.stored(tt.tr).Downloads == 2 })
			fetch(cid, http.StatusGone)
			fetch(ann, http.StatusGone)
			if page := w.get(tt.root+"/zip/a.zip", http.StatusGone); !strings.Contains(page, "only so many times") {
				t.Errorf("%s", page)
			}
		})
	}
	plain := w.mail(transfer.Form{Subject: "x"}, sent{"a.txt", "hello"})
	if c := w.do(http.MethodGet, "/d/"+string(plain.ID), "").Cookies(); len(c) != 1 {
		t.Errorf("who is not counted is followed: %v", c)
	}
}

func TestVisitsOfACompanysTransfers(t *testing.T) {
	w := newWorld(t)
	a, err := w.accounts.CreateUser(t.Context(), account.New{Email: "ann@example.org", Password: "correct horse", Plan: account.NoPlan})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := w.desk.HandIn(t.Context(), account.Owner{Account: a.ID}, transfer.Form{ID: "anntransfer", Subject: "x"}, transfer.Rules{DefaultDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.desk.OpenFile(t.Context(), tr.ID, w.desk.Key(tr), transfer.FileForm{ID: "annfile", Name: "a", Size: 1})
	if err == nil {
		_, err = w.uploads.Put(t.Context(), upload.Put{Account: a.ID, File: f.ID, Number: 1, Length: 1, Body: strings.NewReader("1")})
	}
	if err == nil {
		_, err = w.desk.Complete(t.Context(), tr.ID, w.desk.Key(tr))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.get("/d/anntransfer", http.StatusOK)
	w.admits = func(_ context.Context, who account.ID) error {
		if who != a.ID {
			t.Errorf("asked about %s", who)
		}
		return fault.New(fault.Unauthenticated, "own_people_sign_in", "sign in")
	}
	for _, path := range []string{"", "/zip/a.zip", "/file/annfile/a"} {
		if page := w.get("/d/anntransfer"+path, http.StatusUnauthorized); !strings.Contains(page, "only its own people") {
			t.Errorf("%s: %s", path, page)
		}
	}
	if res := w.post("/d/anntransfer", "password="+url.QueryEscape("x")); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestCookiesOfASecureSite(t *testing.T) {
	w := newWorld(t)
	tr := w.mail(transfer.Form{Subject: "x", Password: "sesame"}, sent{"a.txt", "hello"})
	w.site = w.siteAt("https://ferry.test")
	res := w.post("/d/"+string(tr.ID), "password=sesame")
	c := res.Cookies()[0]
	if want := fmt.Sprintf("__Host-ferry-pass-d-%s", tr.ID); c.Name != want || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("%v, want the name %s", c, want)
	}
}
