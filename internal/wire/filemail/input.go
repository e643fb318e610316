package filemail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// An input is what a call was given, in whatever way: a handler reads properties
// by name into its own struct, and asks err when it has read all of them, so that
// everything that is wrong is told at once.
//
//	in := initialize{Subject: c.in.line("subject", 200), Days: c.in.number("days", -1, maxDays)}
//	c.in.require("subject")
//	if err := c.in.err(); err != nil { … }
//
// What is null is absent, and so is an empty string: clients send both for a value
// that they do not have. Absent properties read as zero, or nil. Numbers and
// booleans may come as strings.
type input struct {
	find func(name string) value // by the lower-case name
	bad  []fault.Field
}

// A value is a property as it came: a JSON value, or the texts of parameters of
// this name, none of which is empty. The zero value is absent.
type value struct {
	json  wire.Value
	texts []string
}

// isAbsent reports whether there is nothing in v.
func (v value) isAbsent() bool {
	switch v.json.Kind() {
	case wire.Absent, wire.Null:
		return len(v.texts) == 0
	case wire.String:
		return v.json.Str() == ""
	}
	return false
}

// literal gives the text of a string, a number or a boolean, or of a parameter.
func (v value) literal() (text string, is bool) {
	switch v.json.Kind() {
	case wire.String:
		return v.json.Str(), true
	case wire.Number, wire.Bool:
		return string(v.json.Raw()), true
	case wire.Absent:
		return v.texts[0], true
	}
	return "", false
}

// err tells what was wrong with the properties that were read: Invalid with Fields.
func (in *input) err() error {
	if len(in.bad) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: in.bad[0].Code, Msg: in.bad[0].Name + " " + in.bad[0].Msg, Fields: in.bad}
}

// wrong notes what is wrong with a property; the first thing is told.
func (in *input) wrong(name, code, format string, args ...any) {
	if !slices.ContainsFunc(in.bad, func(f fault.Field) bool { return f.Name == name }) {
		in.bad = append(in.bad, fault.Field{Name: name, Code: code, Msg: fmt.Sprintf(format, args...)})
	}
}

// also notes what the core found wrong with properties, beside what is known; what else
// it says is given back.
func (in *input) also(err error) error {
	f, is := errors.AsType[*fault.Error](err)
	if !is || len(f.Fields) == 0 {
		return err
	}
	for _, field := range f.Fields {
		in.wrong(field.Name, field.Code, "%s", field.Msg)
	}
	return nil
}

// get finds a property; names are those of the documents, in their case.
func (in *input) get(name string) value { return in.find(lower(name)) }

// has reports whether the property is there.
func (in *input) has(name string) bool { return !in.get(name).isAbsent() }

// change reads a text that a call may put in place of another: nil leaves it as it
// is. Only an empty string in a body of JSON takes it away.
func (in *input) change(name string, most int) *string {
	v := in.get(name)
	if v.isAbsent() && v.json.Kind() != wire.String {
		return nil
	}
	return new(in.text(name, most))
}

// require notes each of the properties that is absent.
func (in *input) require(names ...string) {
	for _, name := range names {
		if !in.has(name) {
			in.wrong(name, codeMissing, "is required")
		}
	}
}

// text reads a text of at most most characters.
func (in *input) text(name string, most int) string {
	v := in.get(name)
	if v.isAbsent() {
		return ""
	}
	s, is := v.literal()
	if !is || v.json.Kind() == wire.Bool || v.json.Kind() == wire.Number {
		in.wrong(name, codeValue, "must be a string")
		return ""
	}
	if why := badText(s, most); why != "" {
		in.wrong(name, codeValue, "%s", why)
		return ""
	}
	return s
}

// line reads a text without line breaks: it may become a header of a letter.
func (in *input) line(name string, most int) string {
	s := in.text(name, most)
	if strings.ContainsAny(s, "\r\n") {
		in.wrong(name, codeValue, "must be one line")
		return ""
	}
	return s
}

// maxSecret is the length of the longest password, key or token.
const maxSecret = 1024

// secret reads a password, key or token.
func (in *input) secret(name string) account.Secret { return account.Secret(in.text(name, maxSecret)) }

// badText says why s cannot be kept, or "".
func badText(s string, most int) string {
	switch {
	case !utf8.ValidString(s):
		return "must be UTF-8"
	case utf16Len(s) > most:
		return fmt.Sprintf("must have at most %d characters", most)
	case strings.ContainsRune(s, 0):
		return "must not contain null characters" // no database keeps them
	}
	return ""
}

// flag reads a boolean, which classic clients also send as True, 1 and 0.
func (in *input) flag(name string) *bool {
	v := in.get(name)
	if v.isAbsent() {
		return nil
	}
	s, _ := v.literal()
	switch lower(s) {
	case "true", "1":
		return new(true)
	case "false", "0":
		return new(false)
	}
	in.wrong(name, codeValue, "must be true or false")
	return nil
}

// is reads a boolean that is false when it is absent.
func (in *input) is(name string) bool {
	b := in.flag(name)
	return b != nil && *b
}

