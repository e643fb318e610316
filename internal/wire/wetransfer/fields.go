package wetransfer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Limits of texts in characters, which are UTF-16 code units as in the original,
// a Node program. Where the documents give none, maxText is ours: such texts are
// sent back with every answer.
const (
	maxName       = 255
	maxURL        = 2000
	maxTitle      = 2980
	maxMeta       = 3000
	maxLocal      = 36 // "less than 36", they say, but clients send UUIDs of 36
	maxIdentifier = 4096
	maxText       = 100_000
)

// A field is one place in a request's body, by the name that errors call it. The
// words of its errors are those of Joi 13, the validator of the original: the
// documented ones are, and so the others are guessed to be. The first error is
// the answer.
type field struct {
	label string
	wire.Value
}

// in gives the member of an object, absent if there is none.
func (f field) in(key string) field {
	v, _ := f.Get(key)
	return field{f.label + "." + key, v}
}

func (f field) wrong(format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return &fault.Error{
		Kind: fault.Invalid, Code: codeField, Msg: fmt.Sprintf("%q %s", f.label, msg),
		Fields: []fault.Field{{Name: f.label, Code: codeField, Msg: msg}},
	}
}

// absent reports whether an optional field was left out; clients of typed
// languages send null for that.
func (f field) absent() bool { return f.Kind() == wire.Absent || f.Kind() == wire.Null }

// object and array refuse what is none.
func (f field) object() error {
	if f.Kind() != wire.Object {
		return f.wrong("must be an object")
	}
	return nil
}

func (f field) array() error {
	if f.Kind() != wire.Array {
		return f.wrong("must be an array")
	}
	return nil
}

// items gives the elements of an array of objects, at most most of them unless
// that is 0.
func (f field) items(most int) ([]field, error) {
	if most > 0 && f.Len() > most { // counted before anything is made of them
		return nil, f.wrong("must contain less than or equal to %d items", most)
	}
	var all []field
	for v := range f.Elems() {
		if v.Kind() != wire.Object {
			return nil, f.wrong("position %d must be an object", len(all))
		}
		all = append(all, field{f.label, v})
	}
	return all, nil
}

// text is a string that must be there, of at most most characters.
func (f field) text(most int) (string, error) {
	switch f.Kind() {
	case wire.Absent:
		return "", f.wrong("is required")
	case wire.String:
	default:
		return "", f.wrong("must be a string")
	}
	s := f.Str()
	if utf16Len(s) > most {
		return "", f.wrong("length must be less than or equal to %d characters long", most)
	}
	if strings.ContainsRune(s, 0) {
		return "", f.wrong("must not contain null characters") // no database keeps them
	}
	return s, nil
}

// filled is a text that must not be empty either.
func (f field) filled(most int) (string, error) {
	s, err := f.text(most)
	if err == nil && s == "" {
		return "", f.wrong("is not allowed to be empty")
	}
	return s, err
}

// optional is a text, "" if it was left out.
func (f field) optional(most int) (string, error) {
	if f.absent() {
		return "", nil
	}
	return f.text(most)
}

// fileName is the name of a file, cleaned.
func (f field) fileName() (string, error) {
	switch f.Kind() {
	case wire.Absent:
		return "", f.wrong("is required")
	case wire.String:
	default:
		return "", f.wrong("must be a string")
	}
	name := cleanName(f.Str())
	switch {
	case name == "":
		return "", f.wrong("is not allowed to be empty")
	case name == "." || name == "..":
		return "", f.wrong("contains an invalid value")
	case utf16Len(name) > maxName:
		return "", f.wrong("length must be less than or equal to %d characters long", maxName)
	}
	return name, nil
}

// fileSize is a size in bytes, at least one. What an empty file is told is the
// documented text, which speaks of more than one.
func (f field) fileSize() (int64, error) {
	if f.Kind() == wire.Absent {
		return 0, f.wrong("is required")
	}
	n, err := f.Int()
	switch {
	case errors.Is(err, wire.ErrNotNumber):
		return 0, f.wrong("must be a number")
	case errors.Is(err, wire.ErrNotInteger):
		return 0, f.wrong("must be an integer")
	case errors.Is(err, wire.ErrTooLarge):
		return 0, f.wrong("must be a safe number")
	case err != nil, n < 1:
		return 0, f.wrong("must be greater than 1")
	}
	return n, nil
}

// partCount is the number of parts that v2's complete is told: the documents
// call it a string, clients send a number, and some nothing. It is not used
// further: the parts that are there count.
func (f field) partCount() error {
	if f.absent() {
		return nil
	}
	_, err := f.Int()
	if f.Kind() == wire.String {
		_, err = wire.ParseInt(f.Str())
	}
	if err != nil {
		return f.wrong("must be a number")
	}
	return nil
}

// webURL is the address of a link. Only pages of the web may be linked to: a link
// is shown to strangers, and "javascript:" is an address too.
func (f field) webURL() (string, error) {
	s, err := f.filled(maxURL)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || strings.ContainsAny(s, " \t\r\n\"<>\\") {
		return "", f.wrong("must be a valid uri")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", f.wrong("must be a valid uri with a scheme matching the http|https pattern")
	}
	return s, nil
}

// A newFile is a file that a client announces.
type newFile struct {
	name string
	size int64
}

// files are announced with their names, which must differ: v2's transfers and
// boards have the same list.
func (f field) files(most int) ([]newFile, error) {
	if err := f.array(); err != nil {
		return nil, err
	}
	items, err := f.items(most)
	if err != nil {
		return nil, err
	}
	files, names := make([]newFile, len(items)), make([]string, len(items))
	for i, item := range items {
		if files[i].name, err = item.in("name").fileName(); err != nil {
			return nil, err
		}
		if files[i].size, err = item.in("size").fileSize(); err != nil {
			return nil, err
		}
		names[i] = files[i].name
	}
	return files, f.differ(names)
}

// differ refuses names of which two are the same.
func (f field) differ(names []string) error {
	if i := firstTwin(names); i >= 0 {
		return f.wrong("position %d contains a duplicate value", i)
	}
	return nil
}

func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, c := range []byte(s) {
		if c >= 0xF0 { // first of four bytes: two units
			n++
		}
	}
	return n
}
