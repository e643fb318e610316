// Package permit is who may: send, as whom and how much; change and read what others
// sent; act with a key or a token.
//
// It joins the rules of accounts, companies, plans and blocks that are about transfers,
// so that all doors ask the same. What a transfer is and what its readers see is package
// transfer's. Start at Senders.
package permit

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

// People are those whom calls are about, with their accounts and plans.
type People struct {
	Accounts  *account.Service
	Sessions  *session.Service
	Plans     *plan.Service
	Companies *company.Service
	Days      int // that a transfer is kept where nobody says for how long
}

// Key tells who acts with an API key, and counts the call: Unauthenticated for one that
// is not in force, because its owner may not use the API, say; Throttled for a call too
// many; Forbidden for one that the key was not made for. A key acts for its whole
// account: what one key sent, another may change, and so may whoever logs in.
func (p *People) Key(ctx context.Context, key account.Secret, use account.Scope) (account.Actor, error) {
	return p.key(ctx, key, use, p.Accounts.Count)
}

// StillKey is Key for a call that goes on: it is not counted again.
func (p *People) StillKey(ctx context.Context, key account.Secret, use account.Scope) (account.Actor, error) {
	return p.key(ctx, key, use, func(context.Context, *account.APIKey) error { return nil })
}

func (p *People) key(
	ctx context.Context, key account.Secret, use account.Scope, count func(context.Context, *account.APIKey) error,
) (account.Actor, error) {
	k, err := p.Accounts.Key(ctx, key)
	if err == nil {
		err = count(ctx, k)
	}
	if err == nil {
		err = k.May(use)
	}
	if err != nil {
		return account.Actor{}, err
	}
	return account.Actor{Owner: account.Owner{Account: k.Account}, Key: k.ID}, nil
}

// Token tells who acts with a login token: Unauthenticated for one that is unknown,
// expired or ended.
func (p *People) Token(ctx context.Context, token account.Secret) (account.Actor, error) {
	who, _, err := p.Session(ctx, token)
	return who, err
}

// Session is Token that also tells in which session.
func (p *People) Session(ctx context.Context, token account.Secret) (account.Actor, session.ID, error) {
	in, a, err := p.Sessions.Session(ctx, token)
	if err != nil {
		return account.Actor{}, "", err
	}
	return account.Actor{Owner: account.Owner{Account: a.ID}}, in.ID, nil
}

// Contacts is how many contacts the account's address book may hold.
func (p *People) Contacts(ctx context.Context, who account.ID) (int, error) {
	of, err := p.Plan(ctx, who)
	if err != nil {
		return 0, err
	}
	return of.Contacts, nil
}

// Plan gives the plan of an account.
func (p *People) Plan(ctx context.Context, who account.ID) (*plan.Plan, error) {
	a, err := p.Accounts.ByID(ctx, who)
	if err != nil {
		return nil, Gone(err)
	}
	return p.Plans.Get(ctx, plan.ID(a.Plan))
}

// Gone is what a caller is told whose account went away during the call: the same as
// a moment later.
func Gone(err error) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	return &fault.Error{Kind: fault.Unauthenticated, Code: "login_token_invalid", Msg: "the account is not there any more", Err: err}
}

// manyRecipients is as many as one call may name: plans without a limit have that.
const manyRecipients = 1000

// Rules gives the limits of what the account sends.
func (p *People) Rules(ctx context.Context, who account.ID) (transfer.Rules, error) {
	of, err := p.Plan(ctx, who)
	if err != nil {
		return transfer.Rules{}, err
	}
	own, err := p.Accounts.Profile(ctx, who)
	if err != nil {
		return transfer.Rules{}, err
	}
	return transfer.Rules{
		MaxSize: of.TransferBytes, MaxRecipients: cmp.Or(of.Recipients, manyRecipients), Daily: of.Daily,
		MaxDays: of.Days, DefaultDays: DaysOf(own, of, p.Days), Forever: of.Permanent,
	}, nil
}

// DaysOf gives how long a transfer is kept of which nobody said so: as its sender
// likes it, as far as the plan goes.
func DaysOf(own *account.Profile, of *plan.Plan, usual int) int {
	days := cmp.Or(own.Days, usual)
	switch {
	case days == transfer.Forever && of.Permanent, days != transfer.Forever && (of.Days == 0 || days <= of.Days):
		return days
	case of.Days == 0: // for good was allowed once
		return usual
	}
	return of.Days
}
