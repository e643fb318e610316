package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A native is somebody who calls Ferry's own API. Each answer is held against the
// contract that the server gives out.
type native struct {
	testing.TB
	url    string
	router routers.Router
	header http.Header
}

func newNative(t testing.TB, url string, headers ...string) *native {
	t.Helper()
	res, err := http.Get(url + "/ferry/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("the contract: %v", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatalf("the contract: %v", err)
	}
	return (&native{TB: t, url: url + "/ferry/v1", router: router}).as(headers...)
}

// as is somebody else.
func (n *native) as(headers ...string) *native {
	other := *n
	other.header = http.Header{}
	for i := 0; i < len(headers); i += 2 {
		other.header.Set(headers[i], headers[i+1])
	}
	return &other
}

type nativeAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (a nativeAnswer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.body, &p)
	return p.Code
}

// call makes a call and holds its answer against the contract.
func (n *native) call(method, path string, body any, headers ...string) nativeAnswer {
	n.Helper()
	var in io.Reader
	mediaType := ""
	switch b := body.(type) {
	case nil:
	case []byte:
		in, mediaType = bytes.NewReader(b), "application/octet-stream"
	case string:
		in, mediaType = strings.NewReader(b), "application/json"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			n.Fatal(err)
		}
		in, mediaType = bytes.NewReader(text), "application/json"
	}
	r, err := http.NewRequestWithContext(n.Context(), method, n.url+path, in)
	if err != nil {
		n.Fatal(err)
	}
	r.Header = n.header.Clone()
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	a := nativeAnswer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		n.Fatal(err)
	}
	n.hold(r, a)
	return a
}

func (n *native) hold(r *http.Request, a nativeAnswer) {
	n.Helper()
	bare, err := http.NewRequest(r.Method, "/ferry/v1"+strings.TrimPrefix(r.URL.String(), n.url), nil)
	if err != nil {
		n.Fatal(err)
	}
	route, params, err := n.router.FindRoute(bare)
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			n.Errorf("%s %s is answered with %d, and not in the contract", r.Method, r.URL.Path, a.status)
		}
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: bare, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	in.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		n.Errorf("%s %s: the answer is not what the contract says: %v\n%s", r.Method, r.URL.Path, err, a.body)
	}
}

// must makes a call that has to succeed, and reads its answer into out.
func (n *native) must(method, path string, body, out any, headers ...string) {
	n.Helper()
	a := n.call(method, path, body, headers...)
	if a.status >= 300 {
		n.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			n.Fatal(err)
		}
	}
}

type nativeFile struct {
	ID, Name, State, CRC32 string
	Size, Received         int64
	PartSize               int64 `json:"part_size"`
	Parts                  int
	Missing                [][2]int
	UploadURL              string `json:"upload_url"`
}

type nativeTransfer struct {
	ID, State, Link, Name, Key string
	Version                    int64
	Downloads                  int
	Uploads                    []nativeFile
}

