package wire

import (
	"bytes"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// A Kind is what a JSON value is. Absent is the kind of the zero Value.
type Kind uint8

// The kinds of JSON, and Absent for a value that is not there.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// A Value is one value of a text that Parse has checked. It is a window on that
// text: making one costs nothing, and each access walks what it passes over, so
// ask an array for its elements once rather than by number. Strings are copies
// and may be kept. Accessors of another kind than the value's give the zero of
// their type.
type Value struct {
	raw []byte // without space around it; empty when absent
}

// Kind says what v is.
func (v Value) Kind() Kind {
	if len(v.raw) == 0 {
		return Absent
	}
	switch v.raw[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return Array
	case '{':
		return Object
	}
	return Number
}

// Raw gives v as it was written. The bytes are the parsed text's own.
func (v Value) Raw() []byte { return v.raw }

// Bool tells whether v is true.
func (v Value) Bool() bool { return v.Kind() == Bool && v.raw[0] == 't' }

// Str gives the string that v is: valid UTF-8, which may hold NUL and other
// controls.
func (v Value) Str() string {
	if v.Kind() != String {
		return ""
	}
	return string(unescaped(v.raw[1 : len(v.raw)-1]))
}

// Num gives the number that v is, as it was written. Int gives its value.
func (v Value) Num() string {
	if v.Kind() != Number {
		return ""
	}
	return string(v.raw)
}

// Int gives v as a whole number from 0 to 2⁵³, or the reason of ParseInt why it
// is none; a string is not a number, whatever it says.
func (v Value) Int() (int64, error) {
	if v.Kind() != Number {
		return 0, ErrNotNumber
	}
	return parseInt(v.raw)
}

// Get gives the member of an object, and whether there is one.
func (v Value) Get(key string) (Value, bool) {
	for k, member := range v.members() {
		if string(unescaped(k)) == key {
			return member, true
		}
	}
	return Value{}, false
}

// Members walks an object in the order of its text.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for k, member := range v.members() {
			if !yield(string(unescaped(k)), member) {
				return
			}
		}
	}
}

// members gives the keys as they are written.
func (v Value) members() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for pos := skipSpace(v.raw, 1); v.raw[pos] != '}'; {
			end := skipString(v.raw, pos)
			key := v.raw[pos+1 : end-1]
			pos = skipSpace(v.raw, end) // to the colon
			pos = skipSpace(v.raw, pos+1)
			end = skipValue(v.raw, pos)
			if !yield(key, Value{v.raw[pos:end:end]}) {
				return
			}
			pos = skipComma(v.raw, end)
		}
	}
}

// Elems walks an array.
func (v Value) Elems() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		for pos := skipSpace(v.raw, 1); v.raw[pos] != ']'; {
			end := skipValue(v.raw, pos)
			if !yield(Value{v.raw[pos:end:end]}) {
				return
			}
			pos = skipComma(v.raw, end)
		}
	}
}

// Len counts the elements of an array or the members of an object.
func (v Value) Len() int {
	n := 0
	for range v.Elems() {
		n++
	}
	for range v.members() {
		n++
	}
	return n
}

// The skip functions step from pos to the first byte after the thing in their
// name. All but skipSpace and skipPlain want text that is known to be sound.

func skipSpace(text []byte, pos int) int {
	for pos < len(text) && (text[pos] == ' ' || text[pos] == '\n' || text[pos] == '\r' || text[pos] == '\t') {
		pos++
	}
	return pos
}

// skipPlain steps over what stands for itself in a string.
func skipPlain(text []byte, pos int) int {
	for i, c := range text[pos:] {
		if c == '"' || c == '\\' || c < ' ' {
			return pos + i
		}
	}
	return len(text)
}

func skipComma(text []byte, pos int) int {
	pos = skipSpace(text, pos)
	if text[pos] == ',' {
		pos = skipSpace(text, pos+1)
	}
	return pos
}

// skipString jumps from quote to quote, as IndexByte is twenty times as fast as
// any loop, and a long name is walked over several times.
func skipString(text []byte, pos int) int {
	for {
		pos++
		pos += bytes.IndexByte(text[pos:], '"')
		backslashes := 0
		for text[pos-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return pos + 1
		}
	}
}

func skipValue(text []byte, pos int) int {
	switch text[pos] {
	case '"':
		return skipString(text, pos)
	case '[', '{':
		return skipNested(text, pos)
	}
	for pos < len(text) {
		switch text[pos] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			return pos
		}
		pos++
	}
	return pos
}

func skipNested(text []byte, pos int) int {
	for depth := 0; ; {
		switch text[pos] {
		case '"':
			pos = skipString(text, pos)
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		pos++
		if depth == 0 {
			return pos
		}
	}
}

// unescaped resolves the escapes of a sound string. Without any, it gives the
// string itself.
func unescaped(raw []byte) []byte {
	next := bytes.IndexByte(raw, '\\')
	if next < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for next >= 0 {
		out = append(out, raw[:next]...)
		raw = raw[next+1:]
		switch c := raw[0]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := codeUnit(raw[1:])
			raw = raw[4:]
			if isSurrogate(r) { // the other half follows: Parse saw to it
				r = utf16.DecodeRune(r, codeUnit(raw[3:]))
				raw = raw[6:]
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		raw = raw[1:]
		next = bytes.IndexByte(raw, '\\')
	}
	return append(out, raw...)
}

func codeUnit(digits []byte) rune {
	return hexDigit(digits[0])<<12 | hexDigit(digits[1])<<8 | hexDigit(digits[2])<<4 | hexDigit(digits[3])
}
