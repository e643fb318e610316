package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sitedoor "github.com/ferry-server/ferry/internal/site"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/wire"
	filemaildoor "github.com/ferry-server/ferry/internal/wire/filemail"
	nativedoor "github.com/ferry-server/ferry/internal/wire/native"
	s3door "github.com/ferry-server/ferry/internal/wire/s3"
	tusdoor "github.com/ferry-server/ferry/internal/wire/tus"
	wetransferdoor "github.com/ferry-server/ferry/internal/wire/wetransfer"
)

var keepAccess = flag.Bool("access", false, "write testdata/access.txt anew")

const accessTable = "testdata/access.txt"

var doorTables = []struct {
	door   string
	routes func() []wire.Access
}{
	{"wetransfer", wetransferdoor.Access},
	{"filemail", filemaildoor.Access},
	{"s3", s3door.Access},
	{"tus", tusdoor.Access},
	{"native", nativedoor.Access},
	{"site", sitedoor.Access},
}

// TestAccessTable: every route of every door is in the table of who may call it, which
// is read by people whenever it changes. A new route fails until it is there.
func TestAccessTable(t *testing.T) {
	var lines []string
	for _, d := range doorTables {
		for _, a := range d.routes() {
			if a.Who == "" {
				t.Errorf("%s %s says nothing of who may call it", a.Method, a.Pattern)
			}
			lines = append(lines, fmt.Sprintf("%-10s %-7s %-66s %s\n", d.door, a.Method, a.Pattern, a.Who))
		}
	}
	got := strings.Join(lines, "")
	if *keepAccess {
		if err := os.WriteFile(accessTable, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(accessTable)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.SplitAfter(string(text), "\n")
	for _, line := range lines {
		if !slices.Contains(want, line) {
			t.Errorf("not in %s: %s", accessTable, line)
		}
	}
	for _, line := range want {
		if line != "" && !slices.Contains(lines, line) {
			t.Errorf("only in %s: %s", accessTable, line)
		}
	}
}

// A walker calls all routes of a real server.
type walker struct {
	*testing.T
	node *testenv.Node
	n    int // requests
	own  map[string]string
}

// Ids of the right shapes that nobody has. What is not here is one for each door.
var nobodysIDs = map[string]string{
	"transfer": "aaaaaaaaaaaaaaa", "file": "bbbbbbbbbbbbbbb", "contact": "ccccccccccccccc", "group": "ddddddddddddddd",
	"user": "eeeeeeeeeeeeeee", "portal": "fffffffffffffff", "key": "ggggggggggggggg",
	"session": "00000000000000000000000000",
}

// A walked is what one call was answered.
type walked struct {
	status int
	text   string
}

// A credential is a set of headers for each API.
type credential struct {
	key    string
	tokens map[string]string
}

var pathName = regexp.MustCompile(`\{(\w+)\}`)

// call makes the call of a route with the ids in its path, query and body, so that
// whichever the route reads it finds. Each comes from an address of its own, as misses
// are counted by address.
func (w *walker) call(door string, a wire.Access, as credential, ids map[string]string) walked {
	w.Helper()
	of := func(name string) string {
		for _, n := range []string{door + " " + name, name} {
			if id, ok := ids[n]; ok {
				return id
			}
		}
		return map[string]string{"part": "1", "multipart": "x", "number": "1", "bucket": s3door.Bucket}[name]
	}
	path := pathName.ReplaceAllStringFunc(a.Pattern, func(s string) string {
		if id := of(s[1 : len(s)-1]); id != "" {
			return url.PathEscape(id)
		}
		return "x"
	})
	values := map[string]any{
		"transferid": of("transfer"), "fileid": of("file"), "contactid": of("contact"), "groupid": of("group"),
		"contactgroupid": of("group"), "userid": of("user"), "transferkey": "9abe4213-a629-8020-a167-21243731c283", "subject": "walked",
		"name": "walked", "email": "walked@example.org", "to": "walked@example.org", "filename": "walked.txt", "days": 3,
		"id": of("transfer"), "license": "none",
	}
	var body io.Reader
	header := http.Header{}
	if door == "filemail" && (a.Method == "GET" || a.Method == "DELETE" || strings.HasPrefix(path, "/api/") || strings.HasSuffix(path, "/get")) {
		q := url.Values{}
		for name, v := range values {
			q.Set(name, fmt.Sprint(v))
		}
		path += "?" + q.Encode()
	} else if a.Method != "GET" && a.Method != "HEAD" {
		text, err := json.Marshal(values)
		if err != nil {
			w.Fatal(err)
		}
		body = strings.NewReader(string(text))
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequest(a.Method, w.node.URL+path, body)
	if err != nil {
		w.Fatal(err)
	}
	req.Header = header
	w.n++
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", w.n/250, w.n%250))
	if as.key != "" {
		req.Header.Set("X-Api-Key", as.key)
		if version := strings.TrimPrefix(path, "/")[:2]; door == "wetransfer" {
			req.Header.Set("Authorization", "Bearer "+as.tokens[version])
		}
	}
	if door == "tus" {
		req.Header.Set("Tus-Resumable", "1.0.0")
		req.Header.Set("Upload-Offset", "0")
		if a.Method == "PATCH" {
			req.Header.Set("Content-Type", "application/offset+octet-stream")
		}
	}
	resp, err := recipient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	text := ""
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		all, err := io.ReadAll(resp.Body)
		if err != nil {
			w.Fatal(err)
		}
		text = string(all)
	}
	return walked{resp.StatusCode, text}
}

func (w *walker) credential(key string) credential {
	w.Helper()
	c, err := authorize(w.node.URL, key, "")
	if err != nil {
		w.Fatal(err)
	}
	return credential{key, c.tokens}
}

// each calls f for every route that is not public. S3's signatures are not among what
// the walker can send: its routes are for strangers here, and for others in package s3.
func (w *walker) each(f func(door string, a wire.Access)) {
	for _, d := range doorTables {
		for _, a := range d.routes() {
			if a.Who != wire.Public {
				f(d.door, a)
			}
		}
	}
}

var requestID = regexp.MustCompile(`[A-Z2-7]{16}|<RequestId>[^<]*|"request":"[^"]*"`)

// same is the text of an answer without what differs between any two.
func (a walked) same(ids map[string]string) string {
	text := requestID.ReplaceAllString(a.text, "")
	for _, id := range ids {
		text = strings.ReplaceAll(text, id, "ID")
	}
	return fmt.Sprint(a.status, " ", text)
}

// documented are the routes at which WeTransfer's documents have two answers for what
// is another's and what is not there (Board API; errors of v1).
var documented = []string{
	"GET /v2/boards/{board}", "GET /v2/boards/{board}/files/{file}/upload-url/{part}/{multipart}",
	"GET /v1/files/{file}/uploads/{part}/{multipart}", "GET /v1/files/{file}/uploads/{part}",
	"GET /v2/boards/{board}/files/{file}/upload-url/{part}",
}

// held tells whether a caller needs no more than to hold a transfer's link: what such a
// one may see of it is for the tests of audiences.
func held(a wire.Access) bool {
	return strings.HasPrefix(a.Who, "caller") || strings.Contains(a.Who, "guest")
}

// TestWalk calls every route that is not public as somebody who may not: a stranger
// who holds the ids and so the links of Ann's things, as a recipient does, another tenant, a key of the owner's that is to read, and a disabled account. None gets
// in, the other tenant cannot tell what is Ann's from what is not there, and in the end
// all of Ann's is as it was.
func TestWalk(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--trusted-proxy", "127.0.0.1/32")
	w := &walker{T: t, node: node, own: map[string]string{}}
	for _, who := range []string{"ann", "eve", "dan"} {
		node.Ferry("user", "create", "--email", who+"@example.org", "--password", "correct horse battery staple", "--company", who)
	}
	ann := newFM(node.URL, node.Key("--user", "ann@example.org"))
	eve := w.credential(node.Key("--user", "eve@example.org"))
	reader := w.credential(node.Key("--user", "ann@example.org", "--scope", "read"))
	dan := w.credential(node.Key("--user", "dan@example.org"))
	node.Ferry("user", "disable", "dan@example.org")
	before := w.furnish(ann)

	t.Run("stranger", func(t *testing.T) {
		w.T = t
		w.each(func(door string, a wire.Access) {
			if held(a) {
				return
			}
			got := w.call(door, a, credential{}, w.own)
			if door == "site" && a.Method == "GET" && got.status == http.StatusSeeOther {
				return // to the sign-in
			}
			if got.status < 400 || got.status >= 500 {
				t.Errorf("%s %s: %d %.200s", a.Method, a.Pattern, got.status, got.text)
			}
		})
	})
	t.Run("disabled account", func(t *testing.T) {
		w.T = t
		// A command beside the server ends keys within a second.
		for n := 0; n < 100 && w.call("native", wire.Access{Method: "GET", Pattern: "/ferry/v1/me"}, dan, nil).status == 200; n++ {
			time.Sleep(50 * time.Millisecond)
		}
		w.each(func(door string, a wire.Access) {
			got := w.call(door, a, dan, w.own)
			if door == "site" && a.Method == "GET" && got.status == http.StatusSeeOther {
				return
			}
			if got.status != 401 && got.status != 403 {
				t.Errorf("%s %s: %d %.200s", a.Method, a.Pattern, got.status, got.text)
			}
		})
	})
	t.Run("weaker key", func(t *testing.T) {
		w.T = t
		w.each(func(door string, a wire.Access) {
			writes := strings.HasSuffix(a.Who, "to send") || strings.HasSuffix(a.Who, "to manage") ||
				door == "wetransfer" && a.Method != "GET"
			if !writes || strings.HasPrefix(a.Who, "token") && door == "s3" {
				return
			}
			if got := w.call(door, a, reader, w.own); got.status != 401 && got.status != 403 {
				t.Errorf("%s %s: %d %.200s", a.Method, a.Pattern, got.status, got.text)
			}
		})
	})
	t.Run("other tenant", func(t *testing.T) {
		w.T = t
		w.each(func(door string, a wire.Access) {
			// What names nothing in its path makes something, or lists one's own.
			names := strings.HasPrefix(a.Pattern, "/api/") || strings.Contains(a.Pattern, "{")
			if door == "s3" || held(a) || !names || slices.Contains(documented, a.Method+" "+a.Pattern) {
				return
			}
			foreign, missing := w.call(door, a, eve, w.own), w.call(door, a, eve, nobodysIDs)
			switch {
			case strings.Contains(foreign.text, "of Ann alone"):
				t.Errorf("%s %s shows what is Ann's: %.300s", a.Method, a.Pattern, foreign.text)
			case foreign.status >= 500:
				t.Errorf("%s %s: %d %.200s", a.Method, a.Pattern, foreign.status, foreign.text)
			case foreign.status >= 300 && foreign.same(w.own) != missing.same(nobodysIDs):
				t.Errorf("%s %s:\nforeign %.300s\nmissing %.300s", a.Method, a.Pattern, foreign.same(w.own), missing.same(nobodysIDs))
			case foreign.status < 300 != (missing.status < 300):
				t.Errorf("%s %s: foreign %d, missing %d", a.Method, a.Pattern, foreign.status, missing.status)
			}
		})
	})
	w.T = t
	if after := w.state(ann); after != before {
		t.Errorf("what is Ann's was changed:\n%s\nwas\n%s", after, before)
	}
}

// furnish gives Ann one of each thing, and notes their ids.
func (w *walker) furnish(ann *fm) (state string) {
	w.Helper()
	must := func(method, path string, body any) json.RawMessage {
		w.Helper()
		status, a, err := ann.try(method, path, body)
		if err != nil || status != 200 {
			w.Fatalf("%s %s: %d %v %s %v", method, path, status, a.ResponseStatus, deref(a.ErrorMessage), err)
		}
		return a.Data
	}
	tr, err := ann.begin(map[string]any{"subject": "of Ann alone"})
	if err != nil {
		w.Fatal(err)
	}
	if err := ann.putChunk(tr, chunked{content{"a.bin", 5, 5}, 5}, 0); err != nil {
		w.Fatal(err)
	}
	if _, err := ann.complete(tr); err != nil {
		w.Fatal(err)
	}
	d, err := ann.details(tr.TransferID)
	if err != nil {
		w.Fatal(err)
	}
	w.own["transfer"], w.own["file"] = tr.TransferID, d.Files[0].FileID
	first := regexp.MustCompile(`"(?:\w*id|id)":"?(\w+)`)
	for name, c := range map[string]struct {
		path string
		body any
	}{
		"contact": {"/contact", map[string]any{"email": "friend@example.org", "name": "of Ann alone"}},
		"group":   {"/contact/group", map[string]any{"name": "of Ann alone"}},
		"portal":  {"/portal", map[string]any{"name": "of Ann alone", "to": []string{"ann@example.org"}}},
	} {
		m := first.FindStringSubmatch(string(must("POST", c.path, c.body)))
		if m == nil {
			w.Fatalf("%s: no id", name)
		}
		w.own[name] = m[1]
	}
	for name, path := range map[string]string{"user": "/user", "key": "/user/apikey"} {
		text := string(must("GET", path, nil))
		if m := first.FindStringSubmatch(text); m != nil {
			w.own[name] = m[1]
		} else {
			w.Fatalf("%s: no id in %s", path, text)
		}
	}
	own := newNative(w.T, w.node.URL, "X-Api-Key", ann.key)
	own.must("POST", "/sessions", object{"email": "ann@example.org", "password": "correct horse battery staple"}, nil)
	var sessions nativeSessions
	own.must("GET", "/sessions", nil, &sessions)
	w.own["session"] = sessions.Items[0].ID
	wt, err := authorize(w.node.URL, ann.key, "")
	if err != nil {
		w.Fatal(err)
	}
	s := mustBegin(w.T, wt, transferV2, content{"t.bin", 5, 6})
	w.own["wetransfer transfer"], w.own["wetransfer file"] = s.id, s.items[0].id
	return w.state(ann)
}

// state is all that Ann is told of what is hers.
func (w *walker) state(ann *fm) string {
	w.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/transfer/" + w.own["transfer"], "/transfer/sent", "/contact", "/contact/group", "/portal", "/company", "/company/user", "/user",
	} {
		status, a, err := ann.try("GET", path, nil)
		if err != nil || status != 200 {
			w.Errorf("%s: %d %v", path, status, err)
		}
		fmt.Fprintf(&all, "%s %s\n", path, ticketText.ReplaceAllString(string(a.Data), ""))
	}
	all.Write(newNative(w.T, w.node.URL, "X-Api-Key", ann.key).call("GET", "/sessions", nil).body)
	return all.String()
}

// ticketText is what differs in every answer: a ticket holds when it was made.
var ticketText = regexp.MustCompile(`filekey=[^"&\\]*`)
