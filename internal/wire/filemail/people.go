package filemail

import (
	"cmp"
	"context"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/transfer"
)

// People are those whom a door's calls are about. It is its Gate and Limits, on the
// installation's accounts and plans.
type People struct {
	Accounts  *account.Service
	Sessions  *session.Service
	Plans     *plan.Service
	Companies *company.Service
	Days      int // that a transfer is kept where nobody says for how long
}

// Key implements Gate. A key acts for its whole account: what one key sent, another
// may change, and so may whoever logs in.
func (p *People) Key(ctx context.Context, key account.Secret, use account.Scope) (account.Actor, error) {
	k, err := p.Accounts.Key(ctx, key)
	if err == nil {
		err = p.Accounts.Count(ctx, k)
	}
	if err == nil {
		err = k.May(use)
	}
	if err != nil {
		return account.Actor{}, err
	}
	return account.Actor{Owner: account.Owner{Account: k.Account}, Key: k.ID}, nil
}

// Token implements Gate.
func (p *People) Token(ctx context.Context, token account.Secret) (account.Actor, error) {
	a, err := p.Sessions.Find(ctx, token)
	if err != nil {
		return account.Actor{}, err
	}
	return account.Actor{Owner: account.Owner{Account: a.ID}}, nil
}

// Contacts implements Limits.
func (p *People) Contacts(ctx context.Context, who account.ID) (int, error) {
	of, err := p.plan(ctx, who)
	if err != nil {
		return 0, err
	}
	return of.Contacts, nil
}

func (p *People) plan(ctx context.Context, who account.ID) (*plan.Plan, error) {
	a, err := p.Accounts.ByID(ctx, who)
	if err != nil {
		return nil, gone(err)
	}
	return p.Plans.Get(ctx, plan.ID(a.Plan))
}

// gone is what a caller is told whose account went away during the call: the same as
// a moment later.
func gone(err error) error {
	return invalidOrExpiredLoginToken.instead(err, fault.NotFound)
}

// manyRecipients is as many as one call may name: plans without a limit have that.
const manyRecipients = 1000

// Rules gives the limits of what the account sends.
func (p *People) Rules(ctx context.Context, who account.ID) (transfer.Rules, error) {
	of, err := p.plan(ctx, who)
	if err != nil {
		return transfer.Rules{}, err
	}
	own, err := p.Accounts.Profile(ctx, who)
	if err != nil {
		return transfer.Rules{}, err
	}
	return transfer.Rules{
		MaxSize: of.TransferBytes, MaxRecipients: cmp.Or(of.Recipients, manyRecipients), Daily: of.Daily,
		MaxDays: of.Days, DefaultDays: daysOf(own, of, p.Days), Forever: of.Permanent,
	}, nil
}

// daysOf gives how long a transfer is kept of which nobody said so: as its sender
// likes it, as far as the plan goes.
func daysOf(own *account.Profile, of *plan.Plan, usual int) int {
	days := cmp.Or(own.Days, usual)
	switch {
	case days == transfer.Forever && of.Permanent, days != transfer.Forever && (of.Days == 0 || days <= of.Days):
		return days
	case of.Days == 0: // for good was allowed once
		return usual
	}
	return of.Days
}
