package site_test

import (
	"archive/zip"
	"cmp"
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/site"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/words"
)

// hostile are names that somebody might send.
var hostile = []string{
	`<script>alert(1)</script>.html`, `" onmouseover="alert(1)`, `'><img src=x onerror=alert(1)>`, `{{.Words}}.txt`,
	"photo\u202egpj.exe", "a\r\nSet-Cookie: b=c.txt", "zero\u200bwidth.txt", "a\u2028b.txt", "NUL", "../../etc/passwd",
	`..\..\windows\system.ini`, "/absolute", ".", "..", "...", " ", "con.txt", "-rf", "%2e%2e%2f", "a?b#c&d=e;f", "café.txt",
	"cafe\u0301.txt", "報告書.pdf", "😀.png", "=cmd|' /C calc'!A0.csv", "\u200b\u202e", strings.Repeat("長", 255), "javascript:alert(1)",
}

func TestPageShowsTheTransfer(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("Summer <b>on</b> Skye", "Dear Mara,\r\nhere they are.", sent{"a.jpg", "12345"}, sent{"the film.mov", strings.Repeat("x", 1500)})
	w.wait(24 * time.Hour)
	page := w.get(downloads(tr), http.StatusOK)
	for _, want := range []string{
		`<html lang="en" dir="ltr">`, `<h1 dir="auto">Summer &lt;b&gt;on&lt;/b&gt; Skye</h1>`, "Dear Mara,\nhere they are.",
		"2 files", "1.5 kB", `<time datetime="2026-11-28T14:35:17Z">28 November 2026, 14:35 UTC</time>`, "(6 days left)",
		`data-file="a.jpg"`, `data-file="the film.mov"`, "5 bytes", `class="ferry way-1"`, `<meta name="csrf-token" content="`,
		`href="` + downloads(tr) + "/file/" + string(files[1].ID) + `/the%20film.mov"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "style=", "http://", "https://", string(tr.Owner.Account)} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
}

func TestPageOfOneFileOffersNoZip(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a.jpg", "12345"})
	page := w.get(downloads(tr), http.StatusOK)
	if strings.Contains(page, "/zip/") || strings.Count(page, "/file/"+string(files[0].ID)+"/a.jpg") != 2 {
		t.Error("the button does not fetch the file itself")
	}
}

func TestHeadersOfAPage(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	for _, path := range []string{downloads(tr), "/", "/nothing"} {
		h := w.do(http.MethodGet, path, "").Header
		for name, want := range map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "no-referrer",
			"Cache-Control":          "no-store",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; " +
				"font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; " +
				"object-src 'none'; frame-ancestors 'none'",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
}

func TestEveryAnswerHasTheHeadersOfSecurity(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a.jpg", "12345"}, sent{"b.jpg", "12345"})
	token, err := w.accounts.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	style := w.site.AssetRoot() + "site.css"
	tag := w.do(http.MethodGet, style, "").Header.Get("Etag")
	const page, data = "default-src 'none'; script-src 'self'; ", "default-src 'none'; sandbox"
	for _, tt := range []struct {
		name, method, path, header string
		status                     int
		policy                     string
	}{
		{"a page", "GET", "/", "", 200, page},
		{"its head", "HEAD", "/docs", "", 200, page},
		{"a share's page", "GET", downloads(tr), "", 200, page},
		{"the form of the set-up", "GET", "/setup/" + string(token), "", 200, page},
		{"a refusal", "GET", "/nothing", "", 404, page},
		{"a method that is not taken", "POST", "/docs", "", 405, page},
		{"a refusal for programs", "GET", "/nothing", "Accept: application/json", 404, data},
		{"its head", "HEAD", "/nothing", "Accept: application/json", 404, data},
		{"a short link", "GET", "/" + tr.Code, "", 302, page},
		{"a style", "GET", style, "", 200, page},
		{"a style that the browser has", "GET", style, "If-None-Match: " + tag, 304, page},
		{"robots.txt", "GET", "/robots.txt", "", 200, page},
		{"a file", "GET", downloads(tr) + "/file/" + string(files[0].ID) + "/a.jpg", "", 200, data},
		{"a range that it does not have", "GET", downloads(tr) + "/file/" + string(files[0].ID) + "/a.jpg", "Range: bytes=9-", 416, data},
		{"a zip", "GET", downloads(tr) + "/zip/a.zip", "", 200, data},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(tt.method, tt.path, "", cmp.Or(tt.header, "Accept: */*"))
			h := res.Header
			if res.StatusCode != tt.status || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
				!strings.HasPrefix(h.Get("Content-Security-Policy"), tt.policy) || h.Get("Cache-Control") == "" {
				t.Errorf("%d, headers %v", res.StatusCode, h)
			}
		})
	}
}

func TestDocs(t *testing.T) {
	w := newWorld(t)
	page := w.get("/docs", http.StatusOK)
	for _, want := range []string{
		"<code>" + w.server.URL + "/v2</code>", w.server.URL + "/s3", "ferry key s3", "Couldn&#39;t find Transfer", "Expected … to be …", "NoSuchUpload",
		`<a href="https://github.com/WeTransfer/wt-api-docs" rel="noopener noreferrer">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(page, "src=") {
		t.Error("the page has what it must not")
	}
	if w.get("/docs/", http.StatusOK) != page {
		t.Error("with a slash at its end it is another page")
	}
	if home := w.get("/", http.StatusOK); !strings.Contains(home, `href="/docs"`) {
		t.Error("the first page does not lead there")
	}
}

func TestOldWebClientsFindASession(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	for _, path := range []string{"/", downloads(tr)} {
		cookies := w.do(http.MethodGet, path, "").Cookies()
		if len(cookies) != 1 || !strings.Contains(cookies[0].Name, "session") || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: %v", path, cookies)
		}
	}
	rec := httptest.NewRecorder()
	w.siteAt("https://ferry.example").ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if c := rec.Result().Cookies()[0]; !c.Secure || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" {
		t.Errorf("behind TLS: %v", c)
	}
}

