package session_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/session"
)

func TestWhatIsKeptOfAClient(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, address, agent, wantAddress, wantAgent string
	}{
		{"an address by its network", "192.0.2.77", "Browser/1", "192.0.2.0", "Browser/1"},
		{"one of IPv6", "2001:db8:1:2:3::4", "", "2001:db8:1::", ""},
		{"one in the other", "::ffff:192.0.2.77", "", "192.0.2.0", ""},
		{"a name of controls", "192.0.2.77", "a\x00b\nc\u0085\xffd", "192.0.2.0", "abcd"},
		{"a name that is cut in a letter", "192.0.2.77", strings.Repeat("x", 199) + "é", "192.0.2.0", strings.Repeat("x", 199)},
	} {
		_, err := w.Login(w.ctx, email, password, session.Client{Address: netip.MustParseAddr(tt.address), Agent: tt.agent}, session.Browser)
		w.must(err)
		all, err := w.List(w.ctx, w.ann, "", 1)
		w.must(err)
		if s := all[0]; s.Address != tt.wantAddress || s.Agent != tt.wantAgent {
			t.Errorf("%s: %q %q", tt.name, s.Address, s.Agent)
		}
	}
	if _, err := w.Login(w.ctx, email, password, session.Client{}, session.Browser); err != nil {
		t.Errorf("from nowhere: %v", err)
	}
}

// What no token can go on with is over with the one that its browser has.
func TestABrowsersSessionEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	in := w.login(session.Browser)
	if in.Refresh != "" || len(in.Tokens.Login) != 43 {
		t.Errorf("%d characters, and to refresh %d", len(in.Tokens.Login), len(in.Refresh))
	}
	w.now = w.now.Add(session.LoginLife)
	if all, err := w.List(w.ctx, w.ann, "", 10); err != nil || len(all) > 0 {
		t.Errorf("%v %v", all, err)
	}
}

func TestUseIsNotedByTheHour(t *testing.T) {
	w := newWorld(t)
	in := w.login(session.Opaque)
	began := w.now
	used := func() time.Time {
		t.Helper()
		_, err := w.Find(w.ctx, in.Tokens.Login)
		w.must(err)
		all, err := w.List(w.ctx, w.ann, "", 1)
		w.must(err)
		return all[0].UsedAt
	}
	w.now = began.Add(59 * time.Minute)
	if at := used(); !at.Equal(began) {
		t.Errorf("noted at %v", at)
	}
	w.now = began.Add(time.Hour)
	if at := used(); !at.Equal(w.now) {
		t.Errorf("noted at %v, not at %v", at, w.now)
	}
}

func TestEndingSessions(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.login(session.Opaque), w.login(session.Browser), w.login(session.Classic)
	all, err := w.List(w.ctx, w.ann, "", 10)
	w.must(err)
	if len(all) != 3 {
		t.Fatalf("%v", all)
	}
	w.fails(w.End(w.ctx, "another", all[2].ID), fault.NotFound, "session_unknown")
	w.fails(w.End(w.ctx, w.ann, "\x00"), fault.NotFound, "session_unknown")
	_, err = w.List(w.ctx, w.ann, "\x00", 10)
	w.fails(err, fault.NotFound, "session_unknown")
	w.must(w.End(w.ctx, w.ann, all[2].ID))
	_, err = w.Find(w.ctx, one.Tokens.Login)
	w.fails(err, fault.Unauthenticated, "login_token_invalid")
	_, err = w.Refresh(w.ctx, one.Refresh)
	w.fails(err, fault.Invalid, "refresh_expired")
	w.must(w.EndOthers(w.ctx, w.ann, all[0].ID))
	_, err = w.Find(w.ctx, two.Tokens.Login)
	w.fails(err, fault.Unauthenticated, "login_token_invalid")
	_, err = w.Find(w.ctx, three.Tokens.Login)
	w.must(err)
	if _, err := w.ChangePassword(w.ctx, email, password, "battery staple", session.Client{Address: here}, session.Browser); err != nil {
		t.Fatal(err)
	}
	if all, err := w.List(w.ctx, w.ann, "", 10); err != nil || len(all) != 1 {
		t.Errorf("after another password: %v %v", all, err)
	}
}

func TestWhereASessionBeganIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.login(session.Opaque)
	w.now = w.now.Add(session.AddressLife)
	_ = w.Handlers()[session.JobSweep](w.ctx, job.Job{})
	all, err := w.List(w.ctx, w.ann, "", 10)
	w.must(err)
	if len(all) != 1 || all[0].Address != "" || all[0].Agent == "" {
		t.Errorf("%+v", all[0])
	}
}
