package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/recent"
)

// A Scope is what a key may be used for; several are or-ed together.
type Scope int

const (
	Read   Scope = 1 << iota // look at and download what the account has
	Send                     // make, fill and change transfers
	Manage                   // everything about the account itself
)

// scopes are named as people write them.
var scopes = []struct {
	name  string
	scope Scope
}{{"read", Read}, {"send", Send}, {"manage", Manage}}

// ParseScopes reads names of scopes; none of them is all.
func ParseScopes(names []string) (all Scope, err error) {
next:
	for _, name := range names {
		for _, s := range scopes {
			if s.name == strings.ToLower(name) {
				all |= s.scope
				continue next
			}
		}
		return 0, fault.New(fault.Invalid, "scope_invalid", "a scope is read, send or manage")
	}
	return all, nil
}

// Names gives the names of the scopes in s; of 0, all.
func (s Scope) Names() (names []string) {
	for _, known := range scopes {
		if s == 0 || s&known.scope != 0 {
			names = append(names, known.name)
		}
	}
	return names
}

func (s Scope) String() string {
	if s == 0 {
		return "all"
	}
	return strings.Join(s.Names(), ",")
}

// An APIKey is what programs present. The key itself is not stored.
type APIKey struct {
	ID         KeyID
	Account    ID
	Name       string
	Hash       [sha256.Size]byte
	Scopes     Scope // 0: all
	DailyLimit int   // calls a day (UTC); 0: no limit of its own
	PlanLimit  int   // the same, by its owner's plan; known of keys that were found in force
	Epoch      int   // tokens of an earlier epoch are void
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
}

// May returns Forbidden "scope_missing" when the key was not made for that.
func (k *APIKey) May(s Scope) error {
	if k.Scopes != 0 && k.Scopes&s != s {
		return fault.New(fault.Forbidden, "scope_missing", "the API key was not made for that")
	}
	return nil
}

// Calls gives the calls a day that the key has; 0: no limit.
func (k *APIKey) Calls() int {
	if k.DailyLimit == 0 || k.PlanLimit != 0 && k.PlanLimit < k.DailyLimit {
		return k.PlanLimit
	}
	return k.DailyLimit
}

func (k *APIKey) expired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
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

// NewKey describes a key to be made.
type NewKey struct {
	Name       string
	Scopes     Scope     // 0: all
	DailyLimit int       // 0: what the plan says
	ExpiresAt  time.Time // zero: never
}

// CreateKey makes an API key for the account with this address, or with none for
// the installation's own account. It returns the key itself, which is never to
// be had again.
func (s *Service) CreateKey(ctx context.Context, email, name string, dailyLimit int) (Secret, *APIKey, error) {
	return s.CreateKeyOf(ctx, email, NewKey{Name: name, DailyLimit: dailyLimit})
}

// CreateKeyOf is CreateKey with more to say.
func (s *Service) CreateKeyOf(ctx context.Context, email string, n NewKey) (Secret, *APIKey, error) {
	if email == "" {
		err := s.store.EnsureAccount(ctx, &Account{ID: Installation, Quota: s.quota, CreatedAt: s.now()})
		if err != nil {
			return "", nil, err
		}
		return s.CreateKeyFor(ctx, Installation, n)
	}
	email, err := NormalizeEmail(email)
	if err != nil {
		return "", nil, err
	}
	a, err := s.store.AccountByEmail(ctx, email)
	if err != nil {
		return "", nil, err
	}
	return s.CreateKeyFor(ctx, a.ID, n)
}

