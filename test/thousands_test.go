package test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestThousands: a transfer of ten thousand files is one like any other, one
// file more is refused, and what was sent is on its page and in its archive. Of
// the ten thousand, 2,000 are really sent, all with -long.
func TestThousands(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	named := func(n int) (files []content) {
		for i := range n {
			files = append(files, content{fmt.Sprintf("file %05d.txt", i), 1, uint64(i)})
		}
		return files
	}
	t.Run("10,001 are refused", func(t *testing.T) {
		if _, err := transferV2.begin(c, named(10_001)...); statusOf(err) != http.StatusBadRequest {
			t.Errorf("create: %.300v, want 400", err)
		}
	})
	t.Run("10,000 are taken, and one of them can be sent alone", func(t *testing.T) {
		s := mustBegin(t, c, transferV2, named(10_000)...)
		f := s.items[9_999]
		if err := f.put(1, f.bytes(0, 1)); err != nil {
			t.Fatal(err)
		}
		if err := f.complete(); err != nil {
			t.Fatal(err)
		}
		if err := s.seal(); statusOf(err) != 417 && statusOf(err) != 400 {
			t.Errorf("finalize with 9,999 files missing: %v, want 417 or 400", err)
		}
	})
	n := 2_000
	if *long {
		n = 10_000
	}
	t.Run(fmt.Sprintf("%d are sent", n), func(t *testing.T) {
		s := mustBegin(t, c, transferV2, named(n)...)
		next := make(chan *item)
		var workers sync.WaitGroup
		for range 16 {
			workers.Go(func() {
				for f := range next {
					err := f.put(1, f.bytes(0, 1))
					if err == nil {
						err = f.complete()
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, f := range s.items {
			if t.Failed() {
				break
			}
			next <- f
		}
		close(next)
		workers.Wait()
		if err := s.seal(); err != nil {
			t.Fatal(err)
		}
		on := offered(t, s.link)
		for _, f := range s.items {
			if on[f.name] == "" {
				t.Fatalf("the page offers %d files, and not %s", len(on), f.name)
			}
		}
		for _, f := range []*item{s.items[0], s.items[n/2], s.items[n-1]} {
			f.checkAt(t, on[f.name])
		}
		whole, _ := fetchHead(t, directLink(t, s.link))
		checkZip(t, bytes.Clone(whole), named(n))
	})
}
