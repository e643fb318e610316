package test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestRivals: eight senders send the parts of two files over and over, each its
// own bytes, while three complete the files and finalize the transfer. Every part
// is one sender's as a whole, what was there at completion stays, whoever comes
// later is told, and the checksums of the archive are of what is in it.
func TestRivals(t *testing.T) {
	slow(t)
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		c := signIn(t, node)
		rounds := 3
		if *long {
			rounds = 60
		}
		for range rounds {
			testRivals(t, c)
		}
	})
}

func testRivals(t *testing.T, c *wt) {
	t.Helper()
	const part, size = 5 * mib, 5*mib + 1000
	s := mustBegin(t, c, transferV2, content{"a.bin", size, 0}, content{"b.bin", size, 0})
	var (
		senders, closers sync.WaitGroup
		over             atomic.Bool
	)
	for rival := range uint64(8) {
		own := content{"", size, rival}
		senders.Go(func() {
			for i := rival; !over.Load(); i++ {
				f, number := s.items[i%2], int(i/2%2)+1
				err := f.put(number, own.bytes(int64(number-1)*part, min(part, size-int64(number-1)*part)))
				switch {
				case err == nil:
				case statusOf(err) == 404 && strings.Contains(err.Error(), "NoSuchUpload"):
					return // completed meanwhile
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	links := make([]string, 3)
	for i := range links {
		closers.Go(func() {
			for _, f := range s.items {
				for err := f.complete(); err != nil; err = f.complete() {
					if statusOf(err) != 417 || t.Failed() {
						t.Error(err)
						return
					}
				}
			}
			var answer struct{ URL string }
			if err := c.call("PUT", "/v2/transfers/"+s.id+"/finalize", 200, nil, &answer); err != nil {
				t.Error(err)
			}
			links[i] = answer.URL
		})
	}
	closers.Wait()
	if t.Failed() {
		over.Store(true)
		senders.Wait()
		t.FailNow()
	}
	if links[0] == "" || links[1] != links[0] || links[2] != links[0] {
		t.Fatalf("one transfer was finalized as %q", links)
	}
	before := whole(t, links[0])
	senders.Wait() // all of them have met a complete file
	after := whole(t, links[0])
	for name, got := range after {
		if !bytes.Equal(got, before[name]) {
			t.Errorf("%s was complete, and then changed", name)
		}
		for number := range int64(2) {
			won := false
			off := number * part
			n := min(part, size-off)
			for rival := range uint64(8) {
				won = won || bytes.Equal(got[off:off+n], content{"", size, rival}.bytes(off, n))
			}
			if !won {
				t.Errorf("part %d of %s is no sender's", number+1, name)
			}
		}
	}
}

// whole fetches the archive of a transfer and gives its files. Reading them
// checks their checksums.
func whole(t *testing.T, link string) map[string][]byte {
	t.Helper()
	text := get(t, directLink(t, link))
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		r.Close()
	}
	if len(files) != 2 {
		t.Fatalf("the archive has %d files", len(files))
	}
	return files
}

// TestTooLate: after its completion, a file takes no part, by a URL that was good
// before, and stays what it was.
func TestTooLate(t *testing.T) {
	c := signIn(t, testenv.StartFerry(t))
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s := mustBegin(t, c, d, content{"late.bin", 1000, 80})
			f := s.items[0]
			address, err := f.url(1)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.send(); err != nil {
				t.Fatal(err)
			}
			for name, body := range map[string][]byte{"the same bytes": f.bytes(0, 1000), "other bytes": make([]byte, 1000)} {
				if err := c.putTo(address, body); statusOf(err) != 404 || !strings.Contains(fmt.Sprint(err), "<Code>NoSuchUpload</Code>") {
					t.Errorf("%s: %v, want 404 NoSuchUpload", name, err)
				}
			}
			s.check(t)
		})
	}
}
