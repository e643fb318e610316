package main

import (
	"context"
	"fmt"

	"github.com/ferry-server/ferry/internal/account"
)

type keyCreateCommand struct {
	place
	preset
	accountLimits
	keyLimits
	User    string   `placeholder:"ADDRESS" help:"Account that the key acts for; without it, the installation's own."`
	Name    string   `placeholder:"NAME" help:"What to call the key."`
	Scope   []string `placeholder:"SCOPE" help:"What the key may be used for: read, send, manage. Without it, everything."`
	Expires date     `placeholder:"DAY" help:"The key ends when this day begins, UTC. Without it, never."`
}

func (c *keyCreateCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, c.accountLimits, func(all *people) error {
		scopes, err := account.ParseScopes(c.Scope)
		if err != nil {
			return err
		}
		key, _, err := all.accounts.CreateKeyOf(ctx, c.User, account.NewKey{
			Name: c.Name, Scopes: scopes, DailyLimit: c.DailyLimit, ExpiresAt: c.Expires.Time,
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, string(key))
		return err
	})
}

type keyListCommand struct {
	place
	User string `placeholder:"ADDRESS" help:"Account of the keys; without it, the installation's own."`
}

func (c *keyListCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		owner := account.Installation
		if c.User != "" {
			a, err := all.accounts.ByEmail(ctx, c.User)
			if err != nil {
				return err
			}
			owner = a.ID
		}
		return pages(func(after account.KeyID) (account.KeyID, error) {
			some, err := all.accounts.Keys(ctx, owner, after, page)
			if err != nil || len(some) == 0 {
				return "", err
			}
			for _, k := range some {
				if err := row(p.stdout, k.ID, k.Scopes, numberOrNone(k.DailyLimit), dayOf(k.ExpiresAt), k.Name); err != nil {
					return "", err
				}
			}
			return some[len(some)-1].ID, nil
		})
	})
}

type keyRotateCommand struct {
	place
	ID account.KeyID `arg:"" help:"The key's id, as key list prints it."`
}

func (c *keyRotateCommand) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		key, err := all.accounts.RotateKey(ctx, "", c.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, string(key))
		return err
	})
}

type keyDeleteCommand struct {
	place
	ID account.KeyID `arg:"" help:"The key's id, as key list prints it."`
}

func (c *keyDeleteCommand) Run(ctx context.Context, _ *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error { return all.accounts.DeleteKey(ctx, "", c.ID) })
}

type keyS3Command struct {
	place
	Key string `arg:"" help:"The API key."`
}

func (c *keyS3Command) Run(ctx context.Context, p *program) error {
	return withPeople(ctx, &c.place, accountLimits{}, func(all *people) error {
		key, err := all.accounts.Key(ctx, account.Secret(c.Key))
		if err != nil {
			return err
		}
		access, secret := all.accounts.S3Credentials(key)
		_, err = fmt.Fprintf(p.stdout, "%s\n%s\n", access, string(secret))
		return err
	})
}
