package test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// onEngines runs test on a node with SQLite and on one with PostgreSQL.
func onEngines(t *testing.T, test func(*testing.T, *testenv.Node)) {
	t.Run("sqlite", func(t *testing.T) { test(t, testenv.StartFerry(t)) })
	t.Run("postgres", func(t *testing.T) {
		slow(t)
		test(t, testenv.StartFerry(t, "--database", testenv.Postgres(t)))
	})
}

// TestPlan: in how many parts a file is to be cut, and that a file of one part is
// its own chunk (the Rust client fills a buffer of chunk_size).
func TestPlan(t *testing.T) {
	c := signIn(t, testenv.StartFerry(t))
	sizes := []int64{1, 5242879, 5242880, 5242881, 6291456, 6291457, 13111521}
	want := map[string][]int{
		"v2 transfer": {1, 1, 1, 2, 2, 2, 3},
		"v2 board":    {1, 1, 1, 1, 1, 2, 3},
		"v1 transfer": {1, 1, 1, 1, 1, 2, 3},
	}
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			var files []content
			for i, size := range sizes {
				files = append(files, content{fmt.Sprintf("%d.bin", i), size, 0})
			}
			for i, f := range mustBegin(t, c, d, files...).items {
				if f.parts != want[d.name][i] {
					t.Errorf("%d bytes are %d parts, want %d", f.size, f.parts, want[d.name][i])
				}
				chunk := d.chunk
				if f.parts == 1 {
					chunk = f.size
				}
				if f.chunk != chunk && d.name != "v1 transfer" {
					t.Errorf("%d bytes have chunks of %d, want %d", f.size, f.chunk, chunk)
				}
			}
		})
	}
}

// TestSizes: files around the size of a chunk come back as they were sent.
func TestSizes(t *testing.T) {
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		c := signIn(t, node)
		for _, d := range dialects {
			t.Run(d.name, func(t *testing.T) {
				mustSend(t, c, d,
					content{"one byte.bin", 1, 1},
					content{"a chunk.bin", d.chunk, 2},
					content{"one byte over.bin", d.chunk + 1, 3},
				).check(t)
			})
		}
	})
}

// TestOwnCuts: in v1 nobody tells clients the size of a chunk. Two cut parts of
// their own and put the rest into the last; only the sum counts.
func TestOwnCuts(t *testing.T) {
	c := signIn(t, testenv.StartFerry(t))
	for _, tt := range []struct {
		name      string
		cut, size int64
	}{
		{"5 MiB, as wt-js-sdk 0.2.0", 5 * mib, 25_000_000},
		{"6,000,000 bytes, as wetransfeR", 6_000_000, 25_000_000},
		{"a file of one part", 6_000_000, 6_291_456},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustBegin(t, c, transferV1, content{"own.bin", tt.size, 4})
			f := s.items[0]
			for part := 1; part <= f.parts; part++ {
				off := int64(part-1) * tt.cut
				n := tt.cut
				if part == f.parts {
					n = f.size - off
				}
				if err := f.put(part, f.bytes(off, n)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.complete(); err != nil {
				t.Fatal(err)
			}
			s.check(t)
		})
	}
}

// TestParts: parts come in any order, again, with other bytes, all at once.
func TestParts(t *testing.T) {
	slow(t)
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		c := signIn(t, node)
		for _, d := range dialects {
			t.Run(d.name, func(t *testing.T) { testParts(t, c, d) })
		}
	})
}

