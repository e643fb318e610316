package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
)

// lists makes lists of numbers, of which the largest is the latest.
func lists(after string, all ...[]int) []list[int] {
	out := make([]list[int], len(all))
	for i, numbers := range all {
		slices.SortFunc(numbers, func(a, b int) int { return b - a })
		rest := slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return after != "" && fmt.Sprintf("%06d", n) >= after })
		out[i].more = func(n int) ([]int, error) {
			step := rest[:min(n, len(rest))]
			rest = rest[len(step):]
			return step, nil
		}
	}
	return out
}

var numbers = reading[int]{
	later: func(a, b int) int { return cmp.Compare(b, a) },
	place: func(n int) string { return fmt.Sprintf("%06d", n) },
	fits:  func(n int) bool { return n%5 != 0 },
	match: func(some []int) ([]bool, error) {
		out := make([]bool, len(some))
		for i, n := range some {
			out[i] = strings.Contains(fmt.Sprint(n), "7")
		}
		return out, nil
	},
}

func TestPagesTogetherAreTheList(t *testing.T) {
	var a, b, c []int
	for n := 1; n <= 700; n++ {
		switch {
		case n%3 == 0:
			a = append(a, n)
		case n < 400:
			b = append(b, n)
		default:
			c = append(c, n)
		}
	}
	for _, search := range []string{"", "7"} {
		var want []int
		for n := 700; n >= 1; n-- {
			if n%5 != 0 && (search == "" || strings.Contains(fmt.Sprint(n), "7")) {
				want = append(want, n)
			}
		}
		for _, limit := range []int{1, 7, 100, 1000} {
			var got []int
			q := Query{Limit: limit, Search: search}
			for pages := 0; ; pages++ {
				p, err := read(lists(q.After, a, b, c), q, numbers)
				if err != nil || len(p.Items) > limit || pages > 1000 {
					t.Fatalf("%d items, %v, page %d", len(p.Items), err, pages)
				}
				got = append(got, p.Items...)
				if p.Next == "" {
					break
				}
				if len(p.Items) == 0 {
					t.Fatalf("an empty page %d that promises more", pages)
				}
				q.After = p.Next
			}
			if !slices.Equal(got, want) {
				t.Errorf("search %q in pages of %d: %d items, want %d", search, limit, len(got), len(want))
			}
		}
		p, err := read(lists("", a, b, c), Query{Limit: 10, Skip: 15, Search: search}, numbers)
		if err != nil || !slices.Equal(p.Items, want[15:25]) {
			t.Errorf("search %q, after 15: %v, %v", search, p.Items, err)
		}
	}
}

func TestASearchEndsSomewhere(t *testing.T) {
	long := make([]int, 3*scanMost)
	for i := range long {
		long[i] = i + 1
	}
	r := numbers
	r.match = func(some []int) ([]bool, error) { return make([]bool, len(some)), nil }
	calls := 0
	for q := (Query{Limit: 10, Search: "nothing"}); ; calls++ {
		p, err := read(lists(q.After, long), q, r)
		if err != nil || len(p.Items) > 0 {
			t.Fatal(p, err)
		}
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	if calls != 3 {
		t.Errorf("%d calls for three times as much as one may read", calls)
	}
}

func TestListsThatFail(t *testing.T) {
	boom := errors.New("boom")
	bad := []list[int]{{more: func(int) ([]int, error) { return nil, boom }}}
	if _, err := read(bad, Query{Limit: 1}, numbers); !errors.Is(err, boom) {
		t.Error(err)
	}
	if _, err := read(make([]list[int], MaxMembers+1), Query{Limit: 1}, numbers); fault.CodeOf(err) != "too_many_members" {
		t.Error(err)
	}
	if p, err := read[int](nil, Query{Limit: 1}, numbers); err != nil || len(p.Items) != 0 {
		t.Error(p, err)
	}
}

// The database is not asked for what cannot be a track: the sender's own name of a link, a
// transfer's id, a short code.
func TestNoTrackIsNotLookedFor(t *testing.T) {
	d := &Desk{} // without a store to ask
	for _, name := range []string{"", "large", "0123456789abcdef", strings.Repeat("x", TrackLen+1)} {
		if _, _, err := d.ByTrack(t.Context(), name); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: %v", name, err)
		}
	}
}
