package session

import (
	"context"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/letter"
)

// Letters makes the letters that carry tickets, for whoever sends them.
type Letters struct {
	Sessions *Service
	Page     func(k Kind, token account.Secret) letter.Link // takes the token
}

// Kinds gives the kinds of letters that there are.
func (Letters) Kinds() []letter.Kind {
	return []letter.Kind{letter.Register, letter.Verify, letter.Reset}
}

// Letter gives the letter of a ticket: NotFound when it is used or expired, so that
// there is nothing to write.
func (l Letters) Letter(ctx context.Context, kind letter.Kind, ticket string) (*letter.Letter, error) {
	t, err := l.Sessions.Letter(ctx, ticket)
	if err != nil {
		return nil, err
	}
	data := map[Kind]letter.Data{
		Register: &letter.ToRegister{}, Verify: &letter.ToVerify{}, Reset: &letter.ToReset{},
	}[t.Kind]
	if data.Kind() != kind {
		return nil, fault.New(fault.NotFound, "ticket_unknown", "the ticket is not of this kind")
	}
	return &letter.Letter{About: ticket, To: t.Email, Link: l.Page(t.Kind, t.Token), Until: t.ExpiresAt, Data: data}, nil
}
