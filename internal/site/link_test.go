package site_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/board"
)

func TestShortLinks(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	b, _ := w.board("b-", "Board")
	v1, items := w.board("s-", "Transfer of v1", board.DraftItem{Name: "a", Size: 1})
	w.fill(items[0].File, "x")
	for _, tt := range []struct{ name, code, location string }{
		{"a transfer's leads to its download page", tr.Code, downloads(tr)},
		{"a board's leads to the latest of it", b.Code, "/board/" + string(b.ID) + "/latest"},
		{"a transfer's of API v1 leads to a download page", v1.Code, "/downloads/" + string(v1.ID) + "/" + v1.Hash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				res := w.do(method, "/"+tt.code, "")
				if body := read(t, res); res.StatusCode != http.StatusFound || res.Header.Get("Location") != w.server.URL+tt.location || body != "" {
					t.Errorf("%s: %d to %q, body %q", method, res.StatusCode, res.Header.Get("Location"), body)
				}
			}
			w.get(tt.location, http.StatusOK)
		})
	}
}

func TestWhatIsNotSeen(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a.jpg", "12345"})
	open, _ := w.draft("", "", sent{"a.jpg", "12345"})
	v1, _ := w.board("s-", "Transfer of v1")
	for _, tt := range []struct{ name, path string }{
		{"a code that nobody has", "/t-AAAAAAAAAA"},
		{"a transfer that is not finished", "/" + open.Code},
		{"its page", downloads(open)},
		{"an id that nobody has", "/downloads/" + strings.Repeat("0", 46) + "/828b5e"},
		{"a wrong hash", "/downloads/" + string(tr.ID) + "/828b5f"},
		{"a hash that is longer", downloads(tr) + "0"},
		{"the file behind a wrong hash", "/downloads/" + string(tr.ID) + "/828b5f/file/" + string(files[0].ID) + "/a"},
		{"the zip behind a wrong hash", "/downloads/" + string(tr.ID) + "/828b5f/zip/a.zip"},
		{"a recipient that nobody is", "/downloads/" + string(tr.ID) + "/someone/" + tr.Hash},
		{"a transfer as a board, without its hash", "/board/" + string(tr.ID) + "/latest"},
		{"a transfer of API v1 as a board, without its hash", "/board/" + string(v1.ID) + "/latest"},
		{"an id that is no text", "/downloads/%00%ff/828b5e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := w.get(tt.path, http.StatusNotFound)
			if missing := w.get("/downloads/0/0", http.StatusNotFound); page != missing {
				t.Error("is told in other words than what is missing")
			}
		})
	}
}

func TestWhatIsOverIsGone(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a.jpg", "12345"}, sent{"b.jpg", "12345"})
	down, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	if err := w.shares.Delete(t.Context(), sender.Owner, down.ID); err != nil {
		t.Fatal(err)
	}
	if page := w.get("/"+down.Code, http.StatusGone); !strings.Contains(page, "taken down") {
		t.Error("the page of a deleted transfer does not say so")
	}
	paths := []string{"/" + tr.Code, downloads(tr), downloads(tr) + "/file/" + string(files[0].ID) + "/a.jpg", downloads(tr) + "/zip/all.zip"}
	w.get(downloads(tr), http.StatusOK) // and so into what is remembered
	w.wait(week)
	for _, path := range paths {
		if page := w.get(path, http.StatusGone); !strings.Contains(page, "expired") {
			t.Errorf("%s: the page does not say why", path)
		}
		if res := w.do(http.MethodHead, path, ""); res.StatusCode != http.StatusGone {
			t.Errorf("HEAD %s: %d", path, res.StatusCode)
		}
	}
}

// Who does not hold the whole link is not told that there was anything.
func TestWhatIsOverIsGoneOnlyForItsHolders(t *testing.T) {
	w := newWorld(t)
	tr, files := w.transfer("", "", sent{"a.jpg", "12345"})
	v1, _ := w.board("s-", "Transfer of v1")
	w.wait(91 * 24 * time.Hour)
	w.get(downloads(tr), http.StatusGone)
	missing := w.get("/downloads/0/0", http.StatusNotFound)
	wrong := "/downloads/" + string(tr.ID) + "/828b5f"
	for _, path := range []string{
		wrong, wrong + "/file/" + string(files[0].ID) + "/a.jpg", wrong + "/zip/all.zip", "/downloads/" + string(tr.ID) + "/someone/" + tr.Hash,
		"/board/" + string(tr.ID) + "/latest", "/board/" + string(v1.ID) + "/latest", "/board/" + string(v1.ID) + "/zip/all.zip",
	} {
		if page := w.get(path, http.StatusNotFound); page != missing {
			t.Errorf("%s is told in other words than what is missing", path)
		}
	}
}

func TestMissesAreLimited(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	b, _ := w.board("b-", "Kitchen")
	w.as("2001:db8:1:2::1")
	for range 100 {
		w.get("/"+tr.Code, http.StatusFound) // hits are never counted
	}
	miss := []string{"/t-AAAAAAAAAA", "/board/sf32t4rgzf/latest", "/downloads/sf32t4rgzf/828b5e", "/downloads/sf32t4rgzf/828b5e/zip/a.zip"}
	for i := range 60 {
		w.get(miss[i%len(miss)], http.StatusNotFound)
	}
	if res := w.do(http.MethodGet, miss[0], ""); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("the 61st miss: %d", res.StatusCode)
	}
	w.get("/"+tr.Code, http.StatusTooManyRequests)                           // else a good guess could be told from the others
	w.get(downloads(tr), http.StatusOK)                                      // nobody guesses this
	w.get("/board/"+string(b.ID)+"/latest", http.StatusOK)                   // nor this
	w.get("/downloads/"+string(tr.ID)+"/000000", http.StatusTooManyRequests) // but hashes could be
	w.get("/wp-login.php", http.StatusNotFound)                              // names no share
	w.as("2001:db8:1:3::1")                                                  // a neighbour
	w.get(miss[0], http.StatusNotFound)
	w.as("2001:db8:1:2::1") // each minute forgives one
	w.wait(time.Minute)
	w.get("/"+tr.Code, http.StatusFound)
	w.get(miss[0], http.StatusNotFound)
	w.get(miss[0], http.StatusTooManyRequests)
}
