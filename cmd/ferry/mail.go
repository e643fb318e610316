package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/notify"
	"github.com/ferry-server/ferry/internal/words"
)

type mailListCommand struct {
	place
	State  string `enum:"all,waiting,sent,failed,held" default:"all" placeholder:"all|waiting|sent|failed|held" help:"Only letters in this state."`
	Limit  int    `default:"100" placeholder:"N" help:"At most so many."`
	Before string `placeholder:"ID" help:"Only letters that are older than this one."`
}

func (c *mailListCommand) check(wrong reporter) {
	c.place.check(wrong)
	if c.Limit < 1 || c.Limit > 10_000 {
		wrong("limit", "must be between 1 and 10000")
	}
}

func (c *mailListCommand) Run(ctx context.Context, p *program) error {
	return withLetters(ctx, &c.place, func(letters *notify.Service, _ *id.Source) error {
		state, _ := letter.ParseState(c.State) // 0 for all
		items, err := letters.List(ctx, state, letter.ID(c.Before), c.Limit)
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		for _, i := range items {
			_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n",
				i.ID, i.State, i.CreatedAt.Format(time.RFC3339), i.Kind, orDash(words.Shown(i.To)), orDash(words.Shown(i.Cause)))
		}
		return out.Flush()
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type mailShowCommand struct {
	place
	ID string `arg:"" help:"The letter."`
}

func (c *mailShowCommand) Run(ctx context.Context, p *program) error {
	return withLetters(ctx, &c.place, func(letters *notify.Service, _ *id.Source) error {
		i, text, err := letters.Text(ctx, letter.ID(c.ID))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(p.stdout, "State: %s\n", i.State)
		if i.Cause != "" {
			_, _ = fmt.Fprintf(p.stdout, "Cause: %s\n", words.Shown(i.Cause))
		}
		_, err = fmt.Fprint(p.stdout, text)
		return err
	})
}

type mailRetryCommand struct {
	place
	ID []string `arg:"" help:"The letters."`
}

func (c *mailRetryCommand) Run(ctx context.Context, _ *program) error {
	return withLetters(ctx, &c.place, func(letters *notify.Service, _ *id.Source) error {
		for _, one := range c.ID {
			if err := letters.Retry(ctx, letter.ID(one)); err != nil {
				return fmt.Errorf("%s: %s", one, message(err))
			}
		}
		return nil
	})
}

type mailTestCommand struct {
	place
	Address string `arg:"" help:"Where to."`
}

func (c *mailTestCommand) Run(ctx context.Context, p *program) error {
	to, err := account.NormalizeEmail(c.Address)
	if err != nil {
		return err
	}
	return withLetters(ctx, &c.place, func(letters *notify.Service, ids *id.Source) error {
		item, err := letters.Put(ctx, &letter.Letter{About: ids.Key(), To: to, Data: &letter.Trial{}})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, item.ID)
		return err
	})
}
