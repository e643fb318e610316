package transfer

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
)

func ring(t testing.TB, secrets ...string) *keyring.Ring {
	t.Helper()
	var former [][]byte
	for _, s := range secrets[1:] {
		former = append(former, bytes.Repeat([]byte(s), 32))
	}
	r, err := keyring.New(bytes.Repeat([]byte(secrets[0]), 32), former...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeysOutliveTheSecretThatMadeThem(t *testing.T) {
	tr := &Transfer{Share: share.Share{Key: "k"}, Sending: Sending{Password: "text"}}
	old := &Desk{ring: ring(t, "a")}
	key := old.Key(tr)
	if len(key) != 36 || key == (&Desk{ring: ring(t, "b")}).Key(tr) || key == old.Key(&Transfer{}) {
		t.Errorf("%s is no key of one transfer under one secret", string(key))
	}
	p := account.Secret(pass(old.ring.Key(passLabel), tr))
	rotated := ring(t, "b", "a")
	if !holds(rotated, "k", key) || !opens(rotated, tr, p) {
		t.Error("void while the secret is rotated")
	}
	if holds(ring(t, "b"), "k", key) || opens(ring(t, "b"), tr, p) {
		t.Error("good for another installation")
	}
}

func FuzzTransferKey(f *testing.F) {
	r := ring(f, "s")
	good := string((&Desk{ring: r}).Key(&Transfer{Share: share.Share{Key: "k"}}))
	bare := strings.ReplaceAll(good, "-", "")
	f.Add(good)
	f.Add(bare)
	f.Add("")
	f.Add(strings.Repeat("-", 36))
	f.Fuzz(func(t *testing.T, s string) {
		want := strings.EqualFold(s, good) || strings.EqualFold(s, bare)
		if holds(r, "k", account.Secret(s)) != want {
			t.Errorf("%q is taken: %v", s, !want)
		}
	})
}

func TestSpans(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spans []Span
		want  Spans
		whole bool // of 100
	}{
		{"nothing", nil, Spans{}, false},
		{"all", []Span{{0, 100}}, Spans{{0, 100}}, true},
		{"in two that touch, the last first", []Span{{40, 60}, {0, 40}}, Spans{{0, 100}}, true},
		{"overlapping", []Span{{0, 60}, {30, 70}, {10, 5}}, Spans{{0, 100}}, true},
		{"with a hole", []Span{{0, 40}, {41, 59}}, Spans{{0, 40}, {41, 59}}, false},
		{"without the first byte", []Span{{1, 99}}, Spans{{1, 99}}, false},
		{"without the last byte", []Span{{0, 99}}, Spans{{0, 99}}, false},
		{"empty ones and nonsense", []Span{{5, 0}, {-1, 50}, {7, -3}, {9, 1}}, Spans{{9, 1}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Spans(nil).add(tt.spans)
			if diff := cmp.Diff(tt.want, got); diff != "" || got.cover(100) != tt.whole {
				t.Errorf("%s; whole: %v", diff, got.cover(100))
			}
		})
	}
	if !(Spans{}).cover(0) {
		t.Error("an empty file has not arrived")
	}
}

// In whatever order runs arrive, all of them together are what arrived.
func TestSpansInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		var there [200]bool
		var s Spans
		for range r.IntN(30) {
			one := Span{r.Int64N(150), r.Int64N(50)}
			for i := range one.N {
				there[one.Off+i] = true
			}
			s = s.add([]Span{one})
		}
		var got [200]bool
		for i, one := range s {
			if i > 0 && one.Off <= s[i-1].Off+s[i-1].N {
				t.Fatalf("seed %d: %v touch", seed, s)
			}
			for i := range one.N {
				got[one.Off+i] = true
			}
		}
		if got != there {
			t.Fatalf("seed %d: %v", seed, s)
		}
	}
}

func TestManyHolesAreBounded(t *testing.T) {
	var s Spans
	for i := range 10_000 {
		s = s.add([]Span{{int64(2 * i), 1}})
	}
	if len(s) > mostSpans {
		t.Errorf("%d spans are kept", len(s))
	}
	if s = s.add([]Span{{0, 20_000}}); !s.cover(20_000) {
		t.Error("who takes all in the end does not have it")
	}
}

func TestAddressesAreShortened(t *testing.T) {
	for _, tt := range []struct{ address, kept, guesser string }{
		{"192.0.2.77", "192.0.2.0", "192.0.2.77"},
		{"::ffff:192.0.2.77", "192.0.2.0", "192.0.2.77"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1::", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::", "fe80::"},
		{"nonsense", "", ""},
		{"", "", ""},
	} {
		if got := Shorten(tt.address); got != tt.kept {
			t.Errorf("%s is kept as %q, want %q", tt.address, got, tt.kept)
		}
		if got := neighbours(tt.address); got != tt.guesser {
			t.Errorf("%s guesses as %q, want %q", tt.address, got, tt.guesser)
		}
	}
}

func TestAgentsAreMadeStorable(t *testing.T) {
	for in, want := range map[string]string{
		"Mozilla/5.0": "Mozilla/5.0", "a\x00b\r\nc\x7f": "abc", "\xff\xfe!": "!", strings.Repeat("é", 150): strings.Repeat("é", 100),
	} {
		if got := clean(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%q is kept as %q", in, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"a.txt", "a/b", "../x", "a//b", "", " . ", "x\x00", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !validName(s) {
			return
		}
		if strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.ContainsAny(s, "\x00\r\n") || !utf8.ValidString(s) {
			t.Errorf("%q passes", s)
		}
		for part := range strings.SplitSeq(s, "/") {
			if part == "" || part == "." || part == ".." {
				t.Errorf("%q passes", s)
			}
		}
	})
}

func FuzzPlace(f *testing.F) {
	f.Add(Place{time.UnixMilli(1), RecipientKey(strings.Repeat("k", keyLen))}.String())
	f.Add("-1.x")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePlace(s)
		switch {
		case err != nil && fault.CodeOf(err) != "cursor_invalid":
			t.Errorf("%q: %v", s, err)
		case err == nil && s != "":
			if again, err := parsePlace(p.String()); err != nil || again != p {
				t.Errorf("%q comes back as %+v, %v", s, again, err)
			}
		}
	})
}

func TestEnd(t *testing.T) {
	from := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	if got := end(from, 30); !got.Equal(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("30 days from %v are over at %v", from, got)
	}
	if (&share.Share{ExpiresAt: end(from, Forever)}).Permanent() != true || (&share.Share{ExpiresAt: end(from, 36500)}).Permanent() {
		t.Error("for ever is not what it says")
	}
}
