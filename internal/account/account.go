// Package account is who is asking: accounts, API keys, the rooms that a key can
// be split into, and the one-time link of the first start.
//
// It owns the rules on them and the secrets' forms: random secrets are stored as
// SHA-256, human ones by a Hasher (argon2id, package password). It leaves
// bearer tokens, which are a matter of one API, to that API's door, and rights on
// transfers to the packages that own them. Start at Service.
package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
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

// An Account is a person, or the installation itself.
type Account struct {
	ID        ID
	Email     string // lower case; empty for the installation
	Password  string // a Hasher's text; empty: cannot sign in
	Company   string
	Admin     bool
	Quota     int64 // bytes of storage; 0: no limit
	Used      int64 // bytes reserved by what it keeps
	CreatedAt time.Time
}

// An APIKey is what programs present. The key itself is not stored.
type APIKey struct {
	ID         KeyID
	Account    ID
	Name       string
	Hash       [sha256.Size]byte
	DailyLimit int // calls a day (UTC); 0: no limit
	Epoch      int // tokens of an earlier epoch are void
	CreatedAt  time.Time
}

// Room gives the room of the user identifier, or, with none, the key's own.
// WeTransfer API docs, Authorization: what is made with one identifier is
// invisible to another; the same identifier later is the same room. That a token
// without identifier is a room of its own is the safe reading of them.
func (k *APIKey) Room(identifier *string) Room {
	h := sha256.New()
	fmt.Fprintf(h, "room\x00%s\x00", k.ID)
	if identifier != nil {
		fmt.Fprintf(h, "id\x00%s", *identifier)
	}
	return Room(strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:15])))
}

// Actor gives who acts with this key, in the room of the identifier.
func (k *APIKey) Actor(identifier *string) Actor {
	return Actor{Owner: Owner{Account: k.Account, Room: k.Room(identifier)}, Key: k.ID}
}

// A Store keeps accounts and keys.
type Store interface {
	// CreateAccount adds an account: Conflict "email_taken" when its address
	// has one.
	CreateAccount(ctx context.Context, a *Account) error
	// EnsureAccount adds the account unless its ID is there.
	EnsureAccount(ctx context.Context, a *Account) error
	// AccountByEmail finds by the lower-case address: NotFound "account_unknown".
	AccountByEmail(ctx context.Context, email string) (*Account, error)
	// HasAdmin tells whether any account is an admin.
	HasAdmin(ctx context.Context) (bool, error)

	CreateKey(ctx context.Context, k *APIKey) error
	// KeyByHash and KeyByID find keys that are in force: NotFound "key_unknown".
	KeyByHash(ctx context.Context, hash [sha256.Size]byte) (*APIKey, error)
	KeyByID(ctx context.Context, id KeyID) (*APIKey, error)

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
	mu   sync.Mutex // guards seen
	seen recent.Map[[sha256.Size]byte, seenKey]

	store  Store
	hasher Hasher
	ids    *id.Source
	ring   *keyring.Ring
	now    func() time.Time
	quota  int64
}

// NewService makes a Service; quota is the storage of each new account in bytes,
// 0 for no limit.
func NewService(s Store, h Hasher, ids *id.Source, ring *keyring.Ring, now func() time.Time, quota int64) *Service {
	return &Service{seen: recent.Map[[sha256.Size]byte, seenKey]{Most: 1000}, store: s, hasher: h, ids: ids, ring: ring, now: now, quota: quota}
}

// MinPassword is the least length of a password, in bytes.
const MinPassword = 8

// New describes an account to be made.
type New struct {
	Email    string
	Password Secret
	Company  string
	Admin    bool
}

// CreateUser makes an account. Invalid with Fields for a bad address or a short
// password; Conflict "email_taken".
func (s *Service) CreateUser(ctx context.Context, n New) (*Account, error) {
	a, err := s.draft(ctx, n)
	if err != nil {
		return nil, err
	}
	return a, s.store.CreateAccount(ctx, a)
}

