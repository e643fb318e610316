package site

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Where people ask for letters: one by which a new password is chosen, and one that
// makes an account, where the operator lets strangers make them.
const (
	forgotPath = "/app/forgot"
	signUpPath = "/app/sign-up"
)

func (h *Handler) askingRoutes() []wire.Route {
	return []wire.Route{
		get(forgotPath, func(w http.ResponseWriter, r *http.Request) error {
			return h.showAsking(w, r, http.StatusOK, askingPage{Step: &h.say(r).Forgot})
		}),
		post(forgotPath, h.forgot),
		get(signUpPath, func(w http.ResponseWriter, r *http.Request) error {
			if !h.cfg.Sessions.SignUp {
				return errUnknownPath
			}
			return h.showAsking(w, r, http.StatusOK, askingPage{Step: &h.say(r).SignUp, SignUp: true})
		}),
		post(signUpPath, h.signUp),
	}
}

type askingPage struct {
	frame
	Step        *words.Step
	SignUp      bool
	Done        bool
	Email, Name string
	Wrong       string
	MinPassword int
}

func (h *Handler) showAsking(w http.ResponseWriter, r *http.Request, status int, p askingPage) error {
	title := p.Step.Title
	if p.Done {
		title = p.Step.DoneTitle
	}
	p.frame, p.MinPassword = h.frame(r, title), account.MinPassword
	if p.Way = 0; p.Done {
		p.Way = 5
	}
	return h.show(w, r, status, "asking", p)
}

// forgot calls for a letter, and says the same whether or not there is such an account.
func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	return h.ask(w, r, askingPage{Step: &h.say(r).Forgot}, func(form url.Values) error {
		return h.cfg.Sessions.Forgot(r.Context(), form.Get("email"), wire.ClientAddr(r.Context()))
	})
}

func (h *Handler) signUp(w http.ResponseWriter, r *http.Request) error {
	if !h.cfg.Sessions.SignUp {
		return errUnknownPath
	}
	return h.ask(w, r, askingPage{Step: &h.say(r).SignUp, SignUp: true}, func(form url.Values) error {
		return h.cfg.Sessions.Register(r.Context(), session.SignUp{
			Email: form.Get("email"), Name: form.Get("name"), Password: account.Secret(form.Get("password")),
			Terms: form.Get("terms") != "", Trap: form.Get("website"),
		}, wire.ClientAddr(r.Context()))
	})
}

func (h *Handler) ask(w http.ResponseWriter, r *http.Request, p askingPage, do func(url.Values) error) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	p.Email, p.Name = form.Get("email"), form.Get("name")
	if err = do(form); err == nil {
		p.Done = true
		return h.showAsking(w, r, http.StatusOK, p)
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	p.Wrong = h.why(r, err)
	return h.showAsking(w, r, statusOf(err), p)
}
