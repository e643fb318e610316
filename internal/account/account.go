// Package account is who is asking: accounts, API keys, the rooms that a key can
// be split into, and the one-time link of the first start.
//
// It owns the rules on them and the secrets' forms: random secrets are stored as
// SHA-256, human ones by a Hasher (argon2id, package password). Everything that an
// account's holder presents (tokens, keys) was made in an epoch of the account,
// and is void in the next. It leaves signing in to package session, the people of
// a company to package company, what a plan allows to package plan, bearer tokens,
// which are a matter of one API, to that API's door, and rights on transfers to
// the packages that own them. Start at Service.
package account

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/recent"
)

// An ID names an account.
type ID string

// Installation is the account that owns keys made without a user. It is made
// when the first such key is.
const Installation = ID("00000000000000000000000000")

// A KeyID names an API key without being it.
type KeyID string

// A Room is the part of an account that an API key, or one user identifier of a
// key, sees.
type Room string

// A Secret is a password, key or token. It prints, logs and encodes as dots; to
// put it on the wire, say string(s).
type Secret string

func (Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "•••") }
func (Secret) MarshalText() ([]byte, error) { return []byte("•••"), nil }

// An Owner says whose a thing is. Room is empty for what belongs to the account
// at large.
type Owner struct {
	Account ID
	Room    Room
}

// An Actor is who makes a request.
type Actor struct {
	Owner
	Key KeyID // by which key; empty for a person
}

// A State is where an account is in its life.
type State int

const (
	Active   State = 0
	Disabled State = 1 // cannot sign in, and its keys are dead; what it sent lives on
	Erased   State = 2 // its id is all that is left
)

func (s State) String() string {
	return [...]string{"active", "disabled", "erased"}[max(0, min(int(s), 2))]
}

// A CompanyID names a company (package company).
type CompanyID string

// An Account is a person, or the installation itself.
type Account struct {
	ID         ID
	Email      string // lower case; empty for the installation
	Verified   bool   // the address is known to be theirs
	Name       string
	Password   string // a Hasher's text; empty: cannot sign in
	MustChange bool   // has to choose another password before anything else
	State      State
	Epoch      int // sessions and keys of an earlier epoch are void

	Plan      string    // a plan's id; empty: none, and so no limits
	PaidUntil time.Time // zero: nothing to pay

	Company      CompanyID // empty: none
	CompanyAdmin bool      // manages the company's people
	Admin        bool      // administers the installation

	Quota     int64 // bytes of storage; 0: what the plan says
	Used      int64 // bytes reserved by what it keeps
	CreatedAt time.Time
}

// A Store keeps accounts and keys.
type Store interface {
	// CreateAccount adds an account: Conflict "email_taken" when its address
	// has one, NotFound "plan_unknown".
	CreateAccount(ctx context.Context, a *Account) error
	// EnsureAccount adds the account, which has no plan, unless its ID is there.
	EnsureAccount(ctx context.Context, a *Account) error
	// AccountByEmail finds by the lower-case address, AccountByID by the id:
	// NotFound "account_unknown". Erased accounts are not found.
	AccountByEmail(ctx context.Context, email string) (*Account, error)
	AccountByID(ctx context.Context, id ID) (*Account, error)
	// Accounts gives up to n accounts whose ids are greater than after, in their
	// order, without those that are erased.
	Accounts(ctx context.Context, after ID, n int) ([]*Account, error)
	// HasAdmin tells whether any account is an admin.
	HasAdmin(ctx context.Context) (bool, error)
	// DefaultPlan gives the plan of new accounts: of those that strangers make
	// for themselves, or of others.
	DefaultPlan(ctx context.Context, signUp bool) (string, error)

	// UpdateAccount loads the account and its profile, runs change on them, and
	// saves the result, all or nothing; what counts accounts (plans, companies)
	// is kept in step. It may run change more than once, so change must do
	// nothing but change its arguments. ID, Used and CreatedAt are not saved.
	// NotFound "account_unknown" or "plan_unknown"; Conflict "email_taken", or
	// "licences_used" when a company that it was to join is full. When the
	// account was erased, so are its keys and sessions and its profile, and the
	// job that takes down what it sent is called for.
	UpdateAccount(ctx context.Context, id ID, change func(*Account, *Profile) error) (*Account, error)
	// ProfileOf gives an empty profile when nothing was kept.
	ProfileOf(ctx context.Context, id ID) (*Profile, error)

	// CreateKey adds a key in its account's epoch: Conflict "no_api_access" when
	// the account is not active or has a plan without.
	CreateKey(ctx context.Context, k *APIKey) error
	// KeyByHash and KeyByID find keys that are in force but for the clock, each
	// with what its owner's plan allows: NotFound "key_unknown" for one that was
	// deleted, is of an earlier epoch of its owner, or whose owner is not active
	// or has a plan without API access.
	KeyByHash(ctx context.Context, hash [sha256.Size]byte) (*APIKey, error)
	KeyByID(ctx context.Context, id KeyID) (*APIKey, error)
	// KeysOf gives up to n keys of the account that were not deleted and whose
	// ids are greater than after, in their order; also those that are not in
	// force.
	KeysOf(ctx context.Context, owner ID, after KeyID, n int) ([]*APIKey, error)
	// RotateKey gives a key in force another hash and raises its epoch;
	// DeleteKey ends one for good. The owner must be the key's, or empty for
	// anybody's: NotFound "key_unknown".
	RotateKey(ctx context.Context, owner ID, id KeyID, hash [sha256.Size]byte) error
	DeleteKey(ctx context.Context, owner ID, id KeyID, now time.Time) error

	// CountCall counts one call of the key on the day (days since 1970, UTC) by
	// one conditional update: Throttled "daily_limit" when limit calls are
	// counted already.
	CountCall(ctx context.Context, id KeyID, day int64, limit int) error

	// PutSetup keeps the hash of the one-time set-up token in place of any
	// earlier one. UseSetup, in one transaction, forgets it and adds the
	// account: NotFound "setup_unknown" when it is not the one kept.
	PutSetup(ctx context.Context, hash [sha256.Size]byte) error
	UseSetup(ctx context.Context, hash [sha256.Size]byte, a *Account) error
}