// Files stand by their folders, in a tree whose lists are closed where they end: those of a
// folder before the folders in it, and otherwise as they were sent.
func TestFolders(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"z/two.txt", "1"}, sent{"b.txt", "2"}, sent{"a/x/one.txt", "3"}, sent{"z/one.txt", "4"}, sent{"a.txt", "5"},
		sent{"a b/one.txt", "6"}, sent{"a/x/y/one.txt", "7"}, sent{"a/one.txt", "8"})
	page := w.get(downloads(tr), http.StatusOK)
	var got []string
	for _, m := range regexp.MustCompile(`(<summary>)<bdi>([^<]*)|(</details>)|<a class="row"[^\n]*<bdi class="name">([^<]*)`).FindAllStringSubmatch(page, -1) {
		switch {
		case m[1] != "":
			got = append(got, m[2]+"{")
		case m[3] != "":
			got = append(got, "}")
		default:
			got = append(got, m[4])
		}
	}
	want := "b.txt a.txt a{ one.txt x{ one.txt y{ one.txt } } } a b{ one.txt } z{ two.txt one.txt }"
	if strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", strings.Join(got, " "), want)
	}
	if strings.Count(page, "<ul") != strings.Count(page, "</ul>") || len(regexp.MustCompile(`<li[ >]`).FindAllString(page, -1)) != strings.Count(page, "</li>") {
		t.Error("lists that are not closed")
	}
}

// A name of nothing but folders makes no page that grows with their number: files of such
// names would stop the browser of whoever opens the link.
func TestFoldersAreOnlySoDeep(t *testing.T) {
	w := newWorld(t)
	deep := strings.Repeat("a/", 120)
	var files []sent
	for i := range 20 {
		files = append(files, sent{fmt.Sprintf("%c/%sf", 'b'+i, deep), "x"})
	}
	tr, _ := w.transfer("", "", append(files, sent{"b/" + deep + "g", "x"}, sent{"z/1/2/3/4/5/6/7/8/9/f", "x"})...)
	page := w.get(downloads(tr), http.StatusOK)
	if n := strings.Count(page, "<details"); n != 21*10 || n != strings.Count(page, "</details>") {
		t.Errorf("%d folders are shown", n)
	}
	if !strings.Contains(page, "<summary><bdi>"+strings.TrimSuffix(deep[:len(deep)-16], "/")+"</bdi>") || !strings.Contains(page, "<summary><bdi>9</bdi>") {
		t.Errorf("the folders have other names: %s", page)
	}
}