func TestNativeLife(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	node.Ferry("user", "create", "--email", "ada@example.org", "--password", "correct horse battery")
	n := newNative(t, node.URL, "X-Api-Key", node.Key("--user", "ada@example.org"))

	var me struct {
		Email   string
		MaySend bool `json:"may_send"`
	}
	if n.must("GET", "/me", nil, &me); me.Email != "ada@example.org" || !me.MaySend {
		t.Fatalf("me: %+v", me)
	}

	// Two parts, an empty file in a folder, and one whose size nobody knows before.
	data := bytes.Repeat([]byte("ferry"), 2_000_000)
	var tr nativeTransfer
	n.must("POST", "/transfers", object{
		"title": "Summer", "message": "from Skye", "name": "skye-2026", "to": []string{"bob@example.org"}, "max_downloads": 3,
		"files": []object{{"name": "a.bin", "size": len(data), "ref": "1"}, {"name": "b/empty", "size": 0}, {"name": "log", "size": nil}},
	}, &tr)
	if tr.State != "open" || !strings.HasSuffix(tr.Link, "/to/skye-2026") || len(tr.Uploads) != 3 {
		t.Fatalf("made: %+v", tr)
	}
	if a := n.call("POST", "/transfers", object{"name": "skye-2026"}); a.status != http.StatusConflict || a.code() != "name_taken" {
		t.Errorf("the name again: %d %s", a.status, a.body)
	}
	f := tr.Uploads[0]
	put := func(number int) nativeAnswer {
		from := int64(number-1) * f.PartSize
		part := data[from:min(from+f.PartSize, int64(len(data)))]
		return n.call("PUT", fmt.Sprintf("/files/%s/parts/%d", f.ID, number), part, "Ferry-CRC32", fmt.Sprintf("%08x", crc32.ChecksumIEEE(part)))
	}
	if a := n.call("PUT", "/files/"+f.ID+"/parts/2", data[f.PartSize:], "Ferry-CRC32", "00000000"); a.code() != "digest_mismatch" {
		t.Errorf("a damaged part: %d %s", a.status, a.body)
	}
	if a := put(2); a.status != http.StatusOK {
		t.Fatalf("part 2: %d %s", a.status, a.body)
	}
	var half nativeFile
	if n.must("GET", "/files/"+f.ID, nil, &half); fmt.Sprint(half.Missing) != "[[1 1]]" || half.Received != int64(len(data))-f.PartSize {
		t.Errorf("half of it: %+v", half)
	}
	if a := n.call("POST", "/transfers/"+tr.ID+"/finalize", nil); a.status != http.StatusConflict || a.code() != "file_incomplete" {
		t.Errorf("finalized too early: %d %s", a.status, a.body)
	}
	node.Kill()
	node.Restart()
	for _, number := range []int{1, 1, 2} { // again is fine
		if a := put(number); a.status != http.StatusOK {
			t.Fatalf("part %d: %d %s", number, a.status, a.body)
		}
	}
	n.must("PUT", "/files/"+tr.Uploads[1].ID+"/parts/1", []byte{}, nil)
	if a := n.call("PUT", "/files/"+tr.Uploads[2].ID+"/parts/1", []byte("x")); a.code() != "file_plan" {
		t.Errorf("a part of a file of unknown size: %d %s", a.status, a.body)
	}
	for _, r := range []*http.Request{ // by the transfer's key, as a guest would
		appendTo(t, tr.Uploads[2].UploadURL, 0, "known ", false, tr.Key), appendTo(t, tr.Uploads[2].UploadURL, 6, "now", true, tr.Key),
	} {
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("upload_url: %v %v", res, err)
		}
		_ = res.Body.Close()
	}

	n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, &tr)
	n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, &tr)
	if tr.State != "ready" {
		t.Errorf("finalized: %+v", tr)
	}

	// What people get.
	var link struct {
		Title string
		From  string
		Files []struct{ ID, Name, URL, CRC32 string }
		Left  *int   `json:"downloads_left"`
		Zip   string `json:"zip_url"`
	}
	anybody := n.as()
	if anybody.must("GET", "/links/skye-2026", nil, &link); link.Title != "Summer" || len(link.Files) != 3 || *link.Left != 3 {
		t.Errorf("the link: %+v", link)
	}
	if a := anybody.call("GET", "/links/skye-2026/files/"+f.ID, nil); !bytes.Equal(a.body, data) {
		t.Errorf("fetched: %d, %d bytes", a.status, len(a.body))
	}
	var to struct {
		Items []struct{ Address, Link string }
	}
	if n.must("GET", "/transfers/"+tr.ID+"/recipients", nil, &to); len(to.Items) != 1 || to.Items[0].Address != "bob@example.org" {
		t.Fatalf("recipients: %+v", to)
	}
	track := to.Items[0].Link[strings.LastIndex(to.Items[0].Link, "/")+1:]
	if anybody.must("GET", "/links/"+track, nil, &link); link.From != "ada@example.org" {
		t.Errorf("the recipient's own link: %+v", link)
	}
	if a := anybody.call("GET", "/links/"+track+"/zip", nil); a.status != http.StatusOK || !bytes.HasPrefix(a.body, []byte("PK")) {
		t.Errorf("the zip: %d", a.status)
	}
	var got struct {
		Items []struct{ Name, Recipient string }
	}
	if n.must("GET", "/transfers/"+tr.ID+"/deliveries", nil, &got); len(got.Items) != 2 || got.Items[0].Name != "a.bin" || got.Items[1].Recipient != "bob@example.org" {
		t.Errorf("deliveries: %+v", got)
	}

	// Changed, locked, taken down, brought back.
	n.must("PATCH", "/transfers/"+tr.ID, object{"title": "Autumn", "password": "open sesame", "days": 3, "version": tr.Version}, nil)
	if a := n.call("PATCH", "/transfers/"+tr.ID, object{"title": "Winter", "version": tr.Version}); a.code() != "version_stale" {
		t.Errorf("a stale change: %d %s", a.status, a.body)
	}
	var shut struct {
		Title  string
		Locked bool
		Files  []any
	}
	if anybody.must("GET", "/links/skye-2026", nil, &shut); !shut.Locked || shut.Title != "" || len(shut.Files) > 0 {
		t.Errorf("locked: %+v", shut)
	}
	if a := anybody.call("GET", "/links/skye-2026/files/"+f.ID, nil); a.code() != "password_required" {
		t.Errorf("past the lock: %d %s", a.status, a.body)
	}
	if a := anybody.call("POST", "/links/skye-2026/unlock", object{"password": "no"}); a.code() != "password_wrong" {
		t.Errorf("a wrong password: %d %s", a.status, a.body)
	}
	var pass struct{ Pass string }
	anybody.must("POST", "/links/skye-2026/unlock", object{"password": "open sesame"}, &pass)
	if a := anybody.call("GET", "/links/skye-2026/files/"+f.ID, nil, "Ferry-Link-Pass", pass.Pass); !bytes.Equal(a.body, data) {
		t.Errorf("unlocked: %d", a.status)
	}
	n.must("DELETE", "/transfers/"+tr.ID, nil, nil)
	if a := anybody.call("GET", "/links/skye-2026", nil); a.status != http.StatusGone || a.code() != "transfer_deleted" {
		t.Errorf("deleted: %d %s", a.status, a.body)
	}
	n.must("POST", "/transfers/"+tr.ID+"/recover", nil, &tr)
	var all struct{ Items []nativeTransfer }
	if n.must("GET", "/transfers?search=autumn", nil, &all); len(all.Items) != 1 || all.Items[0].State != "ready" {
		t.Errorf("found: %+v", all)
	}
}

