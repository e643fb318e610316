package wetransfer

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/recent"
)

// tokens makes and reads the bearer tokens of this API. Clients take them for
// opaque, but the documents show JSON Web Tokens, and say that one lives a year.
type tokens struct {
	keys   jwt.VerificationKeySet // the first signs
	parser *jwt.Parser
	now    func() time.Time
	life   time.Duration

	mu   sync.Mutex // guards seen
	seen recent.Map[string, claims]
}

// maxSeen is the longest token that is remembered.
const maxSeen = 1 << 10

// claims of a token. The subject is the user identifier; without one there is none.
type claims struct {
	jwt.RegisteredClaims
	Key   account.KeyID `json:"key"`   // the API key that it was made with
	Epoch int           `json:"epoch"` // of that key
}

func newTokens(ring *keyring.Ring, now func() time.Time, life time.Duration) *tokens {
	t := &tokens{now: now, life: life, seen: recent.Map[string, claims]{Most: 1000}}
	for _, k := range ring.Keys("wetransfer-token") {
		t.keys.Keys = append(t.keys.Keys, k)
	}
	// Strict, because the last character of a signature has two bits to spare: a
	// token that was changed there must not pass for the one that was issued.
	t.parser = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now))
	return t
}

// issue makes a token for the key, in the room of the identifier.
func (t *tokens) issue(k *account.APIKey, identifier string) (string, error) {
	now := t.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   identifier,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.life)),
		},
		Key:   k.ID,
		Epoch: k.Epoch,
	}).SignedString(t.keys.Keys[0])
}

// actor tells who acts with the key and the token of r: Unauthenticated
// "token_invalid" for a token that is absent, forged, expired, or another key's.
func (t *tokens) actor(r *http.Request, k *account.APIKey) (account.Actor, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return account.Actor{}, fault.New(fault.Unauthenticated, codeToken, "no bearer token")
	}
	c, err := t.read(strings.TrimSpace(text))
	if err != nil {
		return account.Actor{}, fault.Wrap(fault.Unauthenticated, codeToken, err, "the token is not valid")
	}
	if c.Key != k.ID || c.Epoch != k.Epoch {
		return account.Actor{}, fault.New(fault.Unauthenticated, codeToken, "the token belongs to another API key")
	}
	if c.Subject == "" {
		return k.Actor(nil), nil
	}
	return k.Actor(&c.Subject), nil
}

// read gives the claims of a token that was signed here and has not expired. What
// a signature says never changes, so it is looked at once and remembered.
func (t *tokens) read(text string) (c claims, err error) {
	t.mu.Lock()
	c, known := t.seen.Get(text)
	t.mu.Unlock()
	if known && t.now().Before(c.ExpiresAt.Time) {
		return c, nil
	}
	_, err = t.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.keys, nil })
	if err != nil {
		return claims{}, err
	}
	if len(text) <= maxSeen {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.seen.Put(text, c)
	}
	return c, nil
}
