package site

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Where who administers the installation sees to accounts, blocks and work that was given
// up, to companies, and what settings are in force and what was administered.
const (
	AdminPath     = "/app/admin"
	CompaniesPath = AdminPath + "/companies"
	SettingsPath  = AdminPath + "/settings"
	JournalPath   = AdminPath + "/journal"
)

func (h *Handler) adminRoutes() []wire.Route {
	return []wire.Route{
		h.administering(http.MethodGet, AdminPath, func(w http.ResponseWriter, r *http.Request, me *account.Account) error {
			return h.showAdmin(w, r, me, nil)
		}),
		h.administering(http.MethodPost, AdminPath, h.changeAsAdmin),
		h.administering(http.MethodGet, CompaniesPath, h.showCompanies),
		h.administering(http.MethodPost, CompaniesPath, h.changeCompany),
		h.administering(http.MethodGet, TrafficPath, h.showTraffic),
		h.administering(http.MethodGet, SettingsPath, h.showSettings),
		h.administering(http.MethodGet, JournalPath, h.showJournal),
	}
}

// An adminFrame is what all pages of the administration have.
type adminFrame struct {
	frame
	Tabs []tab
}

type tab struct{ Path, Name string }

func (h *Handler) adminFrame(r *http.Request) adminFrame {
	a := h.say(r).Admin
	f := adminFrame{Tabs: []tab{
		{AdminPath, a.Users}, {CompaniesPath, a.Companies}, {TrafficPath, a.Traffic}, {SettingsPath, a.Settings}, {ReportsPath, h.say(r).Report.Tab}, {JournalPath, a.Journal},
	}}
	title := a.Title
	for _, t := range f.Tabs {
		if t.Path == r.URL.Path {
			title = t.Name
		}
	}
	f.frame = h.frame(r, title)
	return f
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
	adminFrame
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
	p := adminPage{adminFrame: h.adminFrame(r), NoPlan: account.NoPlan, MinPassword: account.MinPassword}
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
			ID: a.ID, Email: a.Email, Name: words.Shown(a.Name), Used: say.Size(a.Used), Plan: a.Plan, Admin: a.Admin,
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
		p.Blocks = append(p.Blocks, blockRow{b.Pattern, words.Shown(b.Reason)})
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
		p.Dead = append(p.Dead, deadRow{Kind: j.Kind, ID: j.ID, Cause: words.Shown(j.Cause), Attempts: j.Attempts})
	}
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	return h.show(w, r, status, "admin", p)
}

// changeAsAdmin does what one of the forms of the page asks for.
func (h *Handler) changeAsAdmin(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	ctx, who, about := r.Context(), account.ID(form.Get("user")), form.Get("user")
	var act func() error
	do := form.Get("do")
	switch do {
	case "create":
		about = form.Get("email")
		act = func() error { return h.createUser(ctx, form) }
	case "disable", "enable":
		act = func() error {
			if who == me.ID {
				return fault.New(fault.Conflict, "own_account", "nobody switches off their own account")
			}
			return h.cfg.Accounts.SetActive(ctx, who, do == "enable")
		}
	case "plan":
		act = func() error { return h.cfg.Accounts.SetPlan(ctx, who, form.Get("plan"), time.Time{}) }
	case "block":
		about = form.Get("pattern")
		act = func() error { return h.cfg.Senders.Blocks.Add(ctx, about, form.Get("reason")) }
	case "unblock":
		about = form.Get("pattern")
		act = func() error {
			err := h.cfg.Senders.Blocks.Remove(ctx, about)
			if fault.KindOf(err) == fault.NotFound {
				return nil // it is gone already
			}
			return err
		}
	case "revive":
		about = form.Get("kind") + " " + form.Get("job")
		act = func() error { return h.cfg.Dead.Revive(ctx, form.Get("kind"), form.Get("job"), h.cfg.Now()) }
	case "revive-all":
		about = ""
		act = func() error { return h.cfg.Dead.ReviveAll(ctx, h.cfg.Now()) }
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	err = h.administer(ctx, me, acts[do], about, act)
	return h.changed(w, err, AdminPath, func() error { return h.showAdmin(w, r, me, err) })
}

// acts are what the forms of the page do, as the journal has it.
var acts = map[string]string{
	"create": "user.create", "disable": "user.disable", "enable": "user.enable", "plan": "user.plan",
	"block": "block.add", "unblock": "block.remove", "revive": "job.retry", "revive-all": "job.retry-all",
}

// createUser makes an account, in a company if one is named.
func (h *Handler) createUser(ctx context.Context, form url.Values) error {
	n := account.New{
		Email: form.Get("email"), Password: account.Secret(form.Get("password")), Name: form.Get("name"), Admin: form.Get("admin") != "",
	}
	var err error
	if of := strings.TrimSpace(form.Get("company")); of != "" {
		_, err = h.cfg.Senders.Companies.CreateMember(ctx, of, n)
	} else {
		_, err = h.cfg.Accounts.CreateUser(ctx, n)
	}
	return err
}
