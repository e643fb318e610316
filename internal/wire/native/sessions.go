package native

import (
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
)

// Sessions are of browsers: their token is in a cookie that no script can read, so none
// is in any answer. Programs have API keys.

// signIn begins a session of a browser. A page of another site cannot sign somebody in
// here.
func (h *Handler) signIn(c *call) (any, error) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	login := wire.Login{Base: h.BaseURL()}
	if !login.FromHere(c.r) {
		return nil, foreignPage()
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	client := session.Client{Address: wire.ClientAddr(c.ctx()), Agent: c.r.UserAgent()}
	l, err := h.Senders.Sessions.Login(c.ctx(), in.Email, account.Secret(in.Password), client, session.Browser)
	if err != nil {
		return nil, err
	}
	me, err := h.describe(c, account.Actor{Owner: account.Owner{Account: l.Account.ID}})
	if err != nil {
		return nil, err
	}
	login.Set(c.w, string(l.Login), l.LoginExpires)
	return me, nil
}

// signOut ends the session of the cookie.
func (h *Handler) signOut(c *call) (any, error) {
	if c.in == "" {
		return nil, notSignedIn()
	}
	if err := h.Senders.Sessions.End(c.ctx(), c.who.Account, c.in); err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err // one that is over has what was wanted
	}
	h.forgetCookie(c)
	return nil, nil
}

func (h *Handler) signOutEverywhere(c *call) (any, error) {
	if err := h.Senders.Sessions.LogoutAll(c.ctx(), c.who.Account); err != nil {
		return nil, err
	}
	if c.in != "" {
		h.forgetCookie(c)
	}
	return nil, nil
}

func (h *Handler) forgetCookie(c *call) { wire.Login{Base: h.BaseURL()}.Set(c.w, "", time.Time{}) }

// notSignedIn is the answer where a call is about the session that it comes in.
func notSignedIn() error {
	return fault.New(fault.Unauthenticated, "login_token_invalid", "the call came in no session")
}

type sessionBody struct {
	ID        session.ID `json:"id"`
	Current   bool       `json:"current"`
	CreatedAt moment     `json:"created_at"`
	UsedAt    moment     `json:"used_at"`
	ExpiresAt moment     `json:"expires_at"`
	Address   string     `json:"address"`
	Agent     string     `json:"agent"`
}

func (h *Handler) listSessions(c *call) (any, error) {
	cursor, limit, err := c.keyPlace()
	if err != nil {
		return nil, err
	}
	all, err := h.Senders.Sessions.List(c.ctx(), c.who.Account, session.ID(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, func(s *session.Session) sessionBody {
		return sessionBody{
			s.ID, s.ID == c.in, moment(s.CreatedAt), moment(s.UsedAt), moment(s.ExpiresAt), s.Address, s.Agent,
		}
	}, func(s *session.Session) string { return string(s.ID) }), nil
}

func (h *Handler) endSession(c *call) (any, error) {
	ended := session.ID(c.r.PathValue("session"))
	if err := h.Senders.Sessions.End(c.ctx(), c.who.Account, ended); err != nil {
		return nil, err
	}
	if ended == c.in {
		h.forgetCookie(c)
	}
	return nil, nil
}

func (h *Handler) endOtherSessions(c *call) (any, error) {
	if c.in == "" {
		return nil, notSignedIn() // all would be others
	}
	return nil, h.Senders.Sessions.EndOthers(c.ctx(), c.who.Account, c.in)
}
