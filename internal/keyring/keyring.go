// Package keyring derives every key in use (bearer tokens, presigned URLs, S3
// secrets, cookies) from the installation's one secret, each by a label of its
// own, so that one leaked key says nothing of the others.
//
// It owns derivation and rotation: while an operator changes the secret, the
// former one still opens what it closed. Where the secret is kept is the
// program's matter (cmd/ferry).
package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// MinSecret is the least length of a secret in bytes.
const MinSecret = 32

// A Ring holds the installation's secret and, while it is being rotated, the
// former one. It never prints them.
type Ring struct{ secrets [][]byte }

// New makes a Ring. The first secret closes and opens; the others only open.
// Each must have at least MinSecret bytes.
func New(current []byte, former ...[]byte) (*Ring, error) {
	r := &Ring{}
	for i, s := range append([][]byte{current}, former...) {
		if len(s) < MinSecret {
			return nil, fmt.Errorf("secret %d has %d bytes, at least %d are needed", i+1, len(s), MinSecret)
		}
		r.secrets = append(r.secrets, s)
	}
	return r, nil
}

// Key derives 32 bytes for the label from the current secret.
func (r *Ring) Key(label string) []byte { return derive(r.secrets[0], label) }

// Keys derives 32 bytes for the label from each secret, the current one first:
// what was signed may have been signed by any of them.
func (r *Ring) Keys(label string) [][]byte {
	out := make([][]byte, len(r.secrets))
	for i, s := range r.secrets {
		out[i] = derive(s, label)
	}
	return out
}

// Marks names each secret by 4 hex digits that tell nothing of it, the current
// one first. An id that carries its mark says which secret belongs to it.
func (r *Ring) Marks() []string {
	out := make([]string, len(r.secrets))
	for i, s := range r.secrets {
		out[i] = hex.EncodeToString(derive(s, "mark")[:2])
	}
	return out
}

// Format keeps the secrets out of every log and message.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("•••")) }

func derive(secret []byte, label string) []byte {
	k, err := hkdf.Key(sha256.New, secret, nil, "ferry/"+label, 32)
	if err != nil {
		panic(err) // only for absurd lengths
	}
	return k
}
