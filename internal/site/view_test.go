package site_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/media/mediatest"
)

// view gives the address of the page on which a file is looked at; "" if there is none.
func view(page string, n int) string {
	all := regexp.MustCompile(`href="([^"]+/view/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if n >= len(all) {
		return ""
	}
	return all[n][1]
}

func TestLooking(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	path := w.sendAs(mara, "Isles", "isles",
		sent{"a.txt", "<script>alert(1)</script>\nb\u202ec\xff" + strings.Repeat("é", 40_000)}, sent{"b.png", "\x89PNG"},
		sent{"c.html", "<script>alert(1)</script>"}, sent{"d.svg", "<svg onload='alert(1)'/>"}, sent{"e.MP4", "x"})
	page := w.get("/to/isles", http.StatusOK)
	if n := strings.Count(page, "/view/"); n != 3 {
		t.Errorf("%d files can be looked at, want 3", n)
	}
	text := w.get(view(page, 0), http.StatusOK)
	if !strings.Contains(text, "&lt;script&gt;alert(1)") || strings.Contains(text, "<script") || strings.Contains(text, "\u202e") || !strings.Contains(text, "\n…</code>") {
		t.Errorf("the text is shown as %.500s", text)
	}
	picture := w.get(view(page, 1), http.StatusOK)
	source := regexp.MustCompile(`<img src="([^"]+)"`).FindStringSubmatch(picture)
	if source == nil {
		t.Fatalf("no picture: %s", picture)
	}
	res := w.do(http.MethodGet, source[1], "")
	h := res.Header
	if read(t, res) != "\x89PNG" || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("the picture comes with %v", h)
	}
	if film := w.get(view(page, 2), http.StatusOK); !strings.Contains(film, "<video src=") {
		t.Error("no film")
	}
	for _, other := range []string{"c.html", "d.svg", "a.txt"} {
		link := regexp.MustCompile(`href="([^"]+/` + regexp.QuoteMeta(other) + `)"`).FindStringSubmatch(page)[1]
		res := w.do(http.MethodGet, link+"?view", "")
		if read(t, res); res.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s comes as %s", other, res.Header.Get("Content-Type"))
		}
	}
	// What was looked at has not been downloaded; c, d and a were.
	if shown := w.get(path, http.StatusOK, mara); !strings.Contains(shown, "3 downloads") || strings.Contains(shown, "<td><bdi>b.png") {
		t.Errorf("looking at a picture counts as a download: %s", shown)
	}

	w.submit(path, mara, url.Values{"do": {"password"}, "password": {"sesame"}})
	if locked := w.get(view(page, 0), http.StatusOK); strings.Contains(locked, "alert(1)") {
		t.Error("without the password the text is shown")
	}
	if res := w.do(http.MethodGet, source[1], ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("without the password the picture is shown: %s", res.Status)
	}
	w.submit(path, mara, url.Values{"do": {"password"}})
	w.submit(path, mara, url.Values{"do": {"delete"}})
	w.get(view(page, 0), http.StatusGone)
	w.get(source[1], http.StatusGone)
	w.submit(path, mara, url.Values{"do": {"recover"}})
	w.get(view(page, 0), http.StatusOK)
	w.wait(40 * 24 * time.Hour)
	w.get(view(page, 0), http.StatusGone)
}

// Of a document there are pictures, and nothing of its own reaches the browser.
func TestLookingAtDocuments(t *testing.T) {
	if media.Find() == nil {
		t.Skip("pdfinfo and pdftoppm are not installed (Debian: poppler-utils)")
	}
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	doc := string(mediatest.PDF(mediatest.Sheet{Text: "one"}, mediatest.Sheet{Width: 300, Height: 200, Text: "two"}))
	path := w.sendAs(mara, "Papers", "papers", sent{"a.PDF", doc}, sent{"b.pdf", "<script>alert(1)</script>"})
	page := w.get("/to/papers", http.StatusOK)
	at := view(page, 0)
	shown := w.get(at, http.StatusOK)
	if !strings.Contains(shown, `<img class="sheet" src="?page=2" width="300" height="200" alt="Page 2 of 2" loading="lazy">`) {
		t.Fatalf("no second page: %s", shown)
	}
	res := w.do(http.MethodGet, at+"?page=2", "")
	h := res.Header
	if body := read(t, res); !strings.HasPrefix(body, "\xff\xd8\xff") || h.Get("Content-Type") != "image/jpeg" ||
		h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		t.Errorf("the picture is %.20q, and comes with %v", body, h)
	}
	if res := w.do(http.MethodGet, at+"?page=2", "", "If-None-Match: "+h.Get("Etag")); res.StatusCode != http.StatusNotModified {
		t.Errorf("a picture that is known: %s", res.Status)
	}
	for _, n := range []string{"0", "-1", "101", "x", "9999999999999999999999", "1%00"} {
		if res := w.do(http.MethodGet, at+"?page="+n, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("page %s: %s", n, res.Status)
		}
	}
	if res := w.do(http.MethodGet, at+"?page=3", ""); res.StatusCode != http.StatusBadRequest {
		t.Errorf("page 3 of 2: %s", res.Status)
	}
	if broken := w.get(view(page, 1), http.StatusOK); !strings.Contains(broken, "cannot be shown") || strings.Contains(broken, "alert(1)") {
		t.Errorf("what is no document: %s", broken)
	}
	file := regexp.MustCompile(`href="([^"]+/a.PDF)"`).FindStringSubmatch(page)[1]
	if shown := w.get(path, http.StatusOK, mara); !strings.Contains(shown, "0 downloads") {
		t.Error("looking at a document counts as a download")
	}
	if res := w.do(http.MethodGet, file+"?view", ""); read(t, res) != doc || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("the document itself comes as %s", res.Header.Get("Content-Type"))
	}
	w.submit(path, mara, url.Values{"do": {"password"}, "password": {"sesame"}})
	if res := w.do(http.MethodGet, at+"?page=2", "", "If-None-Match: "+h.Get("Etag")); res.StatusCode != http.StatusForbidden {
		t.Errorf("without the password: %s", res.Status)
	}
}

// What may be downloaded only so often is not shown: whoever sees it has it.
func TestNoLookingPastALimit(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	w.sendAs(mara, "Free", "free", sent{"a.txt", "hello"})
	at := view(w.get("/to/free", http.StatusOK), 0)
	body, header := sendForm(t, [][2]string{{"name", "once"}, {"max_downloads", "1"}}, sent{"a.txt", "hello"}, sent{"b.png", "x"})
	w.do(http.MethodPost, "/", body, header, mara)
	page := w.get("/to/once", http.StatusOK)
	if strings.Contains(page, "/view/") {
		t.Error("files of a limited link can be looked at")
	}
	file := regexp.MustCompile(`href="(/to/once/file/([^/]+)/b.png)"`).FindStringSubmatch(page)
	w.get("/to/once/view/"+file[2], http.StatusNotFound)
	w.get("/to/free/view/"+file[2], http.StatusNotFound) // of another link
	w.get(strings.Replace(at, "free", "once", 1), http.StatusNotFound)
	if res := w.do(http.MethodGet, file[1]+"?view", ""); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	} else {
		read(t, res)
	}
	w.get(file[1]+"?view", http.StatusGone) // that was the download
}
