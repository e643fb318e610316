package wetransfer

import (
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/wire"
)

func FuzzPartNumber(f *testing.F) {
	for _, s := range []string{"1", "0", "-1", "01", "1e3", "", "99999999999999999999", "+1", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := partNumber(text)
		if err == nil && (n < 1 || n > math.MaxInt) {
			t.Errorf("partNumber(%q) = %d", text, n)
		}
		if err == nil && strings.Trim(text, "0123456789") != "" {
			t.Errorf("partNumber(%q) takes more than digits", text)
		}
	})
}

// FuzzBodies sends any body to every route: nothing panics, nothing is our fault,
// and every answer is JSON.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		``, `null`, `[]`, `{}`, `"x"`, `1e400`, `{"files":[{"name":"a","size":1e0}]}`, `[{"name":"☀️","size":-0}]`,
		`{"name":"b","items":[{"content_identifier":"web_content","local_identifier":"1","url":"http://a","meta":{"title":"t"}}]}`,
		`[{"url":"http://[::1","title":1}]`, `{"part_numbers":"0x1"}`, `{"user_identifier":"\u0000"}`, `{"message":"\ud800"}`,
	} {
		f.Add(s)
	}
	w := newWorld(f)
	board := w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id")
	v1 := w.call(202, "POST", "/v1/transfers", `{"name":"t"}`).str("id")
	transfer := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":1}]}`)
	paths := strings.NewReplacer(
		"/v1/transfers/{transfer}", "/v1/transfers/"+v1, "{transfer}", transfer.str("id"),
		"{file}", transfer.str("files", 0, "id"), "{board}", board, "{part}", "1", "{multipart}", "mp.x")
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		for _, r := range w.door.router.Routes() {
			if r.Method == "GET" {
				continue
			}
			got := w.do(call{method: r.Method, path: paths.Replace(r.Pattern), body: body})
			if got.status >= 500 {
				t.Errorf("%s %s: %d %s", r.Method, r.Pattern, got.status, got.body)
			}
			if _, err := wire.Parse([]byte(got.body)); err != nil || !utf8.ValidString(got.body) {
				t.Errorf("%s %s: %d %s is no JSON", r.Method, r.Pattern, got.status, got.body)
			}
		}
	})
}

// FuzzPaths sends any path.
func FuzzPaths(f *testing.F) {
	for _, s := range []string{
		"", "v2/transfers/x/files/y/upload-url/0", "v2/boards//files/x/upload-url/1", "v1/files/%00/uploads/1/2",
		"v2/boards/%2F/files/%ff/upload-url/99999999999999999999/x", "v2/transfers/../transfers", "api/v4/transfers/x/download",
	} {
		f.Add(s)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, path string) {
		w.t = t
		u, err := url.Parse(base + "/" + path)
		if err != nil {
			t.Skip() // net/http refuses it
		}
		r := httptest.NewRequest("GET", base, nil)
		r.URL = u
		r.Header.Set("X-Api-Key", w.apiKey)
		r.Header.Set("Authorization", "Bearer "+w.token)
		if got := w.send(r); got.status >= 500 || got.body == "" {
			t.Errorf("%q: %d %q", path, got.status, got.body)
		}
	})
}
