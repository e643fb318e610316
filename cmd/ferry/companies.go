package main

import (
	"context"
	"fmt"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
)

type companyCreateCommand struct {
	place
	Name     string `arg:"" help:"What the company is called."`
	Domain   string `placeholder:"DOMAIN" help:"Addresses of this domain are the company's: who signs up with one joins it."`
	Licences int    `placeholder:"N" help:"Users that it may have. 0: as many as its plan has."`
	Plan     string `placeholder:"PLAN" help:"Plan of its new users. Without it, that of the admin who adds them."`
}

func (c *companyCreateCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		made, err := all.companies.Create(ctx, c.Name, c.Domain, c.Plan, c.Licences)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, made.ID)
		return err
	})
}

type companyListCommand struct{ place }

func (c *companyListCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		return pages(func(after company.ID) (company.ID, error) {
			some, err := all.companies.List(ctx, after, page)
			if err != nil || len(some) == 0 {
				return "", err
			}
			for _, at := range some {
				if err := row(p.stdout, at.ID, at.Users, at.Licences, at.Domain, at.Plan, at.Name); err != nil {
					return "", err
				}
			}
			return some[len(some)-1].ID, nil
		})
	})
}

// A companyArgument names a company.
type companyArgument struct {
	place
	Name string `arg:"" help:"What the company is called."`
}

// with finds the company and calls do.
func (a *companyArgument) with(ctx context.Context, do func(*people, *company.Company) error) error {
	return withPeople(ctx, &a.place, accountLimits{}, func(all *people) error {
		at, err := all.companies.ByName(ctx, a.Name)
		if err != nil {
			return err
		}
		return do(all, at)
	})
}

// update changes the company.
func (a *companyArgument) update(ctx context.Context, change func(*company.Company)) error {
	return a.with(ctx, func(all *people, at *company.Company) error {
		_, err := all.companies.Update(ctx, at.ID, company.Operator, func(c *company.Company) error {
			change(c)
			return nil
		})
		return err
	})
}

type companyUsersCommand struct{ companyArgument }

func (c *companyUsersCommand) Run(ctx context.Context, p *program) error {
	return c.with(ctx, func(all *people, at *company.Company) error {
		return pages(func(after account.ID) (account.ID, error) {
			some, err := all.companies.Users(ctx, at.ID, company.Operator, after, page)
			if err != nil || len(some) == 0 {
				return "", err
			}
			for _, a := range some {
				role := "member"
				if a.CompanyAdmin {
					role = "admin"
				}
				if err := row(p.stdout, a.ID, a.Email, a.State, a.Plan, role, a.Name); err != nil {
					return "", err
				}
			}
			return some[len(some)-1].ID, nil
		})
	})
}

type companyLicencesCommand struct {
	companyArgument
	N int `arg:"" help:"Users that it may have. 0: as many as its plan has."`
}

func (c *companyLicencesCommand) Run(ctx context.Context, _ *program) error {
	return c.update(ctx, func(at *company.Company) { at.Licences = c.N })
}

type companyPlanCommand struct {
	companyArgument
	Plan string `arg:"" help:"Plan of its new users. none leaves it to the admin who adds them."`
}

func (c *companyPlanCommand) Run(ctx context.Context, _ *program) error {
	return c.update(ctx, func(at *company.Company) {
		at.Plan = c.Plan
		if c.Plan == "none" {
			at.Plan = ""
		}
	})
}

type companyPaidCommand struct {
	companyArgument
	Until date `arg:"" optional:"" placeholder:"DAY" help:"The day. Without it, there is nothing to pay."`
}

func (c *companyPaidCommand) Run(ctx context.Context, _ *program) error {
	return c.update(ctx, func(at *company.Company) { at.PaidUntil = c.Until.Time })
}

type companyDomainCommand struct {
	companyArgument
	Domain string `arg:"" help:"Addresses of this domain are the company's: who signs up with one joins it. none takes it away."`
}

func (c *companyDomainCommand) Run(ctx context.Context, _ *program) error {
	return c.update(ctx, func(at *company.Company) {
		at.Domain = c.Domain
		if c.Domain == "none" {
			at.Domain = ""
		}
	})
}