func testParts(t *testing.T, c *wt, d dialect) {
	// begin gives a sending of one file, and its parts.
	begin := func(t *testing.T, size int64) (*sending, *item, [][]byte) {
		s := mustBegin(t, c, d, content{"parts.bin", size, rand.Uint64N(1000)})
		f := s.items[0]
		var parts [][]byte
		for part := 1; part <= f.parts; part++ {
			parts = append(parts, f.planned(d.chunk, part))
		}
		return s, f, parts
	}
	put := func(t *testing.T, f *item, part int, body []byte) {
		t.Helper()
		if err := f.put(part, body); err != nil {
			t.Fatal(err)
		}
	}
	finish := func(t *testing.T, s *sending) {
		t.Helper()
		if err := s.items[0].complete(); err != nil {
			t.Fatal(err)
		}
		if s.seal != nil {
			if err := s.seal(); err != nil {
				t.Fatal(err)
			}
		}
		s.check(t)
	}

	t.Run("the last first", func(t *testing.T) {
		s, f, parts := begin(t, 13111521)
		for _, part := range []int{3, 1, 2} {
			put(t, f, part, parts[part-1])
		}
		finish(t, s)
	})
	t.Run("the same again", func(t *testing.T) {
		s, f, parts := begin(t, 13111521)
		for _, part := range []int{1, 1, 2, 3, 2, 1} {
			put(t, f, part, parts[part-1])
		}
		finish(t, s)
	})
	t.Run("the same URL again", func(t *testing.T) {
		s, f, parts := begin(t, 1000)
		url, err := f.url(1)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.putTo(url, parts[0]); err != nil {
				t.Fatal(err)
			}
		}
		finish(t, s)
	})
	t.Run("other bytes first", func(t *testing.T) {
		s, f, parts := begin(t, 13111521)
		wrong := content{size: 6 * mib, seed: 1001}
		put(t, f, 2, wrong.bytes(0, int64(len(parts[1]))))
		put(t, f, 3, wrong.bytes(0, 17)) // of another length, too
		for _, part := range []int{1, 2, 3} {
			put(t, f, part, parts[part-1])
		}
		finish(t, s)
	})
	t.Run("of no announced length", func(t *testing.T) {
		s, f, parts := begin(t, 13111521)
		for part, body := range parts {
			url, err := f.url(part + 1)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequest("PUT", url, io.MultiReader(bytes.NewReader(body))) // goes out in chunks
			if err != nil {
				t.Fatal(err)
			}
			if err := c.putBy(req); err != nil {
				t.Fatal(err)
			}
		}
		finish(t, s)
	})
	t.Run("complete too early, then the rest", func(t *testing.T) {
		s, f, parts := begin(t, 13111521)
		want := 400
		if d.name == "v2 transfer" {
			want = 417
		}
		if err := f.complete(); statusOf(err) != want {
			t.Errorf("complete without parts: %v, want %d", err, want)
		}
		put(t, f, 1, parts[0])
		put(t, f, 3, parts[2])
		if err := f.complete(); statusOf(err) != want {
			t.Errorf("complete without part 2: %v, want %d", err, want)
		}
		put(t, f, 2, parts[1])
		finish(t, s)
		if err := f.complete(); err != nil {
			t.Errorf("complete again: %v", err)
		}
	})
	t.Run("24 at once", func(t *testing.T) {
		s, f, parts := begin(t, 24*d.chunk-5)
		var sent sync.WaitGroup
		for i, body := range parts {
			sent.Go(func() {
				if err := f.put(i+1, body); err != nil {
					t.Error(err)
				}
			})
		}
		sent.Wait()
		finish(t, s)
	})
	t.Run("one part by eight at once", func(t *testing.T) {
		s, f, parts := begin(t, 2*d.chunk)
		var sent sync.WaitGroup
		rival := func(i int) []byte { return content{size: d.chunk, seed: 2000 + uint64(i)}.bytes(0, d.chunk) }
		for i := range 8 {
			sent.Go(func() {
				if err := f.put(1, rival(i)); err != nil {
					t.Error(err)
				}
			})
		}
		sent.Wait()
		put(t, f, 2, parts[1])
		if err := f.complete(); err != nil {
			t.Fatal(err)
		}
		if s.seal != nil {
			if err := s.seal(); err != nil {
				t.Fatal(err)
			}
		}
		got := get(t, s.address(t, f))
		for i := range 8 {
			if bytes.Equal(got, append(rival(i), parts[1]...)) {
				return
			}
		}
		t.Error("what came back is none of what was sent")
	})
}
