package site

import (
	"context"
	"errors"
	"net/http"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// What letters let their readers do, each on a page of its own. Opening it changes
// nothing: programs that look at mail follow every link in it.

// ticketPaths are where the tokens of letters are taken.
var ticketPaths = map[session.Kind]string{
	session.Register: "/account/register/",
	session.Verify:   "/account/verify/",
	session.Reset:    "/account/password/",
}

// TicketPath gives the path of the page that takes the token of a letter.
func TicketPath(k session.Kind, token account.Secret) string { return ticketPaths[k] + string(token) }

// ticketRoutes are the pages of a kind of letter.
func (h *Handler) ticketRoutes(k session.Kind, step func(*words.Pages) *words.Step, use func(context.Context, account.Secret, account.Secret) error) []wire.Route {
	pattern := ticketPaths[k] + "{token}"
	return []wire.Route{
		get(pattern, func(w http.ResponseWriter, r *http.Request) error {
			return h.show(w, r, http.StatusOK, "step", h.stepPage(r, k, step(h.say(r)), nil))
		}),
		{Method: http.MethodPost, Pattern: pattern, Public: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			return h.takeStep(w, r, k, step(h.say(r)), use)
		}},
	}
}

type stepPage struct {
	frame
	Step          *words.Step
	NewPassword   bool // is asked for
	PasswordWrong string
	MinPassword   int
}

func (h *Handler) stepPage(r *http.Request, k session.Kind, step *words.Step, err error) stepPage {
	p := stepPage{frame: h.frame(r, step.Title), Step: step, NewPassword: k == session.Reset, MinPassword: account.MinPassword}
	p.Way = 5
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, field := range f.Fields {
			p.PasswordWrong = h.say(r).Wrong[field.Code]
		}
	}
	return p
}

// takeStep spends the token on what the page is for.
func (h *Handler) takeStep(
	w http.ResponseWriter, r *http.Request, k session.Kind, step *words.Step,
	use func(context.Context, account.Secret, account.Secret) error,
) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	if err := h.cfg.Misses.Check(r.Context()); err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	err = use(r.Context(), account.Secret(r.PathValue("token")), account.Secret(form.Get("password")))
	switch {
	case err == nil:
		return h.show(w, r, http.StatusOK, "done", stepPage{frame: h.frame(r, step.DoneTitle), Step: step})
	case fault.KindOf(err) == fault.Invalid:
		return h.show(w, r, statusOf(err), "step", h.stepPage(r, k, step, err))
	}
	return h.cfg.Misses.Count(r.Context(), err)
}

// finishAccount makes the account. Who made it signs in with a program of theirs: the
// session that comes with it is nobody's.
func (h *Handler) finishAccount(ctx context.Context, token, _ account.Secret) error {
	l, err := h.cfg.Sessions.ConfirmRegistration(ctx, token, session.Client{}, session.Browser)
	if fault.Is(err, "session_password_gone") {
		return &fault.Error{Kind: fault.NotFound, Code: "ticket_unknown", Msg: "the link is not, or no longer, good", Err: err}
	}
	if err != nil {
		return err
	}
	return h.cfg.Sessions.Logout(ctx, l.Login, false)
}

func (h *Handler) verifyAddress(ctx context.Context, token, _ account.Secret) error {
	_, err := h.cfg.Sessions.VerifyEmail(ctx, token)
	return err
}

func (h *Handler) resetPassword(ctx context.Context, token, password account.Secret) error {
	return h.cfg.Sessions.ResetPassword(ctx, token, password)
}
