package test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/wire"
	s3door "github.com/ferry-server/ferry/internal/wire/s3"
)

// TestCanaries goes through all doors of a server that logs all it can, with secrets that
// can be told from everything else: it signs up and in, sends, fetches and administers,
// well and wrongly, and once more when the database is broken. Then no secret is in the
// log, in what the operator's listener shows, or in an answer to anybody who was not told it.
func TestCanaries(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			if engine == "postgres" {
				slow(t)
			}
			w := newSongbirds(t, engine)
			w.setUp()
			w.signUp()
			w.letters()
			w.native()
			w.filemail()
			w.wetransfer()
			w.s3()
			w.mailRefused()
			w.wander("eve", w.eve, w.ids, "")
			w.wander("bob", visitor{}, w.links, "")
			w.wander("nobody", visitor{}, nobodysIDs, "")
			w.damage("shares", "files", "contacts", "contact_groups", "webhooks", "portals", "outbox", "journal")
			w.wander("ann", w.ann, w.ids, "")
			w.wander("bob", visitor{}, w.links, "")
			w.wander("ann", w.ann, w.ids, "{")
			w.damage("accounts", "api_keys", "sessions", "tokens", "tickets")
			w.wander("ann", w.ann, w.ids, "")
			if n := strings.Count(w.node.Log(), "level=ERROR"); n < 100 {
				t.Errorf("only %d requests failed by a broken database: what those log was not seen", n)
			}
			private := w.private()
			w.node.Stop()
			w.check(t, map[string]string{
				"the log": setUpLine.ReplaceAllString(w.node.Log(), ""), "the operator's listener": private,
			})
		})
	}
}

// setUpLine is how the one-time link is told to the operator, and nobody else.
var (
	setUpLine  = regexp.MustCompile(`(?m)^Set it up, once, at .*$`)
	setUpToken = regexp.MustCompile(`(?m)^Set it up, once, at .*/setup/(\w+)$`)
)

// songbirds are the people of a server whose secrets are canaries: its first
// administrator (boss), a sender (ann), who fetches what she sends (bob), another who has
// an account (eve), and nobody.
type songbirds struct {
	*testing.T
	canaries
	node     *testenv.Node
	pit      *testenv.Mailpit
	engine   string
	postgres string
	secrets  map[string]string // as settings

	boss, ann, eve visitor
	password       string            // Ann's
	ids            map[string]string // of what is Ann's
	links          map[string]string // the names in links that Bob has
}

// theReceiver is whoever receives Ann's webhooks.
const theReceiver = "the receiver of a webhook"

// A visitor is what somebody comes with.
type visitor struct{ key, cookie, login, transferKey, v1, v2 string }

func (v visitor) dress(r *http.Request) {
	for name, value := range map[string]string{
		"X-Api-Key": v.key, "Logintoken": v.login, "Ferry-Transfer-Key": v.transferKey,
	} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") && v.v1 != "" {
		r.Header.Set("Authorization", "Bearer "+v.v1)
	} else if strings.HasPrefix(r.URL.Path, "/v2/") && v.v2 != "" {
		r.Header.Set("Authorization", "Bearer "+v.v2)
	}
}

// newSongbirds starts a server that has its secrets from a file on SQLite, and from the
// environment on PostgreSQL.
func newSongbirds(t *testing.T, engine string) *songbirds {
	w := &songbirds{T: t, engine: engine, ids: map[string]string{}, links: map[string]string{}}
	smtp := "smtp" + rand.Text()
	w.note("the mail server's password", smtp)
	w.pit = testenv.StartMailpit(t, testenv.MailStartTLS, "ferry", smtp)
	t.Setenv("SSL_CERT_FILE", w.pit.CertFile)
	secrets := map[string]string{"smtp-password": smtp}
	for _, name := range []string{"secret", "secret-former"} {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		secrets[name] = w.note("the setting "+name, hex.EncodeToString(b))
	}
	if engine == "postgres" {
		w.postgres = testenv.Postgres(t)
		password := w.note("the database's password", "database"+rand.Text())
		secrets["database"] = strings.Replace(w.postgres, "ferry@", "ferry:"+password+"@", 1)
	}
	w.settle(secrets)
	w.node = testenv.StartFerry(t, "--log-level", "debug", "--private-listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1/32",
		"--sign-up", "--anonymous-sending", "--webhook-allow", "127.0.0.0/8",
		"--smtp-host", fmt.Sprintf("127.0.0.1:%d", w.pit.Port), "--smtp-user", "ferry", "--mail-from", "ferry@mail.example")
	return w
}

