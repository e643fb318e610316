package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestHostile sends what no honest client does. All of it is answered, by a
// refusal in the API's shape or by doing exactly what was asked; the server goes
// on, keeps nothing of what it refused, and what it had acknowledged stays.
func TestHostile(t *testing.T) {
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	h := &hostility{node: node, api: c}
	h.whole = mustSend(t, c, transferV2, content{"acknowledged.bin", 100_000, 60})
	for _, d := range dialects {
		s := mustBegin(t, c, d, content{"victim.bin", 13111521, 61})
		if err := s.items[0].put(1, s.items[0].planned(d.chunk, 1)); err != nil {
			t.Fatal(err)
		}
		h.open = append(h.open, s)
	}
	t.Run("names", h.names)
	before := blobs(t, node)

	t.Run("fields", h.fields)
	t.Run("part numbers", h.partNumbers)
	t.Run("other people's ids", h.strangers)
	t.Run("signatures", h.signatures)
	t.Run("bodies", h.bodies)
	t.Run("headers", h.headers)

	t.Run("nothing of it is left", func(t *testing.T) {
		// Files that had a part before own a blob before, which a refused body may
		// have made longer; no other is owned by anybody.
		extra := func() (paths []string) {
			for path := range blobs(t, node) {
				if _, ok := before[path]; !ok {
					paths = append(paths, path)
				}
			}
			return paths
		}
		for range 100 { // a connection that broke off is noticed a moment later
			if len(extra()) == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if paths := extra(); len(paths) > 0 {
			t.Errorf("left over: %q", paths)
		}
	})
	t.Run("the log tells no secrets", func(t *testing.T) {
		_, secret := s3Credentials(t, node, c.key)
		for name, value := range map[string]string{
			"the key": c.key, "a token": c.tokens["v2"], "an S3 secret": secret, "a signature": "X-Amz-Signature", "a link": h.whole.link,
		} {
			if strings.Contains(node.Log(), value) {
				t.Errorf("%s is in it", name)
			}
		}
	})
	t.Run("what was acknowledged is there", func(t *testing.T) {
		h.whole.check(t)
		for _, s := range h.open {
			f := s.items[0]
			for part := 2; part <= f.parts; part++ {
				if err := f.put(part, f.planned(s.dialect.chunk, part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.complete(); err != nil {
				t.Fatal(err)
			}
			if s.seal != nil {
				if err := s.seal(); err != nil {
					t.Fatal(err)
				}
			}
			s.check(t)
		}
	})
}

type hostility struct {
	node  *testenv.Node
	api   *wt
	whole *sending   // finished before
	open  []*sending // one of each dialect, with its first part there
}

// refused makes a call that must be refused with one of the statuses, in the
// API's shape.
func (h *hostility) refused(t *testing.T, method, path, body string, want ...int) {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	status, text, err := h.api.try(method, path, r)
	if err != nil {
		t.Errorf("%s %s %.80s: %v", method, path, body, err)
		return
	}
	var answer struct {
		Success bool
		Message string
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Message == "" || answer.Success {
		t.Errorf("%s %s %.80q: the answer is %d %.200s, want an error in JSON", method, path, body, status, text)
	}
	if !slices.Contains(want, status) {
		t.Errorf("%s %s %.80q: %d %.200s, want %d", method, path, body, status, text, want)
	}
}

// fields: bodies that are no JSON, or JSON of the wrong kinds.
func (h *hostility) fields(t *testing.T) {
	transfer, board, v1 := h.open[0], h.open[1], h.open[2]
	link := fmt.Sprintf("/v2/boards/%s/links", board.id)
	// Where a file is announced, and what stands around its name and size.
	places := []struct{ path, before, between, after string }{
		{"/v2/transfers", `{"message":"m","files":[{"name":`, `,"size":`, `}]}`},
		{"/v2/boards/" + board.id + "/files", `[{"name":`, `,"size":`, `}]`},
		{"/v1/transfers/" + v1.id + "/items", `{"items":[{"content_identifier":"file","local_identifier":"l","filename":`, `,"filesize":`, `}]}`},
	}
	for _, p := range places {
		announce := func(name, size string) string { return p.before + name + p.between + size + p.after }
		for _, size := range []string{
			"-1", "0", "-0", "1.5", "1e-3", "1e400", "-1e400", "9223372036854775807", "9223372036854775808",
			"18446744073709551617", "9007199254740993", "1" + strings.Repeat("0", 5000), `""`, `"x"`, "true", "null", "[]", "{}",
			"01", "+1", "0x10", "NaN", "Infinity", ".5", "1.",
		} {
			h.refused(t, "POST", p.path, announce(`"a.bin"`, size), 400)
		}
		for _, name := range []string{
			`""`, `"."`, `".."`, `"/"`, `"\\"`, `":"`, `"\u0000"`, `"\r\n"`, `"☀️"`, "null", "1", "true", "[]", "{}",
			`"` + strings.Repeat("n", 256) + `"`, `"` + strings.Repeat("n", 1<<20) + `"`, `"\ud800"`, "\"\xff\"", "\"a\nb\"", `"\x41"`,
		} {
			h.refused(t, "POST", p.path, announce(name, "1"), 400)
		}
		whole := announce(`"a.bin"`, "1")
		for _, body := range []string{
			"{", "[", `"`, "nul", "'a'", "[1,]", whole[:len(whole)-1], whole + "}", whole + whole, "\ufeff" + whole, "\x00" + whole,
			strings.Repeat("[", 100_000), strings.Repeat(`{"files":`, 100_000), "[]", "{}", "null", "1", `"x"`, "true",
		} {
			if !strings.HasPrefix(p.path, "/v2/boards") || body != "[]" { // to add no file is to add none
				h.refused(t, "POST", p.path, body, 400)
			}
		}
	}
	for _, body := range []string{
		`{"message":1,"files":[{"name":"a","size":1}]}`, `{"message":[],"files":[{"name":"a","size":1}]}`,
		`{"files":{}}`, `{"files":"x"}`, `{"files":[]}`, `{"files":[null]}`, `{"files":[[]]}`, `{"files":[1]}`, `{"message":"x"}`,
		`{"files":[{"name":"a","size":1},{"name":"a","size":2}]}`, `{"files":[{"name":"a","size":1},{"name":"/a","size":2}]}`,
	} {
		h.refused(t, "POST", "/v2/transfers", body, 400)
	}
	for _, body := range []string{`{"name":""}`, `{"name":1}`, `{"name":null}`, `{"description":"x"}`} {
		h.refused(t, "POST", "/v2/boards", body, 400)
	}
	for _, body := range []string{
		`[{}]`, `[{"url":1}]`, `[{"url":""}]`, `[{"url":"javascript:alert(1)","title":1}]`, `{"url":"https://example.org"}`,
		`[{"url":"https://example.org/` + strings.Repeat("u", 2000) + `"}]`,
		`[{"url":"https://example.org/","title":"` + strings.Repeat("t", 2981) + `"}]`,
	} {
		h.refused(t, "POST", link, body, 400)
	}
	for _, part := range []string{"-1", "0", "1e400", `"x"`, "[]", "{}", "9223372036854775808"} {
		path := "/v2/transfers/" + transfer.id + "/files/" + transfer.items[0].id + "/upload-complete"
		h.refused(t, "PUT", path, `{"part_numbers":`+part+`}`, 400, 417)
	}
}

// names that lie about where they lead: they come back as they were, and are
// harmless wherever they are shown.
func (h *hostility) names(t *testing.T) {
	var files []content
	for i, name := range []string{
		"....etcpasswd", "x\u202egnp.exe", "zero\u200bwidth.txt", "a\u2028b", "; rm -rf ~; .txt", "&lt;script&gt;", "a'b`c",
		"%2e%2e%2f", "${jndi}", "' OR 1=1 --", "CON", "nul.txt", "trailing. ", "{{.}}", "=1+1", strings.Repeat("é", 255),
	} {
		files = append(files, content{name, int64(1 + i), uint64(100 + i)})
	}
	s := mustSend(t, h.api, transferV2, files...)
	s.check(t)
	for name, address := range offered(t, s.link) {
		if strings.ContainsAny(name, "\u202e\u200b\u2028") {
			t.Errorf("the page shows %q", name)
		}
		resp := request(t, "HEAD", address, nil)
		disposition := resp.Header.Get("Content-Disposition")
		kind, params, err := mime.ParseMediaType(disposition)
		if err != nil || kind != "attachment" || strings.ContainsAny(params["filename"], "/\\\u202e\u200b\u2028\r\n") {
			t.Errorf("Content-Disposition of %q is %s: %v", name, disposition, err)
		}
	}
	whole := get(t, directLink(t, s.link))
	checkZip(t, whole, files)
	if bytes.Contains(whole, []byte("\u202e")) {
		t.Error("a name in the archive runs from right to left")
	}
	_, page := openPage(t, s.link)
	if strings.Contains(strings.ToLower(page), "<script") {
		t.Error("the page has a script")
	}
	h.whole.check(t)
}

// partNumbers beyond the plan, and what is none.
func (h *hostility) partNumbers(t *testing.T) {
	for _, s := range h.open {
		f := s.items[0]
		for _, part := range []string{
			"0", "4", "-1", "x", "1x", "1.0", "99999999999999999999", "2147483648", "-9223372036854775809", "%31%00", "%20", "0x1", "１",
		} {
			want := []int{400, 404, 417}
			switch {
			case part == "0" && s.dialect.name == "v2 transfer":
				want = []int{417}
			case part == "4":
				want = []int{400, 417}
			case s.dialect.name == "v1 transfer":
				want = append(want, 403) // v1's word for a path that it does not know
			}
			h.refused(t, "GET", f.urlPath+part+f.urlEnd, "", want...)
		}
	}
}

var idShape = regexp.MustCompile(`[0-9a-f]{32}[0-9]{14}|s[a-z0-9]{16}[0-9]{14}`)

// strangers: whoever asks for another's things by their ids gets, byte for byte,
// what he gets for ids that nobody has, except where the documents have two
// answers (boards, v1 files).
func (h *hostility) strangers(t *testing.T) {
	h.node.Ferry("user", "create", "--email", "stranger@example.org", "--password", "correct horse battery staple")
	for _, who := range []struct{ name, key, room string }{
		{"another account", h.node.Key("--user", "stranger@example.org"), ""},
		{"another key of the account", h.node.Key(), ""},
		{"another room of the key", h.api.key, "room"},
	} {
		t.Run(who.name, func(t *testing.T) {
			c, err := authorize(h.node.URL, who.key, who.room)
			if err != nil {
				t.Fatal(err)
			}
			transfer, board, v1 := h.open[0], h.open[1], h.open[2]
			calls := []struct{ method, path, body string }{
				{"GET", "/v2/transfers/" + transfer.id, ""},
				{"GET", transfer.items[0].urlPath + "1", ""},
				{"PUT", strings.Replace(transfer.items[0].urlPath, "upload-url/", "upload-complete", 1), `{"part_numbers":3}`},
				{"PUT", "/v2/transfers/" + transfer.id + "/finalize", ""},
				{"POST", "/v2/boards/" + board.id + "/links", `[{"url":"https://example.org/"}]`},
				{"POST", "/v2/boards/" + board.id + "/files", `[{"name":"a","size":1}]`},
				{"PUT", strings.Replace(board.items[0].urlPath, "upload-url/", "upload-complete", 1), ""},
			}
			if who.room == "" { // v1 has no rooms
				calls = append(calls, struct{ method, path, body string }{
					"POST", "/v1/transfers/" + v1.id + "/items",
					`{"items":[{"content_identifier":"file","local_identifier":"l","filename":"a","filesize":1}]}`,
				})
			}
			for _, call := range calls {
				absent := idShape.ReplaceAllStringFunc(call.path, nobodys)
				if absent == call.path {
					t.Fatalf("no id in %s", call.path)
				}
				answer := func(path string) string {
					var body io.Reader
					if call.body != "" {
						body = strings.NewReader(call.body)
					}
					status, text, err := c.try(call.method, path, body)
					if err != nil {
						t.Fatal(err)
					}
					return fmt.Sprint(status, " ", idShape.ReplaceAllString(string(text), "ID"))
				}
				foreign, missing := answer(call.path), answer(absent)
				if foreign != missing || !strings.HasPrefix(foreign, "4") {
					t.Errorf("%s %s:\nforeign %s\nmissing %s", call.method, call.path, foreign, missing)
				}
			}
			// The documented exceptions (Board API; v1 errors).
			documented := []struct {
				path string
				want int
			}{
				{"/v2/boards/" + board.id, 403},
				{board.items[0].urlPath + "1" + board.items[0].urlEnd, 401},
			}
			if who.room == "" {
				documented = append(documented, struct {
					path string
					want int
				}{v1.items[0].urlPath + "1" + v1.items[0].urlEnd, 401})
			}
			for _, d := range documented {
				if err := c.call("GET", d.path, d.want, nil, nil); err != nil {
					t.Errorf("%v, want %d", err, d.want)
				}
			}
		})
	}
}

// nobodys gives an id of the same shape that nobody has.
func nobodys(id string) string {
	if id[0] == 's' {
		return "s0000000000000000" + id[17:]
	}
	return strings.Repeat("0", 32) + id[32:]
}

// signatures: a URL permits what it was made for and nothing else.
func (h *hostility) signatures(t *testing.T) {
	f := h.open[0].items[0]
	other, err := h.open[1].items[0].url(1)
	if err != nil {
		t.Fatal(err)
	}
	address, err := f.url(2)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set(name, value)
			r.URL.RawQuery = q.Encode()
		}
	}
	for _, tt := range []struct {
		name   string
		tamper func(*http.Request)
	}{
		{"another signature", set("X-Amz-Signature", strings.Repeat("0", 64))},
		{"a short signature", set("X-Amz-Signature", "0")},
		{"another part", set("partNumber", "1")},
		{"another upload", set("uploadId", "x")},
		{"a longer life", set("X-Amz-Expires", "604800")},
		{"an endless life", set("X-Amz-Expires", "99999999999999999999")},
		{"another day", set("X-Amz-Date", "20200101T000000Z")},
		{"another signer", set("X-Amz-Credential", "x/20200101/us-east-1/s3/aws4_request")},
		{"no headers signed", set("X-Amz-SignedHeaders", "")},
		{"a parameter more", set("response-content-type", "text/html")},
		{"a parameter twice", func(r *http.Request) { r.URL.RawQuery += "&partNumber=1" }},
		{"no signature", func(r *http.Request) { r.URL.RawQuery = "partNumber=2&uploadId=x" }},
		{"no query", func(r *http.Request) { r.URL.RawQuery = "" }},
		{"another file", func(r *http.Request) { r.URL.Path = elsewhere.Path }},
		{"another host", func(r *http.Request) { r.Host = "example.org" }},
		{"GET", func(r *http.Request) { r.Method, r.Body, r.ContentLength = "GET", nil, 0 }},
		{"DELETE", func(r *http.Request) { r.Method, r.Body, r.ContentLength = "DELETE", nil, 0 }},
		{"POST", func(r *http.Request) { r.Method = "POST" }},
		{"a header that asks for more", func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/ferry/x") }},
		{"a signed header beside", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("PUT", address, strings.NewReader("evil"))
			if err != nil {
				t.Fatal(err)
			}
			tt.tamper(req)
			resp, err := recipient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode < 400 || resp.StatusCode > 405 || !bytes.Contains(text, []byte("<Error><Code>")) || resp.Header.Get("Content-Type") != "application/xml" {
				t.Errorf("%s %s, want a refusal in XML", resp.Status, text)
			}
		})
	}
}

// raw sends text over a connection of its own, says that no more comes, and gives
// what is answered first.
func (h *hostility) raw(t *testing.T, text string) (status int, answer string) {
	t.Helper()
	u, err := url.Parse(h.node.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		_, _ = io.WriteString(conn, text) // the server may have closed: its answer counts
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: no answer: %v", text, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// bodies of another length than announced, or than the file has.
func (h *hostility) bodies(t *testing.T) {
	f := h.open[0].items[0]
	address, err := f.url(2)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	put := func(header, body string) string {
		return "PUT " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n" + header + "\r\n\r\n" + body
	}
	for _, tt := range []struct {
		name, text string
		status     []int
		code       string
	}{
		{"shorter, of the planned length", put("Content-Length: 5242880", "short"), []int{400}, "IncompleteBody"},
		{"shorter, of another length", put("Content-Length: 1000", "short"), []int{400}, "IncompleteBody"},
		{"longer than the file", put("Content-Length: 13111522", "x"), []int{400}, "EntityTooLarge"},
		{"huge", put("Content-Length: 9223372036854775807", "x"), []int{400}, "EntityTooLarge"},
		{"of no length", put("Content-Length: x", "x"), []int{400}, ""},
		{"of a negative length", put("Content-Length: -1", "x"), []int{400}, ""},
		{"of two lengths", put("Content-Length: 5\r\nContent-Length: 6", "abcdef"), []int{400}, ""},
		{"in broken chunks", put("Transfer-Encoding: chunked", "zz\r\nabc"), []int{400}, ""},
		{"in chunks that end early", put("Transfer-Encoding: chunked", "5\r\nab"), []int{400}, "IncompleteBody"},
		{"in chunks, more than the file", put("Transfer-Encoding: chunked", "d00000\r\n"+strings.Repeat("x", 0xd00000)+"\r\n0\r\n\r\n"), []int{400}, "EntityTooLarge"},
		{"of an unknown encoding", put("Transfer-Encoding: gzip", "x"), []int{400, 501}, ""},
		{"a wrong Content-MD5", put("Content-Length: 5\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==", "abcde"), []int{400}, "BadDigest"},
		{"a Content-MD5 that is none", put("Content-Length: 5\r\nContent-MD5: x", "abcde"), []int{400}, "InvalidDigest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := h.raw(t, tt.text)
			if !slices.Contains(tt.status, status) || tt.code != "" && !strings.Contains(answer, "<Code>"+tt.code+"</Code>") {
				t.Errorf("%d %s, want %d %s", status, answer, tt.status, tt.code)
			}
		})
	}
	t.Run("nothing of them counts", func(t *testing.T) {
		if err := f.complete(); statusOf(err) != 417 || !strings.Contains(err.Error(), "Chunks 2") {
			t.Errorf("complete: %v, want 417: chunks 2 and 3 are missing", err)
		}
	})

	t.Run("longer than announced", func(t *testing.T) {
		// What is announced is the part; what follows would be another request.
		status, answer := h.raw(t, put("Content-Length: 5242880", string(f.planned(5*mib, 2))+"and more\r\n\r\n"))
		if status != 200 {
			t.Errorf("%d %s, want 200", status, answer)
		}
	})
}

// headers that are too long, broken, or never end.
func (h *hostility) headers(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []int
	}{
		{"40 KiB", "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", []int{431}},
		{"a long path", "GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{414, 431}},
		{"no host", "GET / HTTP/1.1\r\n\r\n", []int{400}},
		{"NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", []int{400}},
		{"noise", strings.Repeat("\x00\xff", 500) + "\r\n\r\n", []int{400}},
		{"a path that leads out", "GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", []int{400, 404}},
		{"a path with NUL", "GET /t-%00 HTTP/1.1\r\nHost: x\r\n\r\n", []int{400, 404}},
		{"a path of broken escapes", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		{"assets that lead out", "GET /assets/../../secret HTTP/1.1\r\nHost: x\r\n\r\n", []int{400, 404}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, answer := h.raw(t, tt.text); !slices.Contains(tt.want, status) {
				t.Errorf("%d %.200s, want %d", status, answer, tt.want)
			}
		})
	}
	t.Run("slow ones keep nobody waiting", func(t *testing.T) {
		u, err := url.Parse(h.node.URL)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		}
		h.whole.check(t)
	})
}

// TestUploadURLEnds: an upload URL is good for as long as it says and no longer.
func TestUploadURLEnds(t *testing.T) {
	c := signIn(t, testenv.StartFerry(t, "--url-life", "1s"))
	f := mustBegin(t, c, transferV2, content{"late.bin", 5, 70}).items[0]
	address, err := f.url(1)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err = c.putTo(address, f.bytes(0, 5)); err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if statusOf(err) != 403 || !strings.Contains(err.Error(), "<Code>AccessDenied</Code>") || !strings.Contains(err.Error(), "Request has expired") {
		t.Errorf("%v, want 403 AccessDenied, Request has expired", err)
	}
}

// TestGuessing: whoever guesses links is told to stop after sixty misses, so that
// a hit would not be told either. Links that are followed count for nothing.
func TestGuessing(t *testing.T) {
	node := testenv.StartFerry(t)
	s := mustSend(t, signIn(t, node), transferV2, content{"found.bin", 10, 71})
	for range 100 {
		follow(t, s.link)
	}
	for i := range 62 {
		want := 404
		if i >= 60 {
			want = 429
		}
		resp := request(t, "GET", fmt.Sprintf("%s/t-%010d", node.URL, i), nil)
		if resp.StatusCode != want {
			t.Fatalf("miss %d: %s, want %d", i+1, resp.Status, want)
		}
	}
}
