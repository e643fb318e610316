package site

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// A file's address leads back to it, whatever the file is called.
func FuzzFileURL(f *testing.F) {
	for _, name := range []string{"a.jpg", "..", "a/b\\c", "%2e%2e", "?#;", "\u202e", "報告書 1.pdf"} {
		f.Add(name)
	}
	router := wire.NewRouter(wire.Route{
		Method: http.MethodGet, Pattern: "/downloads/{id}/{hash}/file/{file}/{name}",
		Handle: func(http.ResponseWriter, *http.Request) error { return nil },
	})
	f.Fuzz(func(t *testing.T, name string) {
		name = words.Shown(name)
		at := fileURL("/downloads/x/y", archive.Item{ID: "z", Name: name})
		base := &url.URL{Scheme: "http", Host: "ferry", Path: "/downloads/x/y"}
		u, err := base.Parse(at) // as browsers do: dots are taken out
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, u.String(), nil)
		if router.Match(r).Route == nil || r.PathValue("file") != "z" || r.PathValue("name") != lastName(name) {
			t.Errorf("%q at %s: %q", name, at, r.PathValue("name"))
		}
	})
}

// Only addresses of the web become links, and what is shown of them is safe.
func FuzzShowLink(f *testing.F) {
	for _, u := range []string{"https://example.org/a?b", "javascript:alert(1)", "HTTP://x", "//x", "http://user@x", "\thttps://x", "https:x"} {
		f.Add(u, "title")
		f.Add(u, "")
	}
	f.Fuzz(func(t *testing.T, address, title string) {
		row := showLink(&board.Link{URL: address, Title: title})
		if row.URL != "" && !strings.HasPrefix(row.URL, "http://") && !strings.HasPrefix(row.URL, "https://") {
			t.Errorf("%q becomes a link to %q", address, row.URL)
		}
		if words.Shown(row.Title+row.Where) != row.Title+row.Where {
			t.Errorf("%q, %q are shown as %q, %q", address, title, row.Title, row.Where)
		}
	})
}

func FuzzAsksJSON(f *testing.F) {
	for _, a := range []string{"", "*/*", "application/json", "text/html, application/json", ",;q=,"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if asksJSON([]string{accept}) && !wire.Accepts([]string{accept}, "application/json") {
			t.Errorf("%q is answered with what it does not take", accept)
		}
	})
}

// Wherever a form wants to go next, it stays here.
func FuzzOwnPath(f *testing.F) {
	for _, next := range []string{"", "/", "/docs?a=b#c", "//evil.example", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "/..//evil.example", "/%2f/evil.example"} {
		f.Add(next)
	}
	base, err := url.Parse("https://ferry.example.org")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		own := ownPath(next)
		to, err := base.Parse(own)
		if err != nil {
			return // a browser that makes something of it is told a path all the same
		}
		if to.Host != base.Host || to.Scheme != base.Scheme || strings.ContainsAny(own, "\r\n\\") {
			t.Errorf("%q leads to %q, which is %s", next, own, to)
		}
	})
}
