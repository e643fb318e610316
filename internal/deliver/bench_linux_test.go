package deliver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
)

const benchSize = 256 << 20

func benchFolder(b *testing.B) folder {
	f := folder{dir: b.TempDir()}
	if err := os.WriteFile(filepath.Join(f.dir, "a"), make([]byte, benchSize), 0o600); err != nil {
		b.Fatal(err)
	}
	return f
}

func get(b *testing.B, c *http.Client, url string) {
	res, err := c.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	if err != nil || n != benchSize {
		b.Fatal(n, err)
	}
}

// measure reports the time of this process, client and all, for each GiB: on a
// busy machine it says more than the time on the clock.
func measure(b *testing.B, f func()) {
	var before, after syscall.Rusage
	b.SetBytes(benchSize)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		f()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent)/1e9/(float64(b.N)*benchSize/(1<<30)), "cpu-s/GiB")
}

func BenchmarkFile(b *testing.B) {
	store := benchFolder(b)
	content := blob.Content{{Blob: "a", Length: benchSize}}
	item := Item{Name: "a", ETag: `"x"`}
	run := func(name string, h http.HandlerFunc) {
		b.Run(name, func(b *testing.B) {
			s := httptest.NewServer(h)
			defer s.Close()
			measure(b, func() { get(b, s.Client(), s.URL) })
		})
		b.Run(name+" by TLS", func(b *testing.B) {
			s := httptest.NewTLSServer(h)
			defer s.Close()
			measure(b, func() { get(b, s.Client(), s.URL) })
		})
	}
	run("http.ServeContent", func(w http.ResponseWriter, r *http.Request) {
		f, _ := store.Open(r.Context(), "a")
		defer f.Close()
		w.Header().Set("Content-Type", octets)
		http.ServeContent(w, r, "", time.Time{}, f)
	})
	run("deliver.File", func(w http.ResponseWriter, r *http.Request) {
		if err := File(w, r, store, content, item); err != nil {
			panic(err)
		}
	})
}
