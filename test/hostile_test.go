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
	t.Run("links", h.links)
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
		`{"files":[{"name":"a","name":"b","size":1}]}`, `{"files":[{"name":"a","size":1}],"files":[{"name":"b","size":1}]}`,
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
	for _, local := range []string{`""`, "1", "null", `"` + strings.Repeat("l", 37) + `"`} {
		h.refused(t, "POST", "/v1/transfers/"+v1.id+"/items",
			`{"items":[{"content_identifier":"file","local_identifier":`+local+`,"filename":"a","filesize":1}]}`, 400)
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