// settle gives the server its secrets, at its next start.
func (w *songbirds) settle(secrets map[string]string) {
	w.Helper()
	var text strings.Builder
	for name, value := range secrets {
		if w.engine == "postgres" {
			w.Setenv("FERRY_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value)
		}
		fmt.Fprintf(&text, "%s = %q\n", name, value)
	}
	w.secrets = secrets
	if w.engine == "postgres" {
		return
	}
	file := filepath.Join(w.TempDir(), "ferry.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		w.Fatal(err)
	}
	w.Setenv("FERRY_CONFIG", file)
}

// mailRefused starts the server again with a password that its mail server does not take.
func (w *songbirds) mailRefused() {
	w.Helper()
	secrets := maps.Clone(w.secrets)
	secrets["smtp-password"] = w.note("a wrong password of the mail server", rand.Text())
	w.settle(secrets)
	w.node.Restart()
	w.well("ann", visitor{}, "POST", "/app/forgot", url.Values{"email": {"ann@example.org"}})
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(w.node.Log(), `msg="letter could not be sent"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatal("the mail server takes a wrong password")
		}
	}
}

// An answer is what a server said.
type answer struct {
	status int
	header http.Header
	text   string
}

// ask makes a call as somebody: with a form, JSON, text or bytes.
func (w *songbirds) ask(who string, as visitor, method, path string, body any, headers ...string) answer {
	w.Helper()
	var in io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case string:
		in, kind = strings.NewReader(b), "application/json"
	case []byte:
		in, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			w.Fatal(err)
		}
		in, kind = bytes.NewReader(text), "application/json"
	}
	if strings.HasPrefix(path, "/") {
		path = w.node.URL + path
	}
	r, err := http.NewRequestWithContext(w.Context(), method, path, in)
	if err != nil {
		w.Fatal(err)
	}
	as.dress(r)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client(who).Do(r)
	if err != nil {
		w.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// well makes a call that succeeds, wrong one that does not.
func (w *songbirds) well(who string, as visitor, method, path string, body any, headers ...string) answer {
	w.Helper()
	a := w.ask(who, as, method, path, body, headers...)
	if a.status >= 400 {
		w.Fatalf("%s %s: %d %.600s", method, path, a.status, a.text)
	}
	return a
}

func (w *songbirds) wrong(who string, as visitor, method, path string, body any, headers ...string) {
	w.Helper()
	if a := w.ask(who, as, method, path, body, headers...); a.status < 400 {
		w.Errorf("%s %s: %d %.300s, want a refusal", method, path, a.status, a.text)
	}
}

// get reads a value out of JSON, by the names on the way to it.
func (w *songbirds) get(a answer, names ...any) string {
	w.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		w.Fatalf("%v in %s", err, a.text)
	}
	for _, name := range names {
		switch at := name.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[at]
		case int:
			l, _ := v.([]any)
			if at >= len(l) {
				w.Fatalf("no %v in %s", names, a.text)
			}
			v = l[at]
		}
	}
	s, ok := v.(string)
	if !ok || s == "" {
		w.Fatalf("no %v in %s", names, a.text)
	}
	return s
}

// cookieOf gives the cookie that was set, and notes its secret.
func (w *songbirds) cookieOf(a answer, name string, knows ...string) string {
	w.Helper()
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	_, value, _ := strings.Cut(cookie, "=")
	if value == "" {
		w.Fatalf("%s: no cookie in %v", name, a.header)
	}
	w.note(name, value, knows...)
	return cookie
}

// token waits for a letter with a link of this shape, and notes what its path ends with.
func (w *songbirds) token(to, path string, knows ...string) string {
	w.Helper()
	link := regexp.MustCompile(regexp.QuoteMeta(w.node.URL+path) + `([0-9A-Za-z_-]+)`)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		for _, m := range w.pit.Mails() {
			isTo := slices.ContainsFunc(m.To, func(a mail.Address) bool { return a.Address == to })
			if found := link.FindStringSubmatch(m.Text); isTo && found != nil && !w.noted(found[1]) {
				return w.note("the token of "+path+" for "+to, found[1], knows...)
			}
		}
	}
	w.Fatalf("no letter to %s with a link to %s", to, path)
	return ""
}

func (w *songbirds) noted(value string) bool {
	return slices.ContainsFunc(w.all, func(k canary) bool { return k.value == value })
}

// keyOn gives the API key that a page shows this once.
func (w *songbirds) keyOn(page answer, name string, knows ...string) string {
	w.Helper()
	found := shownKey.FindStringSubmatch(page.text)
	if found == nil {
		w.Fatalf("no key in %s", page.text)
	}
	return w.note(name, found[1], knows...)
}

var shownKey = regexp.MustCompile(`<code[^>]*>([0-9A-Za-z_-]{20,})</code>`)

// setUp uses the one-time link, and has the first administrator make an account for Ann.
func (w *songbirds) setUp() {
	w.Helper()
	var line []string
	for deadline := time.Now().Add(10 * time.Second); line == nil; time.Sleep(10 * time.Millisecond) {
		if line = setUpToken.FindStringSubmatch(w.node.Log()); line == nil && time.Now().After(deadline) {
			w.Fatalf("no one-time link in %s", w.node.Log())
		}
	}
	at := "/setup/" + w.note("the one-time link", line[1])
	password := w.make("the first administrator's password")
	w.well("boss", visitor{}, "GET", at, nil)
	w.wrong("boss", visitor{}, "POST", at, url.Values{"email": {"no address"}, "password": {password}})
	w.wrong("boss", visitor{}, "POST", at, "{", "Cookie", "x=y")
	w.wrong("boss", visitor{}, "POST", "/setup/"+w.note("a wrong one-time link", rand.Text()), url.Values{"email": {"boss@example.org"}, "password": {password}})
	ready := w.well("boss", visitor{}, "POST", at, url.Values{"email": {"boss@example.org"}, "password": {password}})
	w.boss.cookie = w.cookieOf(ready, "the first administrator's session", "boss")
	w.boss.key = w.keyOn(ready, "the first administrator's key", "boss")
	w.wrong("nobody", visitor{}, "GET", at, nil)
	w.wrong("nobody", visitor{}, "POST", at, url.Values{"email": {"eve@example.org"}, "password": {password}})

	w.password = w.make("Ann's first password")
	admin := url.Values{"do": {"create"}, "email": {"no address"}, "password": {w.password}}
	w.wrong("boss", w.boss, "POST", "/app/admin", admin)
	admin.Set("email", "ann@example.org")
	w.well("boss", w.boss, "POST", "/app/admin", admin)
	w.wrong("boss", w.boss, "POST", "/app/admin", admin)
	w.node.Ferry("user", "create", "--email", "tom@example.org", "--password", w.make("a password of the command line"))
	sign := url.Values{"email": {"ann@example.org"}, "password": {w.make("a wrong password")}, "next": {"/app/account"}}
	w.wrong("ann", visitor{}, "POST", "/app/sign-in", sign)
	sign.Set("email", "missing@example.org")
	w.wrong("ann", visitor{}, "POST", "/app/sign-in", sign)
	w.wrong("ann", visitor{}, "POST", "/app/sign-in?"+sign.Encode(), url.Values{})
	w.wrong("ann", visitor{}, "POST", "/app/sign-in", sign, "Origin", "https://elsewhere.example")
	sign.Set("email", "ann@example.org")
	sign.Set("password", w.password)
	w.ann.cookie = w.cookieOf(w.well("ann", visitor{}, "POST", "/app/sign-in", sign), "Ann's session", "ann")

	// A change of the password ends the session.
	next := w.make("Ann's second password")
	change := url.Values{"do": {"password"}, "old": {w.make("a wrong old password")}, "password": {next}}
	w.wrong("ann", w.ann, "POST", "/app/account", change)
	change.Set("old", w.password)
	w.ann.cookie = w.cookieOf(w.well("ann", w.ann, "POST", "/app/account", change), "Ann's second session", "ann")
	w.password = next
	key := url.Values{"do": {"key"}, "name": {"canary"}}
	w.ann.key = w.keyOn(w.well("ann", w.ann, "POST", "/app/account", key), "Ann's key", "ann")
	for _, page := range []string{"", "/companies", "/traffic", "/settings", "/journal", "/reports"} {
		w.well("boss", w.boss, "GET", "/app/admin"+page, nil)
		w.wrong("ann", w.ann, "GET", "/app/admin"+page, nil)
	}
}

// signUp makes an account for Eve, by the letter that strangers get.
func (w *songbirds) signUp() {
	w.Helper()
	form := url.Values{"email": {"no address"}, "name": {"Eve"}, "password": {w.make("Eve's password")}, "terms": {"1"}}
	w.wrong("eve", visitor{}, "POST", "/app/sign-up", form)
	form.Set("email", "eve@example.org")
	w.well("eve", visitor{}, "POST", "/app/sign-up", form)
	at := "/account/register/" + w.token("eve@example.org", "/account/register/")
	w.well("eve", visitor{}, "GET", at, nil)
	w.wrong("eve", visitor{}, "POST", at+"x", url.Values{})
	w.well("eve", visitor{}, "POST", at, url.Values{})
	w.wrong("eve", visitor{}, "POST", at, url.Values{})
	w.eve.cookie = w.cookieOf(w.well("eve", visitor{}, "POST", "/app/sign-in", form), "Eve's session", "eve")
	// Who signs up has no part in the API until an administrator says so.
	w.wrong("eve", w.eve, "POST", "/app/account", url.Values{"do": {"key"}, "name": {"x"}})
	id := w.get(w.well("eve", w.eve, "GET", "/ferry/v1/me", nil), "account")
	w.well("boss", w.boss, "POST", "/app/admin", url.Values{"do": {"plan"}, "user": {id}, "plan": {account.NoPlan}})
	w.eve.key = w.keyOn(w.well("eve", w.eve, "POST", "/app/account", url.Values{"do": {"key"}, "name": {"x"}}), "Eve's key", "eve")
}

// letters has Ann choose another password by a letter, at the site and by the API.
func (w *songbirds) letters() {
	w.Helper()
	w.well("ann", visitor{}, "POST", "/app/forgot", url.Values{"email": {"ann@example.org"}})
	at := "/account/password/" + w.token("ann@example.org", "/account/password/")
	next := w.make("Ann's third password")
	w.well("ann", visitor{}, "GET", at, nil)
	w.wrong("ann", visitor{}, "POST", at, url.Values{"password": {"short"}})
	w.wrong("ann", visitor{}, "POST", at+"x", url.Values{"password": {next}})
	w.well("ann", visitor{}, "POST", at, url.Values{"password": {next}})
	w.wrong("ann", visitor{}, "POST", at, url.Values{"password": {next}})

	forgot := visitor{key: w.boss.key}
	w.well("ann", forgot, "POST", "/auth/password/forgot", object{"email": "ann@example.org"})
	token := w.token("ann@example.org", "/account/password/")
	w.password = w.make("Ann's fourth password")
	w.wrong("ann", forgot, "POST", "/auth/password/reset", object{"token": token, "password": "short"})
	w.wrong("ann", forgot, "POST", "/auth/password/reset", object{"token": token + "x", "password": w.password})
	w.well("ann", forgot, "POST", "/auth/password/reset", object{"token": token, "password": w.password})
	// Her keys have gone with the former password.
	w.wrong("ann", w.ann, "GET", "/ferry/v1/keys", nil)
	in := object{"email": "ann@example.org", "password": w.password}
	w.ann = visitor{cookie: w.cookieOf(w.well("ann", visitor{}, "POST", "/ferry/v1/sessions", in), "Ann's session at Ferry's own API", "ann")}
	w.wrong("ann", visitor{}, "POST", "/ferry/v1/sessions", object{"email": "ann@example.org", "password": w.make("a wrong password there")})
	w.ann.key = w.note("Ann's key of Ferry's own API", w.get(w.well("ann", w.ann, "POST", "/ferry/v1/keys", object{"name": "n"}), "secret"), "ann")
	w.ids["key"] = w.get(w.well("ann", w.ann, "GET", "/ferry/v1/keys", nil), "items", 0, "id")
	w.ids["session"] = w.get(w.well("ann", w.ann, "GET", "/ferry/v1/sessions", nil), "items", 0, "id")
	w.wrong("ann", visitor{key: w.ann.key + "x"}, "GET", "/ferry/v1/me", nil)
}

// native has Ann send by Ferry's own API and by tus, and Bob fetch it.
func (w *songbirds) native() {
	w.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var head strings.Builder
		_ = r.Header.Write(&head)
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.said = append(w.said, saying{theReceiver, "POST", "", 200, head.String() + string(body)})
		w.mu.Unlock()
		rw.WriteHeader(http.StatusTeapot) // so that it is tried again, and the failure noted
	}))
	w.Cleanup(receiver.Close)
	in := w.make("a secret in a webhook's address", "ann")
	for i, host := range []string{receiver.URL, "http://127.0.0.1:1"} {
		hook := w.well("ann", w.ann, "POST", "/ferry/v1/webhooks", object{"url": host + "/hook?token=" + url.QueryEscape(in)})
		at := "/ferry/v1/webhooks/" + w.get(hook, "id")
		w.note(fmt.Sprint("the secret of webhook ", i), w.get(hook, "secret"), "ann")
		w.note(fmt.Sprint("the second secret of webhook ", i), w.get(w.well("ann", w.ann, "POST", at+"/secret", nil), "secret"), "ann")
		w.well("ann", w.ann, "POST", at+"/ping", nil)
		w.ids["webhook"] = w.get(hook, "id")
	}
	w.wrong("ann", w.ann, "POST", "/ferry/v1/webhooks", object{"url": "ftp://ann:" + w.make("a password in a webhook's address") + "@x/"})

	lock, again := w.make("a link's password"), w.make("an idempotency key")
	send := object{
		"title": "t", "to": []string{"bob@example.org"}, "password": lock, "name": "canary" + strings.ToLower(rand.Text()),
		"files": []object{{"name": "a.txt", "size": 5}, {"name": "log.txt", "size": nil}},
	}
	once := []string{"Idempotency-Key", url.QueryEscape(again)}
	made := w.well("ann", w.ann, "POST", "/ferry/v1/transfers", send, once...)
	w.ids["transfer"], w.ids["file"] = w.get(made, "id"), w.get(made, "uploads", 0, "id")
	w.ann.transferKey = w.note("a transfer's key", w.get(made, "key"), "ann")
	send["password"] = w.make("another password of the link")
	send["title"] = "u"
	w.wrong("ann", w.ann, "POST", "/ferry/v1/transfers", send, once...)
	w.wrong("ann", w.ann, "POST", "/ferry/v1/transfers", object{"password": lock, "days": "x"})
	part, holder := "/ferry/v1/files/"+w.ids["file"]+"/parts/1", visitor{transferKey: w.ann.transferKey}
	w.wrong("ann", holder, "PUT", part, []byte("hello"), "Ferry-CRC32", "00000000")
	w.wrong("eve", visitor{transferKey: w.ann.transferKey + "x"}, "PUT", part, []byte("hello"))
	w.well("ann", holder, "PUT", part, []byte("hello"))
	tus, patch := w.get(made, "uploads", 1, "upload_url"), []string{"Upload-Offset", "0", "Upload-Complete", "?1", "Content-Type", "application/partial-upload"}
	w.wrong("eve", visitor{transferKey: w.note("a wrong key of a transfer", rand.Text())}, "PATCH", tus, []byte("hello"), patch...)
	w.wrong("ann", holder, "PATCH", tus, []byte("hello"), "Upload-Offset", "7", "Content-Type", "application/partial-upload")
	w.well("ann", holder, "PATCH", tus, []byte("hello"), patch...)
	w.well("ann", w.ann, "POST", "/files", []byte("x"), "Tus-Resumable", "1.0.0", "Upload-Length", "1", "Upload-Metadata", "filename YQ==", "Content-Type", "application/offset+octet-stream")
	w.well("ann", holder, "POST", "/ferry/v1/transfers/"+w.ids["transfer"]+"/finalize", nil)
	w.well("ann", w.ann, "GET", "/ferry/v1/transfers/"+w.ids["transfer"]+"/events", nil)

	name := w.get(made, "name")
	track := w.token("bob@example.org", "/t/", "ann", "bob")
	w.note("the link's name", name, "ann", "bob", theReceiver)
	w.links["link"], w.links["name"], w.links["track"], w.links["file"] = name, name, track, w.ids["file"]
	for _, link := range []string{name, track} {
		at := "/ferry/v1/links/" + link
		w.well("bob", visitor{}, "GET", at, nil)
		w.wrong("bob", visitor{}, "POST", at+"/unlock", object{"password": w.make("a wrong password of a link")})
		pass := w.note("what the link's password gave", w.get(w.well("bob", visitor{}, "POST", at+"/unlock", object{"password": lock}), "pass"), "bob")
		w.well("bob", visitor{}, "GET", at+"/files/"+w.ids["file"], nil, "Ferry-Link-Pass", pass)
		w.wrong("bob", visitor{}, "GET", at+"/files/"+w.ids["file"], nil, "Ferry-Link-Pass", pass[:len(pass)-1])
		w.well("bob", visitor{}, "GET", at+"/zip", nil, "Ferry-Link-Pass", pass)
	}
	for _, page := range []string{"/to/" + name, "/t/" + track} {
		w.wrong("bob", visitor{}, "POST", page, url.Values{"password": {w.make("a wrong password of a page")}})
		a := w.well("bob", visitor{}, "POST", page, url.Values{"password": {lock}})
		open := visitor{cookie: w.cookieOf(a, "the cookie that the link's password gave", "bob")}
		w.well("bob", open, "GET", page, nil)
		w.well("bob", open, "GET", page+"/file/"+w.ids["file"]+"/a.txt", nil)
		w.wrong("bob", open, "GET", page+"/file/none/a.txt", nil)
		w.ask("bob", open, "GET", "/app/report?link="+url.QueryEscape(w.node.URL+page), nil)
	}
	// A guest, who has nothing but the key of their transfer.
	from := object{"from": "guest@example.net", "files": []object{{"name": "g", "size": 1}}}
	key := []string{"Idempotency-Key", w.note("a guest's idempotency key", rand.Text()+rand.Text())}
	guest := w.well("guest", visitor{}, "POST", "/ferry/v1/transfers", from, key...)
	from["password"] = w.make("a guest's password") // is no part of the plan
	w.wrong("guest", visitor{}, "POST", "/ferry/v1/transfers", from, key...)
	w.note("a guest's key", w.get(guest, "key"), "guest")
}

// filemail has Ann use both of Filemail's APIs, whose clients put secrets in queries.
func (w *songbirds) filemail() {
	w.Helper()
	key := visitor{key: w.ann.key}
	w.wrong("ann", key, "POST", "/auth/login", object{"email": "ann@example.org", "password": w.make("a wrong password at Filemail's API")})
	login := w.well("ann", key, "POST", "/auth/login", object{"email": "ann@example.org", "password": w.password})
	refresh := w.note("a refresh token", w.get(login, "data", "refreshtoken"), "ann")
	w.note("a login token", w.get(login, "data", "logintoken"), "ann")
	next := w.well("ann", key, "POST", "/auth/refreshtoken", object{"refreshtoken": refresh})
	w.note("the second refresh token", w.get(next, "data", "refreshtoken"), "ann")
	w.note("the login token after it", w.get(next, "data", "logintoken"), "ann")
	w.wrong("ann", key, "POST", "/auth/refreshtoken", object{"refreshtoken": refresh})
	w.ann.login = w.note("the third login token", w.get(w.well("ann", key, "POST", "/auth/login", object{"email": "ann@example.org", "password": w.password}), "data", "logintoken"), "ann")
	w.wrong("ann", visitor{key: w.ann.key, login: w.ann.login}, "POST", "/auth/password/change",
		object{"oldpassword": w.make("a wrong old password at Filemail's API"), "password": w.make("a new password at Filemail's API")})
	made := w.well("ann", visitor{key: w.ann.key, login: w.ann.login}, "POST", "/user/apikey", object{"name": "n"})
	w.note("a key by Filemail's API", w.get(made, "data", "apikey"), "ann")

	for name, token := range map[string]string{"": "", "logintoken": w.ann.login} {
		q := url.Values{"apikey": {w.ann.key}, "username": {"ann@example.org"}, "password": {w.make("a wrong password in a query")}}
		if name != "" {
			q.Set(name, token)
		}
		w.wrong("ann", visitor{}, "GET", "/api/authentication/login?"+q.Encode(), nil)
		w.wrong("ann", visitor{}, "GET", "/api/authentication/login?"+q.Encode()+"&format=xml", nil)
		w.wrong("ann", visitor{}, "GET", "/api/authentication/login?"+q.Encode()+"&x=%zz", nil)
		q.Set("password", w.password)
		a := w.well("ann", visitor{}, "GET", "/api/authentication/login?"+q.Encode(), nil)
		classic := w.note("a token of the classic API", w.get(a, "logintoken"), "ann")
		w.well("ann", visitor{}, "GET", "/api/user/get?"+url.Values{"apikey": {w.ann.key}, "logintoken": {classic}}.Encode(), nil)
		w.well("ann", visitor{cookie: "logintoken=" + classic}, "GET", "/api/transfer/sent/get", nil)
		w.wrong("ann", visitor{}, "GET", "/api/transfer/sent/get?"+url.Values{"logintoken": {classic + "x"}}.Encode(), nil)
		w.well("ann", visitor{}, "GET", "/api/authentication/logout?"+url.Values{"logintoken": {classic}}.Encode(), nil)
		w.wrong("ann", visitor{}, "GET", "/api/user/update?"+url.Values{"logintoken": {classic}, "password": {w.make("a password in a query")}}.Encode(), nil)
	}

	c := newFM(w.node.URL, w.ann.key)
	c.http = w.client("ann")
	lock := w.make("a password of Filemail's transfer")
	tr, err := c.begin(object{"subject": "s", "to": []string{"bob@example.net"}, "password": lock})
	if err != nil {
		w.Fatal(err)
	}
	w.note("the key of Filemail's transfer", tr.TransferKey, "ann")
	f := chunked{content{"f.bin", 7, 5}, 7}
	damaged := f.query(tr, 0)
	damaged.Set("md5", strings.Repeat("0", 32))
	w.wrong("ann", visitor{}, "POST", tr.TransferURL+"?"+damaged.Encode(), []byte("hellooo"))
	damaged.Set("transferkey", w.note("a wrong key of Filemail's transfer", hex.EncodeToString([]byte(rand.Text()))[:32]))
	w.wrong("ann", visitor{}, "POST", tr.TransferURL+"?"+damaged.Encode(), []byte("hellooo"))
	if err := c.putChunk(tr, f, 0); err != nil {
		w.Fatal(err)
	}
	if _, err := c.complete(tr); err != nil {
		w.Fatal(err)
	}
	w.wrong("ann", key, "PUT", "/transfer/complete", object{"transferid": tr.TransferID, "transferkey": damaged.Get("transferkey")})
	d, err := c.details(tr.TransferID)
	if err != nil {
		w.Fatal(err)
	}
	w.ids["filemail transfer"], w.ids["filemail file"] = tr.TransferID, d.Files[0].FileID
	w.well("eve", visitor{}, "GET", "/api/transfer/get?"+url.Values{"transferid": {tr.TransferID}, "password": {lock}, "apikey": {w.eve.key}}.Encode(), nil)
	w.wrong("eve", visitor{}, "GET", "/api/transfer/get?"+url.Values{"transferid": {"none"}, "password": {lock}, "apikey": {w.eve.key}}.Encode(), nil)
	w.ask("ann", visitor{}, "GET", d.Files[0].DownloadURL, nil)
	w.ask("ann", visitor{}, "GET", d.Files[0].DownloadURL+"x", nil)
	if u, err := url.Parse(d.Files[0].DownloadURL); err == nil && u.Query().Has("filekey") {
		w.note("what opens a file of Filemail's transfer", u.Query().Get("filekey"), "ann", "bob")
	}
	w.token("bob@example.net", "/t/", "ann", "bob")
	for name, path := range map[string]string{"contact": "/contact", "group": "/contact/group", "portal": "/portal"} {
		a := w.ask("ann", w.ann, "POST", path, object{"email": "friend@example.org", "name": "n"})
		if m := firstID.FindStringSubmatch(a.text); m != nil {
			w.ids[name] = m[1]
		}
	}
}

var firstID = regexp.MustCompile(`"(?:\w*id|id)":"?(\w+)`)

// wetransfer has Ann use WeTransfer's APIs: tokens, upload URLs that are signed, links.
func (w *songbirds) wetransfer() {
	w.Helper()
	c, err := authorize(w.node.URL, w.ann.key, "") // by a client of its own: the answers are Ann's
	if err != nil {
		w.Fatal(err)
	}
	c.http.CloseIdleConnections()
	c.http = w.client("ann")
	w.ann.v1, w.ann.v2 = w.note("a token of v1", c.tokens["v1"], "ann"), w.note("a token of v2", c.tokens["v2"], "ann")
	w.wrong("ann", visitor{key: w.ann.key, v2: w.ann.v2 + "x"}, "POST", "/v2/transfers", object{"message": "m", "files": []object{{"name": "a", "size": 1}}})
	w.wrong("ann", visitor{key: w.ann.key, v1: w.ann.v1 + "x"}, "POST", "/v1/transfers", object{"name": "n"})
	for _, d := range dialects {
		s, err := d.begin(c, content{"a.bin", 9, 9})
		if err != nil {
			w.Fatal(err)
		}
		at, err := s.items[0].url(1)
		if err != nil {
			w.Fatal(err)
		}
		u, err := url.Parse(at)
		if err != nil {
			w.Fatal(err)
		}
		signature := u.Query().Get("X-Amz-Signature")
		w.note("the signature of an upload URL", signature, "ann")
		forged := []byte(signature)
		forged[5] ^= 1
		w.wrong("eve", visitor{}, "PUT", strings.Replace(at, signature, string(forged), 1), []byte("123456789"))
		w.wrong("eve", visitor{}, "GET", at, nil)
		w.wrong("ann", visitor{}, "PUT", at, []byte("1234567890"))
		if err := s.send(); err != nil {
			w.Fatal(err)
		}
		w.wrong("ann", visitor{}, "PUT", at, []byte("123456789"))
		code := s.link[strings.LastIndex(s.link, "/")+1:]
		w.note("a short link", code, "ann", "bob", theReceiver)
		page := w.well("bob", visitor{}, "GET", s.link, nil).header.Get("Location")
		if parts := strings.Split(page, "/"); strings.Contains(page, "/downloads/") {
			w.links["id"], w.links["hash"] = parts[4], parts[5]
			w.note("what a link ends with", parts[4]+"/"+parts[5], "ann", "bob")
		}
		w.well("bob", visitor{}, "GET", page, nil)
		w.wrong("bob", visitor{}, "GET", page+"x/none", nil)
		w.links["code"] = code
		w.ids["wetransfer transfer"], w.ids["wetransfer file"], w.ids["board"] = s.id, s.items[0].id, s.id
	}
}

// s3 has Ann use the S3 door, with requests signed in the header and in the query.
func (w *songbirds) s3() {
	w.Helper()
	said := strings.Fields(w.node.Ferry("key", "s3", w.ann.key))
	if len(said) != 2 {
		w.Fatalf("ferry key s3 prints %q", said)
	}
	w.note("the S3 secret", said[1])
	with := func(secret string) *s3.Client {
		return s3.New(s3.Options{
			BaseEndpoint: aws.String(w.node.URL + "/s3"), UsePathStyle: true, Region: "us-east-1", RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(said[0], secret, ""), HTTPClient: w.client("ann"),
		})
	}
	key, ctx := aws.String("canary.txt"), w.Context()
	put := &s3.PutObjectInput{Bucket: aws.String(bucket), Key: key, Body: strings.NewReader("hello")}
	if _, err := with(said[1]).PutObject(ctx, put); err != nil {
		w.Fatal(err)
	}
	if _, err := with(w.make("a wrong S3 secret")).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key}); err == nil {
		w.Error("a wrong S3 secret is taken")
	}
	if _, err := with(said[1]).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("none"), Key: key}); err == nil {
		w.Error("an unknown bucket is taken")
	}
	signed, err := s3.NewPresignClient(with(said[1])).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
	if err != nil {
		w.Fatal(err)
	}
	w.well("ann", visitor{}, "GET", signed.URL, nil)
	u, err := url.Parse(signed.URL)
	if err != nil {
		w.Fatal(err)
	}
	signature := w.note("the signature of a presigned URL", u.Query().Get("X-Amz-Signature"), "ann")
	forged := []byte(signature)
	forged[5] ^= 1
	w.wrong("eve", visitor{}, "GET", strings.Replace(signed.URL, signature, string(forged), 1), nil)
	w.wrong("eve", visitor{}, "DELETE", signed.URL, nil)
}

