package site

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/words"
)

type companiesPage struct {
	adminFrame
	Companies []companyRow
	Next      string
	Plans     []*plan.Plan
	Wrong     string
}

// A companyRow is a company, with its fields as the form has them.
type companyRow struct {
	ID                      company.ID
	Name, Domain, Plan, Who string
	Licences                int
	PaidUntil               string // a day, or empty
}

// A planChoice is a field in which one chooses a plan, or none.
type planChoice struct {
	ID, Label, Nothing, Chosen string
	Plans                      []*plan.Plan
}

// Choice makes a planChoice.
func (p companiesPage) Choice(id, chosen string) planChoice {
	return planChoice{ID: id, Label: p.Words.Admin.PlanOfNew, Nothing: p.Words.Admin.PlanOfAdmin, Chosen: chosen, Plans: p.Plans}
}

func (h *Handler) showCompanies(w http.ResponseWriter, r *http.Request, _ *account.Account) error {
	return h.companiesPage(w, r, nil)
}

func (h *Handler) companiesPage(w http.ResponseWriter, r *http.Request, wrong error) error {
	ctx, say := r.Context(), h.say(r)
	p := companiesPage{adminFrame: h.adminFrame(r)}
	companies, err := h.cfg.Senders.Companies.List(ctx, company.ID(r.URL.Query().Get("after")), pageOfMine+1)
	if err != nil {
		return err
	}
	for i, c := range companies {
		if i == pageOfMine {
			p.Next = "?after=" + url.QueryEscape(string(companies[i-1].ID))
			break
		}
		row := companyRow{ID: c.ID, Name: words.Shown(c.Name), Domain: c.Domain, Plan: c.Plan, Licences: c.Licences, Who: say.Admin.UsersOf(c.Users, c.Licences)}
		if !c.PaidUntil.IsZero() {
			row.PaidUntil = c.PaidUntil.UTC().Format(time.DateOnly)
		}
		p.Companies = append(p.Companies, row)
	}
	if p.Plans, err = h.cfg.Senders.Plans.List(ctx); err != nil {
		return err
	}
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	return h.show(w, r, status, "companies", p)
}

// changeCompany makes a company, or changes one.
func (h *Handler) changeCompany(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	ctx, all := r.Context(), h.cfg.Senders.Companies
	licences, paid, err := companyNumbers(form)
	if err != nil {
		return err
	}
	switch do := form.Get("do"); do {
	case "create":
		err = h.administer(ctx, me, "company.create", form.Get("name"), func() error {
			_, err := all.Create(ctx, strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("domain")), form.Get("plan"), licences)
			return err
		})
	case "change":
		err = h.administer(ctx, me, "company.change", form.Get("company"), func() error {
			_, err := all.Update(ctx, company.ID(form.Get("company")), company.Operator, func(c *company.Company) error {
				c.Domain, c.Plan, c.Licences, c.PaidUntil = strings.TrimSpace(form.Get("domain")), form.Get("plan"), licences, paid
				return nil
			})
			return err
		})
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	return h.changed(w, err, CompaniesPath, func() error { return h.companiesPage(w, r, err) })
}

// companyNumbers reads what is no text: empty fields are none.
func companyNumbers(form url.Values) (licences int, paid time.Time, err error) {
	if s := strings.TrimSpace(form.Get("licences")); s != "" {
		if licences, err = strconv.Atoi(s); err != nil || licences < 0 || licences > 1e6 {
			return 0, paid, fault.New(fault.Invalid, "form_malformed", "the number of users is none")
		}
	}
	if s := form.Get("paid"); s != "" {
		if paid, err = time.Parse(time.DateOnly, s); err != nil {
			return 0, paid, fault.Wrap(fault.Invalid, "form_malformed", err, "the day is none")
		}
	}
	return licences, paid, nil
}

// administer does what an administrator asks for, and has it written down.
func (h *Handler) administer(ctx context.Context, me *account.Account, do, about string, act func() error) error {
	if len(about) > 254 {
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	err := h.cfg.Journal.Do(ctx, string(me.ID), do, about, act)
	if err == nil {
		h.cfg.Log.InfoContext(ctx, "administered", "do", do, "by", string(me.ID), "about", about)
	}
	return err
}
