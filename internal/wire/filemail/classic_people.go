package filemail

import (
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
)

// The classic calls about people (www.filemail.com/apidoc/Authentication.aspx,
// User.aspx and Company.aspx; pyfilemail).

type classicToken struct {
	Token string `json:"logintoken"`
}

// classicLogin also sets the cookie in which pyfilemail looks for the token.
func (h *Handler) classicLogin(c *call) (any, error) {
	email, password := c.in.text("username", maxItem), c.in.secret("password")
	c.in.require("username", "password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	l, err := h.cfg.People.Sessions.Login(c.r.Context(), email, password, c.client(), session.Classic)
	if err != nil {
		return nil, err
	}
	return h.classicSignedIn(c, l), nil
}

func (h *Handler) classicSignedIn(c *call, l *session.Login) classicToken {
	h.setLoginCookie(c, l.Login, l.LoginExpires)
	return classicToken{string(l.Login)}
}

// classicLogout tells which token is no longer good.
func (h *Handler) classicLogout(c *call) (any, error) {
	token := c.in.secret(loginCookie)
	if err := c.in.err(); err != nil {
		return nil, err
	}
	if err := h.cfg.People.Sessions.Logout(c.r.Context(), token, false); err != nil {
		return nil, err
	}
	h.setLoginCookie(c, "", time.Time{})
	return classicToken{string(token)}, nil
}

type classicUser struct {
	User any `json:"user"`
}

// classicGetUser tells who has not signed in what they may do without.
func (h *Handler) classicGetUser(c *call) (any, error) {
	if c.who.IsNobody() {
		b, err := h.guestBody(c)
		return classicUser{b}, err
	}
	b, err := h.getUser(c)
	return classicUser{b}, err
}

// guestBody has the limits of a guest; all are 0 where guests may not send.
func (h *Handler) guestBody(c *call) (*userBody, error) {
	b := &userBody{Membership: "Guest"}
	_, _, err := h.cfg.Policy.Sender(c.r.Context(), account.Actor{}, "")
	if fault.KindOf(err) == fault.Unauthenticated {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	rules, err := h.cfg.Policy.Rules(c.r.Context(), account.Guests)
	b.MaxDownloads, b.MaxDays, b.MaxSize = manyDownloads, orMany(rules.MaxDays, manyDays), orMany(rules.MaxSize, manyBytes)
	return b, err
}

// classicUpdateUser changes the caller's address and password, too. Neither goes
// without the present password, for which no page has a name. As a new password ends
// every session, a token to go on with is given then.
func (h *Handler) classicUpdateUser(c *call) (any, error) {
	change, name := c.in.profile(), c.in.changeLine("name", maxBookText)
	c.in.email("email")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	var b any
	present := c.in.secret("currentpassword")
	if c.in.has("password") {
		l, err := h.putPassword(c, session.Classic)
		if err != nil {
			return nil, err
		}
		b, present = h.classicSignedIn(c, l), c.in.secret("password")
	}
	if err := h.askForEmail(c, present); err != nil {
		return nil, err
	}
	if _, err := h.putProfile(c.r.Context(), c.who.Account, name, change); err != nil {
		return nil, err
	}
	return b, nil
}

type classicCompany struct {
	Company any `json:"company"`
}

func (h *Handler) classicGetCompany(c *call) (any, error) {
	b, err := h.getCompany(c)
	if err != nil {
		return nil, err
	}
	return classicCompany{b}, nil
}

func (h *Handler) classicUpdateCompany(c *call) (any, error) {
	_, err := h.updateCompany(c)
	return nil, err
}

// classicUsers gives all users: the classic call knows no pages.
func (h *Handler) classicUsers(c *call) (any, error) {
	which, err := h.company(c)
	if err != nil {
		return nil, err
	}
	describe := h.describer(c)
	return &list{"users", func(yield func(any) error) error {
		for after := account.ID(""); ; {
			all, err := h.cfg.People.Companies.Users(c.r.Context(), which, c.who.Account, after, maxListed)
			if err != nil {
				return err
			}
			for _, a := range all {
				b, err := describe(a)
				if err == nil {
					err = yield(b)
				}
				if err != nil {
					return err
				}
				after = a.ID
			}
			if len(all) < maxListed {
				return nil
			}
		}
	}}, nil
}

func (h *Handler) classicAddUser(c *call) (any, error) {
	_, err := h.addUser(c)
	return nil, err
}

// classicUpdateUserOf changes the user with the address useremail.
func (h *Handler) classicUpdateUserOf(c *call) (any, error) {
	email := c.in.email("useremail")
	c.in.require("useremail")
	_, err := h.updateUserOf(c, func(which company.ID) (account.ID, error) {
		a, err := h.cfg.People.Companies.UserByEmail(c.r.Context(), which, c.who.Account, email)
		if err != nil {
			return "", err
		}
		return a.ID, nil
	})
	return nil, err
}
