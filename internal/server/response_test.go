package server

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

const childFile = "FERRY_TEST_SENDFILE" // set in the process that strace looks at

// A file goes to the socket by sendfile, through all that the server puts between.
func TestFilesGoBySendfile(t *testing.T) {
	if path := os.Getenv(childFile); path != "" {
		download(t, path)
		return
	}
	strace := testenv.Need(t, "strace")
	dir := t.TempDir()
	file, log := filepath.Join(dir, "file"), filepath.Join(dir, "log")
	if err := os.WriteFile(file, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strace, "-f", "-e", "trace=sendfile", "-o", log, os.Args[0], "-test.run=^TestFilesGoBySendfile$")
	cmd.Env = append(os.Environ(), childFile+"="+file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(calls), "sendfile(") {
		t.Errorf("strace saw no sendfile:\n%s", calls)
	}
}

// download serves one file and fetches it.
func download(t *testing.T, path string) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, "", time.Time{}, f)
	}}, "/")
	srv := httptest.NewServer(s)
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != 8<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestDownloadOverTLS(t *testing.T) {
	content := make([]byte, 3<<20+17)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	for _, http2 := range []bool{false, true} {
		s := New(Config{Log: quiet()})
		s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "x.bin", time.Time{}, bytes.NewReader(content))
		}}, "/")
		srv := httptest.NewUnstartedServer(s)
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		srv.Close()
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("HTTP/2 %v: %d bytes, %v; want %d", http2, len(got), err, len(content))
		}
		if (resp.ProtoMajor == 2) != http2 {
			t.Errorf("it was %s", resp.Proto)
		}
	}
}

func TestControllerReachesTheConnection(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.Flush()); err != nil {
			t.Error(err)
		}
	}}, "/")
	srv := httptest.NewServer(s)
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
