package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/ferry-server/ferry/internal/brand"
)

// cli is the command line. Its words are fixed: scripts rely on them.
type cli struct {
	Serve serveCommand `cmd:"" help:"Run the server."`
	Send  sendCommand  `cmd:"" help:"Send files and folders; print the link. The same command goes on with one that was cut off."`
	Get   getCommand   `cmd:"" help:"Fetch what a link opens; print where it is. The same command goes on with one that was cut off."`
	User  struct {
		Create   userCreateCommand   `cmd:"" help:"Make an account; print its id."`
		List     userListCommand     `cmd:"" help:"Print all accounts: id, address, state, plan, company, name."`
		Show     userShowCommand     `cmd:"" help:"Print what is known of an account."`
		Disable  userDisableCommand  `cmd:"" help:"End an account's sessions and API keys, and let nobody sign in. What it sent stays."`
		Enable   userEnableCommand   `cmd:"" help:"Let the holder of a disabled account sign in again."`
		Password userPasswordCommand `cmd:"" help:"Set a password. Ends the account's sessions and API keys."`
		Plan     userPlanCommand     `cmd:"" help:"Give an account another plan."`
		Delete   userDeleteCommand   `cmd:"" help:"Take an account away, with all that it sent."`
	} `cmd:"" help:"Accounts."`
	Company struct {
		Create   companyCreateCommand   `cmd:"" help:"Make a company; print its id."`
		List     companyListCommand     `cmd:"" help:"Print all companies: id, users, licences, domain, plan, name."`
		Users    companyUsersCommand    `cmd:"" help:"Print a company's users: id, address, state, plan, role, name."`
		Licences companyLicencesCommand `cmd:"" help:"Set how many users a company may have."`
		Plan     companyPlanCommand     `cmd:"" help:"Set the plan of a company's new users."`
		Paid     companyPaidCommand     `cmd:"" help:"Set until when a company has paid: its portals close after it."`
		Domain   companyDomainCommand   `cmd:"" help:"Set the domain of addresses that are a company's."`
	} `cmd:"" help:"Companies."`
	Plan struct {
		List    planListCommand    `cmd:"" help:"Print all plans."`
		Set     planSetCommand     `cmd:"" help:"Change a plan, or make one. 0 is no limit."`
		Default planDefaultCommand `cmd:"" help:"Choose the plan of new accounts."`
		Delete  planDeleteCommand  `cmd:"" help:"Remove a plan that nobody has."`
	} `cmd:"" help:"Plans: what accounts may do."`
	Key struct {
		Create keyCreateCommand `cmd:"" help:"Make an API key; print it. It cannot be shown again."`
		List   keyListCommand   `cmd:"" help:"Print an account's API keys: id, scopes, daily limit, expiry, name."`
		Rotate keyRotateCommand `cmd:"" help:"Put a new API key in place of one, which is void at once; print it."`
		Delete keyDeleteCommand `cmd:"" help:"End an API key for good."`
		S3     keyS3Command     `cmd:"" name:"s3" help:"Print access id and secret of an API key for S3 programs."`
	} `cmd:"" help:"API keys."`
	Mail struct {
		List  mailListCommand  `cmd:"" help:"List letters, the latest first: id, state, time, kind, address, what went wrong."`
		Show  mailShowCommand  `cmd:"" help:"Print a letter."`
		Retry mailRetryCommand `cmd:"" help:"Have letters that were not sent tried anew."`
		Test  mailTestCommand  `cmd:"" help:"Write a letter to see whether mail works; print its id."`
	} `cmd:"" help:"Letters."`
	Block struct {
		Add    blockAddCommand    `cmd:"" help:"Block an address, or a domain with all below it."`
		List   blockListCommand   `cmd:"" help:"Print what is blocked: address or domain, since when, why."`
		Remove blockRemoveCommand `cmd:"" help:"Take an address or a domain off the list."`
	} `cmd:"" help:"Addresses and domains that are blocked."`
	Verify     verifyCommand     `cmd:"" help:"Check that all that is stored is there, and as it was sent. Exit status: 0 all right, 1 damage, 2 could not check."`
	Backup     backupCommand     `cmd:"" help:"Copy all that is stored, the secret too, while the server runs or without it."`
	Restore    restoreCommand    `cmd:"" help:"Restore a backup to a directory, and a database, that is empty, and check it."`
	Man        manCommand        `cmd:"" help:"Print the manual page: ferry man | man -l -"`
	Completion completionCommand `cmd:"" help:"Print what a shell completes: source <(ferry completion bash)"`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// A command is one of the command line, with its arguments set.
type command interface {
	Run(ctx context.Context, p *program) error
}

// A checker has something to say of settings together.
type checker interface{ check(wrong reporter) }

// parse makes a command of the command line, the environment and the file that
// they name. It refuses every wrong setting at once. When help was asked for, it
// has been printed and there is no command.
func parse(args, env []string, stdout io.Writer) (command, error) {
	helped := false
	values, settings := &collector{}, &sources{env: environment(env)}
	parser := newParser(append(values.mappers(),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(settings)))
	settings.known = settingsOf(parser.Model)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil, nil
	}
	if err != nil {
		return nil, &usageError{[]string{err.Error()}}
	}
	chosen := parsed.Selected().Target.Addr().Interface().(command)

	problems := slices.Concat(settings.problems(parsed), values.problems)
	if c, ok := chosen.(checker); ok {
		c.check(func(setting, format string, args ...any) {
			known := func(p problem) bool { return p.setting == setting } // it has no value to be judged
			if !slices.ContainsFunc(problems, known) {
				problems = append(problems, problem{setting, fmt.Sprintf(format, args...)})
			}
		})
	}
	if len(problems) == 0 {
		if serve, ok := chosen.(*serveCommand); ok {
			serve.inForce = settings.inForce(parsed, parsed.Selected().Flags)
		}
		return chosen, nil
	}
	wrong := &usageError{}
	for _, p := range problems {
		wrong.lines = append(wrong.lines, p.setting+settings.from(parsed, p.setting)+": "+p.reason)
	}
	slices.Sort(wrong.lines)
	return nil, wrong
}

