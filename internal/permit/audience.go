package permit

import (
	"context"
	"slices"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/transfer"
)

// A Reader is an account that reads.
type Reader struct {
	Address string // verified to be theirs; "": none
	Company account.CompanyID
	Team    *Team // of the company that they administer; nil: of none
}

// A Team are the people of a company.
type Team struct {
	Accounts  []account.ID
	Addresses []string // verified to be theirs
}

// HasAccount tells whether an account is one of theirs; of a nil Team none is.
func (t *Team) HasAccount(a account.ID) bool { return t != nil && slices.Contains(t.Accounts, a) }

// HasAddress is HasAccount for an address.
func (t *Team) HasAddress(a string) bool { return t != nil && slices.Contains(t.Addresses, a) }

// An Audience is who reads what was sent.
type Audience struct{ *People }

// Reader tells what an account reads. One that has not shown that its address is its
// own reads nothing that was sent there.
func (a *Audience) Reader(ctx context.Context, who account.ID) (Reader, error) {
	of, err := a.Accounts.ByID(ctx, who)
	if err != nil {
		return Reader{}, Gone(err)
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

// Admits tells whether somebody, "" for nobody, may have what an account has sent, as
// far as it is of a company that lets its own people in alone: Unauthenticated for
// nobody, Forbidden for others. Own is set for one of them.
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
