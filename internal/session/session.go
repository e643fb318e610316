// Package session is how people come to be signed in: by a password, by a token
// that goes on, by signing up, and by what a letter lets them do.
//
// It owns sessions and their tokens, the tries that are counted before a password
// is compared, and tickets: the rights that letters carry. Letters themselves are
// written and sent by others; here a job calls for one in the transaction that
// makes its ticket. What an account is, and the rules on passwords, are package
// account's. Start at Service.
package session

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
)

// How long tokens live (Filemail docs, Custom authentication: 7 days and 3 months).
const (
	LoginLife   = 7 * 24 * time.Hour
	RefreshLife = 90 * 24 * time.Hour
)

// An ID names a session.
type ID string

// A Session is what one login began. All its tokens end with it, and it ends with
// its account's epoch.
type Session struct {
	ID        ID
	Account   account.ID
	Epoch     int
	CreatedAt time.Time
	ExpiresAt time.Time // of the last of its tokens
	UsedAt    time.Time // to the hour; zero: not known
	Address   string    // where it began, shortened; "" when that is AddressLife ago
	Agent     string    // what the client that began it calls itself
}

// A TokenKind tells the two kinds of tokens apart, which never stand for each other.
type TokenKind int

const (
	LoginToken   TokenKind = 1 // goes with each request
	RefreshToken TokenKind = 2 // gets new tokens, once
)

// A Token is the row of a token, which is not stored itself.
type Token struct {
	Key       string
	Kind      TokenKind
	Hash      [sha256.Size]byte
	ExpiresAt time.Time
}

// A Form is the shape in which an API wants its tokens.
type Form int

const (
	Opaque  Form = iota // 43 letters and digits, with a refresh token
	Classic             // 32 hex digits (Filemail's Authentication.aspx shows such), without
	Browser             // as Opaque, without: what nobody is given must not keep a session alive
)

// Tokens are what a client is given at login.
type Tokens struct {
	Login          account.Secret
	LoginExpires   time.Time
	Refresh        account.Secret // empty in the forms without
	RefreshExpires time.Time
}

// A Login is a session that has just begun or gone on.
type Login struct {
	Account *account.Account
	Tokens
}

// A Try is counted before anything is compared: at most Most of a name until a
// moment. The name is a hash of what is tried from where.
type Try struct {
	Name  [sha256.Size]byte
	Most  int
	Until time.Time
}

// A Store keeps sessions, tickets and tries. Where it takes tries, it counts them in
// the same transaction: Throttled "too_many_tries", and nothing is changed, when
// one of them is used up. A count whose time is over begins anew.
type Store interface {
	// CountTries counts tries, and ForgetTry takes one back that succeeded.
	CountTries(ctx context.Context, now time.Time, tries ...Try) error
	ForgetTry(ctx context.Context, name [sha256.Size]byte) error

	// CreateSession adds a session and its tokens.
	CreateSession(ctx context.Context, s *Session, tokens []Token) error
	// FindToken finds the session and account of a login token: NotFound
	// "token_unknown" unless it is alive at now, its session has the account's
	// epoch, and the account is active.
	FindToken(ctx context.Context, hash [sha256.Size]byte, now time.Time) (*Session, *account.Account, error)
	// UseRefresh spends a refresh token and adds fresh tokens to its session. A
	// token that was spent before ends the session: Conflict "refresh_used", and
	// that is saved. NotFound "token_unknown" for others that are no good.
	UseRefresh(ctx context.Context, hash [sha256.Size]byte, now time.Time, fresh []Token) (*account.Account, error)
	// Sessions gives up to n sessions of an account that began before the one that is
	// named, the latest first, and with "" the latest of all. It gives none that are
	// over at now, or of another epoch than the account's.
	Sessions(ctx context.Context, who account.ID, before ID, n int, now time.Time) ([]*Session, error)
	// TouchSession notes that a session was used, if it is there still.
	TouchSession(ctx context.Context, s ID, now time.Time) error
	// EndSession ends a session of the account: NotFound "session_unknown".
	// EndSessions ends all but the one that is named; with "" all.
	EndSession(ctx context.Context, who account.ID, s ID) error
	EndSessions(ctx context.Context, who account.ID, but ID) error

	// CreateTicket adds a ticket and the job of its letter.
	CreateTicket(ctx context.Context, now time.Time, tries []Try, t *Ticket, letter job.Job) error
	// CreateReset does so for the active account of t's address, whose id and
	// epoch t gets. When there is none it counts the tries and does nothing.
	CreateReset(ctx context.Context, now time.Time, tries []Try, t *Ticket, letter job.Job) error
	// Ticket finds by the hash of the token, TicketByID by the id, what has not
	// expired and is not of an earlier epoch of its account: NotFound
	// "ticket_unknown".
	Ticket(ctx context.Context, k Kind, hash [sha256.Size]byte, now time.Time) (*Ticket, error)
	TicketByID(ctx context.Context, id string, now time.Time) (*Ticket, error)
	// UseTicket spends a ticket, as Ticket finds it, on a change of its account:
	// see account.Store's UpdateAccount.
	UseTicket(ctx context.Context, k Kind, hash [sha256.Size]byte, now time.Time, change func(*Ticket, *account.Account) error) (*account.Account, error)
	// UseRegistration spends a ticket on a new account, which joins the company
	// that has claimed the domain of its address: NotFound "ticket_unknown",
	// Conflict "email_taken" or "licences_used".
	UseRegistration(ctx context.Context, hash [sha256.Size]byte, now time.Time, a *account.Account) error

	// SweepSessions forgets up to n of each thing that expired before now, and of the
	// addresses of sessions that began before old, and says whether that was all.
	SweepSessions(ctx context.Context, now, old time.Time, n int) (done bool, err error)
}

