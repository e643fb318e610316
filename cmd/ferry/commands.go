package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/ferry-server/ferry/internal/account"
)

type userCreateCommand struct {
	place
	accountLimits
	Email    string         `required:"" placeholder:"ADDRESS" help:"Address to sign in with."`
	Password account.Secret `required:"" placeholder:"PASSWORD" help:"Password to sign in with."`
	Admin    bool           `help:"May administer the installation."`
	Company  string         `placeholder:"NAME" help:"Company that the person belongs to."`
}

func (c *userCreateCommand) Run(ctx context.Context, p *program) error {
	return withAccounts(ctx, &c.place, c.accountLimits, func(accounts *account.Service) error {
		made, err := accounts.CreateUser(ctx, account.New{
			Email: c.Email, Password: c.Password, Admin: c.Admin, Company: c.Company,
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, made.ID)
		return err
	})
}

type keyCreateCommand struct {
	place
	preset
	accountLimits
	keyLimits
	User string `placeholder:"ADDRESS" help:"Account that the key acts for; without it, the installation's own."`
	Name string `placeholder:"NAME" help:"What to call the key."`
}

func (c *keyCreateCommand) Run(ctx context.Context, p *program) error {
	return withAccounts(ctx, &c.place, c.accountLimits, func(accounts *account.Service) error {
		key, _, err := accounts.CreateKey(ctx, c.User, c.Name, c.DailyLimit)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, string(key))
		return err
	})
}

type keyS3Command struct {
	place
	Key string `arg:"" help:"The API key."`
}

func (c *keyS3Command) Run(ctx context.Context, p *program) error {
	return withAccounts(ctx, &c.place, accountLimits{}, func(accounts *account.Service) error {
		key, err := accounts.Key(ctx, account.Secret(c.Key))
		if err != nil {
			return err
		}
		access, secret := accounts.S3Credentials(key)
		_, err = fmt.Fprintf(p.stdout, "%s\n%s\n", access, string(secret))
		return err
	})
}

type versionCommand struct{}

func (*versionCommand) Run(_ context.Context, p *program) error {
	_, err := fmt.Fprintf(p.stdout, "ferry %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is what the go command knows of this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
