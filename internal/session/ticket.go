package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
)

// A Kind says what a ticket is good for.
type Kind int

const (
	Register Kind = 1 // to make the account that was asked for
	Verify   Kind = 2 // to have the address, also in place of the one before
	Reset    Kind = 3 // to choose a new password
)

// The jobs that call for letters; their ID is the ticket's. See Service.Letter.
const (
	JobLetterRegister = "letter.register"
	JobLetterVerify   = "letter.verify"
	JobLetterReset    = "letter.reset"
)

// How long tickets are good.
const (
	registerLife = time.Hour
	verifyLife   = 72 * time.Hour
	resetLife    = time.Hour
)

// A Ticket is the right that a letter carries. The token in the letter is derived
// from the ticket's id, and not stored.
type Ticket struct {
	ID        string
	Kind      Kind
	Account   account.ID // empty for Register
	Epoch     int        // of the account; the ticket is void in the next
	Email     string     // where the letter goes
	Name      string
	Password  string // a Hasher's text, of an account to be made
	Hash      [sha256.Size]byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

// A Letter is what is to be written to somebody.
type Letter struct {
	Kind      Kind
	Email     string
	Name      string
	Token     account.Secret
	ExpiresAt time.Time
}

// Letter gives the letter of a ticket: NotFound "ticket_unknown" when it is used or
// expired, so that there is nothing to write.
func (s *Service) Letter(ctx context.Context, ticket string) (*Letter, error) {
	t, err := s.Store.TicketByID(ctx, ticket, s.Now())
	if err != nil {
		return nil, err
	}
	// The installation's secret may have been changed since the ticket was made.
	for _, key := range s.Ring.Keys(ticketLabel) {
		if token := tokenOf(key, t.ID); hashOf(token) == t.Hash {
			return &Letter{t.Kind, t.Email, t.Name, token, t.ExpiresAt}, nil
		}
	}
	return nil, ticketUnknown()
}

func ticketUnknown() error {
	return fault.New(fault.NotFound, "ticket_unknown", "the link is not, or no longer, good")
}

const ticketLabel = "ticket"

// tokenOf derives 160 bits that nobody without the key can tell from chance.
func tokenOf(key []byte, ticket string) account.Secret {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(ticket))
	return account.Secret(strings.ToLower(base32.StdEncoding.EncodeToString(m.Sum(nil)[:20])))
}

// ticket makes a ticket and the job of its letter.
func (s *Service) ticket(k Kind, life time.Duration, email, name string) (*Ticket, job.Job) {
	now := s.Now()
	t := &Ticket{ID: s.IDs.Key(), Kind: k, Email: email, Name: name, CreatedAt: now, ExpiresAt: now.Add(life)}
	t.Hash = hashOf(tokenOf(s.Ring.Key(ticketLabel), t.ID))
	kind := map[Kind]string{Register: JobLetterRegister, Verify: JobLetterVerify, Reset: JobLetterReset}[k]
	return t, job.Job{Kind: kind, ID: t.ID, RunAt: now}
}

// presented gives the hash of a token from a letter, as people paste it.
func presented(token account.Secret) [sha256.Size]byte {
	text := strings.ToLower(strings.TrimSpace(string(token)))
	return hashOf(account.Secret(text[:min(len(text), maxToken)]))
}

// SignUp is what a stranger sends to get an account.
type SignUp struct {
	Email    string
	Name     string
	Password account.Secret
	Terms    bool   // they accept the terms
	Trap     string // a field that people do not see: only programs fill it
}

