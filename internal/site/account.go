package site

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// AccountPath is the page of somebody's own account.
const AccountPath = "/app/account"

func (h *Handler) accountRoutes() []wire.Route {
	return []wire.Route{
		h.personal(http.MethodGet, AccountPath, func(w http.ResponseWriter, r *http.Request, me *account.Account) error {
			return h.showAccount(w, r, me, http.StatusOK, accountPage{})
		}),
		h.personal(http.MethodPost, AccountPath, h.changeAccount),
	}
}

type accountPage struct {
	frame
	Email, Storage string
	Keys           []apiKey
	MoreKeys       bool
	NewKey         account.Secret // shown once, to who made it
	MinPassword    int
	Wrong          string
	Done           string
	Sessions       []signedIn
	MoreSessions   bool
	token          account.Secret // of this browser from now on; "": as it came
}

// Fresh is the new key as text: templates show a Secret as dots.
func (p accountPage) Fresh() string { return string(p.NewKey) }

// DeleteLabel says to who hears the page which key a button deletes.
func (p accountPage) DeleteLabel(name string) string {
	return words.For(p.Words.Account.Delete, name)
}

type apiKey struct {
	ID           account.KeyID
	Name, Scopes string
	Made, Until  string
}

func (h *Handler) showAccount(w http.ResponseWriter, r *http.Request, me *account.Account, status int, p accountPage) error {
	say := h.say(r)
	p.frame, p.Email, p.MinPassword = h.frame(r, say.Account.Title), me.Email, account.MinPassword
	p.Storage = say.Size(me.Used)
	if me.Quota > 0 {
		p.Storage = say.Account.UsedOf(say.Size(me.Used), say.Size(me.Quota))
	}
	keys, err := h.cfg.Accounts.Keys(r.Context(), me.ID, "", pageOfMine+1)
	if err != nil {
		return err
	}
	for i, k := range keys {
		if i == pageOfMine {
			p.MoreKeys = true
			break
		}
		row := apiKey{ID: k.ID, Name: say.NameOf(k.Name), Scopes: k.Scopes.String(), Made: say.Moment(k.CreatedAt)}
		if !k.ExpiresAt.IsZero() {
			row.Until = say.Moment(k.ExpiresAt)
		}
		p.Keys = append(p.Keys, row)
	}
	if err := h.listSessions(r, me, &p); err != nil {
		return err
	}
	return h.show(w, r, status, "account", p)
}

// changeAccount does what one of the forms of the page asks for.
func (h *Handler) changeAccount(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	ctx, say := r.Context(), h.say(r)
	var p accountPage
	switch form.Get("do") {
	case "password":
		var l *session.Login
		l, err = h.cfg.Sessions.ChangePassword(ctx, me.Email, account.Secret(form.Get("old")), account.Secret(form.Get("password")), client(r), session.Browser)
		if err == nil { // every session has ended, and this one goes on as another
			h.login().Set(w, string(l.Login), l.LoginExpires)
			p.Done, p.token = say.Account.PasswordChanged, l.Login
		}
	case "key":
		var scopes account.Scope
		if scopes, err = account.ParseScopes(strings.FieldsFunc(form.Get("scopes"), func(c rune) bool { return c == ',' })); err == nil {
			p.NewKey, _, err = h.cfg.Accounts.CreateKeyFor(ctx, me.ID, account.NewKey{Name: cutName(form.Get("name")), Scopes: scopes})
		}
	case "delete-key":
		err = h.cfg.Accounts.DeleteKey(ctx, me.ID, account.KeyID(form.Get("key")))
		if fault.KindOf(err) == fault.NotFound {
			err = nil // it is gone already
		}
	case "end-session":
		var left bool
		if left, err = h.endSession(r, me, session.ID(form.Get("session"))); left {
			h.login().Set(w, "", time.Time{})
			h.leadTo(w, "/")
			return nil
		}
		if err == nil {
			p.Done = say.Account.Session.Ended
		}
	case "end-others":
		err = h.endOtherSessions(r, me)
	case "sign-out-everywhere":
		if err := h.cfg.Sessions.LogoutAll(ctx, me.ID); err != nil {
			return err
		}
		h.login().Set(w, "", time.Time{})
		h.leadTo(w, "/")
		return nil
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	switch {
	case shownInPlace(err):
		p.Wrong = h.why(r, err)
		return h.showAccount(w, r, me, statusOf(err), p)
	case fault.Is(err, "wrong_password"):
		p.Wrong = say.Wrong["password_wrong"]
		return h.showAccount(w, r, me, http.StatusForbidden, p)
	case err != nil:
		return err
	}
	return h.showAccount(w, r, me, http.StatusOK, p)
}

// cutName keeps a key's name as short as the API has it.
func cutName(s string) string {
	if len(s) <= 100 {
		return s
	}
	return strings.ToValidUTF8(s[:100], "")
}

// why says what is wrong with a form: in the visitor's words, where there are any for
// it, else in the core's.
func (h *Handler) why(r *http.Request, err error) string {
	say := h.say(r)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return say.Problem(fault.KindOf(err), "").Text
	}
	for _, field := range f.Fields {
		if told := say.Wrong[field.Code]; told != "" {
			return told
		}
	}
	if told := say.Wrong[f.Code]; told != "" {
		return told
	}
	return strings.ReplaceAll(say.Sending.Failed, "{why}", f.Msg)
}