// CreateKeyFor makes an API key of an account: Conflict "no_api_access" when its
// plan has none, Invalid with Fields for what no key can be.
func (s *Service) CreateKeyFor(ctx context.Context, owner ID, n NewKey) (Secret, *APIKey, error) {
	var bad []fault.Field
	if n.DailyLimit < 0 {
		bad = append(bad, fault.Field{Name: "daily limit", Code: "daily_limit_invalid", Msg: "cannot be negative"})
	}
	if strings.ContainsRune(n.Name, 0) || len(n.Name) > 200 {
		bad = append(bad, fault.Field{Name: "name", Code: "name_invalid", Msg: "must have at most 200 characters"})
	}
	if n.Scopes&^(Read|Send|Manage) != 0 {
		bad = append(bad, fault.Field{Name: "scopes", Code: "scope_invalid", Msg: "must be read, send or manage"})
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(s.now()) {
		bad = append(bad, fault.Field{Name: "expiry", Code: "expiry_past", Msg: "must be in the future"})
	}
	if err := fault.Wrong(bad); err != nil {
		return "", nil, err
	}
	secret := s.newSecret()
	k := &APIKey{
		ID: KeyID(s.ids.Key()), Account: owner, Name: n.Name, Hash: hashOf(secret), Scopes: n.Scopes,
		DailyLimit: n.DailyLimit, CreatedAt: s.now(), ExpiresAt: n.ExpiresAt,
	}
	return secret, k, s.store.CreateKey(ctx, k)
}

func (s *Service) newSecret() Secret { return Secret(s.ids.Text(id.Base62, 43)) } // 256 bits

// Keys gives up to n keys of an account after the id, in the order in which they
// were made; also those that have expired.
func (s *Service) Keys(ctx context.Context, owner ID, after KeyID, n int) ([]*APIKey, error) {
	return s.store.KeysOf(ctx, owner, after, n)
}

// RotateKey puts a new secret in place of the key's, which is void at once, with
// every token and S3 secret that was made of it. What was made with the key stays
// the key's. The owner must be the key's, or empty for anybody's: NotFound
// "key_unknown".
func (s *Service) RotateKey(ctx context.Context, owner ID, k KeyID) (Secret, error) {
	secret := s.newSecret()
	if err := s.store.RotateKey(ctx, owner, k, hashOf(secret)); err != nil {
		return "", err
	}
	s.Forget()
	return secret, nil
}

// DeleteKey ends a key for good, at once. The owner must be the key's, or empty for
// anybody's: NotFound "key_unknown".
func (s *Service) DeleteKey(ctx context.Context, owner ID, k KeyID) error {
	err := s.store.DeleteKey(ctx, owner, k, s.now())
	if err == nil {
		s.Forget()
	}
	return err
}

// A seenKey is a key that was found in force.
type seenKey struct {
	*APIKey
	at time.Time
}

// keyLife is how long a key that was found is believed to be in force, so that
// another node, or a command beside the server, ends a key within that time. This
// node ends it at once: see Forget.
const (
	keyLife  = time.Second
	mostSeen = 1000
)

// Forget makes this node look at every key anew. Whoever ends keys in the store by
// another way than this Service calls it afterwards.
func (s *Service) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = recent.Map[[sha256.Size]byte, seenKey]{Most: mostSeen}
	s.ends++
}

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
	ends := s.ends
	s.mu.Unlock()
	if ok && now.Sub(k.at).Abs() < keyLife {
		return inForce(k.APIKey, now)
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
	if s.ends == ends { // else what was found may have been ended since
		s.seen.Put(hash, seenKey{found, now})
	}
	return inForce(found, now)
}

func inForce(k *APIKey, now time.Time) (*APIKey, error) {
	if k.expired(now) {
		return nil, unknownKey(nil)
	}
	return k, nil
}

func unknownKey(err error) error {
	return &fault.Error{Kind: fault.Unauthenticated, Code: "key_unknown", Msg: "unknown API key", Err: err}
}

// Count counts one call of the key: Throttled "daily_limit" when the day's calls
// are used up. It writes only for keys that have a limit.
func (s *Service) Count(ctx context.Context, k *APIKey) error {
	limit := k.Calls()
	if limit == 0 {
		return nil
	}
	return s.store.CountCall(ctx, k.ID, s.now().Unix()/86400, limit)
}

// S3 credentials are derived, not stored: the access id names the key and, by
// the keyring's mark, the secret they were derived from.
//
//	FERRY1 <mark: 4> <key id: 26>, upper case

const accessPrefix = "FERRY1"

// S3Credentials gives the access id and the secret of the key for S3 programs.
func (s *Service) S3Credentials(k *APIKey) (access string, secret Secret) {
	mark := s.ring.Marks()[0]
	return strings.ToUpper(accessPrefix + mark + string(k.ID)), s3Secret(s.ring.Key("s3"), k)
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
		if err == nil {
			k, err = inForce(k, s.now())
		}
		if err != nil {
			return nil, "", err
		}
		return k, s3Secret(s.ring.Keys("s3")[i], k), nil
	}
	return nil, "", unknownKey(nil)
}

// s3Secret derives the secret of the key as it is: another once it was rotated.
func s3Secret(derived []byte, k *APIKey) Secret {
	m := hmac.New(sha256.New, derived)
	m.Write([]byte(k.ID))
	if k.Epoch > 0 {
		m.Write([]byte(" " + strconv.Itoa(k.Epoch)))
	}
	return Secret(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil))))
}
