package filemail

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/wire"
)

func TestUnknownPaths(t *testing.T) {
	w := newWorld(
		t, post("/transfer/initialize", needsKey, whoami), classic("/api/transfer/get", needsCaller, whoami),
		route{method: "GET", pattern: "/file/{file}", needs: needsUser, call: whoami},
		route{method: "GET", pattern: filePath, stream: func(*call) error { return nil }},
	)
	for _, tt := range []struct {
		name, method, path string
		status             int
		word, allow        string
	}{
		{"2.0", "POST", "/transfer/nowhere", 404, "NotFound", ""},
		{"classic", "GET", "/api/transfer/nowhere", 404, "NotFound", ""},
		{"an upload while there is no handler", "POST", "/savefile.ashx", 404, "NotFound", ""},
		{"another method", "GET", "/transfer/initialize", 400, "InvalidRequest", "POST"},
		{"another method of a classic call", "PUT", "/api/transfer/get", 400, "InvalidRequest", "GET, POST"},
		{"another method is no way to ask whether an id is there", "POST", "/file/x", 400, "InvalidRequest", "GET"},
		{"an id that is no text", "GET", "/file/%00", 404, "NotFound", ""},
		{"another method of a download", "POST", filePath, 400, "InvalidRequest", "GET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do(tt.method, tt.path, "")
			got.want(tt.status, tt.word)
			if allow := got.header.Get("Allow"); allow != tt.allow {
				t.Errorf("Allow is %q, want %q", allow, tt.allow)
			}
			// Downloads are under /api, and answered in the words of 2.0.
			_, classic := got.at().(map[string]any)["method"]
			if want := strings.HasPrefix(tt.path, "/api/") && tt.path != filePath; classic != want {
				t.Errorf("in the words of the classic API: %v, want %v: %s", classic, want, got.body)
			}
		})
	}
	if len(w.gate.calls) > 0 {
		t.Error("a key was looked up for nothing")
	}
}

// TestTable: a path of the table belongs to this door.
func TestTable(t *testing.T) {
	h := New(Config{})
	for _, rt := range h.routes() {
		mine := false
		for _, p := range Prefixes() {
			mine = mine || rt.pattern == p || strings.HasPrefix(rt.pattern, p+"/")
		}
		if !mine {
			t.Errorf("%s is under none of this door's prefixes", rt.pattern)
		}
	}
}

func TestWrongRoutesPanic(t *testing.T) {
	stream := func(*call) error { return nil }
	for name, rt := range map[string]route{
		"neither call nor stream":               {method: "GET", pattern: "/a"},
		"both":                                  {method: "GET", pattern: "/a", call: whoami, stream: stream},
		"a classic stream that asks who is who": {pattern: "/api/a", needs: needsUser, classic: true, stream: stream},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is taken")
				}
			}()
			New(Config{}).mount([]route{rt})
		})
	}
}

func TestCORS(t *testing.T) {
	w := newGates(t)
	for _, path := range []string{"/user", "/api/user", "/nowhere"} {
		got := w.do("OPTIONS", path, "", "Origin", "https://page.example", "Access-Control-Request-Method", "PUT")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*", "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
			"Access-Control-Allow-Credentials": "",
		} {
			if h := got.header.Get(name); got.status != http.StatusNoContent || h != want {
				t.Errorf("OPTIONS %s: %d, %s is %q, want %q", path, got.status, name, h, want)
			}
		}
		got = w.do("POST", path, "", "Origin", "https://page.example")
		if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Credentials") != "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("POST %s: headers %v", path, got.header)
		}
	}
}

// FuzzRequests sends any path, query, header and body to one route of each kind:
// nothing panics, nothing is our fault, and every answer is in some format.
func FuzzRequests(f *testing.F) {
	for _, s := range [][4]string{
		{"user", "apikey=" + goodKey, "application/json", `{"a":1}`},
		{"api/caller", "format=xml&logintoken=" + goodToken, "application/x-www-form-urlencoded", "to=a&callback=f"},
		{"api/caller", "callback=f", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--b--"},
		{"savefile.ashx", "transferid=x", "", "abc"},
		{"..//%ff", "%", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	w := newGates(f)
	f.Fuzz(func(t *testing.T, path, query, contentType, body string) {
		w.t = t
		u, err := url.Parse(base + "/" + path)
		if err != nil {
			t.Skip() // net/http refuses it
		}
		u.RawQuery = query
		r := httptest.NewRequest("POST", base, strings.NewReader(body))
		r.URL = u
		r.Header.Set("Content-Type", contentType)
		got := w.send(r)
		if got.status >= 500 || got.body == "" {
			t.Errorf("%d %q", got.status, got.body)
		}
		switch wire.MediaType(got.header.Get("Content-Type")) {
		case "application/json":
			if _, err := wire.Parse([]byte(got.body)); err != nil {
				t.Errorf("%q is no JSON", got.body)
			}
		case "application/xml", "text/javascript":
		default:
			t.Errorf("%v is no format", got.header)
		}
	})
}
