// Package id makes the names that Ferry gives to things: keys that begin with
// the time, for primary keys and blobs, and random text, for what people and
// programs hold in their hands.
//
// It owns randomness and the time inside names, nothing else: which shape an id
// has is decided by whoever hands it out (WeTransfer's ids by WeTransfer's door).
package id

import (
	"bytes"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"time"
)

// Alphabets for Text.
const (
	Hex      = "0123456789abcdef"
	Lower    = "abcdefghijklmnopqrstuvwxyz0123456789"
	Base62   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	crockAbc = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32: no i, l, o, u
)

// KeyLen is the length of every key: 10 characters of time, 16 of randomness.
const KeyLen = 26

// A Source makes names. It is safe for concurrent use; a simulation gives it a
// seeded reader and its own clock.
type Source struct {
	now  func() time.Time
	rand io.Reader

	mu   sync.Mutex // guards last, and rand for keys and text alike
	last [16]byte   // the key made last, in bytes
}

// NewSource gives a Source on this clock and the system's randomness.
func NewSource(now func() time.Time) *Source { return &Source{now: now, rand: rand.Reader} }

// NewSeeded gives a Source that takes its randomness from r.
func NewSeeded(now func() time.Time, r io.Reader) *Source { return &Source{now: now, rand: r} }

// Key gives a new primary key: 48 bits of milliseconds and 80 random bits in
// Crockford's base 32 (the layout of a ULID, in lower case). It compares greater,
// bytewise, than every key that this Source made before, so things stay in the
// order in which they were made, and neighbours in time are neighbours in the
// index: at a million rows random keys cost four times as much per commit.
func (s *Source) Key() string {
	b := at(s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Compare(b[:6], s.last[:6]) > 0 {
		s.fill(b[6:])
	} else { // the same millisecond, or a clock that was set back: count on from the last
		b = s.last
		for i := len(b) - 1; i >= 0; i-- {
			if b[i]++; b[i] != 0 {
				break
			}
		}
	}
	s.last = b
	return encode(b)
}

func at(t time.Time) (b [16]byte) {
	ms := uint64(t.UnixMilli())
	b[0], b[1], b[2], b[3], b[4], b[5] = byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms)
	return b
}

// Keys gives n new primary keys, in the order in which they were made.
func (s *Source) Keys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = s.Key()
	}
	return keys
}

// Before gives the least key of the moment t: every key made at t or later
// compares greater or equal.
func Before(t time.Time) string { return encode(at(t)) }

// IsKey reports whether s has the form of a key.
func IsKey(s string) bool {
	if len(s) != KeyLen {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(crockAbc, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Text gives n random characters of the alphabet, which holds at most 256
// different ones, each as likely as the others.
func (s *Source) Text(alphabet string, n int) string {
	out := make([]byte, 0, n)
	limit := 256 - 256%len(alphabet) // bytes from here on would favour the first characters
	var buf [64]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(out) < n {
		s.fill(buf[:])
		for _, c := range buf {
			if int(c) < limit && len(out) < n {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func (s *Source) fill(b []byte) {
	// crypto/rand never fails (it ends the program instead), a seeded reader is endless.
	if _, err := io.ReadFull(s.rand, b); err != nil {
		panic("id: no randomness: " + err.Error())
	}
}

// encode writes 128 bits as 26 characters: two zero bits in front, then 5 a character.
func encode(b [16]byte) string {
	var out [KeyLen]byte
	var acc uint
	bits := 2
	n := 0
	for _, c := range b {
		acc = acc<<8 | uint(c)
		for bits += 8; bits >= 5; n++ {
			bits -= 5
			out[n] = crockAbc[acc>>bits&31]
		}
		acc &= 1<<bits - 1
	}
	return string(out[:])
}

// Bytes gives the 128 bits of a key; ok is false for what is none.
func Bytes(key string) (b [16]byte, ok bool) {
	if !IsKey(key) || key[0] > '7' { // 26 characters could hold two bits more
		return b, false
	}
	var acc uint
	bits, n := -2, 0
	for i := range len(key) {
		acc = acc<<5 | uint(strings.IndexByte(crockAbc, key[i]))
		for bits += 5; bits >= 8; n++ {
			bits -= 8
			b[n] = byte(acc >> bits)
		}
	}
	return b, true
}

// OfBytes is the way back from Bytes.
func OfBytes(b [16]byte) string { return encode(b) }