// appendTo appends bytes to a file, whose size becomes known by the last ones.
func appendTo(t *testing.T, url string, offset int, body string, last bool, key string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Ferry-Transfer-Key", key)
	r.Header.Set("Upload-Offset", fmt.Sprint(offset))
	r.Header.Set("Upload-Complete", map[bool]string{true: "?1", false: "?0"}[last])
	r.Header.Set("Content-Type", "application/partial-upload")
	return r
}

// The same call twice, or twenty times at once, makes one transfer.
func TestNativeIdempotency(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	body := object{"title": "once", "files": []object{{"name": "a", "size": 5}, {"name": "b", "size": 6}}}
	ids := make([]string, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			a := n.call("POST", "/transfers", body, "Idempotency-Key", "k1")
			var tr nativeTransfer
			if err := json.Unmarshal(a.body, &tr); err != nil || a.status != http.StatusCreated || len(tr.Uploads) != 2 {
				t.Errorf("%d %s", a.status, a.body)
				return
			}
			ids[i] = tr.ID + tr.Uploads[0].ID + tr.Uploads[1].ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("made more than one: %q", ids)
		}
	}
	if a := n.call("POST", "/transfers", object{"title": "twice"}, "Idempotency-Key", "k1"); a.code() != "idempotency_mismatch" {
		t.Errorf("the key for another: %d %s", a.status, a.body)
	}
	var one, two nativeTransfer
	n.must("POST", "/transfers", body, &one)
	n.must("POST", "/transfers", body, &two)
	if one.ID == two.ID {
		t.Error("without a key, one transfer was made of two calls")
	}
}

