package wetransfer

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/keyring"
)

func ring(t testing.TB, letters ...string) *keyring.Ring {
	t.Helper()
	var secrets [][]byte
	for _, l := range letters {
		secrets = append(secrets, []byte(strings.Repeat(l, keyring.MinSecret)))
	}
	r, err := keyring.New(secrets[0], secrets[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTokens(t *testing.T) {
	start := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	const year = 365 * 24 * time.Hour
	key := &account.APIKey{ID: "key", Account: "account", Epoch: 1}
	sign := func(method jwt.SigningMethod, secret any, c jwt.Claims) string {
		s, err := jwt.NewWithClaims(method, c).SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	secret := ring(t, "a").Key("wetransfer-token")
	good := jwt.MapClaims{"key": "key", "epoch": 1, "exp": start.Add(time.Hour).Unix()}
	issued, err := newTokens(ring(t, "a"), func() time.Time { return start }, year).issue(key, "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		header string
		key    *account.APIKey
		ring   *keyring.Ring
		after  time.Duration
		ok     bool
	}{
		{"a token of its key", "Bearer " + issued, key, ring(t, "a"), 0, true},
		{"the scheme in any case", "bearer  " + issued, key, ring(t, "a"), 0, true},
		{"a day before its year is over", "Bearer " + issued, key, ring(t, "a"), year - 24*time.Hour, true},
		{"after its year", "Bearer " + issued, key, ring(t, "a"), year + time.Second, false},
		{"while the secret is rotated", "Bearer " + issued, key, ring(t, "b", "a"), 0, true},
		{"after it was", "Bearer " + issued, key, ring(t, "b"), 0, false},
		{"with spare bits of its last character set", "Bearer " + spareBits(issued), key, ring(t, "a"), 0, false},
		{"of another key", "Bearer " + issued, &account.APIKey{ID: "other", Epoch: 1}, ring(t, "a"), 0, false},
		{"of an earlier epoch", "Bearer " + issued, &account.APIKey{ID: "key", Epoch: 2}, ring(t, "a"), 0, false},
		{"another scheme", "Basic " + issued, key, ring(t, "a"), 0, false},
		{"no scheme", issued, key, ring(t, "a"), 0, false},
		{"nothing", "", key, ring(t, "a"), 0, false},
		{"made elsewhere with our secret", "Bearer " + sign(jwt.SigningMethodHS256, secret, good), key, ring(t, "a"), 0, true},
		{"without end", "Bearer " + sign(jwt.SigningMethodHS256, secret, jwt.MapClaims{"key": "key", "epoch": 1}), key, ring(t, "a"), 0, false},
		{"without signature", "Bearer " + sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), key, ring(t, "a"), 0, false},
		{"with another algorithm", "Bearer " + sign(jwt.SigningMethodHS512, secret, good), key, ring(t, "a"), 0, false},
		{"signed with a key of another kind", "Bearer " + sign(jwt.SigningMethodHS256, ring(t, "a").Key("presign"), good), key, ring(t, "a"), 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", tt.header)
			_, err := newTokens(tt.ring, func() time.Time { return start.Add(tt.after) }, year).actor(r, tt.key)
			if (err == nil) != tt.ok || err != nil && fault.CodeOf(err) != codeToken {
				t.Errorf("actor: %v, want ok %v", err, tt.ok)
			}
		})
	}
}

// spareBits changes the last character of a token in the two bits that no byte of
// its signature has.
func spareBits(token string) string {
	const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(base64url[strings.IndexByte(base64url, token[last])+1])
}

func FuzzToken(f *testing.F) {
	key := &account.APIKey{ID: "key"}
	tokens := newTokens(ring(f, "a"), func() time.Time { return time.Unix(1795300000, 0) }, time.Hour)
	issued, _ := tokens.issue(key, "alice")
	for _, s := range []string{"Bearer " + issued, "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		who, err := tokens.actor(r, key)
		if err != nil {
			return
		}
		// Space is trimmed and the scheme has no case: the words may differ, not who it is.
		alice := "alice"
		if who != key.Actor(&alice) {
			t.Errorf("%q makes %+v", header, who)
		}
	})
}