// Config is what a Service stands on.
type Config struct {
	Store    Store
	Accounts *account.Service
	Blocks   *block.Service
	IDs      *id.Source
	Ring     *keyring.Ring
	Now      func() time.Time
	Log      *slog.Logger
	SignUp   bool // strangers may make accounts for themselves
}

// A Service signs people in.
type Service struct {
	Config
}

// NewService makes a Service.
func NewService(c Config) *Service { return &Service{c} }

// Tries, as trust has it: 10 an address and account in 15 minutes, over all doors
// together.
const (
	tryTime     = 15 * time.Minute
	mostTries   = 10
	letterTime  = time.Hour
	mostLetters = 5  // to one address
	mostAsked   = 20 // that one client asks for
)

// try names what is tried by parts that cannot run into each other.
func (s *Service) try(most int, during time.Duration, parts ...string) Try {
	name := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return Try{Name: name, Most: most, Until: s.Now().Add(during)}
}

// passwordTry is one look at an account's password from an address.
func (s *Service) passwordTry(email string, from netip.Addr) Try {
	return s.try(mostTries, tryTime, "password", email, network(from))
}

// letterTo and letterFrom are counted for each letter that somebody has sent to an
// address. Where an answer tells whether an address has an account, letterFrom is
// counted before it is given: nobody goes through a list of addresses.
func (s *Service) letterTo(email string) Try {
	return s.try(mostLetters, letterTime, "letter to", email)
}

func (s *Service) letterFrom(from netip.Addr) Try {
	return s.try(mostAsked, letterTime, "letter from", network(from))
}

// network gives what counts as one client: who has an IPv6 address has the /64
// around it.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // fails for no IPv6 address
		return p.String()
	}
	return a.String()
}

// Login signs in by a password. Unauthenticated "wrong_password" for an unknown
// address as for a wrong password, at the same cost; "password_reset_required" for
// one that must be changed, "account_disabled". Throttled "too_many_tries".
func (s *Service) Login(ctx context.Context, email string, password account.Secret, from Client, f Form) (*Login, error) {
	a, err := s.checkPassword(ctx, email, password, from.Address)
	switch {
	case err != nil:
		return nil, err
	case a.State != account.Active:
		return nil, fault.New(fault.Unauthenticated, "account_disabled", "the account is disabled")
	case a.MustChange:
		return nil, fault.New(fault.Unauthenticated, "password_reset_required", "a new password has to be chosen")
	}
	return s.begin(ctx, a, from, f)
}

// checkPassword finds the account that has the address and the password.
func (s *Service) checkPassword(ctx context.Context, email string, password account.Secret, from netip.Addr) (*account.Account, error) {
	try := s.passwordTry(strings.ToLower(email), from)
	if err := s.Store.CountTries(ctx, s.Now(), try); err != nil {
		return nil, err
	}
	a, err := s.Accounts.ByEmail(ctx, email)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	ok, verr := s.Accounts.Verify(ctx, a, password)
	if verr != nil {
		return nil, verr
	}
	if !ok || err != nil { // nobody's password is right, whatever the hasher makes of it
		return nil, wrongPassword(err)
	}
	return a, s.Store.ForgetTry(ctx, try.Name)
}

func wrongPassword(cause error) error {
	return &fault.Error{Kind: fault.Unauthenticated, Code: "wrong_password", Msg: "unknown address or wrong password", Err: cause}
}

