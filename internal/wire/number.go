package wire

import (
	"bytes"
	"errors"
)

// MaxInt is the largest number that Int takes: up to here JSON's readers agree
// on every whole number, as JavaScript's doubles hold it exactly.
const MaxInt = 1 << 53

// Why a value is no whole number from 0 to MaxInt. A fraction is named before a
// sign, a sign before a size.
var (
	ErrNotNumber  = errors.New("not a number")
	ErrNotInteger = errors.New("not a whole number")
	ErrNegative   = errors.New("negative")
	ErrTooLarge   = errors.New("above 2^53")
)

// ParseInt reads a number of JSON that came as text, for APIs that put numbers
// into strings. 3, 3.0 and 30e-1 are the same whole number. Its errors are
// ErrNotNumber, ErrNotInteger, ErrNegative and ErrTooLarge.
func ParseInt(literal string) (int64, error) {
	s := scanner{text: []byte(literal)}
	if err := s.number(); err != nil || s.pos < len(literal) {
		return 0, ErrNotNumber
	}
	return parseInt(s.text)
}

// parseInt works on the decimal digits alone, so that neither 1e400 nor
// 9007199254740993 is rounded into something else before it is judged.
func parseInt(literal []byte) (int64, error) {
	digits, negative := bytes.CutPrefix(literal, []byte("-"))
	exp := 0
	if i := bytes.IndexAny(digits, "eE"); i >= 0 {
		digits, exp = digits[:i], exponent(digits[i+1:])
	}
	if whole, fraction, ok := bytes.Cut(digits, []byte(".")); ok {
		exp -= len(fraction)
		digits = append(append(make([]byte, 0, len(digits)), whole...), fraction...)
	}
	digits = bytes.TrimLeft(digits, "0")
	significant := bytes.TrimRight(digits, "0")
	exp += len(digits) - len(significant)
	switch {
	case len(significant) == 0:
		return 0, nil
	case exp < 0:
		return 0, ErrNotInteger
	case negative:
		return 0, ErrNegative
	case len(significant)+exp > 16: // 2⁵³ has 16 digits, so no sum below can overflow
		return 0, ErrTooLarge
	}
	var n int64
	for _, d := range significant {
		n = n*10 + int64(d-'0')
	}
	for range exp {
		n *= 10
	}
	if n > MaxInt {
		return 0, ErrTooLarge
	}
	return n, nil
}

// exponent stops at a billion: no text has as many digits to set against it.
func exponent(text []byte) int {
	text = bytes.TrimPrefix(text, []byte("+"))
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	n := 0
	for _, d := range digits {
		n = min(n*10+int(d-'0'), 1_000_000_000)
	}
	if negative {
		return -n
	}
	return n
}
