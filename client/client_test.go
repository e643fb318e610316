package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferry-server/ferry/client"
)

func Example() {
	ctx := context.Background()
	c, err := client.New("https://ferry.example.org", os.Getenv("FERRY_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	film, err := client.FileSource("film.mov", "film.mov")
	if err != nil {
		log.Fatal(err)
	}
	sent, err := c.Upload(ctx, client.NewTransfer{Title: "Isles", To: []string{"lars@example.org"}}, []client.Source{film}, client.UploadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sent.Link)
}

func ExampleClient_Open() {
	ctx := context.Background()
	server, name, err := client.SplitLink("https://ferry.example.org/to/isles")
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(server, "")
	if err != nil {
		log.Fatal(err)
	}
	link, err := c.Open(ctx, name, "")
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.OpenRoot(".")
	if err != nil {
		log.Fatal(err)
	}
	if err := link.Save(ctx, dir, link.Files, client.SaveOptions{}); err != nil {
		log.Fatal(err)
	}
}

func TestSplitLink(t *testing.T) {
	for link, want := range map[string]string{
		"https://a.example/d/0123":       "https://a.example 0123",
		"https://a.example/t/0123/":      "https://a.example 0123",
		"http://a.example:81/to/isles":   "http://a.example:81 isles",
		"https://a.example/ferry/to/x":   "https://a.example/ferry x",
		"https://a.example/t-Ab12Cd34Ef": "https://a.example t-Ab12Cd34Ef",
		"https://a.example/docs":         "", "https://a.example/": "", "a.example/d/1": "", "": "", "ftp://a.example/d/1": "", "https://u:p@a.example/d/1": "",
	} {
		server, name, err := client.SplitLink(link)
		if want == "" && err == nil || want != "" && server+" "+name != want {
			t.Errorf("%q: %q %q, %v", link, server, name, err)
		}
	}
}

// A shelf is a server of one link, whose names nobody has cleaned.
type shelf struct {
	files  map[string]string
	tag    string
	cuts   atomic.Int64 // answers that are cut in the middle
	status int          // of every answer about files, if it is set
}

func (s *shelf) link(t *testing.T) *client.Link {
	t.Helper()
	mux := http.NewServeMux()
	var base string
	mux.HandleFunc("GET /ferry/v1/links/x", func(w http.ResponseWriter, _ *http.Request) {
		l := client.Link{ZipURL: base + "/ferry/v1/links/x/zip"}
		for name, content := range s.files {
			l.Files = append(l.Files, client.LinkFile{
				Name: name, Size: int64(len(content)), CRC32: fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(content))), URL: base + "/file?" + name,
			})
		}
		_ = json.NewEncoder(w).Encode(l)
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		w.Header().Set("ETag", s.tag)
		content := s.files[r.URL.RawQuery]
		if s.cuts.Add(-1) >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = io.WriteString(w, content[:len(content)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	base = server.URL
	c, err := client.New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Open(t.Context(), "x", "")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whatever files are called, they stay in the folder that they are saved to.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"..", "../x", "/etc/x", "a/../../x", "a//b", ".", "", "out/x"} {
		s := &shelf{files: map[string]string{name: "x"}, tag: `"1"`}
		l := s.link(t)
		outside := t.TempDir()
		folder := filepath.Join(outside, "folder")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(folder, "out")); err != nil { // somebody's link that leads away
			t.Fatal(err)
		}
		dir, err := os.OpenRoot(folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Save(t.Context(), dir, l.Files, client.SaveOptions{}); err == nil {
			t.Errorf("%q was saved", name)
		}
		_ = dir.Close()
		left, err := os.ReadDir(outside)
		if err != nil || len(left) != 1 {
			t.Errorf("%q: outside there are %v, %v", name, left, err)
		}
	}
}

func TestSaveGoesOn(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	s := &shelf{files: map[string]string{"a": content}, tag: `"1"`}
	s.cuts.Store(1)
	l := s.link(t)
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := l.Save(t.Context(), dir, l.Files, client.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := dir.ReadFile("a"); err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestSaveRefusesOtherBytes(t *testing.T) {
	s := &shelf{files: map[string]string{"a": "hello"}, tag: `"1"`}
	l := s.link(t)
	s.files["a"] = "jello"
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := l.Save(t.Context(), dir, l.Files, client.SaveOptions{}); err == nil || !strings.Contains(err.Error(), "not those that were sent") {
		t.Errorf("damaged bytes: %v", err)
	}
	if _, err := dir.Stat("a"); err == nil {
		t.Error("damaged bytes have the file's name")
	}
	if err := l.WriteTo(t.Context(), io.Discard, l.Files[0]); err == nil {
		t.Error("damaged bytes were written out")
	}
}

func TestRefusalsAreErrors(t *testing.T) {
	s := &shelf{files: map[string]string{"a": "hello"}, tag: `"1"`, status: http.StatusGone}
	l := s.link(t)
	err := l.WriteTo(t.Context(), io.Discard, l.Files[0])
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusGone || client.Temporary(err) {
		t.Errorf("what is gone: %v", err)
	}
	for _, server := range []string{"", "ferry.example.org", "ftp://x", "https://u:p@x", "https://x?y"} {
		if _, err := client.New(server, ""); err == nil {
			t.Errorf("%q was taken for a server", server)
		}
	}
}
