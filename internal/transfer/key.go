package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
)

// Labels of the keys that are derived for this package.
const (
	keyLabel  = "transfer key"
	passLabel = "transfer pass"
)

// transferKey gives the key of a transfer, which lets its holder fill, complete,
// cancel and forward it. It is derived and not stored: a uuid of 122 bits of an
// HMAC over the primary key, which never leaves the program.
func transferKey(derived []byte, key share.Key) [16]byte {
	b := [16]byte(mac(derived, string(key)))
	b[6] = b[6]&0x0f | 0x80 // version 8: free for all uses (RFC 9562)
	b[8] = b[8]&0x3f | 0x80
	return b
}

func mac(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	return m.Sum(nil)
}

// Key gives the transfer's key as a uuid with dashes.
func (d *Desk) Key(t *Transfer) account.Secret {
	b := transferKey(d.ring.Key(keyLabel), t.Key)
	s := hex.EncodeToString(b[:])
	return account.Secret(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:])
}

// holds tells whether the presented text is the key of the share.
func holds(ring *keyring.Ring, key share.Key, presented account.Secret) bool {
	got, ok := parseUUID(string(presented))
	for _, derived := range ring.Keys(keyLabel) {
		want := transferKey(derived, key)
		if subtle.ConstantTimeCompare(want[:], got[:]) == 1 && ok {
			return true
		}
	}
	return false
}

// parseUUID reads 32 hex digits, with dashes where a uuid has them or without any,
// as Filemail's two APIs write them.
func parseUUID(s string) (b [16]byte, ok bool) {
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return b, false
	}
	_, err := hex.Decode(b[:], []byte(s))
	return b, err == nil
}

// pass gives what stands for the right password from then on, until it is changed:
// its text is in it, and each text has a salt of its own.
func pass(derived []byte, t *Transfer) string {
	return hex.EncodeToString(mac(derived, string(t.Key), t.Password)[:16])
}

func opens(ring *keyring.Ring, t *Transfer, presented account.Secret) bool {
	for _, derived := range ring.Keys(passLabel) {
		if hmac.Equal([]byte(pass(derived, t)), []byte(strings.ToLower(string(presented)))) {
			return true
		}
	}
	return false
}