// wander makes each call of each door with the ids, and with secrets in every field and
// query that might hold one; the body is another one if it is given.
func (w *songbirds) wander(who string, as visitor, ids map[string]string, body string) {
	w.Helper()
	// What stands in an address may come back in a page, and what is in a body not.
	asked, given := w.fields(who, true), w.fields(who, false)
	var last []func() // what ends a session
	for _, d := range doorTables {
		of := func(name string) string {
			for _, n := range []string{d.door + " " + name, name} {
				if id := ids[n]; id != "" {
					return id
				}
			}
			return map[string]string{"part": "1", "multipart": "x", "number": "1", "bucket": s3door.Bucket}[name]
		}
		for field, id := range map[string]string{
			"transferid": "transfer", "fileid": "file", "contactid": "contact", "groupid": "group", "contactgroupid": "group",
			"userid": "user", "id": "transfer",
		} {
			asked[field], given[field] = of(id), of(id)
		}
		query, send := maps.Clone(asked), maps.Clone(given)
		if d.door == "filemail" { // else the classic calls would end at the door
			for _, all := range []map[string]any{query, send} {
				for name, value := range map[string]string{"apikey": as.key, "logintoken": as.login} {
					if as.key != "" {
						all[name] = value
					}
				}
			}
		}
		for _, a := range d.routes() {
			step := func() { w.step(who, as, d.door, a, of, query, send, body) }
			if endsSessions.MatchString(a.Method + " " + a.Pattern) {
				last = append(last, step)
				continue
			}
			step()
		}
	}
	for _, step := range last {
		step()
	}
}

