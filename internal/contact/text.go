package contact

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
)

// An encoding is how a file, or a value of a vCard, writes characters as bytes.
type encoding uint8

const (
	inUTF8 encoding = iota
	inLatin1
	inUTF16LE
	inUTF16BE
)

// encodingOf finds an encoding by its name; "" is UTF-8.
func encodingOf(name string) (encoding, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "utf-8", "utf8", "us-ascii":
		return inUTF8, true
	case "iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "cp1252":
		return inLatin1, true
	case "utf-16le":
		return inUTF16LE, true
	case "utf-16", "utf-16be": // RFC 2781 4.3: big-endian without a mark
		return inUTF16BE, true
	}
	return 0, false
}

// marks are what a file may begin with to tell its encoding.
var marks = []struct {
	bytes string
	is    encoding
}{{"\xEF\xBB\xBF", inUTF8}, {"\xFF\xFE", inUTF16LE}, {"\xFE\xFF", inUTF16BE}}

// encodingAt reads the mark of a file; without one the file is as it was declared.
func encodingAt(in *bufio.Reader, declared encoding) encoding {
	start, _ := in.Peek(3) // what is wrong is met again by who reads on
	for _, m := range marks {
		if bytes.HasPrefix(start, []byte(m.bytes)) {
			_, _ = in.Discard(len(m.bytes))
			return m.is
		}
	}
	return declared
}

// windows1252 holds what Latin-1 leaves to controls. Programs that say Latin-1
// mean this (WHATWG Encoding Standard), for the sake of € and the quotes.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8D, 'Ž', 0x8F,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9D, 'ž', 'Ÿ',
}

func fromLatin1(b byte) rune {
	if b >= 0x80 && b < 0xA0 {
		return windows1252[b-0x80]
	}
	return rune(b)
}

// A notText is a place in a file where its bytes are no text.
type notText struct{ line int }

func (e *notText) Error() string { return fmt.Sprintf("line %d is not text", e.line) }

// A decoder reads text of any encoding as UTF-8 in which every line ends in "\n".
// What is no text, such as a picture, ends it with a *notText.
type decoder struct {
	in      *bufio.Reader
	is      encoding
	line    int // that the next character is on
	buf     []byte
	pending []byte // of buf
	err     error
}

func newDecoder(in *bufio.Reader, is encoding) *decoder {
	return &decoder{in: in, is: is, line: 1, buf: make([]byte, 0, 4096+utf8.UTFMax)}
}

func (d *decoder) Read(p []byte) (int, error) {
	if len(d.pending) == 0 && d.err == nil {
		d.pending = d.buf[:0]
		for len(d.pending) < 4096 {
			r, err := d.char()
			if err != nil {
				d.err = err
				break
			}
			d.pending = utf8.AppendRune(d.pending, r)
		}
	}
	n := copy(p, d.pending)
	d.pending = d.pending[n:]
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, d.err
}

// char gives the next character, and "\n" for each end of a line.
func (d *decoder) char() (rune, error) {
	r, err := d.next()
	if err != nil {
		return 0, err
	}
	switch r {
	case 0: // no text has it, and much that is no text has
		return 0, &notText{d.line}
	case '\r':
		if b, _ := d.in.Peek(2); d.is == inUTF16LE && string(b) == "\n\x00" || d.is == inUTF16BE && string(b) == "\x00\n" {
			_, _ = d.in.Discard(2)
		} else if d.is < inUTF16LE && len(b) > 0 && b[0] == '\n' {
			_, _ = d.in.Discard(1)
		}
		r = '\n'
	}
	if r == '\n' {
		d.line++
	}
	return r, nil
}

// next gives the next character as it is written.
func (d *decoder) next() (rune, error) {
	switch d.is {
	case inLatin1:
		b, err := d.in.ReadByte()
		return fromLatin1(b), err
	case inUTF16LE, inUTF16BE:
		r, err := d.unit()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		low, err := d.unit()
		if err == io.EOF {
			return 0, &notText{d.line}
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError && err == nil {
			return 0, &notText{d.line}
		}
		return r, err
	default:
		r, n, err := d.in.ReadRune()
		if err == nil && r == utf8.RuneError && n == 1 {
			return 0, &notText{d.line}
		}
		return r, err
	}
}

// unit gives the next 16 bits.
func (d *decoder) unit() (rune, error) {
	var b [2]byte
	switch _, err := io.ReadFull(d.in, b[:]); {
	case err == io.ErrUnexpectedEOF:
		return 0, &notText{d.line}
	case err != nil:
		return 0, err
	case d.is == inUTF16LE:
		return rune(b[1])<<8 | rune(b[0]), nil
	}
	return rune(b[0])<<8 | rune(b[1]), nil
}

// text gives the bytes of one value as UTF-8; false when they are not of the
// encoding, or hold a NUL.
func text(b []byte, is encoding) (string, bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return "", false
	}
	if is == inLatin1 {
		var s strings.Builder
		for _, c := range b {
			s.WriteRune(fromLatin1(c))
		}
		return s.String(), true
	}
	return string(b), is == inUTF8 && utf8.Valid(b)
}

// A limited reads at most MaxFile bytes, and then fails.
type limited struct {
	r   io.Reader
	n   int
	err error // the first: a bufio.Reader that peeks forgets it
}

func (l *limited) Read(p []byte) (n int, err error) {
	if l.err != nil {
		return 0, l.err
	}
	n, l.err = l.r.Read(p)
	if l.n += n; l.n > MaxFile {
		n, l.err = 0, fault.New(fault.TooLarge, "import_too_large", "a file of contacts has at most %d MiB", MaxFile>>20)
	}
	return n, l.err
}

// oneLine makes one line of a value that may have several: white space and
// controls become single spaces.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7F && r <= 0xA0 || r == 0x2028 || r == 0x2029 }), " ")
}
