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