// What the operator has chosen stands in every page, and is part of the addresses of what
// pages load.
func TestLook(t *testing.T) {
	logo, err := brand.ParseLogo([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))
	if err != nil {
		t.Fatal(err)
	}
	get := func(h *site.Handler, path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec
	}
	look := brand.Look{Name: "Reederei <Müller>", Logo: logo, Sea: brand.Colour{0x99, 0x00, 0x4d}}
	own, plain := newWorld(t).siteLike(look), newWorld(t).siteLike(brand.Look{})
	page := get(own, "/").Body.String()
	if !strings.Contains(page, "Reederei &lt;Müller&gt;</title>") || strings.Contains(page, "Ferry</title>") {
		t.Error("the page has another name")
	}
	found := regexp.MustCompile(`<img class="logo" src="(/assets/([0-9a-f]+)/logo.svg)"`).FindStringSubmatch(page)
	if found == nil || strings.Contains(get(plain, "/").Body.String(), found[2]) {
		t.Fatalf("no logo, or at the address of other assets: %v", found)
	}
	if rec := get(own, found[1]); rec.Header().Get("Content-Type") != "image/svg+xml" || rec.Header().Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("the logo comes with %v", rec.Header())
	}
	style := "/assets/" + found[2] + "/site.css"
	if css := get(own, style).Body.String(); !strings.Contains(css, "--sea: #99004d; ") {
		t.Errorf("the style ends with %q", css[len(css)-200:])
	}
	if rec := get(plain, found[1]); rec.Code != http.StatusNotFound {
		t.Errorf("a logo where there is none: %d", rec.Code)
	}
}

var fileLink = regexp.MustCompile(`<a class="row" href="([^"]*)" data-file="([^"]*)" download>`)

