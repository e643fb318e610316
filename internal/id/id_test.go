package id

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeysSortByTime(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	s := NewSource(func() time.Time { return now })
	var keys []string
	for range 50 {
		keys = append(keys, s.Key())
		now = now.Add(time.Millisecond)
	}
	if !slices.IsSorted(keys) {
		t.Error("keys of later milliseconds do not compare greater")
	}
	for i, k := range keys {
		if !IsKey(k) {
			t.Errorf("IsKey(%q) = false", k)
		}
		at := time.UnixMilli(1_700_000_000_000 + int64(i))
		if k < Before(at) || k >= Before(at.Add(time.Millisecond)) {
			t.Errorf("key %q is outside its millisecond", k)
		}
	}
}

func TestKeysAscendWhateverTheClockDoes(t *testing.T) {
	for name, step := range map[string]time.Duration{"stands": 0, "goes back": -time.Millisecond} {
		now := time.UnixMilli(1_000_000)
		s := NewSource(func() time.Time { now = now.Add(step); return now })
		last := ""
		for range 10_000 {
			k := s.Key()
			if k <= last {
				t.Fatalf("the clock %s: %q after %q", name, k, last)
			}
			last = k
		}
	}
}

func TestTwoSourcesDoNotMeet(t *testing.T) {
	at := func() time.Time { return time.UnixMilli(1) }
	seen := map[string]bool{}
	for range 10_000 {
		k := NewSource(at).Key()
		if seen[k] {
			t.Fatalf("%q twice", k)
		}
		seen[k] = true
	}
}

func TestSeededSourceRepeats(t *testing.T) {
	at := func() time.Time { return time.UnixMilli(5) }
	a := NewSeeded(at, rand.NewChaCha8([32]byte{1}))
	b := NewSeeded(at, rand.NewChaCha8([32]byte{1}))
	if x, y := a.Key()+a.Text(Base62, 10), b.Key()+b.Text(Base62, 10); x != y {
		t.Errorf("%q and %q from one seed", x, y)
	}
}

func TestTextUsesTheWholeAlphabet(t *testing.T) {
	s := NewSource(time.Now)
	text := s.Text(Base62, 20_000)
	if len(text) != 20_000 {
		t.Fatalf("%d characters", len(text))
	}
	for _, c := range Base62 {
		// 323 of each are expected; a biased cut would move the first ones by a quarter.
		if n := strings.Count(text, string(c)); n < 230 || n > 420 {
			t.Errorf("%q came %d times of 20000", c, n)
		}
	}
}

func TestBytesOfKeys(t *testing.T) {
	s := NewSource(func() time.Time { return time.UnixMilli(1_700_000_000_000) })
	for range 1000 {
		k := s.Key()
		if b, ok := Bytes(k); !ok || OfBytes(b) != k {
			t.Fatalf("%q: %x, %v, back %q", k, b, ok, OfBytes(b))
		}
	}
	for _, k := range []string{"", "8" + strings.Repeat("0", 25), strings.Repeat("0", 25), strings.Repeat("u", 26)} {
		if _, ok := Bytes(k); ok {
			t.Errorf("%q is taken for a key", k)
		}
	}
}
