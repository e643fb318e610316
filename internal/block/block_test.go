package block_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
)

func newService(t testing.TB) *block.Service {
	t.Helper()
	d, err := db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return block.NewService(d, time.Now)
}

func TestCheck(t *testing.T) {
	s, ctx := newService(t), context.Background()
	for _, pattern := range []string{"Spam.Example", "@also.example", "Eve@good.example", "deep.sub.other.example."} {
		if err := s.Add(ctx, pattern, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, address string
		blocked       bool
	}{
		{"an address of a blocked domain", "a@spam.example", true},
		{"in other case", "A@SPAM.Example", true},
		{"of a domain below it", "a@mail.spam.example", true},
		{"far below it", "a@1.2.3.4.5.6.7.8.9.10.spam.example", true},
		{"with the dot at the end", "a@spam.example.", true},
		{"a domain that only ends alike", "a@notspam.example", false},
		{"the domain above", "a@example", false},
		{"a domain that was given with an @", "a@also.example", true},
		{"a blocked address", "eve@good.example", true},
		{"another one there", "bob@good.example", false},
		{"a quoted @ before the last", `"x@spam.example"@good.example`, false},
		{"a domain below one that is not blocked", "a@sub.other.example", false},
		{"a domain of several names", "a@deep.sub.other.example", true},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Check(ctx, "fine@good.example", tt.address)
			if fault.Is(err, "blocked") != tt.blocked || err != nil && !tt.blocked {
				t.Errorf("%q: %v", tt.address, err)
			}
		})
	}
	if err := s.Remove(ctx, "SPAM.example"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx, "a@spam.example"); err != nil {
		t.Errorf("after it was taken off: %v", err)
	}
	if err := s.Remove(ctx, "spam.example"); !fault.Is(err, "block_unknown") {
		t.Errorf("twice: %v", err)
	}
	if all, err := s.List(ctx, "", 10); err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWhatCannotBeBlocked(t *testing.T) {
	s, ctx := newService(t), context.Background()
	for _, pattern := range []string{"", "@", "example", "a b@example.org", "a@", "Ann <a@example.org>", "a@example.org, b@example.org", "a\x00.example"} {
		if err := s.Add(ctx, pattern, ""); !fault.Is(err, "block_invalid") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// Whatever is put on the list is blocked, until it is taken off.
func FuzzAddAndCheck(f *testing.F) {
	for _, seed := range []string{"spam.example", "@Spam.Example", "a@b.example", "a@b.example.", "ä@ö.example", "a.b.c.d.e.f.g.h.i.example"} {
		f.Add(seed)
	}
	s, ctx := newService(f), context.Background()
	f.Fuzz(func(t *testing.T, pattern string) {
		if s.Add(ctx, pattern, "") != nil {
			return
		}
		address := strings.TrimPrefix(strings.TrimSpace(pattern), "@")
		if !strings.Contains(address, "@") {
			address = "somebody@" + address
		}
		if err := s.Check(ctx, address); !fault.Is(err, "blocked") {
			t.Errorf("%q was added, but %q may pass: %v", pattern, address, err)
		}
		if err := s.Remove(ctx, pattern); err != nil {
			t.Errorf("%q was added and cannot be removed: %v", pattern, err)
		}
	})
}
