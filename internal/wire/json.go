package wire

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

const (
	maxDepth   = 32     // objects and arrays inside each other
	maxMembers = 10_000 // keys of one object: the set that finds duplicates must not outgrow the body
)

// Parse checks that text is one JSON value and nothing else, and gives access to
// it. It is stricter than JSON.parse where leniency lets two readers of a text
// see two things: the bytes must be UTF-8, no object has a key twice, no escape
// is half a surrogate pair, and nesting ends at 32. A NUL in a string is let
// through, for the caller's rules about names to deal with.
//
// The Value reads from text, which must not change while it is in use. A failure
// is a *SyntaxError.
func Parse(text []byte) (Value, error) {
	s := scanner{text: text}
	if err := s.document(); err != nil {
		return Value{}, err
	}
	return Value{bytes.Trim(text, " \t\r\n")}, nil
}

// A SyntaxError says what is wrong with a text that should be JSON, in the words
// of JSON.parse of Node 18 and before (V8, src/json/json-parser.cc, and its
// messages kJsonParseUnexpected…): WeTransfer's API was written in Node and
// passed them on, and its documents show them to callers.
type SyntaxError struct {
	Offset int    // where, in UTF-16 code units, as JavaScript counts
	Token  string // what stood there: a character, "string" or "number"; empty at the end of the text
	Reason string // what is wrong with a text that JSON.parse would have taken; else empty
}

func (e *SyntaxError) Error() string {
	switch {
	case e.Reason != "":
		return fmt.Sprintf("%s in JSON at position %d", e.Reason, e.Offset)
	case e.Token == "":
		return "Unexpected end of JSON input"
	case e.Token == "string" || e.Token == "number":
		return fmt.Sprintf("Unexpected %s in JSON at position %d", e.Token, e.Offset)
	}
	return fmt.Sprintf("Unexpected token %s in JSON at position %d", e.Token, e.Offset)
}

// A scanner walks a text once and keeps nothing of it but where it stands: a
// tree of a hostile 16 MiB of "[0,0,0,…" would be forty times its size.
type scanner struct {
	text  []byte
	pos   int
	depth int
}

