package wire

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		literal string
		want    int64
		err     error
	}{
		{"nought", "0", 0, nil},
		{"nought with a sign", "-0", 0, nil},
		{"nought with everything", "-0.000e-999999999999999999999", 0, nil},
		{"a size", "13111521", 13111521, nil},
		{"a whole number with a point", "3.0", 3, nil},
		{"a whole number with an exponent", "3e2", 300, nil},
		{"a whole number with both", "1.25e+2", 125, nil},
		{"an exponent that takes noughts away", "5000e-3", 5, nil},
		{"the largest", "9007199254740992", 1 << 53, nil},
		{"one more, which a double cannot tell from it", "9007199254740993", 0, ErrTooLarge},
		{"seventeen digits", "10000000000000000", 0, ErrTooLarge},
		{"the first number above int64", "9223372036854775808", 0, ErrTooLarge},
		{"a number above every double", "1e400", 0, ErrTooLarge},
		{"an exponent above every int", "1e99999999999999999999", 0, ErrTooLarge},
		{"a fraction", "1.5", 0, ErrNotInteger},
		{"a fraction that a double loses", "9007199254740991.5", 0, ErrNotInteger},
		{"a fraction below every double", "1e-400", 0, ErrNotInteger},
		{"a negative fraction", "-1.5", 0, ErrNotInteger},
		{"a negative number", "-1", 0, ErrNegative},
		{"a negative number below every double", "-1e400", 0, ErrNegative},
		{"nothing", "", 0, ErrNotNumber},
		{"a word", "five", 0, ErrNotNumber},
		{"a leading zero", "05", 0, ErrNotNumber},
		{"a plus", "+5", 0, ErrNotNumber},
		{"space around", " 5", 0, ErrNotNumber},
		{"space behind", "5 ", 0, ErrNotNumber},
		{"hexadecimal", "0x5", 0, ErrNotNumber},
		{"other digits", "٣", 0, ErrNotNumber},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseInt(tt.literal)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("ParseInt(%q) = %d, %v; want %d, %v", tt.literal, got, err, tt.want, tt.err)
			}
		})
	}
	v, err := Parse([]byte(`"5"`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Int(); err != ErrNotNumber {
		t.Errorf("a string with digits: %v", err)
	}
}

func FuzzParseInt(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "3e2", "1.25e2", "9007199254740993", "1e400", "1e-400", "-5", "01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseInt(s)
		v, syntax := Parse([]byte(s))
		if isNumber := syntax == nil && v.Num() == s && s != ""; isNumber != (err != ErrNotNumber) {
			t.Fatalf("ParseInt(%q): %v, Parse: %v", s, err, syntax)
		}
		if err == ErrNotNumber || strings.ContainsAny(s, "eE") && len(s) > 8 {
			return // big.Rat would write out every nought of 1e999999
		}
		exact, _ := new(big.Rat).SetString(s)
		var want error
		switch {
		case !exact.IsInt():
			want = ErrNotInteger
		case exact.Sign() < 0:
			want = ErrNegative
		case exact.Cmp(new(big.Rat).SetInt64(MaxInt)) > 0:
			want = ErrTooLarge
		}
		if err != want || (err == nil && exact.Cmp(new(big.Rat).SetInt64(got)) != 0) {
			t.Errorf("ParseInt(%q) = %d, %v; want %v", s, got, err, want)
		}
	})
}
