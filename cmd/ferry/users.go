package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/words"
)

type userCreateCommand struct {
	place
	accountLimits
	Email    string         `required:"" placeholder:"ADDRESS" help:"Address to sign in with."`
	Password account.Secret `required:"" placeholder:"PASSWORD" help:"Password to sign in with."`
	Name     string         `placeholder:"NAME" help:"What the person is called."`
	Admin    bool           `help:"May administer the installation."`
	Company  string         `placeholder:"NAME" help:"Company that the person belongs to. When there is none of this name it is made; its first user is its admin."`
	Plan     string         `placeholder:"PLAN" help:"Plan of the account, or none. Without it, the company's, or that of new accounts."`
}

func (c *userCreateCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, c.accountLimits, func(all *people) error {
		n := account.New{Email: c.Email, Password: c.Password, Name: c.Name, Admin: c.Admin, Plan: c.Plan}
		var made *account.Account
		var err error
		if c.Company != "" {
			made, err = all.companies.CreateMember(ctx, c.Company, n)
		} else {
			made, err = all.accounts.CreateUser(ctx, n)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, made.ID)
		return err
	})
}

type userListCommand struct{ place }

func (c *userListCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		names := map[company.ID]string{"": "-"}
		return pages(func(after account.ID) (account.ID, error) {
			some, err := all.accounts.List(ctx, after, page)
			if err != nil || len(some) == 0 {
				return "", err
			}
			for _, a := range some {
				if _, known := names[a.Company]; !known {
					at, err := all.companies.Get(ctx, a.Company)
					if err != nil {
						return "", err
					}
					names[a.Company] = at.Name
				}
				if err := row(p.stdout, a.ID, a.Email, a.State, a.Plan, names[a.Company], a.Name); err != nil {
					return "", err
				}
			}
			return some[len(some)-1].ID, nil
		})
	})
}

// A userArgument names an account.
type userArgument struct {
	place
	Email string `arg:"" help:"Address of the account."`
}

// with finds the account and calls do.
func (u *userArgument) with(ctx context.Context, do func(*people, *account.Account) error) error {
	return withPeople(ctx, &u.place, accountLimits{}, func(all *people) error {
		a, err := all.accounts.ByEmail(ctx, u.Email)
		if err != nil {
			return err
		}
		return do(all, a)
	})
}

type userShowCommand struct{ userArgument }

func (c *userShowCommand) Run(ctx context.Context, p *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error {
		profile, err := all.accounts.Profile(ctx, a.ID)
		if err != nil {
			return err
		}
		at := &company.Company{}
		if a.Company != "" {
			if at, err = all.companies.Get(ctx, a.Company); err != nil {
				return err
			}
		}
		has, err := all.plans.Get(ctx, plan.ID(a.Plan))
		if err != nil {
			return err
		}
		most := a.Quota
		if most == 0 {
			most = has.Storage
		}
		for _, line := range []struct {
			name  string
			value any
		}{
			{"id", a.ID},
			{"address", a.Email},
			{"verified", a.Verified},
			{"name", a.Name},
			{"state", a.State},
			{"must change password", a.MustChange},
			{"plan", a.Plan},
			{"paid until", dayOf(a.PaidUntil)},
			{"company", at.Name},
			{"company admin", a.CompanyAdmin},
			{"admin", a.Admin},
			{"stored", words.Size(a.Used)},
			{"storage", sizeOrNone(most)},
			{"country", profile.Country},
			{"mobile", profile.Mobile},
			{"made", a.CreatedAt.UTC().Format(time.RFC3339)},
		} {
			if _, err := fmt.Fprintf(p.stdout, "%-22s%s\n", line.name, cell(line.value)); err != nil {
				return err
			}
		}
		return nil
	})
}

type userDisableCommand struct{ userArgument }

func (c *userDisableCommand) Run(ctx context.Context, _ *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error { return all.accounts.SetActive(ctx, a.ID, false) })
}

type userEnableCommand struct{ userArgument }

func (c *userEnableCommand) Run(ctx context.Context, _ *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error { return all.accounts.SetActive(ctx, a.ID, true) })
}

type userPasswordCommand struct {
	userArgument
	Password   account.Secret `required:"" placeholder:"PASSWORD" help:"Password to sign in with."`
	MustChange bool           `help:"Its holder has to choose another at once."`
}

func (c *userPasswordCommand) Run(ctx context.Context, _ *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error {
		return all.accounts.SetPassword(ctx, a.ID, c.Password, c.MustChange)
	})
}

type userPlanCommand struct {
	userArgument
	Plan  string `arg:"" help:"The plan, or none for no limits."`
	Until date   `placeholder:"DAY" help:"Paid until this day. Without it, the plan costs nothing."`
}

func (c *userPlanCommand) Run(ctx context.Context, _ *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error {
		return all.accounts.SetPlan(ctx, a.ID, c.Plan, c.Until.Time)
	})
}

type userDeleteCommand struct{ userArgument }

func (c *userDeleteCommand) Run(ctx context.Context, _ *program) error {
	return c.with(ctx, func(all *people, a *account.Account) error { return all.accounts.Erase(ctx, a.ID) })
}

// page is how many rows a list asks for at once.
const page = 200

// pages calls next with what it returned last, until that is empty.
func pages[K ~string](next func(after K) (K, error)) error {
	for after := K(""); ; {
		last, err := next(after)
		if err != nil || last == "" {
			return err
		}
		after = last
	}
}

// row prints one line of a table that programs can read: cells between tabs.
func row(w io.Writer, cells ...any) error {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = cell(c)
	}
	_, err := fmt.Fprintln(w, strings.Join(texts, "\t"))
	return err
}

// cell is a value as it is printed. What a user wrote must not reach the terminal as
// it is.
func cell(v any) string {
	if s := words.Shown(fmt.Sprint(v)); s != "" {
		return s
	}
	return "-"
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func sizeOrNone(n int64) string {
	if n == 0 {
		return "no limit"
	}
	return words.Size(n)
}