// Who has no account sends with the transfer's key, and sees nothing else.
func TestNativeStrangers(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--anonymous-sending")
	for _, who := range []string{"ada", "bob"} {
		node.Ferry("user", "create", "--email", who+"@example.org", "--password", "correct horse battery")
	}
	ada := newNative(t, node.URL, "X-Api-Key", node.Key("--user", "ada@example.org"))
	bob, nobody := ada.as("X-Api-Key", node.Key("--user", "bob@example.org")), ada.as()
	reader := ada.as("X-Api-Key", node.Key("--user", "ada@example.org", "--scope", "read"))

	var tr, guests nativeTransfer
	ada.must("POST", "/transfers", object{"files": []object{{"name": "a", "size": 5}}}, &tr)
	nobody.must("POST", "/transfers", object{"files": []object{{"name": "g", "size": 5}}}, &guests)
	guest := nobody.as("Ferry-Transfer-Key", guests.Key)
	guest.must("PUT", "/files/"+guests.Uploads[0].ID+"/parts/1", []byte("hello"), nil)
	guest.must("POST", "/transfers/"+guests.ID+"/finalize", nil, nil)
	nobody.must("GET", "/links/"+guests.ID, nil, nil)

	// Another's is what is not there, byte for byte, whatever is asked of it.
	const missingID = "AAAAAAAAAAAAAAAAAAAAAA"
	for _, tt := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/transfers/ID", nil},
		{"PATCH", "/transfers/ID", object{"title": "mine"}},
		{"DELETE", "/transfers/ID", nil},
		{"POST", "/transfers/ID/finalize", nil},
		{"POST", "/transfers/ID/recover", nil},
		{"GET", "/transfers/ID/files", nil},
		{"POST", "/transfers/ID/files", object{"files": []object{{"name": "x", "size": 1}}}},
		{"GET", "/transfers/ID/recipients", nil},
		{"POST", "/transfers/ID/recipients", object{"to": []string{"x@example.org"}}},
		{"GET", "/transfers/ID/deliveries", nil},
		{"GET", "/transfers/ID/events", nil},
		{"GET", "/files/FILE", nil},
		{"PATCH", "/files/FILE", object{"name": "mine"}},
		{"DELETE", "/files/FILE", nil},
		{"PUT", "/files/FILE/parts/1", []byte("other")},
	} {
		path := func(id, file string) string {
			return strings.NewReplacer("ID", id, "FILE", file).Replace(tt.path)
		}
		for name, who := range map[string]*native{"another tenant": bob, "a guest with another key": guest} {
			foreign, missing := who.call(tt.method, path(tr.ID, tr.Uploads[0].ID), tt.body), who.call(tt.method, path(missingID, missingID), tt.body)
			if foreign.status != missing.status || !bytes.Equal(foreign.body, missing.body) || foreign.status < 400 {
				t.Errorf("%s, %s %s: %d %s, and %d %s", name, tt.method, tt.path, foreign.status, foreign.body, missing.status, missing.body)
			}
		}
		if a := nobody.call(tt.method, path(tr.ID, tr.Uploads[0].ID), tt.body); a.status != http.StatusUnauthorized {
			t.Errorf("nobody, %s %s: %d", tt.method, tt.path, a.status)
		}
		if tt.method == "GET" {
			if strings.HasSuffix(tt.path, "/events") {
				continue // it does not end
			}
			if a := reader.call(tt.method, path(tr.ID, tr.Uploads[0].ID), nil); a.status != http.StatusOK || bytes.Contains(a.body, []byte(tr.Key)) {
				t.Errorf("a key to read, %s: %d, with the transfer's key: %s", tt.path, a.status, a.body)
			}
			continue
		}
		if a := reader.call(tt.method, path(tr.ID, tr.Uploads[0].ID), tt.body); a.code() != "scope_missing" {
			t.Errorf("a key to read, %s %s: %d %s", tt.method, tt.path, a.status, a.body)
		}
	}
	if a := reader.call("GET", "/transfers", nil); a.status != http.StatusOK || bytes.Contains(a.body, []byte(tr.Key)) {
		t.Errorf("a key to read, the list: %d, with the transfer's key: %s", a.status, a.body)
	}
	if ada.must("GET", "/transfers/"+tr.ID, nil, &tr); tr.State != "open" {
		t.Errorf("it was changed: %+v", tr)
	}

	// A browser is signed in by a cookie, and pages of others cannot use it.
	in := nobody.call("POST", "/sessions", object{"email": "ada@example.org", "password": "correct horse battery"})
	cookie, _, _ := strings.Cut(in.header.Get("Set-Cookie"), ";")
	if in.status != http.StatusCreated || cookie == "" {
		t.Fatalf("signing in: %d %s", in.status, in.body)
	}
	browser := nobody.as("Cookie", cookie)
	browser.must("GET", "/transfers", nil, nil)
	for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		if a := browser.call("PATCH", "/transfers/"+tr.ID, object{"title": "evil"}, h[0], h[1]); a.code() != "foreign_page" {
			t.Errorf("%v: %d %s", h, a.status, a.body)
		}
		if a := nobody.call("POST", "/sessions", object{"email": "ada@example.org", "password": "correct horse battery"}, h[0], h[1]); a.code() != "foreign_page" {
			t.Errorf("signing in, %v: %d %s", h, a.status, a.body)
		}
	}
	browser.must("PATCH", "/transfers/"+tr.ID, object{"title": "mine"}, nil, "Sec-Fetch-Site", "same-origin")
	browser.must("DELETE", "/sessions/current", nil, nil)
	if a := browser.call("GET", "/transfers", nil); a.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", a.status)
	}
	if a := nobody.call("POST", "/sessions", object{"email": "ada@example.org", "password": "wrong"}); a.status != http.StatusUnauthorized || a.code() != "wrong_password" {
		t.Errorf("a wrong password: %d %s", a.status, a.body)
	}
}

