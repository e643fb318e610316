package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// listing is an FS with one folder that gives its names in any order.
type listing struct {
	FS
	names map[string]bool
	reads int
}

func (l *listing) ReadDir(_ string, f func(fs.DirEntry) error) error {
	l.reads++
	for name := range l.names {
		entries, err := fstest.MapFS{name: {}}.ReadDir(".")
		if err = errors.Join(err, f(entries[0])); err != nil {
			return err
		}
	}
	return nil
}

func TestInOrderHoldsFewNames(t *testing.T) {
	all := func(fs.DirEntry) bool { return true }
	for _, n := range []int{0, 1, 9, 10, 11, 19, 20, 21, 35, 100} {
		t.Run(fmt.Sprintf("%d names by tens", n), func(t *testing.T) {
			l := &listing{names: map[string]bool{}}
			for i := range n {
				l.names[fmt.Sprintf("%03d", i)] = true
			}
			s := &Store{fsys: l}
			var got []string
			err := s.inOrder(t.Context(), "dir", 10, all, func(e fs.DirEntry) error {
				got = append(got, e.Name())
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(slices.Sorted(maps.Keys(l.names)), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if want := max(1, (n+9)/10); l.reads > want {
				t.Errorf("the folder was read %d times, want at most %d", l.reads, want)
			}
		})
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := recent[int, string]{most: 100}
	for i := range 1000 {
		r.put(i, "x")
		if _, known := r.get(max(0, i-99)); !known {
			t.Fatalf("after %d, the last 100 are not all known", i)
		}
	}
	if n := len(r.young) + len(r.old); n > 200 {
		t.Errorf("%d are held", n)
	}
	r.drop(999)
	r.drop(901)
	for _, k := range []int{0, 799, 901, 999} {
		if _, known := r.get(k); known {
			t.Errorf("%d is still known", k)
		}
	}
}
