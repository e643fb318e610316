package site

import (
	"net/http"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/wire"
)

// AdminPath is where who administers the installation sees to accounts and blocks.
const AdminPath = "/app/admin"

func (h *Handler) adminRoutes() []wire.Route {
	return []wire.Route{
		h.administering(http.MethodGet, AdminPath, func(w http.ResponseWriter, r *http.Request, me *account.Account) error {
			return h.showAdmin(w, r, me, nil)
		}),
		h.administering(http.MethodPost, AdminPath, h.changeAsAdmin),
	}
}

// administering makes a route for who administers the installation. To others there is
// nothing.
func (h *Handler) administering(method, pattern string, handle personalHandler) wire.Route {
	return h.personal(method, pattern, func(w http.ResponseWriter, r *http.Request, me *account.Account) error {
		if !me.Admin || h.cfg.Senders == nil {
			return errUnknownPath
		}
		return handle(w, r, me)
	})
}

type adminPage struct {
	frame
	Users       []userRow
	Next        string
	Plans       []*plan.Plan
	NoPlan      string
	Blocks      []blockRow
	MoreBlocks  bool
	Dead        []deadRow
	MoreDead    bool
	MinPassword int
	Wrong       string
}

type userRow struct {
	ID                  account.ID
	Email, Name, Used   string
	Plan                string
	Admin, Active, Mine bool
}

type blockRow struct{ Pattern, Reason string }

// A deadRow is a job that was given up.
type deadRow struct {
	Kind, ID, Cause string
	Attempts        int
}

// showAdmin shows the page, with why a change failed.
func (h *Handler) showAdmin(w http.ResponseWriter, r *http.Request, me *account.Account, wrong error) error {
	ctx, say := r.Context(), h.say(r)
	p := adminPage{frame: h.frame(r, say.Admin.Title), NoPlan: account.NoPlan, MinPassword: account.MinPassword}
	users, err := h.cfg.Accounts.List(ctx, account.ID(r.URL.Query().Get("after")), pageOfMine+1)
	if err != nil {
		return err
	}
	for i, a := range users {
		if i == pageOfMine {
			p.Next = "?after=" + string(users[i-1].ID)
			break
		}
		if a.Email == "" {
			continue // the installation's own, and the guests'
		}
		p.Users = append(p.Users, userRow{
			ID: a.ID, Email: a.Email, Name: a.Name, Used: say.Size(a.Used), Plan: a.Plan, Admin: a.Admin,
			Active: a.State == account.Active, Mine: a.ID == me.ID,
		})
	}
	if p.Plans, err = h.cfg.Senders.Plans.List(ctx); err != nil {
		return err
	}
	blocks, err := h.cfg.Senders.Blocks.List(ctx, "", pageOfMine+1)
	if err != nil {
		return err
	}
	for i, b := range blocks {
		if i == pageOfMine {
			p.MoreBlocks = true
			break
		}
		p.Blocks = append(p.Blocks, blockRow{b.Pattern, b.Reason})
	}
	dead, err := h.cfg.Dead.DeadJobs(ctx, pageOfMine+1)
	if err != nil {
		return err
	}
	for i, j := range dead {
		if i == pageOfMine {
			p.MoreDead = true
			break
		}
		p.Dead = append(p.Dead, deadRow{Kind: j.Kind, ID: j.ID, Cause: j.Cause, Attempts: j.Attempts})
	}
	status := http.StatusOK
	if wrong != nil {
		status, p.Wrong = statusOf(wrong), h.why(r, wrong)
	}
	return h.show(w, r, status, "admin", p)
}

// changeAsAdmin does what one of the forms of the page asks for, and logs who did it.
func (h *Handler) changeAsAdmin(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	ctx, who := r.Context(), account.ID(form.Get("user"))
	do := form.Get("do")
	switch do {
	case "create":
		_, err = h.cfg.Accounts.CreateUser(ctx, account.New{
			Email: form.Get("email"), Password: account.Secret(form.Get("password")), Name: form.Get("name"), Admin: form.Get("admin") != "",
		})
	case "disable", "enable":
		if who == me.ID {
			err = fault.New(fault.Conflict, "own_account", "nobody switches off their own account")
		} else {
			err = h.cfg.Accounts.SetActive(ctx, who, do == "enable")
		}
	case "plan":
		err = h.cfg.Accounts.SetPlan(ctx, who, form.Get("plan"), time.Time{})
	case "block":
		err = h.cfg.Senders.Blocks.Add(ctx, form.Get("pattern"), form.Get("reason"))
	case "unblock":
		if err = h.cfg.Senders.Blocks.Remove(ctx, form.Get("pattern")); fault.KindOf(err) == fault.NotFound {
			err = nil // it is gone already
		}
	case "revive":
		err = h.cfg.Dead.Revive(ctx, form.Get("kind"), form.Get("job"), h.cfg.Now())
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	if shownInPlace(err) {
		return h.showAdmin(w, r, me, err)
	}
	if err != nil {
		return err
	}
	h.cfg.Log.InfoContext(ctx, "administered", "do", do, "by", string(me.ID), "account", string(who))
	h.leadTo(w, AdminPath)
	return nil
}