func (s *scanner) document() error {
	if !utf8.Valid(s.text) {
		for s.pos < len(s.text) {
			r, size := utf8.DecodeRune(s.text[s.pos:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			s.pos += size
		}
		return s.refuse(s.pos, "Malformed UTF-8")
	}
	s.space()
	if err := s.value(); err != nil {
		return err
	}
	s.space()
	if s.pos < len(s.text) {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) value() error {
	switch c := s.peek(); c {
	case '"':
		_, err := s.quoted()
		return err
	case '{':
		return s.object()
	case '[':
		return s.array()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return s.number()
		}
		return s.unexpected()
	}
}

func (s *scanner) object() error {
	if err := s.open(); err != nil {
		return err
	}
	if s.accept('}') {
		s.depth--
		return nil
	}
	var seen keySet
	for {
		at := s.pos
		if s.peek() != '"' {
			return s.unexpected()
		}
		key, err := s.quoted()
		if err != nil {
			return err
		}
		if !seen.add(unescaped(key)) {
			return s.refuse(at, "Duplicate key")
		}
		if seen.n > maxMembers {
			return s.refuse(at, "Too many keys")
		}
		s.space()
		if !s.accept(':') {
			return s.unexpected()
		}
		s.space()
		if err := s.value(); err != nil {
			return err
		}
		s.space()
		if s.accept('}') {
			s.depth--
			return nil
		}
		if !s.accept(',') {
			return s.unexpected()
		}
		s.space()
	}
}

func (s *scanner) array() error {
	if err := s.open(); err != nil {
		return err
	}
	if s.accept(']') {
		s.depth--
		return nil
	}
	for {
		if err := s.value(); err != nil {
			return err
		}
		s.space()
		if s.accept(']') {
			s.depth--
			return nil
		}
		if !s.accept(',') {
			return s.unexpected()
		}
		s.space()
	}
}

// open steps into an object or array.
func (s *scanner) open() error {
	if s.depth == maxDepth {
		return s.refuse(s.pos, "Nesting too deep")
	}
	s.depth++
	s.pos++
	s.space()
	return nil
}

// quoted passes a string and gives it as it is written, without its quotes.
func (s *scanner) quoted() ([]byte, error) {
	s.pos++
	start := s.pos
	for {
		s.pos = skipPlain(s.text, s.pos)
		switch s.peek() {
		case '"':
			s.pos++
			return s.text[start : s.pos-1], nil
		case '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		default: // a control, or the end
			return nil, s.unexpected()
		}
	}
}

func (s *scanner) escape() error {
	start := s.pos
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
	default:
		return s.unexpected()
	}
	first, err := s.codeUnit()
	if err != nil || !isSurrogate(first) {
		return err
	}
	if !bytes.HasPrefix(s.text[s.pos:], []byte(`\u`)) {
		return s.refuse(start, "Lone surrogate")
	}
	s.pos++
	second, err := s.codeUnit()
	if err != nil {
		return err
	}
	if isLow(first) || !isLow(second) {
		return s.refuse(start, "Lone surrogate")
	}
	return nil
}

// codeUnit passes the u of an escape and its four digits.
func (s *scanner) codeUnit() (rune, error) {
	s.pos++
	var unit rune
	for range 4 {
		d := hexDigit(s.peek())
		if d < 0 {
			return 0, s.unexpected()
		}
		unit = unit<<4 | d
		s.pos++
	}
	return unit, nil
}

func (s *scanner) number() error {
	s.accept('-')
	if s.accept('0') {
		if isDigit(s.peek()) { // 01
			return s.unexpected()
		}
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.accept('.') {
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	if s.pos == start {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	return nil
}

func (s *scanner) space() {
	s.pos = skipSpace(s.text, s.pos)
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// peek gives 0 at the end; a NUL in the text is no part of JSON's grammar either.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// unexpected refuses what stands at s.pos. V8 names it by its first character
// alone, wherever it stands: a digit is a number even inside an escape.
func (s *scanner) unexpected() error {
	e := &SyntaxError{Offset: utf16Len(s.text[:s.pos])}
	switch c := s.peek(); {
	case s.pos == len(s.text):
	case c == '"':
		e.Token = "string"
	case c == '-' || isDigit(c):
		e.Token = "number"
	default: // V8 shows half of a character above U+FFFF; half is no UTF-8, so we show it whole
		_, size := utf8.DecodeRune(s.text[s.pos:])
		e.Token = string(s.text[s.pos : s.pos+size])
	}
	return e
}

func (s *scanner) refuse(at int, reason string) error {
	return &SyntaxError{Offset: utf16Len(s.text[:at]), Reason: reason}
}

// A keySet finds the key that comes twice. Nearly every object has a few keys,
// which are compared; only a large one pays for a map.
type keySet struct {
	n    int
	few  [8][]byte
	many map[string]struct{}
}

func (k *keySet) add(key []byte) bool {
	if k.many == nil {
		for _, have := range k.few[:k.n] {
			if bytes.Equal(have, key) {
				return false
			}
		}
		if k.n < len(k.few) {
			k.few[k.n] = key
			k.n++
			return true
		}
		k.many = make(map[string]struct{}, 4*len(k.few))
		for _, have := range k.few {
			k.many[string(have)] = struct{}{}
		}
	}
	if _, ok := k.many[string(key)]; ok {
		return false
	}
	k.many[string(key)] = struct{}{}
	k.n++
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSurrogate(r rune) bool { return 0xD800 <= r && r <= 0xDFFF }

// isLow reports whether r is the second half of a surrogate pair.
func isLow(r rune) bool { return 0xDC00 <= r && r <= 0xDFFF }

// hexDigit gives -1 for what is none.
func hexDigit(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return -1
}

func utf16Len(text []byte) int {
	n := 0
	for _, c := range text {
		switch {
		case c >= 0xF0: // first of four bytes: a surrogate pair
			n += 2
		case c < 0x80 || c >= 0xC0:
			n++
		}
	}
	return n
}