// number reads a whole number from least to most, which may be negative.
func (in *input) number(name string, least, most int64) *int64 {
	v := in.get(name)
	if v.isAbsent() {
		return nil
	}
	s, _ := v.literal()
	n, err := parseNumber(s)
	switch {
	case errors.Is(err, wire.ErrNotNumber):
		in.wrong(name, codeValue, "must be a number")
	case errors.Is(err, wire.ErrNotInteger):
		in.wrong(name, codeValue, "must be a whole number")
	case err != nil || n < least || n > most:
		in.wrong(name, codeValue, "must be between %d and %d", least, most)
	default:
		return &n
	}
	return nil
}

// parseNumber is wire.ParseInt for numbers with a sign.
func parseNumber(s string) (int64, error) {
	n, err := wire.ParseInt(s)
	if !errors.Is(err, wire.ErrNegative) {
		return n, err
	}
	n, err = wire.ParseInt(s[1:])
	return -n, err
}

const (
	// maxMoment is the end of the year 9999 in Unix milliseconds.
	maxMoment = 253402300799999
	// leastMillis tells seconds from milliseconds where clients send both: pyfilemail
	// sends seconds (a guess; as milliseconds it is a day in March 1973).
	leastMillis = 100_000_000_000
)

// moment reads a time in Unix milliseconds, the zero time when it is absent.
func (in *input) moment(name string) time.Time {
	n := in.number(name, 0, maxMoment)
	if n == nil {
		return time.Time{}
	}
	return time.UnixMilli(*n)
}

// looseMoment reads a time in Unix seconds or milliseconds.
func (in *input) looseMoment(name string) time.Time {
	n := in.number(name, 0, maxMoment)
	switch {
	case n == nil:
		return time.Time{}
	case *n < leastMillis:
		return time.Unix(*n, 0)
	}
	return time.UnixMilli(*n)
}

// maxItem is the length of the longest entry of a list, which is an address.
const maxItem = 254

// list reads a list of at most most lines: a JSON array, or one text or several
// with commas between the entries. Empty entries are left out.
func (in *input) list(name string, most int) []string {
	v := in.get(name)
	if v.isAbsent() {
		return nil
	}
	var all []string
	add := func(s string) bool {
		s = strings.TrimSpace(s)
		if s == "" {
			return true
		}
		if len(all) == most {
			in.wrong(name, codeValue, "must have at most %d entries", most)
			return false
		}
		if why := badText(s, maxItem); why != "" || strings.ContainsAny(s, "\r\n") {
			in.wrong(name, codeValue, "entry %d must be one line of at most %d characters", len(all)+1, maxItem)
			return false
		}
		all = append(all, s)
		return true
	}
	split := func(s string) bool {
		for part := range strings.SplitSeq(s, ",") {
			if !add(part) {
				return false
			}
		}
		return true
	}
	switch v.json.Kind() {
	case wire.Array:
		for e := range v.json.Elems() {
			if e.Kind() != wire.String {
				in.wrong(name, codeValue, "must be an array of strings")
				return nil
			}
			if !add(e.Str()) {
				return nil
			}
		}
	case wire.String:
		if !split(v.json.Str()) {
			return nil
		}
	case wire.Absent:
		for _, s := range v.texts {
			if !split(s) {
				return nil
			}
		}
	default:
		in.wrong(name, codeValue, "must be an array of strings")
	}
	return all
}

// emails is a list of addresses, each as account.NormalizeEmail gives it.
func (in *input) emails(name string, most int) []string {
	all := in.list(name, most)
	for i, s := range all {
		email, err := account.NormalizeEmail(s)
		if err != nil {
			in.wrong(name, codeEmail, "entry %d is not an e-mail address", i+1)
			return nil
		}
		all[i] = email
	}
	return all
}

// email reads one address.
func (in *input) email(name string) string {
	s := strings.TrimSpace(in.line(name, maxItem))
	if s == "" {
		return ""
	}
	email, err := account.NormalizeEmail(s)
	if err != nil {
		in.wrong(name, codeEmail, "is not an e-mail address")
		return ""
	}
	return email
}

// uuid reads 128 bits in hexadecimal, with or without dashes, and gives 32 digits
// in lower case.
func (in *input) uuid(name string) string {
	s := in.text(name, 36)
	if s == "" {
		return ""
	}
	id, is := parseUUID(s)
	if !is {
		in.wrong(name, codeValue, "must be a uuid")
	}
	return id
}

func parseUUID(s string) (string, bool) {
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 || !isHex(s) {
		return "", false
	}
	return lower(s), true
}

func isHex(s string) bool { return strings.Trim(lower(s), "0123456789abcdef") == "" }

// lower folds the case of ASCII alone: names that differ elsewhere are different
// names, and the Kelvin sign is no k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// utf16Len counts characters as the original, a .NET program, does.
func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, c := range []byte(s) {
		if c >= 0xF0 { // first of four bytes: two units
			n++
		}
	}
	return n
}
