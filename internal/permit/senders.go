package permit

import (
	"context"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/transfer"
)

// Senders are who may send, as whom, and how much.
type Senders struct {
	*People
	Blocks  *block.Service
	Guests  bool  // whoever has no account may send
	MaxSize int64 // bytes of a transfer, whatever a plan says; 0: no limit
	Now     func() time.Time
}

// Sender tells whose a transfer is that somebody hands in, and as which address they
// send, given the one they claim, if any; empty: none, so nothing is written to it and
// nobody is shown it. The zero Actor is nobody. Unauthenticated "login_required" or
// "registration_required", Conflict "company_account_required", for nobody who may not
// be a guest; Conflict "email_not_verified" or "account_expired".
//
// An account sends as its own address, whatever it claims:
// others cannot be written to in its name. The installation's own key is the
// operator's, who may say. A guest has proved no address, so none is shown as theirs
// and nothing is written to it; it is only looked at whether it is somebody's here.
func (s *Senders) Sender(ctx context.Context, who account.Actor, claimed string) (account.Owner, string, error) {
	if who.Account == "" {
		return account.Owner{Account: account.Guests}, "", s.guest(ctx, claimed)
	}
	a, err := s.Accounts.ByID(ctx, who.Account)
	if err != nil {
		return account.Owner{}, "", Gone(err)
	}
	if a.Email == "" {
		return who.Owner, claimed, nil
	}
	of, err := s.Plans.Get(ctx, plan.ID(a.Plan))
	switch {
	case err != nil:
		return account.Owner{}, "", err
	case !a.Verified:
		return account.Owner{}, "", fault.New(fault.Conflict, "email_not_verified", "the account's e-mail address is not verified yet")
	case a.Expired(s.Now(), of.Grace):
		return account.Owner{}, "", fault.New(fault.Conflict, "account_expired", "the account has expired")
	}
	return who.Owner, a.Email, nil
}

// guest tells why somebody without account may not send.
func (s *Senders) guest(ctx context.Context, claimed string) error {
	if claimed != "" {
		_, err := s.Accounts.ByEmail(ctx, claimed)
		if err == nil {
			return fault.New(fault.Unauthenticated, "login_required", "please login")
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	if !s.Guests {
		return fault.New(fault.Unauthenticated, "registration_required", "please register first")
	}
	if claimed != "" {
		_, err := s.Companies.ByAddress(ctx, claimed)
		if err == nil {
			return fault.New(fault.Conflict, "company_account_required", "the domain of the address belongs to a company here: please register")
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return nil
}

// Rules gives the limits of what an account sends. Guests have what the plan of those who sign up has, but
// for what is kept for accounts: passwords, no end, and letters, as nobody writes to
// others in the name of somebody unknown. Nor is a number of transfers a day theirs:
// all guests are one account, and whoever used it up would lock out the others.
func (s *Senders) Rules(ctx context.Context, who account.ID) (transfer.Rules, error) {
	r, err := s.rules(ctx, who)
	if s.MaxSize > 0 && (r.MaxSize == 0 || r.MaxSize > s.MaxSize) {
		r.MaxSize = s.MaxSize
	}
	return r, err
}

func (s *Senders) rules(ctx context.Context, who account.ID) (transfer.Rules, error) {
	if who != account.Guests {
		return s.People.Rules(ctx, who)
	}
	id, err := s.Accounts.SignUpPlan(ctx)
	if err != nil {
		return transfer.Rules{}, err
	}
	of, err := s.Plans.Get(ctx, plan.ID(id))
	if err != nil {
		return transfer.Rules{}, err
	}
	days := s.Days
	if of.Days > 0 {
		days = min(days, of.Days)
	}
	return transfer.Rules{MaxSize: of.TransferBytes, MaxDays: days, DefaultDays: days, NoPassword: true}, nil
}

// Check returns Forbidden "blocked" when one of the addresses is.
func (s *Senders) Check(ctx context.Context, addresses ...string) error {
	return s.Blocks.Check(ctx, addresses...)
}

// Asker tells whose transfers an account may change: a company's admin those that its people sent. Who they
// are is asked before, as the core asks in the middle of a transaction.
func (s *Senders) Asker(ctx context.Context, who account.Actor) (transfer.Asker, error) {
	asker := transfer.Asker{Account: who.Account}
	a, err := s.Accounts.ByID(ctx, who.Account)
	if err != nil {
		return asker, Gone(err)
	}
	if !a.LeadsCompany() {
		return asker, nil
	}
	users, err := s.Companies.Users(ctx, a.Company, a.ID, "", math.MaxInt32)
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Conflict: // not any more, or not by their plan
		return asker, nil
	}
	if err != nil {
		return asker, err
	}
	own := make(map[account.ID]bool, len(users))
	for _, u := range users {
		own[u.ID] = true
	}
	asker.Over = func(owner account.ID) bool { return own[owner] }
	return asker, nil
}
