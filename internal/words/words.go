// Package words is how Ferry speaks to people: the catalogue of texts for pages
// and letters, and the forms in which a user's string, a size and a day may
// stand in them.
//
// It leaves to the doors the words of their APIs, which are for programs, and to
// the one who prints the escaping of HTML, headers or mail. Start at Shown, which
// every string of a user passes on its way to another person's eyes.
package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Shown makes one line of a user's string that is safe to show in a page, a
// mail, a header, an archive or a log: without controls, without the marks that
// turn the direction of writing ("gpj.exe" for "exe.jpg"), and without those
// that cannot be seen, by which two names that look alike differ. What is not
// UTF-8 becomes U+FFFD. It is idempotent, and may give an empty string.
//
// It is for showing only: clients look up the names they sent.
func Shown(s string) string { return strings.Map(shown, s) }

// ShownLines is Shown for a text of several lines, such as a message: it keeps
// line breaks, each as one "\n".
func ShownLines(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return '\n'
		}
		return shown(r)
	}, s)
}

func shown(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unseen, r) {
		return -1
	}
	return r
}

// unseen holds the marks that Shown drops beside the controls.
var unseen = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x061C, 0x061C, 1}, // Arabic letter mark
		{0x180E, 0x180E, 1}, // Mongolian vowel separator, of no width
		{0x200B, 0x200F, 1}, // zero width: space, non-joiner, joiner; left-to-right and right-to-left marks
		{0x2028, 0x202E, 1}, // line and paragraph separators; embeddings and overrides
		{0x2060, 0x206F, 1}, // word joiner, invisible operators, isolates, deprecated format marks
		{0xFEFF, 0xFEFF, 1}, // byte order mark
		{0xFFF9, 0xFFFB, 1}, // interlinear annotation
	},
	R32: []unicode.Range32{
		{0xE0000, 0xE007F, 1}, // tags: ASCII that nobody sees
	},
}

// Size names n bytes as people do, in decimal units and at most one decimal:
// "1.5 GB", "820 kB", "1 byte". A negative n counts as none.
func Size(n int64) string { return size(n, ".", "byte", "bytes") }

// sizes gives Size in another language.
func sizes(point, one, many string) func(int64) string {
	return func(n int64) string { return size(n, point, one, many) }
}

func size(n int64, point, one, many string) string {
	switch {
	case n <= 0:
		return "0 " + many
	case n < 1000:
		return count(int(n), one, many)
	}
	unit, name := int64(1000), 0
	for tenths(n, unit) >= 10_000 { // rounded first: 999,950 bytes are 1 MB, not 1000 kB
		unit *= 1000
		name++
	}
	t := tenths(n, unit)
	s := strconv.FormatInt(t/10, 10)
	if t%10 != 0 {
		s += point + strconv.FormatInt(t%10, 10)
	}
	return s + [...]string{" kB", " MB", " GB", " TB", " PB", " EB"}[name]
}

// tenths gives n in tenths of unit, rounded half up.
func tenths(n, unit int64) int64 {
	tenth := unit / 10
	q := n / tenth
	if n%tenth >= tenth/2 {
		q++
	}
	return q
}

// Date names the day of t in UTC: "28 November 2026".
func Date(t time.Time) string { return t.UTC().Format("2 January 2006") }

// moments gives a function that names a moment in UTC, of the names of the months and a
// format in which %[1]d is the day, %[2]s the month, %[3]d the year and %[4]s the time.
func moments(format string, months ...string) func(time.Time) string {
	return func(t time.Time) string {
		t = t.UTC()
		return fmt.Sprintf(format, t.Day(), months[t.Month()-1], t.Year(), t.Format("15:04"))
	}
}

// lasting gives a function that tells a time which is left, rounded down: nobody comes
// too late by trusting it.
func lasting(format, less string, day, days, hour, hours, minute, minutes string) func(time.Duration) string {
	return func(d time.Duration) string {
		var left string
		switch {
		case d >= 48*time.Hour:
			left = count(int(d/(24*time.Hour)), day, days)
		case d >= time.Hour:
			left = count(int(d/time.Hour), hour, hours)
		case d >= time.Minute:
			left = count(int(d/time.Minute), minute, minutes)
		default:
			return less
		}
		return fmt.Sprintf(format, left)
	}
}
