package wire

import (
	"net/http"
	"strings"
	"time"
)

// A Login is the cookie by which a browser is signed in at the site and at Ferry's own
// API. Its zero value is of a server that is reached by plain HTTP.
type Login struct {
	// Base is how this server is reached: scheme and host, no slash at the end.
	Base string
}

func (l Login) secure() bool { return strings.HasPrefix(l.Base, "https:") }

// Name is the cookie's. Browsers take one that begins with __Host- from this host
// alone, and over HTTPS alone.
func (l Login) Name() string {
	if l.secure() {
		return "__Host-ferry-login"
	}
	return "ferry-login"
}

// Token gives the token that came with r, or "".
func (l Login) Token(r *http.Request) string {
	c, err := r.Cookie(l.Name())
	if err != nil {
		return ""
	}
	return c.Value
}

// Set gives the token to the browser until the moment; an empty one takes it back.
func (l Login) Set(w http.ResponseWriter, token string, until time.Time) {
	c := &http.Cookie{
		Name: l.Name(), Value: token, Path: "/", Expires: until, HttpOnly: true, Secure: l.secure(), SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// FromHere reports whether a request with a cookie was made by a page of this server,
// or by no page at all. Browsers say so in Sec-Fetch-Site, but not over plain HTTP; in
// Origin they say "null" there, as our pages send no referrer (Fetch standard, "append
// a request Origin header"), and so do pages of others that want to hide: where that is
// all there is, SameSite keeps the cookie away from them.
func (l Login) FromHere(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" {
		return site == "same-origin" || site == "none"
	}
	return origin == "" || origin == "null" || origin == l.Base
}
