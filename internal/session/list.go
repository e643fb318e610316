package session

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// AddressLife is how long it is kept where a session began.
const AddressLife = 14 * 24 * time.Hour

// touchEvery is how exactly it is kept when a session was used: more would make a write
// of each request that reads.
const touchEvery = time.Hour

// A Client is who signs in, as it is seen.
type Client struct {
	Address netip.Addr
	Agent   string // what it calls itself
}

// network gives what is kept of the address: /24, or /48.
func (c Client) network() string {
	a := c.Address.Unmap().WithZone("")
	if !a.IsValid() {
		return ""
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // fails for impossible bits alone
	return p.Addr().String()
}

const maxAgent = 200 // bytes

// agent gives what is kept of the client's name for itself.
func (c Client) agent() string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(c.Agent, ""))
	return strings.ToValidUTF8(s[:min(len(s), maxAgent)], "")
}

// touch notes the use of a session. What cannot be noted keeps nobody out: on a full disk
// people go on downloading.
func (s *Service) touch(ctx context.Context, session *Session) {
	now := s.Now()
	if now.Sub(session.UsedAt) < touchEvery {
		return
	}
	err := s.Store.TouchSession(ctx, session.ID, now)
	if err == nil {
		session.UsedAt = now
	} else if ctx.Err() == nil {
		s.Log.WarnContext(ctx, "use of a session was not noted", "session", session.ID, "err", err)
	}
}

// List gives up to n sessions of an account that began before the one that is named, the
// latest first, and with "" the latest of all. NotFound "session_unknown" for a place
// that is none.
func (s *Service) List(ctx context.Context, who account.ID, before ID, n int) ([]*Session, error) {
	if before != "" && !id.IsKey(string(before)) {
		return nil, Unknown()
	}
	return s.Store.Sessions(ctx, who, before, n, s.Now())
}

// Unknown is the answer for a session that is not there, or another's.
func Unknown() error { return fault.New(fault.NotFound, "session_unknown", "session not found") }

// End ends a session of the account, with all its tokens: NotFound "session_unknown".
func (s *Service) End(ctx context.Context, who account.ID, session ID) error {
	if !id.IsKey(string(session)) {
		return Unknown()
	}
	return s.Store.EndSession(ctx, who, session)
}

// EndOthers ends all sessions of the account but one.
func (s *Service) EndOthers(ctx context.Context, who account.ID, but ID) error {
	return s.Store.EndSessions(ctx, who, but)
}

// Logout ends the session of a login token, with all its tokens, or all sessions of
// its account. Unauthenticated "login_token_invalid".
func (s *Service) Logout(ctx context.Context, token account.Secret, all bool) error {
	session, a, err := s.Session(ctx, token)
	switch {
	case err != nil:
		return err
	case all:
		return s.LogoutAll(ctx, a.ID)
	}
	err = s.Store.EndSession(ctx, a.ID, session.ID)
	if fault.KindOf(err) == fault.NotFound {
		return nil // somebody else has ended it since
	}
	return err
}

// LogoutAll ends all sessions of an account, for who has its rights by another way than
// a login token.
func (s *Service) LogoutAll(ctx context.Context, who account.ID) error {
	return s.Store.EndSessions(ctx, who, "")
}
