package words

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestShown(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain names stay", "Übersicht — 2026 (final).pdf", "Übersicht — 2026 (final).pdf"},
		{"other scripts stay", "報告書 תמונה صورة.jpg", "報告書 תמונה صورة.jpg"},
		{"markup is for the printer to escape", `<b>"&'`, `<b>"&'`},
		{"line breaks and tabs go", "a\r\nBcc: b\tc", "aBcc: bc"},
		{"NUL, escape and delete go", "a\x00\x1b[31m\x7f", "a[31m"},
		{"C1 controls go", "a\u0085\u009bb", "ab"},
		{"a right-to-left override goes", "photo\u202egpj.exe", "photogpj.exe"},
		{"embeddings and isolates go", "\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069x", "x"},
		{"direction marks go", "\u200e\u200f\u061cx", "x"},
		{"marks of no width go", "a\u200b\u200c\u200d\u2060\ufeffb", "ab"},
		{"separators of lines and paragraphs go", "a\u2028b\u2029c", "abc"},
		{"tags go", "a\U000E0001\U000E0041b", "ab"},
		{"bytes that are not UTF-8 are marked", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"a name of nothing else ends empty", "\u200b\u202e", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Shown(tt.in); got != tt.want {
				t.Errorf("Shown(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestShownLines(t *testing.T) {
	if got, want := ShownLines("one\r\ntwo\rthree\n\nfour\t\u202e."), "one\ntwo\nthree\n\nfour."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzShown(f *testing.F) {
	for _, s := range []string{"", "cat.gif", "photo\u202egpj.exe", "a\r\r\nb", "\xf0\x9f", "\u200d\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Shown(s)
		if Shown(once) != once {
			t.Errorf("Shown(%q) = %q is not the end of it", s, once)
		}
		if !utf8.ValidString(once) || strings.ContainsAny(once, "\r\n\x00\u2028\u202e\u200b") {
			t.Errorf("Shown(%q) = %q", s, once)
		}
		lines := ShownLines(s)
		if ShownLines(lines) != lines || strings.ReplaceAll(lines, "\n", "") != once {
			t.Errorf("ShownLines(%q) = %q", s, lines)
		}
	})
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		n    int64
		want string
	}{
		{-1, "0 bytes"},
		{0, "0 bytes"},
		{1, "1 byte"},
		{999, "999 bytes"},
		{1000, "1 kB"},
		{1049, "1 kB"},
		{1050, "1.1 kB"},
		{820_000, "820 kB"},
		{999_949, "999.9 kB"},
		{999_950, "1 MB"},
		{5_242_880, "5.2 MB"},
		{1_500_000_000, "1.5 GB"},
		{2_000_000_000_000, "2 TB"},
		{math.MaxInt64, "9.2 EB"},
	} {
		if got := Size(tt.n); got != tt.want {
			t.Errorf("Size(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestDateIsTheDayInUTC(t *testing.T) {
	west := time.FixedZone("west", -8*3600)
	if got, want := Date(time.Date(2026, 11, 27, 18, 0, 0, 0, west)), "28 November 2026"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