// A Hasher turns passwords into texts that can be stored.
type Hasher interface {
	Hash(ctx context.Context, password Secret) (string, error)
	// Verify tells whether the password made the text. With an empty text it
	// costs the same and says no, so unknown users cannot be told by the clock.
	Verify(ctx context.Context, text string, password Secret) (bool, error)
}

// A Service makes and knows accounts and keys.
type Service struct {
	mu   sync.Mutex // guards seen and ends
	seen recent.Map[[sha256.Size]byte, seenKey]
	ends int // how often this node ended keys

	store  Store
	hasher Hasher
	ids    *id.Source
	ring   *keyring.Ring
	now    func() time.Time
	quota  int64
}

// NewService makes a Service; quota is the storage of each new account in bytes,
// 0 for what its plan says.
func NewService(s Store, h Hasher, ids *id.Source, ring *keyring.Ring, now func() time.Time, quota int64) *Service {
	return &Service{seen: recent.Map[[sha256.Size]byte, seenKey]{Most: mostSeen}, store: s, hasher: h, ids: ids, ring: ring, now: now, quota: quota}
}

// NormalizeEmail gives the address as it is stored and compared: bare, lower
// case. Invalid for what is no address.
func NormalizeEmail(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, "\r\n\x00 ") {
		return "", fault.New(fault.Invalid, "email_invalid", "not an e-mail address")
	}
	return strings.ToLower(s), nil
}

// SetupToken makes the one-time token of the set-up link, in place of any
// earlier one; "" when there is an admin already, so that there is nothing to
// set up.
func (s *Service) SetupToken(ctx context.Context) (Secret, error) {
	has, err := s.store.HasAdmin(ctx)
	if has || err != nil {
		return "", err
	}
	t := Secret(s.ids.Text(id.Base62, SetupTokenLen))
	return t, s.store.PutSetup(ctx, hashOf(t))
}

// SetupTokenLen is the length of every set-up token.
const SetupTokenLen = 32

// SetupOpen tells whether there is something to set up: nobody is an admin yet.
func (s *Service) SetupOpen(ctx context.Context) (bool, error) {
	has, err := s.store.HasAdmin(ctx)
	return !has, err
}

// UseSetup spends the set-up token on the first admin, and makes an API key for
// them. NotFound "setup_unknown" for a token that is not, or no longer, good.
func (s *Service) UseSetup(ctx context.Context, token Secret, n New) (*Account, Secret, error) {
	n.Admin = true
	a, err := s.Draft(ctx, n)
	if err != nil {
		return nil, "", err
	}
	a.Plan = "" // whoever runs the server is not to be kept out by a plan
	if err := s.store.UseSetup(ctx, hashOf(token), a); err != nil {
		return nil, "", err
	}
	key, _, err := s.CreateKeyFor(ctx, a.ID, NewKey{Name: "first key"})
	return a, key, err
}

func hashOf(s Secret) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
