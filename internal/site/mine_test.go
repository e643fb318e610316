package site_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
)

// sendAs sends by the form of the first page, and gives the path of the sender's page.
func (w *world) sendAs(cookie, title, name string, files ...sent) string {
	w.t.Helper()
	body, header := sendForm(w.t.(*testing.T), [][2]string{{"title", title}, {"name", name}}, files...)
	if res := w.do(http.MethodPost, "/", body, header, cookie); res.StatusCode != http.StatusOK {
		w.t.Fatalf("sending: %s: %s", res.Status, read(w.t, res))
	}
	path := regexp.MustCompile(`/app/transfers/[0-9A-Za-z]+`).FindString(w.get("/app/transfers?search="+url.QueryEscape(title), http.StatusOK, cookie))
	if path == "" {
		w.t.Fatalf("%q is not in the list", title)
	}
	return path
}

func (w *world) submit(path, cookie string, form url.Values) *http.Response {
	w.t.Helper()
	return w.do(http.MethodPost, path, form.Encode(), formHeader, cookie)
}

func TestMyTransfers(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	w.person("eve@example.org")
	mara, eve := w.signIn("mara@example.org"), w.signIn("eve@example.org")
	path := w.sendAs(mara, "Isles <b>", "isles", sent{"a<i>.txt", "hello"})
	w.sendAs(mara, "Other things", "other", sent{"b.txt", "x"})

	list := w.get("/app/transfers", http.StatusOK, mara)
	if !strings.Contains(list, "Isles &lt;b&gt;") || !strings.Contains(list, "Other things") || strings.Contains(list, "<b>") {
		t.Errorf("the list: %s", list)
	}
	if found := w.get("/app/transfers?search=isles", http.StatusOK, mara); strings.Contains(found, "Other things") || !strings.Contains(found, path) {
		t.Error("the search finds something else")
	}
	if none := w.get("/app/transfers", http.StatusOK, eve); strings.Contains(none, "Isles") {
		t.Error("somebody else sees them")
	}
	shown := w.get(path, http.StatusOK, mara)
	for _, want := range []string{"a&lt;i&gt;.txt", w.server.URL + "/to/isles", "Nothing was downloaded whole yet."} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	w.get(regexp.MustCompile(`/to/isles/file/[^"]+`).FindString(w.get("/to/isles", http.StatusOK)), http.StatusOK)
	if shown := w.get(path, http.StatusOK, mara); !strings.Contains(shown, "by the common link") || !strings.Contains(shown, "1 download") {
		t.Error("what was fetched is not told")
	}

	// Others' transfers are as unknown as none, whatever is done with them.
	unknown := "/app/transfers/" + strings.Repeat("x", 22)
	for _, form := range []url.Values{{"do": {"delete"}}, {"do": {"recover"}}, {"do": {"extend"}, "days": {"3"}}, {"do": {"password"}}, {"do": {"send"}, "to": {"a@example.org"}}} {
		if res := w.submit(path, eve, form); res.StatusCode != http.StatusNotFound {
			t.Errorf("eve may %s: %s", form.Get("do"), res.Status)
		}
		if res := w.submit(unknown, eve, form); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s of what is not there: %s", form.Get("do"), res.Status)
		}
		if res := w.do(http.MethodPost, path, form.Encode(), formHeader); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger may %s: %s", form.Get("do"), res.Status)
		}
		if res := w.do(http.MethodPost, path, form.Encode(), formHeader, mara, "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
			t.Errorf("another site's page may %s: %s", form.Get("do"), res.Status)
		}
	}
	if w.get(path, http.StatusNotFound, eve) != w.get(unknown, http.StatusNotFound, eve) {
		t.Error("another's transfer is not answered like none at all")
	}
	if res := w.do(http.MethodGet, path, ""); res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Location"), "/app/sign-in?next=%2Fapp%2Ftransfers%2F") {
		t.Errorf("a stranger is not led to the sign-in: %s", res.Header)
	}
}

func TestChangingMyTransfer(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	path := w.sendAs(mara, "Isles", "isles", sent{"a.txt", "hello"})
	for _, tt := range []struct {
		form   url.Values
		status int
		says   string // on the page afterwards, or that is answered
	}{
		{url.Values{"do": {"extend"}, "days": {"30"}}, 303, "30 days left"},
		{url.Values{"do": {"extend"}, "days": {"soon"}}, 400, ""},
		{url.Values{"do": {"nothing"}}, 400, ""},
		{url.Values{"do": {"send"}, "to": {"nonsense"}}, 400, "is not an e-mail address"},
		{url.Values{"do": {"send"}, "to": {"lars@example.org, lars@example.org"}}, 303, "lars@example.org"},
		{url.Values{"do": {"password"}, "password": {"sesame"}}, 303, "A password is needed."},
		{url.Values{"do": {"password"}, "password": {""}}, 303, ""},
		{url.Values{"do": {"delete"}}, 303, "taken down"},
		{url.Values{"do": {"delete"}}, 303, "taken down"},
		{url.Values{"do": {"extend"}, "days": {"30"}}, 410, "taken down"},
		{url.Values{"do": {"recover"}}, 303, "days left"},
	} {
		res := w.submit(path, mara, tt.form)
		page := read(t, res)
		if res.StatusCode == http.StatusSeeOther {
			page = w.get(path, http.StatusOK, mara)
		}
		if res.StatusCode != tt.status || !strings.Contains(page, tt.says) {
			t.Errorf("%v: %s: %s", tt.form, res.Status, page)
		}
	}
	w.get("/to/isles", http.StatusOK)
	w.wait(40 * 24 * time.Hour)
	mara = w.signIn("mara@example.org")
	if list := w.get("/app/transfers?ended=1", http.StatusOK, mara); !strings.Contains(list, "expired") {
		t.Error("what has expired is not told")
	}
}

