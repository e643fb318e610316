package test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

type nativeSessions struct {
	Items []struct {
		ID, Address, Agent string
		Current            bool
		CreatedAt          string `json:"created_at"`
		UsedAt             string `json:"used_at"`
	}
	Next string
}

// People see where they are signed in, and end it: their own, and nobody else's.
func TestNativeSessions(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--trusted-proxy", "127.0.0.1/32")
	for _, who := range []string{"ada", "bob"} {
		node.Ferry("user", "create", "--email", who+"@example.org", "--password", "correct horse battery")
	}
	nobody := newNative(t, node.URL)
	signIn := func(who, agent string) (browser *native, token string) {
		t.Helper()
		a := nobody.call("POST", "/sessions", object{"email": who + "@example.org", "password": "correct horse battery"},
			"User-Agent", agent, "X-Forwarded-For", "198.51.100.77")
		cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
		_, token, _ = strings.Cut(cookie, "=")
		if a.status != http.StatusCreated || token == "" || bytes.Contains(a.body, []byte(token)) {
			t.Fatalf("signing in: %d %s", a.status, a.body)
		}
		return nobody.as("Cookie", cookie), token
	}
	over := func(who *native) bool { return who.call("GET", "/keys", nil).status == http.StatusUnauthorized }
	laptop, token := signIn("ada", "Laptop/1")
	phone, _ := signIn("ada", "Phone/\xff2"+strings.Repeat("x", 300))
	tablet, _ := signIn("ada", "Tablet/3")
	his, _ := signIn("bob", "Laptop/1")

	var all nativeSessions
	a := phone.call("GET", "/sessions", nil)
	phone.must("GET", "/sessions", nil, &all)
	if len(all.Items) != 3 || !strings.HasPrefix(all.Items[1].Agent, "Phone/2xxx") || len(all.Items[1].Agent) != 200 ||
		all.Items[0].Current || !all.Items[1].Current || all.Items[2].Current {
		t.Fatalf("the latest first, and the second is this one: %+v", all.Items)
	}
	if s := all.Items[0]; s.Address != "198.51.100.0" || s.Agent != "Tablet/3" || s.UsedAt != s.CreatedAt || s.CreatedAt == "" {
		t.Errorf("the tablet's: %+v", s)
	}
	if bytes.Contains(a.body, []byte(token)) || bytes.Contains(a.body, []byte(".77")) {
		t.Errorf("the list tells too much: %s", a.body)
	}
	var page nativeSessions
	if phone.must("GET", "/sessions?limit=2", nil, &page); len(page.Items) != 2 || page.Next != all.Items[1].ID {
		t.Fatalf("the first page: %+v", page)
	}
	next := page.Next
	page = nativeSessions{}
	if phone.must("GET", "/sessions?cursor="+next, nil, &page); len(page.Items) != 1 || page.Next != "" || page.Items[0].ID != all.Items[2].ID {
		t.Errorf("the second page: %+v", page)
	}

	// Of others, and what is none.
	const missing = "00000000000000000000000000"
	for name, who := range map[string]*native{"bob": his, "bob's key": nobody.as("X-Api-Key", node.Key("--user", "bob@example.org"))} {
		foreign, none := who.call("DELETE", "/sessions/"+all.Items[0].ID, nil), who.call("DELETE", "/sessions/"+missing, nil)
		if foreign.status != http.StatusNotFound || foreign.code() != "session_unknown" || !bytes.Equal(foreign.body, none.body) {
			t.Errorf("%s: %d %s, and %s", name, foreign.status, foreign.body, none.body)
		}
	}
	if a := phone.call("DELETE", "/sessions/x", nil); a.code() != "session_unknown" {
		t.Errorf("no id: %d %s", a.status, a.body)
	}
	if a := phone.call("GET", "/sessions?cursor=x", nil); a.code() != "cursor_invalid" {
		t.Errorf("no place: %d %s", a.status, a.body)
	}
	for _, scope := range []string{"read", "send"} {
		weak := nobody.as("X-Api-Key", node.Key("--user", "ada@example.org", "--scope", scope), "Cookie", laptop.header.Get("Cookie"))
		for _, call := range []string{"GET /sessions", "DELETE /sessions", "DELETE /sessions/others", "DELETE /sessions/" + all.Items[0].ID} {
			method, path, _ := strings.Cut(call, " ")
			if a := weak.call(method, path, nil); a.code() != "scope_missing" {
				t.Errorf("a key to %s, %s: %d %s", scope, call, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/sessions", "/sessions/others", "/sessions/current", "/sessions/" + all.Items[0].ID} {
		if a := phone.call("DELETE", path, nil, "Sec-Fetch-Site", "cross-site"); a.code() != "foreign_page" {
			t.Errorf("a page of others, %s: %d %s", path, a.status, a.body)
		}
		if a := nobody.call("DELETE", path, nil); a.status != http.StatusUnauthorized {
			t.Errorf("nobody, %s: %d", path, a.status)
		}
	}
	if over(laptop) || over(phone) || over(tablet) || over(his) {
		t.Fatal("somebody ended what was not theirs")
	}

	// A key is in no session, whatever cookie comes along with it.
	key := nobody.as("X-Api-Key", node.Key("--user", "ada@example.org"), "Cookie", his.header.Get("Cookie"))
	page = nativeSessions{}
	if key.must("GET", "/sessions", nil, &page); len(page.Items) != 3 || page.Items[0].Current || page.Items[1].Current || page.Items[2].Current {
		t.Errorf("by a key: %+v", page)
	}
	for _, path := range []string{"/sessions/current", "/sessions/others"} {
		if a := key.call("DELETE", path, nil); a.status != http.StatusUnauthorized || a.code() != "login_token_invalid" {
			t.Errorf("a key, %s: %d %s", path, a.status, a.body)
		}
	}
	key.must("DELETE", "/sessions/"+all.Items[0].ID, nil, nil)
	if !over(tablet) || over(phone) {
		t.Error("one was ended, and it was another")
	}
	phone.must("DELETE", "/sessions/others", nil, nil)
	if !over(laptop) || over(phone) || over(his) {
		t.Error("the others were ended, and they were others")
	}
	a = phone.call("DELETE", "/sessions/"+all.Items[1].ID, nil)
	if !over(phone) || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("this one was ended: %d %v", a.status, a.header)
	}
	laptop, _ = signIn("ada", "Laptop/1")
	key.must("DELETE", "/sessions", nil, nil)
	if !over(laptop) || over(his) {
		t.Error("a key ended all, and not its account's")
	}

	// Tries are counted before anything is compared.
	for n := range 11 {
		a := nobody.call("POST", "/sessions", object{"email": "ada@example.org", "password": "wrong"}, "X-Forwarded-For", "203.0.113.1")
		if want := map[bool]string{true: "wrong_password", false: "too_many_tries"}[n < 10]; a.code() != want {
			t.Errorf("try %d: %d %s", n+1, a.status, a.body)
		}
	}
}

// A stream of events is told no more once who asked for it is signed out, or the key is
// gone: it outlives no right. Who has the transfer's key needs no other.
func TestNativeStreamsEndWithTheirRights(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	node.Ferry("user", "create", "--email", "ada@example.org", "--password", "correct horse battery")
	nobody := newNative(t, node.URL)
	ada := nobody.as("X-Api-Key", node.Key("--user", "ada@example.org"))
	var tr struct{ ID, Key string }
	ada.must("POST", "/transfers", object{"files": []object{{"name": "a.txt", "size": 5}}}, &tr)
	var key struct{ ID, Secret string }
	ada.must("POST", "/keys", object{"name": "watches", "scopes": []string{"read"}}, &key)
	in := nobody.call("POST", "/sessions", object{"email": "ada@example.org", "password": "correct horse battery"})
	cookie, _, _ := strings.Cut(in.header.Get("Set-Cookie"), ";")

	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // nothing waits so long, if it is right
	defer stop()
	watch := func(headers ...string) io.Reader {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "GET", nobody.url+"/transfers/"+tr.ID+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = nobody.as(headers...).header
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode != http.StatusOK {
			t.Fatalf("watching with %v: %s", headers, res.Status)
		}
		return res.Body
	}
	bySession, byKey := watch("Cookie", cookie), watch("X-Api-Key", key.Secret)
	byTransfer, byBoth := watch("Ferry-Transfer-Key", tr.Key), watch("Ferry-Transfer-Key", tr.Key, "Cookie", cookie)
	ada.must("DELETE", "/sessions", nil, nil)
	ada.must("DELETE", "/keys/"+key.ID, nil, nil)
	for name, stream := range map[string]io.Reader{"a session": bySession, "an API key": byKey} {
		if said, err := io.ReadAll(stream); err != nil || bytes.Contains(said, []byte(`"deleted"`)) {
			t.Errorf("%s is over, and its stream goes on: %s, %v", name, said, err)
		}
	}
	ada.must("DELETE", "/transfers/"+tr.ID, nil, nil)
	for name, stream := range map[string]io.Reader{"the transfer's key": byTransfer, "it and a session": byBoth} {
		if said, err := io.ReadAll(stream); err != nil || !bytes.Contains(said, []byte(`"deleted"`)) {
			t.Errorf("with %s the end is not told: %s, %v", name, said, err)
		}
	}
}

// A stream of events does not keep a server from ending: it ends, and is not cut off.
func TestNativeStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--drain-timeout", "5s")
	key := node.Key()
	var tr struct{ ID string }
	newNative(t, node.URL, "X-Api-Key", key).must("POST", "/transfers", object{"files": []object{{"name": "a.txt", "size": 5}}}, &tr)
	r, err := http.NewRequestWithContext(t.Context(), "GET", node.URL+"/ferry/v1/transfers/"+tr.ID+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, res.Body)
		ended <- err
	}()
	node.Stop()
	if err := <-ended; err != nil {
		t.Errorf("it is cut off: %v", err)
	}
}
