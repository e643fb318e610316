package filemail

import (
	"context"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/transfer"
)

// An Audience is a door's Readers, on the installation's people.
type Audience struct {
	*People
	Companies *company.Service
}

// Reader implements Readers. An account that has not shown that its address is its
// own reads nothing that was sent there.
func (a *Audience) Reader(ctx context.Context, who account.ID) (Reader, error) {
	of, err := a.Accounts.ByID(ctx, who)
	if err != nil {
		return Reader{}, gone(err)
	}
	r := Reader{Address: verified(of), Company: of.Company}
	if !of.LeadsCompany() {
		return r, nil
	}
	users, err := a.Companies.Users(ctx, of.Company, who, "", transfer.MaxMembers)
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Conflict: // not any more, or not by their plan
		return r, nil
	}
	if err != nil {
		return Reader{}, err
	}
	r.Team = &Team{}
	for _, u := range users {
		r.Team.Accounts = append(r.Team.Accounts, u.ID)
		if address := verified(u); address != "" {
			r.Team.Addresses = append(r.Team.Addresses, address)
		}
	}
	return r, nil
}

func verified(a *account.Account) string {
	if !a.Verified {
		return ""
	}
	return a.Email
}

// Admits implements Readers.
func (a *Audience) Admits(ctx context.Context, sender, who account.ID) (own bool, err error) {
	from, err := a.known(ctx, sender)
	if err != nil || from == nil || from.Company == "" {
		return false, err
	}
	c, err := a.Companies.Get(ctx, from.Company)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	to, err := a.known(ctx, who)
	if err != nil {
		return false, err
	}
	return to != nil && to.Company == c.ID && to.State == account.Active, c.MayDownload(to)
}

// AdmitsNobody is Admits for somebody who is not signed in.
func (a *Audience) AdmitsNobody(ctx context.Context, sender account.ID) error {
	_, err := a.Admits(ctx, sender, "")
	return err
}

// known finds an account; nil for nobody, and for one that is gone.
func (a *Audience) known(ctx context.Context, who account.ID) (*account.Account, error) {
	if who == "" {
		return nil, nil
	}
	of, err := a.Accounts.ByID(ctx, who)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return of, err
}
