package site_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

func TestRefuseEveryKind(t *testing.T) {
	w := newWorld(t)
	for _, k := range fault.Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			err := fault.Wrap(k, "some_code", errors.New("open /secret/path: denied"), "for the caller")
			rec := httptest.NewRecorder()
			w.site.Refuse(rec, httptest.NewRequest(http.MethodGet, "/t-secretcode", nil), err)
			if rec.Code < 400 || (rec.Code == 500) != (k == fault.Internal) {
				t.Errorf("status %d", rec.Code)
			}
			page := rec.Body.String()
			if !strings.Contains(page, "<h1>") || strings.Contains(page, "<h1></h1>") || strings.Contains(page, "secret") {
				t.Errorf("page %s", page)
			}

			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept", "application/json, text/plain, */*")
			asJSON := httptest.NewRecorder()
			w.site.Refuse(asJSON, r, err)
			var body struct {
				Error struct {
					Status        int
					Code, Message string
				}
			}
			if err := json.Unmarshal(asJSON.Body.Bytes(), &body); err != nil || body.Error.Status != rec.Code || asJSON.Code != rec.Code {
				t.Errorf("%d %s", asJSON.Code, asJSON.Body)
			}
			if told := body.Error.Message == "for the caller" && body.Error.Code == "some_code"; told == (k == fault.Internal) {
				t.Errorf("a program is told %s", asJSON.Body)
			}

			head := httptest.NewRecorder()
			w.site.Refuse(head, httptest.NewRequest(http.MethodHead, "/", nil), err)
			if head.Code != rec.Code || head.Body.Len() > 0 {
				t.Errorf("HEAD: %d, %d bytes", head.Code, head.Body.Len())
			}
		})
	}
	if log := w.log.String(); log != "" {
		t.Errorf("whoever refuses has the log: %s", log)
	}
}

func TestWhatIsLogged(t *testing.T) {
	w := newWorld(t)
	down := fault.New(fault.Unavailable, "maintenance", "")
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w.site.Refuse(rec, r.WithContext(wire.WithOrigin(t.Context(), wire.Origin{RequestID: "REQUEST"})), down)
	if rec.Code != http.StatusServiceUnavailable || w.log.Len() > 0 || strings.Contains(rec.Body.String(), "REQUEST") {
		t.Errorf("maintenance is logged, or numbered: %d %s", rec.Code, &w.log)
	}

	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	w.site.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/t-secretcode", nil).WithContext(gone))
	if w.log.Len() > 0 {
		t.Errorf("a client that left is logged: %s", &w.log)
	}
	page := read(t, w.do(http.MethodGet, "/t-secretcode", ""))
	log := w.log.String()
	if strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "REQUEST") || !strings.Contains(page, "REQUEST") {
		t.Errorf("a database that is closed: log %s, page %s", log, page)
	}
	if strings.Contains(log, "secretcode") {
		t.Errorf("the log has the link: %s", log)
	}
}

func TestWhoIsAnsweredInJSON(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, accept, want string
	}{
		{"a browser is shown a page", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"},
		{"curl is shown a page", "*/*", "text/html"},
		{"who says nothing is shown a page", "", "text/html"},
		{"a program gets JSON", "application/json", "application/json"},
		{"axios gets JSON", "application/json, text/plain, */*", "application/json"},
		{"who refuses JSON is shown a page", "application/json;q=0", "text/html"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(http.MethodGet, "/nothing", "", "Accept: "+tt.accept)
			if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, tt.want) || res.StatusCode != http.StatusNotFound {
				t.Errorf("%d %s", res.StatusCode, got)
			}
		})
	}
}

func TestWrongMethod(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a", "1"})
	for _, path := range []string{"/docs", "/" + tr.Code, downloads(tr) + "/zip/a.zip", "/robots.txt"} {
		res := w.do(http.MethodPost, path, "")
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, res.StatusCode, res.Header.Get("Allow"))
		}
	}
}

// What only looks like a short link is as unknown as any other path, by all methods.
func TestUnknownPaths(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/files", "/api", "/t-", "/t-Ab12.php", "/x-Ab12Cd34Ef", "/T-Ab12Cd34Ef", "/t-Ab12Cd34Ef/more", "//t-Ab12Cd34Ef"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			if res := w.do(method, path, ""); res.StatusCode != http.StatusNotFound || res.Header.Get("Allow") != "" {
				t.Errorf("%s %s: %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
}

func TestWhatIsOursToMendIsNumbered(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a", strings.Repeat("1", upload.SmallMost+1)}) // it has a blob of its own
	if err := w.blobs.Remove(t.Context(), files[0].Blob()); err != nil {
		t.Fatal(err)
	}
	res := w.do(http.MethodGet, downloads(tr)+"/file/"+string(files[0].ID)+"/a", "")
	if page := read(t, res); res.StatusCode != http.StatusInternalServerError || res.Header.Get("Content-Disposition") != "" || !strings.Contains(page, "REQUEST") {
		t.Errorf("a lost blob: %d %s", res.StatusCode, page)
	}
	if log := w.log.String(); strings.Count(log, "REQUEST") != 1 || strings.Contains(log, string(tr.ID)) || strings.Contains(log, tr.Code) {
		t.Errorf("log: %s", log)
	}
}

var loaded = regexp.MustCompile(`(?:href|src)="([^"]*)"|url\("([^"]*)"\)`)

func TestPagesLoadOnlyWhatIsHere(t *testing.T) {
	w := newWorld(t)
	root := w.site.AssetRoot()
	for _, m := range loaded.FindAllStringSubmatch(w.get("/", http.StatusOK), -1) {
		if m[1] == "#main" {
			continue
		}
		w.get(m[1], http.StatusOK)
	}
	css := w.do(http.MethodGet, root+"site.css", "")
	if got := css.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control: %s", got)
	}
	if got := css.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("Content-Type: %s", got)
	}
	text := read(t, css)
	if strings.Contains(text, "//") || strings.Contains(text, "@import") {
		t.Error("the style loads from elsewhere")
	}
	for _, m := range loaded.FindAllStringSubmatch(text, -1) {
		w.get(root+m[2], http.StatusOK)
	}
	if got := w.do(http.MethodGet, "/assets/another/site.css", ""); got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("another version's style: %d, %s", got.StatusCode, got.Header.Get("Cache-Control"))
	}
	w.get(root+"nothing.css", http.StatusNotFound)
	w.get(root+"..%2fpages%2fhome.html", http.StatusNotFound)
	w.get("/favicon.ico", http.StatusOK)
	if robots := w.get("/robots.txt", http.StatusOK); !strings.Contains(robots, "Disallow: /downloads/") {
		t.Error(robots)
	}
}
