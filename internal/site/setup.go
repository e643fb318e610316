package site

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
)

// codeFormType is the code of a form that is sent as something else.
const codeFormType = "form_type"

// A form is read in one piece.
const (
	formLimit = 16 << 10
	formTime  = 20 * time.Second
)

type setupPage struct {
	frame
	Email                     string
	EmailWrong, PasswordWrong string
	MinPassword               int
}

type readyPage struct {
	frame
	Base string
	Key  string
}

// setupForm shows the form of the one-time set-up, as long as there is something
// to set up. Whether the token is the right one is told when it is used.
func (h *Handler) setupForm(w http.ResponseWriter, r *http.Request) error {
	open, err := h.cfg.Accounts.SetupOpen(r.Context())
	if err != nil {
		return err
	}
	if !open || len(r.PathValue("token")) != account.SetupTokenLen {
		return errUnknownPath
	}
	return h.show(w, r, http.StatusOK, "setup", h.setupPage(r, "", nil))
}

// setup makes the first admin, and shows their key this once.
func (h *Handler) setup(w http.ResponseWriter, r *http.Request) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	if err := h.cfg.Misses.Check(r.Context()); err != nil { // a try costs the hash of a password
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	email, password := form.Get("email"), account.Secret(form.Get("password"))
	_, key, err := h.cfg.Accounts.UseSetup(r.Context(), account.Secret(r.PathValue("token")), account.New{Email: email, Password: password})
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.NotFound:
		return h.cfg.Misses.Count(r.Context(), errUnknownPath)
	case kind == fault.Invalid || fault.Is(err, "email_taken"):
		return h.show(w, r, statusOf(err), "setup", h.setupPage(r, email, err))
	default:
		return err
	}
	// The account is made; who cannot be signed in now signs in later.
	if l, err := h.cfg.Sessions.Login(r.Context(), email, password, client(r), session.Browser); err == nil {
		h.login().Set(w, string(l.Login), l.LoginExpires)
	}
	return h.show(w, r, http.StatusOK, "ready", readyPage{h.frame(r, h.say(r).ReadyTitle), h.cfg.BaseURL, string(key)})
}

func (h *Handler) setupPage(r *http.Request, email string, err error) setupPage {
	say := h.say(r)
	p := setupPage{frame: h.frame(r, say.SetupTitle), Email: email, MinPassword: account.MinPassword}
	p.Way = 0
	if fault.Is(err, "email_taken") {
		p.EmailWrong = say.Wrong["email_taken"]
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, field := range f.Fields {
			switch field.Name {
			case "email":
				p.EmailWrong = say.Wrong[field.Code]
			case "password":
				p.PasswordWrong = say.Wrong[field.Code]
			}
		}
	}
	return p
}

// fromHere refuses a form that another site's page has sent.
func (h *Handler) fromHere(r *http.Request) error {
	if (wire.Login{Base: h.cfg.BaseURL}).FromHere(r) {
		return nil
	}
	return fault.New(fault.Forbidden, "foreign_form", "the form was sent from another site")
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if wire.MediaType(r.Header.Get("Content-Type")) != "application/x-www-form-urlencoded" {
		return nil, fault.New(fault.Invalid, codeFormType, "the body must be a form")
	}
	body, err := wire.ReadBody(w, r, formLimit, formTime)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "form_malformed", err, "the form is malformed")
	}
	return form, nil
}
