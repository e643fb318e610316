package main

import (
	"context"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/plan"
)

type planListCommand struct{ place }

func (c *planListCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		plans, err := all.plans.List(ctx)
		if err != nil {
			return err
		}
		err = row(p.stdout, "plan", "transfer", "days", "permanent", "storage", "recipients", "daily", "downloads", "contacts",
			"users", "api", "calls", "company", "grace", "accounts", "for")
		for _, a := range plans {
			if err != nil {
				return err
			}
			err = row(p.stdout, a.ID, sizeOrNone(a.TransferBytes), numberOrNone(a.Days), a.Permanent, sizeOrNone(a.Storage),
				numberOrNone(a.Recipients), numberOrNone(a.Daily), numberOrNone(a.Downloads), numberOrNone(a.Contacts),
				numberOrNone(a.Users), a.API, numberOrNone(a.Calls), a.Company, a.Grace, a.Accounts, uses(a))
		}
		return err
	})
}

func uses(p *plan.Plan) string {
	switch {
	case p.ForNew && p.ForSignUp:
		return "new, sign-up"
	case p.ForNew:
		return "new"
	case p.ForSignUp:
		return "sign-up"
	}
	return ""
}

func numberOrNone(n int) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.Itoa(n)
}

type planSetCommand struct {
	place
	ID         plan.ID        `arg:"" help:"The plan: a word such as pro."`
	Name       *string        `placeholder:"NAME" help:"What people call it."`
	Transfer   *size          `placeholder:"SIZE" help:"Bytes of a transfer."`
	Days       *int           `placeholder:"N" help:"Days that a transfer is kept."`
	Permanent  *bool          `help:"Transfers may be kept for good."`
	Storage    *size          `placeholder:"SIZE" help:"Bytes of all that an account keeps."`
	Recipients *int           `placeholder:"N" help:"Recipients of a transfer."`
	Daily      *int           `placeholder:"N" help:"Transfers a day."`
	Downloads  *int           `placeholder:"N" help:"Downloads of a transfer."`
	Contacts   *int           `placeholder:"N" help:"Contacts in the address book."`
	Users      *int           `placeholder:"N" help:"Users of a company."`
	API        *bool          `name:"api" help:"API keys work."`
	Calls      *int           `placeholder:"N" help:"Calls a day of each API key."`
	Company    *bool          `help:"A company's admins manage its people."`
	Grace      *time.Duration `placeholder:"TIME" help:"How long an account goes on after its paid time."`
}

func (c *planSetCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		_, err := all.plans.Update(ctx, c.ID, func(p *plan.Plan) {
			set(&p.Name, c.Name)
			set((*size)(&p.TransferBytes), c.Transfer)
			set(&p.Days, c.Days)
			set(&p.Permanent, c.Permanent)
			set((*size)(&p.Storage), c.Storage)
			set(&p.Recipients, c.Recipients)
			set(&p.Daily, c.Daily)
			set(&p.Downloads, c.Downloads)
			set(&p.Contacts, c.Contacts)
			set(&p.Users, c.Users)
			set(&p.API, c.API)
			set(&p.Calls, c.Calls)
			set(&p.Company, c.Company)
			set(&p.Grace, c.Grace)
		})
		return err
	})
}

// set changes what was given.
func set[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

type planDefaultCommand struct {
	place
	ID     plan.ID `arg:"" help:"The plan."`
	SignUp bool    `help:"For accounts that people make for themselves, not for those that the operator makes."`
}

func (c *planDefaultCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		use := plan.New
		if c.SignUp {
			use = plan.SignUp
		}
		return all.plans.SetDefault(ctx, c.ID, use)
	})
}

type planDeleteCommand struct {
	place
	ID plan.ID `arg:"" help:"The plan."`
}

func (c *planDeleteCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error { return all.plans.Delete(ctx, c.ID) })
}

type blockAddCommand struct {
	place
	Pattern string `arg:"" name:"address" help:"An address, or a domain."`
	Reason  string `placeholder:"TEXT" help:"Why, for the operator alone."`
}

func (c *blockAddCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error { return all.blocks.Add(ctx, c.Pattern, c.Reason) })
}

type blockListCommand struct{ place }

func (c *blockListCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		return pages(func(after string) (string, error) {
			some, err := all.blocks.List(ctx, after, page)
			if err != nil || len(some) == 0 {
				return "", err
			}
			var b block.Block
			for _, b = range some {
				if err := row(p.stdout, b.Pattern, dayOf(b.CreatedAt), b.Reason); err != nil {
					return "", err
				}
			}
			return b.Pattern, nil
		})
	})
}

type blockRemoveCommand struct {
	place
	Pattern string `arg:"" name:"address" help:"An address, or a domain."`
}

func (c *blockRemoveCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error { return all.blocks.Remove(ctx, c.Pattern) })
}