// Register begins a sign-up: it keeps the address and the hash of the password for
// an hour, and calls for a letter whose token confirms it. Forbidden
// "sign_up_closed" or "blocked", Invalid "sign_up_form" or with Fields, Conflict
// "email_taken", Throttled "too_many_tries".
func (s *Service) Register(ctx context.Context, u SignUp, from netip.Addr) error {
	if !s.SignUp {
		return fault.New(fault.Forbidden, "sign_up_closed", "accounts are made by whoever runs this server")
	}
	if !u.Terms || u.Trap != "" {
		return fault.New(fault.Invalid, "sign_up_form", "the terms have to be accepted")
	}
	if err := s.Store.CountTries(ctx, s.Now(), s.letterFrom(from)); err != nil {
		return err
	}
	email, err := s.Accounts.Check(account.New{Email: u.Email, Name: u.Name, Password: u.Password})
	if err != nil {
		return err
	}
	if err := s.Blocks.Check(ctx, email); err != nil {
		return err
	}
	switch _, err := s.Accounts.ByEmail(ctx, email); {
	case err == nil:
		return fault.New(fault.Conflict, "email_taken", "there is an account with this address")
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	t, letter := s.ticket(Register, registerLife, email, u.Name)
	if t.Password, err = s.Accounts.Hash(ctx, "password", u.Password, email); err != nil {
		return err
	}
	return s.Store.CreateTicket(ctx, s.Now(), []Try{s.letterTo(email)}, t, letter)
}

// ConfirmRegistration makes the account that a letter's token stands for, and signs
// it in. It joins the company that has claimed the domain of its address. Conflict
// "session_password_gone" for a token that is used, unknown or too old,
// "email_taken", "licences_used"; Forbidden "blocked".
func (s *Service) ConfirmRegistration(ctx context.Context, token account.Secret, from Client, f Form) (*Login, error) {
	gone := func(err error) error {
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		return &fault.Error{Kind: fault.Conflict, Code: "session_password_gone", Msg: "the sign-up is over: begin again", Err: err}
	}
	hash := presented(token)
	t, err := s.Store.Ticket(ctx, Register, hash, s.Now())
	if err != nil {
		return nil, gone(err)
	}
	if err := s.Blocks.Check(ctx, t.Email); err != nil {
		return nil, err
	}
	a, err := s.Accounts.SignedUp(ctx, t.Email, t.Name, t.Password)
	if err != nil {
		return nil, err
	}
	if err := s.Store.UseRegistration(ctx, hash, s.Now(), a); err != nil {
		return nil, gone(err)
	}
	return s.begin(ctx, a, from, f)
}

// SendVerification calls for a letter by which an account shows that its address is
// its own. It does nothing when that is known.
func (s *Service) SendVerification(ctx context.Context, who account.ID, from netip.Addr) error {
	a, err := s.Accounts.ByID(ctx, who)
	if err != nil || a.Verified {
		return err
	}
	if err := s.Store.CountTries(ctx, s.Now(), s.letterFrom(from)); err != nil {
		return err
	}
	return s.sendVerify(ctx, a, a.Email)
}

// ChangeEmail calls for a letter to a new address, which becomes the account's when
// its token comes back. It needs the password: who has only got hold of a token must
// not become the account's owner. Errors are those of Login; Invalid with Fields,
// Forbidden "blocked", Conflict "email_taken".
func (s *Service) ChangeEmail(ctx context.Context, who account.ID, password account.Secret, email string, from netip.Addr) error {
	a, err := s.confirm(ctx, who, password, from)
	if err != nil {
		return err
	}
	if err := s.Store.CountTries(ctx, s.Now(), s.letterFrom(from)); err != nil {
		return err
	}
	if email, err = account.NormalizeEmail(email); err != nil {
		return fault.Wrong([]fault.Field{{Name: "email", Code: "email_invalid", Msg: "not an e-mail address"}})
	}
	if err := s.Blocks.Check(ctx, email); err != nil {
		return err
	}
	switch other, err := s.Accounts.ByEmail(ctx, email); {
	case err == nil && other.ID != who:
		return fault.New(fault.Conflict, "email_taken", "there is an account with this address")
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return err
	}
	return s.sendVerify(ctx, a, email)
}

func (s *Service) sendVerify(ctx context.Context, a *account.Account, email string) error {
	t, letter := s.ticket(Verify, verifyLife, email, a.Name)
	t.Account, t.Epoch = a.ID, a.Epoch
	return s.Store.CreateTicket(ctx, s.Now(), []Try{s.letterTo(email)}, t, letter)
}

// confirm asks for the password of somebody who is signed in.
func (s *Service) confirm(ctx context.Context, who account.ID, password account.Secret, from netip.Addr) (*account.Account, error) {
	a, err := s.Accounts.ByID(ctx, who)
	if err != nil {
		return nil, err
	}
	return s.checkPassword(ctx, a.Email, password, from)
}

// VerifyEmail spends a letter's token: the address it went to is the account's, and
// known to be. NotFound "ticket_unknown", Conflict "email_taken".
func (s *Service) VerifyEmail(ctx context.Context, token account.Secret) (*account.Account, error) {
	return s.Store.UseTicket(ctx, Verify, presented(token), s.Now(), func(t *Ticket, a *account.Account) error {
		a.Email, a.Verified = t.Email, true
		return nil
	})
}

// Forgot calls for a letter by which the owner of an address can choose a new
// password. What it returns, and what it costs, is the same whether or not there is
// such an account.
func (s *Service) Forgot(ctx context.Context, email string, from netip.Addr) error {
	email, err := account.NormalizeEmail(email)
	if err != nil {
		return err
	}
	t, letter := s.ticket(Reset, resetLife, email, "")
	return s.Store.CreateReset(ctx, s.Now(), []Try{s.letterTo(email), s.letterFrom(from)}, t, letter)
}

// ResetPassword spends a letter's token on a new password, which ends every session
// and key. Who could read the letter has the address. NotFound "ticket_unknown",
// Invalid with Fields: then the token is still good.
func (s *Service) ResetPassword(ctx context.Context, token, password account.Secret) error {
	hash := presented(token)
	t, err := s.Store.Ticket(ctx, Reset, hash, s.Now())
	if err != nil {
		return err
	}
	text, err := s.Accounts.Hash(ctx, "password", password, t.Email)
	if err != nil {
		return err
	}
	_, err = s.Store.UseTicket(ctx, Reset, hash, s.Now(), func(t *Ticket, a *account.Account) error {
		a.SetPassword(text, false)
		a.Verified = a.Verified || a.Email == t.Email
		return nil
	})
	if err == nil {
		s.Accounts.Forget()
	}
	return err
}

// ChangePassword puts a new password in place of the old one, which must be given,
// and ends every session and key; it returns a session to go on with. It is also the
// way out of a password that must be changed. Errors are those of Login; Invalid
// with Fields.
func (s *Service) ChangePassword(ctx context.Context, email string, old, password account.Secret, from Client, f Form) (*Login, error) {
	a, err := s.checkPassword(ctx, email, old, from.Address)
	if err != nil {
		return nil, err
	}
	if old == password {
		return nil, fault.Wrong([]fault.Field{{Name: "password", Code: "password_weak", Msg: "is the old one"}})
	}
	text, err := s.Accounts.Hash(ctx, "password", password, a.Email)
	if err != nil {
		return nil, err
	}
	was := a.Epoch
	a, err = s.Accounts.Update(ctx, a.ID, func(a *account.Account, _ *account.Profile) error {
		switch {
		case a.State != account.Active:
			return fault.New(fault.Unauthenticated, "account_disabled", "the account is disabled")
		case a.Epoch != was: // somebody else has changed it since we looked
			return wrongPassword(nil)
		}
		a.SetPassword(text, false)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, a, from, f)
}