func TestHostileNames(t *testing.T) {
	w := newWorld(t)
	files := make([]sent, len(hostile))
	for i, name := range hostile {
		files[i] = sent{name, fmt.Sprintf("content %d", i)}
	}
	tr, made := w.transfer(hostile[0], hostile[1], files...)
	page := w.get(downloads(tr), http.StatusOK)
	found := fileLink.FindAllStringSubmatch(page, -1)
	if len(found) != len(hostile) {
		t.Fatalf("%d links of %d", len(found), len(hostile))
	}
	seen := map[int]bool{}
	for _, m := range found {
		href, shown := html.UnescapeString(m[1]), html.UnescapeString(m[2])
		i := slices.IndexFunc(made, func(f *upload.File) bool { return strings.Contains(href, "/file/"+string(f.ID)+"/") })
		if i < 0 || seen[i] {
			t.Fatalf("%s is no file's, or one that was there before", href)
		}
		seen[i] = true
		if shown != words.Shown(hostile[i]) && !(words.Shown(hostile[i]) == "" && shown == "file") {
			t.Errorf("%q is shown as %q", hostile[i], shown)
		}
		res := w.do(http.MethodGet, href, "")
		if body := read(t, res); res.StatusCode != http.StatusOK || body != files[i].content {
			t.Errorf("%q at %s: %d %q", hostile[i], href, res.StatusCode, body)
		}
		h := res.Header
		if h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; ") ||
			h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("X-Content-Type-Options") != "nosniff" || len(res.Cookies()) != 0 {
			t.Errorf("%q: headers %v", hostile[i], h)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, "\u202e") || strings.Contains(page, "\u200b") {
		t.Error("a name acts in the page")
	}
}

func TestBoard(t *testing.T) {
	w := newWorld(t)
	b, items := w.board("b-", "Kitchen", board.DraftItem{Name: "done.jpg", Size: 4}, board.DraftItem{Name: "open.jpg", Size: 4},
		board.DraftItem{URL: "https://example.org/tiles?a=b&c=d", Title: "Tiles"}, board.DraftItem{URL: "javascript:alert(1)", Title: "Do not"},
		board.DraftItem{URL: "data:text/html,<script>", Title: ""}, board.DraftItem{URL: "//example.org", Title: "No scheme"})
	w.fill(items[0].File, "done")
	root := "/board/" + string(b.ID)
	page := w.get(root+"/latest", http.StatusOK)
	for _, want := range []string{
		"1 file, 4 links", `data-file="done.jpg"`,
		`<a class="row" href="https://example.org/tiles?a=b&amp;c=d" rel="noopener noreferrer nofollow"><bdi class="name">Tiles <small>example.org</small>`,
		`<span class="row"><bdi class="name">Do not <small>javascript:alert(1)</small>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "open.jpg") || strings.Contains(page, `href="javascript`) || strings.Contains(page, `href="data`) || strings.Contains(page, `href="//`) {
		t.Error("the page has what it must not")
	}
	if got := w.get(root+"/file/"+string(items[0].File.ID)+"/x", http.StatusOK); got != "done" {
		t.Errorf("got %q", got)
	}
	w.get(root+"/file/"+string(items[1].File.ID)+"/x", http.StatusNotFound)

	w.fill(items[1].File, "also")
	if page := w.get(root+"/latest", http.StatusOK); !strings.Contains(page, `data-file="open.jpg"`) || !strings.Contains(page, "/zip/Kitchen.zip") {
		t.Error("a file that was completed after the first look is not shown")
	}
}

func TestABoardLivesAsLongAsItIsLookedAt(t *testing.T) {
	w := newWorld(t)
	b, _ := w.board("b-", "Kitchen")
	path := "/board/" + string(b.ID) + "/latest"
	for range 4 {
		w.wait(60 * 24 * time.Hour)
		w.get(path, http.StatusOK)
	}
	w.wait(91 * 24 * time.Hour)
	w.get(path, http.StatusGone)
}

// many is a store in which every share has ten thousand empty files.
type many struct{ upload.Store }

const manyFiles = 10_000

func (many) FilesOf(_ context.Context, _ *share.Share, after upload.Key, n int) ([]*upload.File, error) {
	var files []*upload.File
	next, _ := strconv.Atoi(string(after)) // "" is the start
	for i := next + 1; i <= manyFiles && len(files) < n; i++ {
		files = append(files, &upload.File{
			Key: upload.Key(fmt.Sprintf("%026d", i)), ID: upload.ID(fmt.Sprintf("f%d", i)),
			Name: fmt.Sprintf("folder %d/picture %d.jpg", i%7, i), State: upload.Complete, CompletedAt: time.Unix(1, 0),
		})
	}
	return files, nil
}

func TestTenThousandFiles(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("Many", "", sent{"a", "x"})
	w.uploads = upload.NewService(many{w.db}, w.blobs, nil, w.now, upload.Limits{})
	w.site = w.siteAt(w.server.URL)
	page := w.get(downloads(tr), http.StatusOK)
	if got := len(fileLink.FindAllString(page, -1)); got != manyFiles || !strings.HasSuffix(page, "</html>\n") {
		t.Errorf("%d rows, and the end %q", got, page[len(page)-20:])
	}
	whole := w.get(downloads(tr)+"/zip/all.zip", http.StatusOK)
	z, err := zip.NewReader(strings.NewReader(whole), int64(len(whole)))
	if err != nil || len(z.File) != manyFiles || z.File[manyFiles-1].Name != "folder 4/picture 10000.jpg" {
		t.Errorf("the zip: %v", err)
	}
}

func TestAFileOfAnotherShareIsNotReached(t *testing.T) {
	w := newWorld(t)
	one, _ := w.transfer("", "", sent{"a", "1"})
	_, files := w.transfer("", "", sent{"b", "2"})
	w.get(downloads(one)+"/file/"+string(files[0].ID)+"/b", http.StatusNotFound)
	w.get(downloads(one)+"/file/nothing/b", http.StatusNotFound)
}