func newParser(options []kong.Option) *kong.Kong {
	parser, err := kong.New(&cli{}, append(options,
		kong.Name("ferry"),
		kong.Description("Ferry sends large files to people from your own server."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(helpWithDefault),
	)...)
	if err != nil {
		panic(err) // the tags of cli are wrong
	}
	return parser
}

func helpWithDefault(v *kong.Value) string {
	if v.Default == "" || v.Default == "0" {
		return v.Help
	}
	return v.Help + " [" + v.Default + "]"
}

// A problem is one wrong setting.
type problem struct{ setting, reason string }

// A collector makes values of texts and keeps what is wrong with them, where
// kong would stop at the first.
type collector struct{ problems []problem }

func (c *collector) mappers() []kong.Option {
	return []kong.Option{
		typeMapper(c, parseSize), typeMapper(c, parseDuration), typeMapper(c, parseAddress),
		typeMapper(c, parseBaseURL), typeMapper(c, parseDatabase), typeMapper(c, parseBlobs),
		typeMapper(c, parseDirectory), typeMapper(c, parseLogFormat), typeMapper(c, parseLogLevel),
		typeMapper(c, parseMailHost), typeMapper(c, parseMailFrom), typeMapper(c, parseMailSecurity),
		typeMapper(c, parseSiteName), typeMapper(c, parseLogo), typeMapper(c, brand.ParseColour),
		typeMapper(c, parseCount), typeMapper(c, parseDate), typeMapper(c, list(parseDomain)), typeMapper(c, list(parsePrefix)),
		kong.TypeMapper(reflect.TypeFor[bool](), boolMapper{mapper(c, parseBool)}),
		kong.NamedMapper("secret", mapper(c, parseSecret)),
	}
}

func typeMapper[T any](c *collector, parse func(string) (T, error)) kong.Option {
	return kong.TypeMapper(reflect.TypeFor[T](), mapper(c, parse))
}

func mapper[T any](c *collector, parse func(string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto(ctx.Value.Name, &text); err != nil {
			return err
		}
		v, err := parse(text)
		if err != nil {
			c.problems = append(c.problems, problem{ctx.Value.Name, err.Error()})
			return nil
		}
		target.Set(reflect.ValueOf(v))
		return nil
	}
}

// list reads what is separated by commas.
func list[T any](parse func(string) (T, error)) func(string) ([]T, error) {
	return func(s string) (all []T, err error) {
		for element := range strings.SplitSeq(s, ",") {
			v, err := parse(strings.TrimSpace(element))
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	}
}

// A boolMapper lets a flag stand without a value.
type boolMapper struct{ kong.MapperFunc }

func (boolMapper) IsBool() bool { return true }

func (m boolMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		target.SetBool(true)
		return nil
	}
	return m.MapperFunc(ctx, target)
}
