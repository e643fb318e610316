package filemail

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// needs says what a call must come with. Whatever it comes with must be good: an
// expired token is refused where tokens are looked at, and never passed over in
// favour of the key.
//
// In 2.0 a call that needs anything comes with an API key, or from one of Filemail's
// own apps, or with a login token. In the classic API a key may be left out, but
// what is given must be good.
type needs int

const (
	needsNothing     needs = iota // nothing is looked at: uploads and downloads have secrets of their own
	needsKey                      // a key; a token is not looked at: who signs in again has an old one
	needsTransferKey              // as needsKey; the handler checks transferid and transferkey
	needsCaller                   // a key or a token; the caller acts as whoever it names, and may be nobody
	needsUser                     // as needsCaller, but somebody
	needsToken                    // a login token itself
)

// looksAtToken reports whether the caller acts as the one that a token names.
func (n needs) looksAtToken() bool { return n >= needsCaller }

// A Gate knows keys and login tokens.
type Gate interface {
	// Key tells who acts with an API key, and counts the call: Unauthenticated for
	// one that is not in force, because its owner may not use the API, say; Throttled
	// for a call too many; Forbidden for one that the key was not made for.
	Key(ctx context.Context, key account.Secret, use account.Scope) (account.Actor, error)

	// Token tells who acts with a login token: Unauthenticated for one that is
	// unknown, expired or destroyed.
	Token(ctx context.Context, token account.Secret) (account.Actor, error)
}

// A Caller is who makes a call.
type Caller struct {
	account.Actor               // whose rights count; the zero Actor is nobody
	With          account.KeyID // the key that came along, also where a token named somebody else
}

// IsNobody reports whether the caller is anonymous.
func (c Caller) IsNobody() bool { return c.Account == "" }

// credentials are what a call came with.
type credentials struct {
	key, token account.Secret
	ownApp     bool // has a mark of Filemail's own apps
	classic    bool
	cookie     bool // a credential is from a cookie
	foreign    bool // a page of another site made the request
}

func tooLong(secrets ...account.Secret) bool {
	for _, s := range secrets {
		if len(s) > maxSecret {
			return true
		}
	}
	return false
}

// jsonCredentials reads those of a call of 2.0. One client sends the key in the
// query, beside the header; tokens in bodies are ignored, as they come beside
// other credentials.
func jsonCredentials(r *http.Request, query params) credentials {
	key := r.Header.Get("X-Api-Key")
	if key == "" {
		key = query.first("apikey")
	}
	return credentials{
		key: account.Secret(key), token: account.Secret(r.Header.Get("Logintoken")), ownApp: isOwnApp(r.Header),
	}
}

// isOwnApp looks for the marks by which Filemail's own apps are known, as seen in
// four clients that pass for one. They are no proof of anything: such a call may
// be anonymous, and gains no more.
func isOwnApp(h http.Header) bool {
	is := func(name string, values ...string) bool {
		for _, v := range values {
			if strings.EqualFold(h.Get(name), v) {
				return true
			}
		}
		return false
	}
	return is("Source", "desktop", "web") || is("X-Api-Source", "WebApp") || is("Filemaillogintokencheck", "true")
}

// classicCredentials reads those of a classic call.
func (h *Handler) classicCredentials(r *http.Request, in *classicInput) credentials {
	key, keyCookie := in.first("apikey")
	if own := r.Header.Get("X-Api-Key"); own != "" && (key == "" || keyCookie) {
		key, keyCookie = own, false
	}
	token, tokenCookie := in.first(loginCookie)
	return credentials{
		key: account.Secret(key), token: account.Secret(token), classic: true,
		cookie: keyCookie || tokenCookie, foreign: h.isForeign(r),
	}
}

// isForeign reports whether a page of another site made r. A browser says so
// itself; an old one, and any over plain HTTP, at least names the page's origin
// when it is not a plain GET. The login cookie is SameSite=Strict beside this.
func (h *Handler) isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		return origin != "" && !strings.EqualFold(origin, h.origin())
	}
	return true
}

// origin is that of our own pages.
func (h *Handler) origin() string {
	u, err := url.Parse(h.cfg.BaseURL())
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// admit tells who makes a call that needs n, or why it must not be made.
func (h *Handler) admit(ctx context.Context, rt *route, c credentials) (who Caller, err error) {
	n := rt.needs
	if n == needsNothing {
		return who, nil
	}
	if c.cookie && c.foreign {
		return who, fault.New(fault.Forbidden, codeForeignPage, "a page of another site may not use your login")
	}
	if tooLong(c.key) {
		return who, fault.New(fault.Unauthenticated, codeKey, "the API key is not valid")
	}
	if tooLong(c.token) {
		return who, fault.New(fault.Unauthenticated, codeToken, "the login token is not valid")
	}
	admitted := c.classic || c.ownApp
	if c.key != "" {
		// Also where a token says who calls: a key lets nobody do more than it was made for.
		who.Actor, err = h.cfg.Gate.Key(ctx, c.key, rt.asks())
		if err != nil {
			return Caller{}, authorizationFailure.instead(invalidApikey.instead(err, fault.Unauthenticated), fault.Forbidden)
		}
		who.With, admitted = who.Key, true
	}
	if c.token != "" && (n.looksAtToken() || !admitted) {
		person, err := h.cfg.Gate.Token(ctx, c.token)
		if err != nil {
			return Caller{}, invalidOrExpiredLoginToken.instead(err, fault.Unauthenticated)
		}
		if admitted = true; n.looksAtToken() {
			who.Actor = person
		}
	}
	switch {
	case !admitted:
		return who, fault.New(fault.Unauthenticated, codeNoKey, "the API key is missing")
	case n == needsToken && c.token == "", n == needsUser && who.IsNobody():
		return who, fault.New(fault.Unauthenticated, codeToken, "please login")
	}
	return who, nil
}

// loginCookie is where pyfilemail looks for its token, and the only place where it
// sends it with some calls.
const loginCookie = "logintoken"

// setLoginCookie gives the token as a cookie to a classic client; "" takes it back.
// It goes to the classic API alone, and never with a request of another site, whose
// pages cannot log somebody in here either.
func (h *Handler) setLoginCookie(c *call, token account.Secret, expires time.Time) {
	if h.isForeign(c.r) {
		return
	}
	cookie := &http.Cookie{
		Name: loginCookie, Value: string(token), Path: "/api/", Expires: expires, HttpOnly: true,
		Secure:   strings.HasPrefix(h.cfg.BaseURL(), "https:"),
		SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge, cookie.Expires = -1, time.Time{}
	}
	http.SetCookie(c.w, cookie)
}
