package filemail

import (
	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
)

// Signing in and out (docs.filemail.com, Custom authentication; the classic calls are
// on www.filemail.com/apidoc/Authentication.aspx), and what Ferry adds to it: signing
// up, and passwords. In the calls that it adds, password is always the new one.

// A loginBody is what somebody is given who has signed in.
type loginBody struct {
	Login     string  `json:"logintoken"`
	Expires   int64   `json:"logintokenExpireDate"`
	Refresh   string  `json:"refreshtoken"`
	TwoFactor *string `json:"twoFactorToken"`
	Status    string  `json:"signInStatus"`
}

// signedIn is the one of the page's values of signInStatus that tells of a success; all
// but NotAuthorized are guesses.
const signedIn = "Authorized"

func newLoginBody(l *session.Login) loginBody {
	return loginBody{
		Login: string(l.Login), Expires: l.LoginExpires.UnixMilli(), Refresh: string(l.Refresh), Status: signedIn,
	}
}

// client is who signs in.
func (c *call) client() session.Client {
	return session.Client{Address: wire.ClientAddr(c.r.Context()), Agent: c.r.UserAgent()}
}

func (h *Handler) login(c *call) (any, error) {
	email, password := c.in.text("email", maxItem), c.in.secret("password")
	c.in.require("email", "password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	l, err := h.cfg.People.Sessions.Login(c.r.Context(), email, password, c.client(), session.Opaque)
	if err != nil {
		return nil, err
	}
	return newLoginBody(l), nil
}

func (h *Handler) refreshToken(c *call) (any, error) {
	token := c.in.secret("refreshtoken")
	c.in.require("refreshtoken")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	l, err := h.cfg.People.Sessions.Refresh(c.r.Context(), token)
	if err != nil {
		return nil, err
	}
	return newLoginBody(l), nil
}

// logout ends the session of the token that the call came with. The page has a flag
// that ends all of them, whose name is not known.
func (h *Handler) logout(c *call) (any, error) {
	all := c.in.is("all") || c.in.is("logoutall")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	token := account.Secret(c.r.Header.Get("Logintoken"))
	return nil, h.cfg.People.Sessions.Logout(c.r.Context(), token, all)
}

// trapField is one that people do not see in a form: only programs fill it.
const trapField = "website"

// register begins a sign-up, which a letter's token ends: see confirmRegistration.
func (h *Handler) register(c *call) (any, error) {
	u := session.SignUp{
		Email: c.in.text("email", maxItem), Name: c.in.line("name", maxBookText), Password: c.in.secret("password"),
		Terms: c.in.is("acceptterms"), Trap: c.in.text(trapField, maxBookText),
	}
	c.in.require("email", "password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, h.cfg.People.Sessions.Register(c.r.Context(), u, wire.ClientAddr(c.r.Context()))
}

func (h *Handler) confirmRegistration(c *call) (any, error) {
	token := c.letterToken()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	l, err := h.cfg.People.Sessions.ConfirmRegistration(c.r.Context(), token, c.client(), session.Opaque)
	if err != nil {
		return nil, err
	}
	return newLoginBody(l), nil
}

// letterToken reads the token of a letter.
func (c *call) letterToken() account.Secret {
	c.in.require("token")
	return c.in.secret("token")
}

// verifyEmail spends a letter's token; without one, it has the letter sent to whoever
// calls.
func (h *Handler) verifyEmail(c *call) (any, error) {
	ctx := c.r.Context()
	if !c.in.has("token") && !c.who.IsNobody() {
		return nil, permit.Gone(h.cfg.People.Sessions.SendVerification(ctx, c.who.Account, wire.ClientAddr(ctx)))
	}
	token := c.letterToken()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	_, err := h.cfg.People.Sessions.VerifyEmail(ctx, token)
	return nil, err
}

// forgotPassword answers the same whether or not there is such an account.
func (h *Handler) forgotPassword(c *call) (any, error) {
	email := c.in.email("email")
	c.in.require("email")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, h.cfg.People.Sessions.Forgot(c.r.Context(), email, wire.ClientAddr(c.r.Context()))
}

func (h *Handler) resetPassword(c *call) (any, error) {
	token, password := c.letterToken(), c.in.secret("password")
	c.in.require("password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, h.cfg.People.Sessions.ResetPassword(c.r.Context(), token, password)
}

// changePassword ends every session and key of the account, and begins a session to
// go on with. The address may be left out by who is signed in; who must choose
// another password cannot be.
func (h *Handler) changePassword(c *call) (any, error) {
	l, err := h.putPassword(c, session.Opaque)
	if err != nil {
		return nil, err
	}
	return newLoginBody(l), nil
}

func (h *Handler) putPassword(c *call, f session.Form) (*session.Login, error) {
	ctx := c.r.Context()
	email, old, password := c.in.text("email", maxItem), c.in.secret("currentpassword"), c.in.secret("password")
	c.in.require("currentpassword", "password")
	if c.who.IsNobody() {
		c.in.require("email")
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	if !c.who.IsNobody() {
		a, err := h.cfg.People.Accounts.ByID(ctx, c.who.Account)
		if err != nil {
			return nil, permit.Gone(err)
		}
		email = a.Email
	}
	return h.cfg.People.Sessions.ChangePassword(ctx, email, old, password, c.client(), f)
}
