package wire

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func nothing(http.ResponseWriter, *http.Request) error { return nil }

func testRouter() *Router {
	return NewRouter(
		Route{Method: "GET", Pattern: "/", Handle: nothing, Head: true},
		Route{Method: "POST", Pattern: "/v2/authorize", Handle: nothing, Public: true},
		Route{Method: "POST", Pattern: "/v2/transfers", Handle: nothing},
		Route{Method: "GET", Pattern: "/v2/transfers/{transfer}", Handle: nothing, Head: true},
		Route{Method: "DELETE", Pattern: "/v2/transfers/{id}", Handle: nothing},
		Route{Method: "PUT", Pattern: "/v2/transfers/{transfer}/finalize", Handle: nothing},
		Route{Method: "GET", Pattern: "/v2/transfers/{transfer}/files/{file}/upload-url/{part}", Handle: nothing},
		Route{Method: "PUT", Pattern: "/v2/transfers/latest", Handle: nothing},
		Route{Method: "POST", Pattern: "/v2/boards", Handle: nothing},
		Route{Method: "POST", Pattern: "/v2/boards/{board}/links", Handle: nothing},
		Route{Method: "POST", Pattern: "/v2/boards//links", Handle: nothing},
	)
}

func TestRouterMatch(t *testing.T) {
	router := testRouter()
	for _, tt := range []struct {
		name    string
		request string
		want    string            // the pattern, or the allowed methods, or nothing
		values  map[string]string // of the path
	}{
		{"a literal path", "POST /v2/authorize", "/v2/authorize", nil},
		{"a name", "GET /v2/transfers/a1", "/v2/transfers/{transfer}", map[string]string{"transfer": "a1"}},
		{"each route has its own names", "DELETE /v2/transfers/a1", "/v2/transfers/{id}", map[string]string{"id": "a1"}},
		{
			"several names", "GET /v2/transfers/a/files/b/upload-url/3",
			"/v2/transfers/{transfer}/files/{file}/upload-url/{part}",
			map[string]string{"transfer": "a", "file": "b", "part": "3"},
		},
		{"a literal wins over a name", "PUT /v2/transfers/latest", "/v2/transfers/latest", nil},
		{"but not with another method", "GET /v2/transfers/latest", "/v2/transfers/{transfer}", map[string]string{"transfer": "latest"}},
		{
			"and the way back out of it is found", "PUT /v2/transfers/latest/finalize",
			"/v2/transfers/{transfer}/finalize",
			map[string]string{"transfer": "latest"},
		},
		{"the root", "GET /", "/", nil},
		{"one slash at the end", "POST /v2/boards/", "/v2/boards", nil},
		{"one slash after a name", "GET /v2/transfers/a1/", "/v2/transfers/{transfer}", map[string]string{"transfer": "a1"}},
		{"two slashes at the end", "POST /v2/boards//", "", nil},
		{"two slashes are not the root", "GET //", "", nil},
		{"an empty segment that is a route", "POST /v2/boards//links", "/v2/boards//links", nil},
		{"an empty segment for a name", "PUT /v2/transfers//finalize", "", nil},
		{"an empty segment where none is", "POST /v2//authorize", "", nil},
		{"dots are not followed", "POST /v2/x/../authorize", "", nil},
		{"dots may be an id", "GET /v2/transfers/..", "/v2/transfers/{transfer}", map[string]string{"transfer": ".."}},
		{"an escaped slash stays in its segment", "GET /v2/transfers/a%2Fb", "/v2/transfers/{transfer}", map[string]string{"transfer": "a/b"}},
		{"an escaped slash makes no segments", "POST /v2%2Fauthorize", "", nil},
		{"escapes are decoded once", "GET /v2/transfers/%2525", "/v2/transfers/{transfer}", map[string]string{"transfer": "%25"}},
		{"escapes in a literal", "POST /v2/%61uthorize", "/v2/authorize", nil},
		{"a plus is a plus", "GET /v2/transfers/a+b", "/v2/transfers/{transfer}", map[string]string{"transfer": "a+b"}},
		{"UTF-8", "GET /v2/transfers/%C3%A9", "/v2/transfers/{transfer}", map[string]string{"transfer": "é"}},
		{"what is not UTF-8", "GET /v2/transfers/%ff", "", nil},
		{"a NUL", "GET /v2/transfers/a%00", "", nil},
		{"a query", "POST /v2/authorize?x=/y", "/v2/authorize", nil},
		{"an unknown path", "GET /v2/transfer", "", nil},
		{"a path that ends early", "GET /v2", "", nil},
		{"a path that goes on", "POST /v2/authorize/x", "", nil},
		{"letters in another case", "POST /V2/authorize", "", nil},
		{"another method", "PATCH /v2/transfers/a1", "DELETE GET HEAD", nil},
		{"another method where a literal and a name take the path", "PATCH /v2/transfers/latest", "DELETE GET HEAD PUT", nil},
		{"HEAD of a marked route", "HEAD /v2/transfers/a1", "/v2/transfers/{transfer}", map[string]string{"transfer": "a1"}},
		{"HEAD of another", "HEAD /v2/transfers/a/files/b/upload-url/3", "GET", nil},
		{"methods are exact", "post /v2/authorize", "POST", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method, target, _ := strings.Cut(tt.request, " ")
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: method, URL: u}
			m := router.Match(r)
			got := strings.Join(m.Allowed, " ")
			if m.Route != nil {
				got = m.Route.Pattern
			}
			if got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for name, want := range tt.values {
				if got := r.PathValue(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestRouterRefusesAWrongTable(t *testing.T) {
	for _, tt := range []struct {
		name  string
		table []Route
	}{
		{"no slash", []Route{{Method: "GET", Pattern: "v2", Handle: nothing}}},
		{"a slash at the end", []Route{{Method: "GET", Pattern: "/v2/", Handle: nothing}}},
		{"no handler", []Route{{Method: "GET", Pattern: "/v2"}}},
		{"no method", []Route{{Pattern: "/v2", Handle: nothing}}},
		{"HEAD on a POST", []Route{{Method: "POST", Pattern: "/v2", Handle: nothing, Head: true}}},
		{"a name without end", []Route{{Method: "GET", Pattern: "/{a", Handle: nothing}}},
		{"a name without letters", []Route{{Method: "GET", Pattern: "/{}", Handle: nothing}}},
		{"a name twice", []Route{{Method: "GET", Pattern: "/{a}/{a}", Handle: nothing}}},
		{"nine names", []Route{{Method: "GET", Pattern: "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", Handle: nothing}}},
		{"two routes for the same", []Route{
			{Method: "GET", Pattern: "/{a}", Handle: nothing}, {Method: "GET", Pattern: "/{b}", Handle: nothing},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			NewRouter(tt.table...)
		})
	}
}

// FuzzRouter holds the tree against a list that is tried line by line.
func FuzzRouter(f *testing.F) {
	for _, p := range []string{"/", "/v2/boards//links/", "/v2/transfers/a%2Fb", "/v2/transfers/%00", "//", "/v2/transfers/latest/"} {
		f.Add("GET", p)
	}
	router := testRouter()
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip()
		}
		r := &http.Request{Method: method, URL: u}
		m := router.Match(r)
		var allowed []string
		for _, route := range router.Routes() {
			if values, ok := byHand(route.Pattern, u.EscapedPath()); ok {
				allowed = append(allowed, route.Method)
				if route.Head {
					allowed = append(allowed, "HEAD")
				}
				for name, want := range values {
					if m.Route != nil && m.Route.Pattern == route.Pattern && r.PathValue(name) != want {
						t.Errorf("%s: %s is %q, want %q", path, name, r.PathValue(name), want)
					}
				}
			}
		}
		if slices.Contains(allowed, method) != (m.Route != nil) {
			t.Fatalf("%s %s: %v, by hand %v", method, path, m, allowed)
		}
		slices.Sort(allowed)
		if m.Route == nil && !slices.Equal(m.Allowed, slices.Compact(allowed)) {
			t.Fatalf("%s %s: %v, by hand %v", method, path, m.Allowed, allowed)
		}
	})
}

func byHand(pattern, path string) (map[string]string, bool) {
	if !strings.HasPrefix(path, "/") {
		return nil, false
	}
	if len(path) > 2 {
		path = strings.TrimSuffix(path, "/")
	}
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	values := map[string]string{}
	for i, w := range want {
		h, err := url.PathUnescape(have[i])
		if err != nil || strings.Contains(h, "\x00") || strings.ToValidUTF8(h, "") != h {
			return nil, false
		}
		if strings.HasPrefix(w, "{") && h != "" {
			values[strings.Trim(w, "{}")] = h
		} else if w != h {
			return nil, false
		}
	}
	return values, true
}

func BenchmarkRouter(b *testing.B) {
	router := testRouter()
	for _, path := range []string{"/v2/transfers", "/v2/transfers/32a6ef60/files/c964caf6/upload-url/3", "/v3/unknown"} {
		r := httptest.NewRequest("GET", path, nil)
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fresh := *r
				router.Match(&fresh)
			}
		})
	}
}