func (s *Service) draft(ctx context.Context, n New) (*Account, error) {
	var bad []fault.Field
	email, err := NormalizeEmail(n.Email)
	if err != nil {
		bad = append(bad, fault.Field{Name: "email", Code: "email_invalid", Msg: "not an e-mail address"})
	}
	if len(n.Password) < MinPassword || len(n.Password) > 1024 {
		bad = append(bad, fault.Field{Name: "password", Code: "password_length", Msg: fmt.Sprintf("must have %d to 1024 characters", MinPassword)})
	}
	if strings.ContainsRune(n.Company, 0) || len(n.Company) > 200 {
		bad = append(bad, fault.Field{Name: "company", Code: "company_invalid", Msg: "must be a name of at most 200 characters"})
	}
	if len(bad) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: bad[0].Code, Msg: bad[0].Name + " " + bad[0].Msg, Fields: bad}
	}
	text, err := s.hasher.Hash(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	return &Account{
		ID: ID(s.ids.Key()), Email: email, Password: text, Company: n.Company,
		Admin: n.Admin, Quota: s.quota, CreatedAt: s.now(),
	}, nil
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

// CreateKey makes an API key for the account with this address, or with none for
// the installation's own account. It returns the key itself, which is never to
// be had again.
func (s *Service) CreateKey(ctx context.Context, email, name string, dailyLimit int) (Secret, *APIKey, error) {
	if dailyLimit < 0 {
		return "", nil, fault.New(fault.Invalid, "daily_limit_invalid", "a daily limit cannot be negative")
	}
	if strings.ContainsRune(name, 0) || len(name) > 200 {
		return "", nil, fault.New(fault.Invalid, "name_invalid", "a key's name has at most 200 characters")
	}
	owner := Installation
	if email == "" {
		err := s.store.EnsureAccount(ctx, &Account{ID: Installation, Quota: s.quota, CreatedAt: s.now()})
		if err != nil {
			return "", nil, err
		}
	} else {
		email, err := NormalizeEmail(email)
		if err != nil {
			return "", nil, err
		}
		a, err := s.store.AccountByEmail(ctx, email)
		if err != nil {
			return "", nil, err
		}
		owner = a.ID
	}
	return s.newKey(ctx, owner, name, dailyLimit)
}

func (s *Service) newKey(ctx context.Context, owner ID, name string, dailyLimit int) (Secret, *APIKey, error) {
	secret := Secret(s.ids.Text(id.Base62, 43)) // 256 bits
	k := &APIKey{
		ID: KeyID(s.ids.Key()), Account: owner, Name: name, Hash: hashOf(secret),
		DailyLimit: dailyLimit, CreatedAt: s.now(),
	}
	return secret, k, s.store.CreateKey(ctx, k)
}

// A seenKey is a key that was found in force.
type seenKey struct {
	*APIKey
	at time.Time
}

// keyLife is how long a key that was found is believed to be in force, so that
// another node, or a command beside the server, ends a key within that time. This
// node ends it at once.
const keyLife = time.Second

// Key finds the API key that was presented: Unauthenticated "key_unknown" for
// any that is not in force.
func (s *Service) Key(ctx context.Context, presented Secret) (*APIKey, error) {
	if presented == "" || len(presented) > 256 {
		return nil, unknownKey(nil)
	}
	// Comparing hashes of random secrets in an index leaks nothing useful.
	hash, now := hashOf(presented), s.now()
	s.mu.Lock()
	k, ok := s.seen.Get(hash)
	s.mu.Unlock()
	if ok && now.Sub(k.at).Abs() < keyLife {
		return k.APIKey, nil
	}
	found, err := s.store.KeyByHash(ctx, hash)
	if fault.KindOf(err) == fault.NotFound {
		return nil, unknownKey(err)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Put(hash, seenKey{found, now})
	return found, nil
}

func unknownKey(err error) error {
	return &fault.Error{Kind: fault.Unauthenticated, Code: "key_unknown", Msg: "unknown API key", Err: err}
}

// Count counts one call of the key: Throttled "daily_limit" when the day's calls
// are used up. It writes only for keys that have a limit.
func (s *Service) Count(ctx context.Context, k *APIKey) error {
	if k.DailyLimit == 0 {
		return nil
	}
	return s.store.CountCall(ctx, k.ID, s.now().Unix()/86400, k.DailyLimit)
}

// S3 credentials are derived, not stored: the access id names the key and, by
// the keyring's mark, the secret they were derived from.
//
//	FERRY1 <mark: 4> <key id: 26>, upper case

const accessPrefix = "FERRY1"

// S3Credentials gives the access id and the secret of the key for S3 programs.
func (s *Service) S3Credentials(k *APIKey) (access string, secret Secret) {
	mark := s.ring.Marks()[0]
	return strings.ToUpper(accessPrefix + mark + string(k.ID)), s3Secret(s.ring.Key("s3"), k.ID)
}

// S3Key finds the key of an access id and the secret that belongs to it:
// Unauthenticated "key_unknown".
func (s *Service) S3Key(ctx context.Context, access string) (*APIKey, Secret, error) {
	rest, ok := strings.CutPrefix(access, accessPrefix)
	if !ok || len(rest) != 4+id.KeyLen {
		return nil, "", unknownKey(nil)
	}
	rest = strings.ToLower(rest)
	for i, mark := range s.ring.Marks() {
		if rest[:4] != mark {
			continue
		}
		k, err := s.store.KeyByID(ctx, KeyID(rest[4:]))
		if fault.KindOf(err) == fault.NotFound {
			return nil, "", unknownKey(err)
		}
		if err != nil {
			return nil, "", err
		}
		return k, s3Secret(s.ring.Keys("s3")[i], k.ID), nil
	}
	return nil, "", unknownKey(nil)
}

func s3Secret(derived []byte, k KeyID) Secret {
	m := hmac.New(sha256.New, derived)
	m.Write([]byte(k))
	return Secret(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil))))
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
	a, err := s.draft(ctx, n)
	if err != nil {
		return nil, "", err
	}
	if err := s.store.UseSetup(ctx, hashOf(token), a); err != nil {
		return nil, "", err
	}
	key, _, err := s.newKey(ctx, a.ID, "first key", 0)
	return a, key, err
}

func hashOf(s Secret) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
