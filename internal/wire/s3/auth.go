package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/sigv4"
)

// A caller is who signed a request: the holder of an API key, or Ferry itself, by
// a URL that permits what it says and nothing else.
type caller struct {
	key   *account.APIKey // nil: Ferry itself
	actor account.Actor   // of the key
}

func (c caller) isFerry() bool { return c.key == nil }

// mayUse tells whether the caller may touch what belongs to the owner: what the
// key itself made, and what belongs to its account at large. The rooms of other
// keys, and of user identifiers, are not its own.
func (c caller) mayUse(o account.Owner) bool {
	return c.isFerry() || o.Account == c.actor.Account && (o.Room == "" || o.Room == c.actor.Room)
}

// authenticate finds out who signed the request.
//
// A client whose endpoint cannot have a path (minio-go) signs /ferry/key and is
// brought to /s3/ferry/key by its transport or by a proxy. So a signature over the
// path without the prefix is as good: the two name the same thing, as there is
// no bucket "s3".
func (h *Handler) authenticate(r *http.Request) (*sigv4.Signed, caller, error) {
	var who caller
	lookup := func(ctx context.Context, access string) (sigv4.Secret, error) {
		if secret, ok := ownSecret(h.Ring, access); ok {
			return secret, nil
		}
		key, secret, err := h.Accounts.S3Key(ctx, access)
		if fault.KindOf(err) == fault.Unauthenticated {
			return "", nil // the verifier refuses it, after as much work as for a wrong signature
		}
		if err != nil {
			return "", err
		}
		who = caller{key: key, actor: key.Actor(nil)}
		return sigv4.Secret(secret), nil
	}
	now := h.Now()
	signed, err := h.verifier.Verify(r, lookup, now)
	if e, ok := errors.AsType[*sigv4.Error](err); ok && e.Code == "SignatureDoesNotMatch" {
		if inner, ok := withoutPrefix(r); ok {
			if s, ierr := h.verifier.Verify(inner, lookup, now); ierr == nil {
				signed, err = s, nil
			}
		}
	}
	switch {
	case err != nil:
		return nil, caller{}, err
	case who.isFerry() && !(signed.Presigned && (r.Method == http.MethodPut || r.Method == http.MethodGet)):
		// Ferry signs nothing else (see Presigner), so somebody has its secret.
		return nil, caller{}, fault.New(fault.Forbidden, "not_presigned", "this key signs URLs to put and get only")
	case !who.isFerry():
		if err := h.Accounts.Count(r.Context(), who.key); err != nil {
			return nil, caller{}, err
		}
		return signed, who, who.key.May(scopeOf(r.Method))
	}
	return signed, who, nil
}

// scopeOf gives what a request asks of a key.
func scopeOf(method string) account.Scope {
	if method == http.MethodGet || method == http.MethodHead {
		return account.Read
	}
	return account.Send
}

// withoutPrefix gives the request as it was before somebody put the prefix on.
func withoutPrefix(r *http.Request) (*http.Request, bool) {
	if !strings.HasPrefix(r.URL.EscapedPath(), Prefix+"/") {
		return nil, false
	}
	u := *r.URL
	u.Path, u.RawPath = strings.TrimPrefix(u.Path, Prefix), strings.TrimPrefix(u.RawPath, Prefix)
	inner := r.WithContext(r.Context())
	inner.URL = &u
	return inner, true
}

// The credential by which Ferry signs its own URLs. Like that of an API key it
// names by the keyring's mark which of the secrets it comes from, so URLs stay good
// while the installation's secret is being changed.
const (
	ownPrefix = "FERRY0"
	ownLabel  = "presign"
)

func ownCredential(ring *keyring.Ring) (access string, secret sigv4.Secret) {
	return strings.ToUpper(ownPrefix + ring.Marks()[0]), sigv4.Secret(hex.EncodeToString(ring.Key(ownLabel)))
}

func ownSecret(ring *keyring.Ring, access string) (sigv4.Secret, bool) {
	mark, ok := strings.CutPrefix(access, ownPrefix)
	if !ok {
		return "", false
	}
	for i, m := range ring.Marks() {
		if strings.ToUpper(m) == mark {
			return sigv4.Secret(hex.EncodeToString(ring.Keys(ownLabel)[i])), true
		}
	}
	return "", false
}
