package wire

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

func from(addr string) context.Context {
	return WithOrigin(context.Background(), Origin{Addr: netip.MustParseAddr(addr)})
}

var errMiss = fault.New(fault.NotFound, "nothing", "no such thing")

func TestMisses(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC)
	m := NewMisses(func() time.Time { return now })
	guesser, neighbour := from("2001:db8:1:2::1"), from("2001:db8:1:3::1")
	for range 2 * missesAnHour {
		for _, err := range []error{nil, fault.New(fault.Gone, "", ""), errors.New("the disk")} {
			if got := m.Count(guesser, err); got != err {
				t.Fatalf("%v becomes %v", err, got)
			}
		}
	}
	for i := range missesAnHour {
		if m.Check(guesser) != nil || m.Count(guesser, errMiss) != errMiss {
			t.Fatalf("refused at miss %d", i+1)
		}
	}
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		refused bool
	}{
		{"the guesser has no try left", guesser, true},
		{"nor has another address of the same /64", from("2001:db8:1:2:ffff::2"), true},
		{"a neighbour has", neighbour, false},
		{"and who came by IPv4", from("192.0.2.1"), false},
	} {
		if got := m.Check(tt.ctx); fault.Is(got, CodeMisses) != tt.refused {
			t.Errorf("%s: Check gives %v", tt.name, got)
		}
		if got := m.Count(tt.ctx, errMiss); fault.Is(got, CodeMisses) != tt.refused {
			t.Errorf("%s: Count gives %v", tt.name, got)
		}
		if got := m.Count(tt.ctx, nil); got != nil {
			t.Errorf("%s: a hit is answered with %v", tt.name, got)
		}
	}
	now = now.Add(forgiveness) // one of them
	if m.Check(guesser) != nil || m.Count(guesser, errMiss) != errMiss || m.Check(guesser) == nil {
		t.Error("a minute does not forgive one miss")
	}
}

func TestNoMissesLimitNobody(t *testing.T) {
	var m *Misses
	for range 2 * missesAnHour {
		if m.Check(context.Background()) != nil || m.Count(context.Background(), errMiss) != errMiss {
			t.Fatal("refused")
		}
	}
}

func TestMissesAreBounded(t *testing.T) {
	m := NewMisses(func() time.Time { return time.Unix(0, 0) })
	m.most = 100
	for i := range 1000 {
		_ = m.Count(from("2001:db8:"+strconv.FormatInt(int64(i), 16)+"::1"), errMiss)
		if len(m.clear) > 100 {
			t.Fatalf("%d addresses", len(m.clear))
		}
	}
	if len(m.clear) < 50 {
		t.Errorf("%d addresses", len(m.clear))
	}
}