// begin starts a session of the account as it was loaded: when its epoch has moved
// on meanwhile, the tokens are void from the start.
func (s *Service) begin(ctx context.Context, a *account.Account, from Client, f Form) (*Login, error) {
	t, rows := s.tokens(f)
	now := s.Now()
	err := s.Store.CreateSession(ctx, &Session{
		ID: ID(s.IDs.Key()), Account: a.ID, Epoch: a.Epoch, CreatedAt: now, ExpiresAt: rows[len(rows)-1].ExpiresAt,
		UsedAt: now, Address: from.network(), Agent: from.agent(),
	}, rows)
	if err != nil {
		return nil, err
	}
	return &Login{a, t}, nil
}

// tokens makes the tokens of a form, and their rows, the one that lives longest last.
func (s *Service) tokens(f Form) (t Tokens, rows []Token) {
	now := s.Now()
	row := func(k TokenKind, secret account.Secret, life time.Duration) (account.Secret, time.Time) {
		rows = append(rows, Token{Key: s.IDs.Key(), Kind: k, Hash: hashOf(secret), ExpiresAt: now.Add(life)})
		return secret, now.Add(life)
	}
	if f == Classic {
		t.Login, t.LoginExpires = row(LoginToken, account.Secret(s.IDs.Text(id.Hex, 32)), LoginLife) // 128 bits
		return t, rows
	}
	t.Login, t.LoginExpires = row(LoginToken, account.Secret(s.IDs.Text(id.Base62, 43)), LoginLife) // 256 bits
	if f == Browser {
		return t, rows
	}
	t.Refresh, t.RefreshExpires = row(RefreshToken, account.Secret(s.IDs.Text(id.Base62, 43)), RefreshLife)
	return t, rows
}

func hashOf(s account.Secret) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

// maxToken bounds what is hashed of what strangers present.
const maxToken = 256

// Find gives the account of a login token of any form: Unauthenticated
// "login_token_invalid" for one that is unknown, expired or ended. It asks the
// store each time, so what ended a token ends it at once on every node.
func (s *Service) Find(ctx context.Context, token account.Secret) (*account.Account, error) {
	_, a, err := s.Session(ctx, token)
	return a, err
}

// Session is Find that gives the session, too.
func (s *Service) Session(ctx context.Context, token account.Secret) (*Session, *account.Account, error) {
	if token == "" || len(token) > maxToken {
		return nil, nil, invalidToken(nil)
	}
	session, a, err := s.Store.FindToken(ctx, hashOf(token), s.Now())
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil, invalidToken(err)
	}
	if err != nil {
		return nil, nil, err
	}
	s.touch(ctx, session)
	return session, a, nil
}

func invalidToken(cause error) error {
	return &fault.Error{Kind: fault.Unauthenticated, Code: "login_token_invalid", Msg: "the login token is unknown or has expired", Err: cause}
}

// Refresh gives new tokens for a refresh token, which is spent by it. Login tokens
// of before go on to their own end, as a program may be using one at that moment.
// Invalid "refresh_used" for the second use of one, which also ends the session:
// one of the two users has stolen it; "refresh_expired" for any other that is not
// good.
func (s *Service) Refresh(ctx context.Context, token account.Secret) (*Login, error) {
	expired := func(cause error) error {
		return &fault.Error{Kind: fault.Invalid, Code: "refresh_expired", Msg: "the refresh token is unknown or has expired", Err: cause}
	}
	if token == "" || len(token) > maxToken {
		return nil, expired(nil)
	}
	t, rows := s.tokens(Opaque)
	a, err := s.Store.UseRefresh(ctx, hashOf(token), s.Now(), rows)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, expired(err)
	case fault.Is(err, "refresh_used"):
		return nil, &fault.Error{Kind: fault.Invalid, Code: "refresh_used", Msg: "the refresh token was used before", Err: err}
	case err != nil:
		return nil, err
	}
	return &Login{a, t}, nil
}

// JobSweep forgets what has expired. It is one job, which comes back by itself.
const JobSweep = "session.sweep"

const sweepStep = 200 // rows of a table a step

// Jobs gives what must be in the queue.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Kind: JobSweep, ID: "sweep", RunAt: s.Now().Add(time.Minute)}}
}

// Handlers gives the work behind each kind of job.
func (s *Service) Handlers() map[string]job.Handler {
	return map[string]job.Handler{JobSweep: func(ctx context.Context, _ job.Job) error {
		done, err := s.Store.SweepSessions(ctx, s.Now(), s.Now().Add(-AddressLife), sweepStep)
		switch {
		case err != nil: // tried again for as long as the program runs, and never given up
			s.Log.ErrorContext(ctx, "sweep failed", "kind", JobSweep, "err", err)
			return job.Again(time.Minute)
		case !done:
			return job.Again(0)
		}
		return job.Again(time.Hour)
	}}
}