func TestMyAccount(t *testing.T) {
	w := newWorld(t)
	me := w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	made := read(t, w.submit("/app/account", mara, url.Values{"do": {"key"}, "name": {"my <script>"}, "scopes": {"read"}}))
	m := regexp.MustCompile(`<code>([0-9A-Za-z]{43})</code>`).FindStringSubmatch(made)
	if m == nil || !strings.Contains(made, "my &lt;script&gt;") {
		t.Fatalf("no key was made: %s", made)
	}
	key, err := w.accounts.Key(t.Context(), account.Secret(m[1]))
	if err != nil || key.Account != me.ID || key.Scopes != account.Read {
		t.Errorf("the key is %+v, %v", key, err)
	}
	again := w.get("/app/account", http.StatusOK, mara)
	if strings.Contains(again, m[1]) || !strings.Contains(again, string(key.ID)) {
		t.Error("the key is shown again, or not listed")
	}
	w.person("eve@example.org")
	eve := w.signIn("eve@example.org")
	w.submit("/app/account", eve, url.Values{"do": {"delete-key"}, "key": {string(key.ID)}})
	if _, err := w.accounts.Key(t.Context(), account.Secret(m[1])); err != nil {
		t.Errorf("somebody else deletes the key: %v", err)
	}
	w.submit("/app/account", mara, url.Values{"do": {"delete-key"}, "key": {string(key.ID)}})
	w.accounts.Forget()
	if _, err := w.accounts.Key(context.WithoutCancel(t.Context()), account.Secret(m[1])); err == nil {
		t.Error("the key is good after it was deleted")
	}
	for _, tt := range []struct {
		old, new string
		status   int
		says     string
	}{
		{"wrong", "another phrase that is long", 403, "This is not the password."},
		{"a phrase that is long", "short", 400, "Between 8 and 1024 characters"},
		{"a phrase that is long", "another phrase that is long", 200, "The password is changed."},
	} {
		res := w.submit("/app/account", mara, url.Values{"do": {"password"}, "old": {tt.old}, "password": {tt.new}})
		if page := read(t, res); res.StatusCode != tt.status || !strings.Contains(page, tt.says) {
			t.Errorf("from %q to %q: %s", tt.old, tt.new, res.Status)
		}
		if tt.status == 200 {
			if page := w.do(http.MethodGet, "/app/account", "", mara); page.StatusCode != http.StatusSeeOther {
				t.Error("the old session goes on")
			}
			mara = "Cookie: ferry-login=" + res.Cookies()[0].Value
		}
	}
	w.get("/app/account", http.StatusOK, mara)
	if res := w.submit("/app/account", mara, url.Values{"do": {"sign-out-everywhere"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out everywhere: %s", res.Status)
	}
	if res := w.do(http.MethodGet, "/app/account", "", mara); res.StatusCode != http.StatusSeeOther {
		t.Error("the session goes on")
	}
}

// A download that goes on is seen until it has ended.
func TestRunningDownloads(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	path := w.sendAs(mara, "Isles", "isles", sent{"big.bin", strings.Repeat("isles", 4<<20)})
	file := regexp.MustCompile(`/to/isles/file/[^"]+`).FindString(w.get("/to/isles", http.StatusOK))
	running := regexp.MustCompile(`<bdi class="name">big.bin <small>by the common link</small></bdi> <progress max="(\d+)" value="(\d+)"`)
	if shown := w.get(path, http.StatusOK, mara); running.MatchString(shown) || strings.Contains(shown, "Being downloaded") {
		t.Error("something is downloaded before anybody asked for it")
	}
	res := w.do(http.MethodGet, file, "", "Range: bytes=1000000-")
	if _, err := io.ReadFull(res.Body, make([]byte, 300<<10)); err != nil {
		t.Fatal(err)
	}
	found := running.FindStringSubmatch(w.get(path, http.StatusOK, mara))
	if found == nil || found[1] != "19971520" {
		t.Fatalf("it is shown as %q", found)
	}
	if n, err := strconv.Atoi(found[2]); err != nil || n < 256<<10 || n > 19_000_000 {
		t.Errorf("%s bytes have gone out", found[2])
	}
	read(t, res)
	for i := 0; running.MatchString(w.get(path, http.StatusOK, mara)); i++ {
		if i == 50 {
			t.Fatal("it has ended, and is shown")
		}
		time.Sleep(100 * time.Millisecond) // the answer ends a moment after its last byte
	}
}
