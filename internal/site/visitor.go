package site

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
)

// SignInPath is the page on which people sign in.
const SignInPath = "/app/sign-in"

func (h *Handler) login() wire.Login { return wire.Login{Base: h.cfg.BaseURL} }

type visitorKey struct{}

// withVisitor gives the request with who asks, who is looked up once and not before
// somebody wants to know.
func (h *Handler) withVisitor(r *http.Request) *http.Request {
	if r.Context().Value(visitorKey{}) != nil {
		return r
	}
	find := sync.OnceValues(func() (*account.Account, error) { return h.findVisitor(r) })
	return r.WithContext(context.WithValue(r.Context(), visitorKey{}, find))
}

// visitor gives the account that the browser is signed in to; nil for nobody, and for
// a session that is over.
func (h *Handler) visitor(r *http.Request) (*account.Account, error) {
	return r.Context().Value(visitorKey{}).(func() (*account.Account, error))()
}

func (h *Handler) findVisitor(r *http.Request) (*account.Account, error) {
	token := h.login().Token(r)
	if token == "" {
		return nil, nil
	}
	a, err := h.cfg.Sessions.Find(r.Context(), account.Secret(token))
	if fault.KindOf(err) == fault.Unauthenticated {
		return nil, nil
	}
	return a, err
}

// A personalHandler answers somebody who is signed in.
type personalHandler func(w http.ResponseWriter, r *http.Request, me *account.Account) error

// personal makes a route that lets nobody in who is not signed in: a page leads them to
// the sign-in and back, a form is refused. No other page can send somebody's form.
func (h *Handler) personal(method, pattern string, handle personalHandler) wire.Route {
	read := method == http.MethodGet
	return wire.Route{Method: method, Pattern: pattern, Head: read, Handle: func(w http.ResponseWriter, r *http.Request) error {
		me, err := h.visitor(r)
		if err != nil {
			return err
		}
		switch {
		case me == nil && read:
			h.leadTo(w, SignInPath+"?next="+url.QueryEscape(r.URL.RequestURI()))
			return nil
		case me == nil:
			return fault.New(fault.Unauthenticated, "login_required", "sign in first")
		case !read:
			if err := h.fromHere(r); err != nil {
				return err
			}
		}
		return handle(w, r, me)
	}}
}

// signInRoutes are the ways in and out.
func (h *Handler) signInRoutes() []wire.Route {
	return []wire.Route{
		get(SignInPath, h.signInForm),
		post(SignInPath, h.signIn),
		post("/app/sign-out", h.signOut),
	}
}

type signInPage struct {
	frame
	Email, Next, Wrong string
	MaySignUp          bool
}

func (h *Handler) signInForm(w http.ResponseWriter, r *http.Request) error {
	next := ownPath(r.URL.Query().Get("next"))
	me, err := h.visitor(r)
	if err != nil {
		return err
	}
	if me != nil {
		h.leadTo(w, next)
		return nil
	}
	return h.show(w, r, http.StatusOK, "sign-in", signInPage{frame: h.signInFrame(r), Next: next, MaySignUp: h.cfg.Sessions.SignUp})
}

func (h *Handler) signInFrame(r *http.Request) frame {
	f := h.frame(r, h.say(r).SignIn.Title)
	f.Way = 0
	return f
}

func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	email, next := form.Get("email"), ownPath(form.Get("next"))
	l, err := h.cfg.Sessions.Login(r.Context(), email, account.Secret(form.Get("password")), client(r), session.Browser)
	if told := h.say(r).SignIn.Wrong[fault.CodeOf(err)]; told != "" {
		return h.show(w, r, statusOf(err), "sign-in", signInPage{h.signInFrame(r), email, next, told, h.cfg.Sessions.SignUp})
	}
	if err != nil {
		return err
	}
	h.login().Set(w, string(l.Login), l.LoginExpires)
	h.leadTo(w, next)
	return nil
}

// signOut ends the session of this browser; one that is over already is no error.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	if token := h.login().Token(r); token != "" {
		err := h.cfg.Sessions.Logout(r.Context(), account.Secret(token), false)
		if err != nil && fault.KindOf(err) != fault.Unauthenticated {
			return err
		}
	}
	h.login().Set(w, "", time.Time{})
	h.leadTo(w, "/")
	return nil
}

// ownPath gives a path of this site to go on to; the first page for what is none. A
// browser takes "//host" and "/\host" for another site's.
func ownPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c > '~' }) {
		return "/"
	}
	return next
}