// fields are what any call might read of an address, or of a body, with a secret of its
// own wherever one may stand.
func (w *songbirds) fields(who string, address bool) map[string]any {
	all := map[string]any{
		"subject": "s", "name": "n", "email": "walked@example.org", "to": "walked@example.org", "filename": "f.txt", "days": 3,
		"username": "ann@example.org", "acceptterms": true, "terms": "1", "link": w.node.URL + "/t/none", "kind": "other", "text": "x",
	}
	where := "a body"
	if address {
		where = "an address"
	}
	for _, name := range []string{"password", "oldpassword", "old", "logintoken", "refreshtoken", "token", "apikey", "filekey"} {
		all[name] = w.make(fmt.Sprintf("what %s sends as %s in %s", who, name, where))
	}
	all["transferkey"] = w.note(fmt.Sprintf("what %s sends as transferkey in %s", who, where), hex.EncodeToString([]byte(rand.Text()))[:32])
	return all
}

// formOf writes fields as a form.
func formOf(fields map[string]any) url.Values {
	q := url.Values{}
	for name, v := range fields {
		q.Set(name, fmt.Sprint(v))
	}
	return q
}

var endsSessions = regexp.MustCompile(`DELETE /ferry/v1/sessions|/logout|POST /app/(sign-out|account)|/auth/refreshtoken|/auth/password/change`)