// Bad input has a problem with a code, and leaves nothing.
func TestNativeRefusals(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	for _, tt := range []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"no JSON", "POST", "/transfers", "{", 400, "json_malformed"},
		{"a key twice", "POST", "/transfers", `{"title":"a","title":"b"}`, 400, "json_malformed"},
		{"too deep", "POST", "/transfers", strings.Repeat("[", 100), 400, "json_malformed"},
		{"an unknown field", "POST", "/transfers", `{"titel":"a"}`, 400, "json_unknown_field"},
		{"a wrong type", "POST", "/transfers", `{"title":5}`, 400, "json_type"},
		{"a number too large", "POST", "/transfers", `{"max_downloads":99999999999999999999}`, 400, "json_type"},
		{"another type of body", "POST", "/transfers", []byte("x"), 415, "media_type"},
		{"a bad name of a link", "POST", "/transfers", object{"name": "../x"}, 400, "name_invalid"},
		{"a bad address", "POST", "/transfers", object{"to": []string{"nobody"}}, 400, "email_invalid"},
		{"a negative size", "POST", "/transfers", object{"files": []object{{"name": "a", "size": -1}}}, 400, "size_invalid"},
		{"a name that climbs", "POST", "/transfers", object{"files": []object{{"name": "../a", "size": 1}}}, 400, "name_invalid"},
		{"a day that was", "POST", "/keys", object{"name": "k", "expires_at": "2001-01-01T00:00:00Z"}, 400, "time_past"},
		{"a scope that is none", "POST", "/keys", object{"name": "k", "scopes": []string{"all"}}, 400, "scope_invalid"},
		{"a cursor that is none", "GET", "/transfers?cursor=x", nil, 400, "cursor_invalid"},
		{"a limit too large", "GET", "/transfers?limit=1001", nil, 400, "limit_invalid"},
		{"no such call", "GET", "/nothing", nil, 404, "unknown_path"},
		{"no such method", "PUT", "/transfers", nil, 405, "method_not_allowed"},
		{"a place in no list of files", "GET", "/transfers/x/files?limit=0", nil, 404, "transfer_unknown"},
		{"no such link", "GET", "/links/nothing-here", nil, 404, "transfer_unknown"},
		{"no such key", "DELETE", "/keys/nothing", nil, 404, "key_unknown"},
	} {
		if a := n.call(tt.method, tt.path, tt.body); a.status != tt.status || a.code() != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.status, a.body, tt.status, tt.code)
		}
	}
	if a := n.as("X-Api-Key", "nonsense").call("GET", "/me", nil); a.status != http.StatusUnauthorized {
		t.Errorf("a key that is none: %d %s", a.status, a.body)
	}
}
