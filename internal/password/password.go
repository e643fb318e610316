// Package password stores people's passwords so that they cannot be read back:
// argon2id, in the text form of the PHC string format.
//
// It owns the cost and a bound on how many are computed at once, since each takes
// 19 MiB. The rules on passwords themselves are package account's, whose Hasher
// this is.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/ferry-server/ferry/internal/account"
)

// The cost of new texts: the least that OWASP's Password Storage Cheat Sheet
// asks of argon2id. Texts of another cost are still understood.
const (
	memory  = 19 * 1024 // KiB
	time    = 2
	threads = 1
	saltLen = 16
	keyLen  = 32
)

// Bounds on the cost in a stored text, so that a damaged row cannot stop the server.
const (
	maxMemory = 256 * 1024
	maxTime   = 16
)

// Hashing makes and checks texts, at most a few at once. Make one with New.
type Hashing struct{ slots chan struct{} }

// New makes a Hashing that computes at most n passwords at the same time.
func New(n int) *Hashing { return &Hashing{slots: make(chan struct{}, max(n, 1))} }

var encoding = base64.RawStdEncoding.Strict()

// Hash gives the text to store. It waits for a free slot, or until ctx ends.
func (h *Hashing) Hash(ctx context.Context, password account.Secret) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, time, memory, threads, keyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads,
		encoding.EncodeToString(salt), encoding.EncodeToString(key)), nil
}

// Verify tells whether the password made the text. An empty text costs as much
// and says no. An error means that the text is none of ours, or ctx ended.
func (h *Hashing) Verify(ctx context.Context, text string, password account.Secret) (bool, error) {
	c := cost{m: memory, t: time, p: threads, salt: make([]byte, saltLen), key: nil}
	if text != "" {
		var err error
		if c, err = parse(text); err != nil {
			return false, err
		}
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), c.salt, c.t, c.m, c.p, keyLen)
	return subtle.ConstantTimeCompare(got, c.key) == 1, nil
}

func (h *Hashing) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hashing) leave() { <-h.slots }

type cost struct {
	m, t      uint32
	p         uint8
	salt, key []byte
}

func parse(text string) (cost, error) {
	var c cost
	var v int
	f := strings.Split(text, "$")
	bad := fmt.Errorf("not a password text of ours")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" {
		return c, bad
	}
	if n, err := fmt.Sscanf(f[2], "v=%d", &v); n != 1 || err != nil || v != argon2.Version {
		return c, bad
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &c.m, &c.t, &c.p); n != 3 || err != nil {
		return c, bad
	}
	var err1, err2 error
	c.salt, err1 = encoding.DecodeString(f[4])
	c.key, err2 = encoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(c.key) != keyLen || len(c.salt) < 8 ||
		c.m == 0 || c.m > maxMemory || c.t == 0 || c.t > maxTime || c.p == 0 {
		return c, bad
	}
	return c, nil
}