func (w *songbirds) step(who string, as visitor, door string, a wire.Access, of func(string) string, query, given map[string]any, body string) {
	w.Helper()
	path := pathName.ReplaceAllStringFunc(a.Pattern, func(s string) string {
		if id := of(s[1 : len(s)-1]); id != "" {
			return url.PathEscape(id)
		}
		if s == "{token}" { // of a letter
			return url.PathEscape(fmt.Sprint(given["token"]))
		}
		return "x"
	})
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	var send any
	if a.Method != "GET" && a.Method != "HEAD" {
		switch {
		case body != "":
			send = body
		case door == "site" || strings.HasPrefix(path, "/api/"):
			send = formOf(given)
		default:
			send = given
		}
	}
	headers := []string{"Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Ferry-Link-Pass", url.QueryEscape(fmt.Sprint(given["token"]))}
	if door == "tus" && a.Method == "PATCH" {
		headers = append(headers, "Content-Type", "application/offset+octet-stream")
	}
	w.ask(who, as, a.Method, path+join+formOf(query).Encode(), send, headers...)
}

// damage takes tables away from the server.
func (w *songbirds) damage(tables ...string) {
	w.Helper()
	for _, table := range tables {
		change := "alter table " + table + " rename to lost_" + table
		if w.engine == "postgres" {
			testenv.Need(w.T, "psql")
			if out, err := exec.Command("psql", "-q", "-c", change, w.postgres).CombinedOutput(); err != nil {
				w.Fatalf("%v %s", err, out)
			}
			continue
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(w.node.Data, "ferry.db")+"?_pragma=busy_timeout(10000)")
		if err == nil {
			_, err = db.Exec(change)
			_ = db.Close()
		}
		if err != nil {
			w.Fatal(err)
		}
	}
}

// private is all that the operator's own listener tells.
func (w *songbirds) private() string {
	w.Helper()
	all := regexp.MustCompile(`private listener" address=(\S+)`).FindAllStringSubmatch(w.node.Log(), -1)
	if len(all) == 0 {
		w.Fatal("there is no private listener in the log")
	}
	at := all[len(all)-1][1]
	var said strings.Builder
	for _, path := range []string{
		"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap?debug=1", "/debug/pprof/threadcreate?debug=1", "/debug/pprof/symbol",
	} {
		res, err := http.Get("http://" + at + path)
		if err != nil {
			w.Fatal(err)
		}
		_, err = io.Copy(&said, res.Body)
		_ = res.Body.Close()
		if err != nil {
			w.Fatal(err)
		}
	}
	return said.String()
}
