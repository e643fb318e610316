package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

var terminalMiB = flag.Int("terminal-mib", 96, "how large the file is that TestTerminal sends and fetches")

// A witness stands between a program and the server, and counts what goes by.
type witness struct {
	mu      sync.Mutex
	sent    map[string]bool // parts
	acked   map[string]bool // of them, those that were answered with success
	twice   []string        // of them, those that were sent again
	fetched int64           // bytes of files that were asked for
}

func (w *witness) server(t *testing.T, target string) *httptest.Server {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ModifyResponse: func(res *http.Response) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			r := res.Request
			switch {
			case r.Method == http.MethodPut && res.StatusCode == http.StatusOK:
				w.acked[r.URL.Path] = true
			case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/links/") && strings.Contains(r.URL.Path, "/files/"):
				w.fetched += res.ContentLength
			}
			return nil
		},
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		FlushInterval: -1,
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.mu.Lock()
			w.sent[r.URL.Path] = true
			if w.acked[r.URL.Path] {
				w.twice = append(w.twice, r.URL.Path)
			}
			w.mu.Unlock()
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// ferry send and ferry get are killed five times each, just after they have got on, and
// go on when they are started again: no acknowledged part is sent twice, and of what has arrived no more is fetched
// again than was under way.
func TestTerminal(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	w := &witness{sent: map[string]bool{}, acked: map[string]bool{}}
	s := w.server(t, node.URL)
	dir := t.TempDir()
	size := int64(*terminalMiB) << 20
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	source := filepath.Join(dir, "large.bin")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	var key [32]byte
	if _, err := io.CopyN(f, rand.NewChaCha8(key), size+12345); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	env := append(testenv.Environment(), "FERRY_SERVER="+s.URL, "FERRY_KEY="+node.Key(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))

	// run runs the program, and kills it each time when more has been got than before.
	rate := strconv.FormatInt(size/3, 10) // a run takes three seconds, so that there is a middle
	run := func(kills int, got func() int, args ...string) string {
		for n := 0; ; n++ {
			before := got()
			cmd := exec.CommandContext(t.Context(), testenv.FerryBinary(t), args...)
			cmd.Env = env
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if n == kills {
				if err := cmd.Run(); err != nil {
					t.Fatalf("ferry %v: %v: %s", args, err, errs.String())
				}
				return strings.TrimSpace(out.String())
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); got() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("ferry %v does not get on: %s", args, errs.String())
				}
			}
			time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	acked := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	link := run(5, acked, "send", "--parallel", "2", "--rate", rate, "--name", "large", source)
	if len(w.twice) > 0 {
		t.Errorf("sent again although they were acknowledged: %v", w.twice)
	}
	// The answer to a part that was under way at a kill may have gone nowhere.
	if parts := int(size/(8<<20)) + 1; len(w.sent) != parts || len(w.acked) > parts || len(w.acked) < parts-5*2 {
		t.Errorf("%d parts were sent, and %d acknowledged, want %d", len(w.sent), len(w.acked), parts)
	}
	link = strings.Replace(link, node.URL, s.URL, 1)
	target := filepath.Join(dir, "got.bin")
	noted := func() int {
		text, err := os.ReadFile(target + ".ferry-note")
		if err != nil {
			return 0
		}
		var note struct{ Have []int }
		if err := json.Unmarshal(text, &note); err != nil {
			t.Fatal(err)
		}
		return len(note.Have)
	}
	run(5, noted, "get", "--parallel", "2", "--rate", rate, "-o", target, link)
	if most := size + 12345 + 5*2*(8<<20); w.fetched > most {
		t.Errorf("%d bytes were asked for, want at most %d", w.fetched, most)
	}
	if digest(t, source) != digest(t, target) {
		t.Error("another file has come back")
	}
	left, err := os.ReadDir(filepath.Join(dir, "state", "ferry", "sending"))
	if err != nil || len(left) > 0 {
		t.Errorf("what is left of it: %v, %v", left, err)
	}
}

func digest(t *testing.T, name string) (sum [sha256.Size]byte) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
