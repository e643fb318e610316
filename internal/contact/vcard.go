package contact

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// vCards are 2.1 (versit, 1996), 3.0 (RFC 2426) and 4.0 (RFC 6350). What is not
// about a person's name, address or mobile number is passed over, unread.

// isVCard tells whether a file begins as vCards do.
func isVCard(in *bufio.Reader) bool {
	start, _ := in.Peek(512)
	start = bytes.TrimLeft(start, "\r\n\t ")
	const begin = "BEGIN:VCARD"
	return len(start) >= len(begin) && strings.EqualFold(string(start[:len(begin)]), begin)
}

// A card is a vCard that is being read.
type card struct {
	entry
	fn, n, org, nick string
	emailRank        int // of entry.email; the lower the better
	mobileRank       int
	inside           int // how many cards we are in: 2.1 may put one into another
}

// parseVCards gives each card to each. Values are in the encoding given unless
// they name their own.
func parseVCards(in *bufio.Reader, is encoding, each func(entry) error) error {
	lines, c := &cardLines{in: in}, card{}
	bare := false // lines without a colon may follow: 2.1 does not always fold base 64
	for {
		line, raw, err := lines.next()
		if err == io.EOF {
			if c.inside > 0 {
				return unreadable(lines.line, "the last card does not end")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		p, ok := parseProperty(raw)
		switch {
		case !ok && bare && c.inside > 0:
		case !ok:
			return unreadable(line, "it is no line of a vCard")
		case p.name == "BEGIN" && strings.EqualFold(p.word(), "VCARD"):
			if c.inside++; c.inside == 1 {
				c = card{entry: entry{line: line}, inside: 1}
				lines.old = false
			}
		case c.inside == 0:
			return unreadable(line, "it stands outside of any card")
		case p.name == "END" && strings.EqualFold(p.word(), "VCARD"):
			if c.inside--; c.inside == 0 {
				if err := each(c.done()); err != nil {
					return err
				}
			}
		case c.inside > 1:
		case p.name == "VERSION":
			v := p.word()
			if !slices.Contains([]string{"2.1", "3.0", "4.0"}, v) {
				return unreadable(line, "only vCards 2.1, 3.0 and 4.0 are known")
			}
			lines.old = v == "2.1"
		default:
			c.take(p, is)
		}
		if ok {
			bare = p.base64()
		}
	}
}

// take keeps what the property says of the person.
func (c *card) take(p property, is encoding) {
	if p.base64() || !slices.Contains([]string{"FN", "N", "ORG", "NICKNAME", "EMAIL", "TEL"}, p.name) {
		return
	}
	s, ok := p.text(is)
	if !ok {
		c.err = &LineError{Line: c.line, Code: "text_invalid", Msg: "the characters of " + p.name + " are not of its encoding"}
		return
	}
	switch p.name {
	case "FN":
		setOnce(&c.fn, unescape(s))
	case "N": // family; given; additional; prefixes; suffixes
		parts := append(split(s), "", "", "")
		setOnce(&c.n, unescape(parts[1]+" "+parts[2]+" "+parts[0]))
	case "ORG":
		setOnce(&c.org, unescape(split(s)[0]))
	case "NICKNAME":
		setOnce(&c.nick, unescape(s))
	case "EMAIL":
		s = oneLine(unescape(s))
		if rest, ok := cutPrefixFold(s, "mailto:"); ok {
			s = rest
		}
		if r := p.rank(); s != "" && (c.email == "" || r < c.emailRank) {
			c.email, c.emailRank = s, r
		}
	case "TEL":
		s = oneLine(unescape(s))
		if rest, ok := cutPrefixFold(s, "tel:"); ok { // RFC 3966
			s, _, _ = strings.Cut(rest, ";")
		}
		if r := p.rank(); s != "" && (p.is("CELL") || p.is("IPHONE")) && (c.mobile == "" || r < c.mobileRank) {
			c.mobile, c.mobileRank = s, r
		}
	}
}

func setOnce(to *string, s string) {
	if *to == "" {
		*to = oneLine(s)
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func (c *card) done() entry {
	for _, name := range []string{c.fn, c.n, c.org, c.nick} {
		if c.name == "" {
			c.name = name
		}
	}
	return c.entry
}

// A property is one line of a card, such as
//
//	item1.EMAIL;TYPE=INTERNET,PREF:alice@example.com
type property struct {
	name   string // upper case, without the group
	params []param
	value  []byte
}

// A param is one of a property's. In 2.1 the name of TYPE and ENCODING may be
// missing, and is empty then.
type param struct{ name, value string } // both upper case

// parseProperty takes a line apart; false when it is none.
func parseProperty(line []byte) (p property, ok bool) {
	quoted := false
	end := bytes.IndexFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ':' && !quoted
	})
	if end < 0 {
		return p, false
	}
	quoted = false
	head := strings.FieldsFunc(strings.ToUpper(string(line[:end])), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ';' && !quoted
	})
	if len(head) == 0 {
		return p, false
	}
	p.name = strings.TrimSpace(head[0][strings.LastIndexByte(head[0], '.')+1:])
	if p.name == "" || strings.ContainsFunc(p.name, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return p, false
	}
	for _, text := range head[1:] {
		name, values, named := strings.Cut(text, "=")
		if !named {
			name, values = "", text
		}
		for value := range strings.SplitSeq(strings.ReplaceAll(values, `"`, ""), ",") {
			p.params = append(p.params, param{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	p.value = line[end+1:]
	return p, true
}

// word gives the value of a property that is one word.
func (p property) word() string { return string(bytes.TrimSpace(p.value)) }

func (p property) has(name, value string) bool {
	return slices.ContainsFunc(p.params, func(q param) bool { return (q.name == name || q.name == "") && q.value == value })
}

// is tells whether the property is of this type.
func (p property) is(kind string) bool { return p.has("TYPE", kind) }

func (p property) base64() bool {
	return p.has("ENCODING", "BASE64") || p.has("ENCODING", "B")
}

func (p property) quotedPrintable() bool { return p.has("ENCODING", "QUOTED-PRINTABLE") }

// rank tells how much the owner of the card prefers this of its kind: 1 is most.
func (p property) rank() int {
	for _, q := range p.params {
		if n, err := strconv.Atoi(q.value); q.name == "PREF" && err == nil && n >= 1 && n <= 100 {
			return n
		}
	}
	if p.is("PREF") {
		return 1
	}
	return 101
}

// text gives the value as UTF-8, still escaped. False when it is not of the
// encoding that the property, or else the file, says.
func (p property) text(is encoding) (string, bool) {
	b := p.value
	if p.quotedPrintable() {
		b = unquotePrintable(b)
	}
	for _, q := range p.params {
		if q.name == "CHARSET" {
			var known bool
			if is, known = encodingOf(q.value); !known {
				is = inUTF8 // ASCII is the same in nearly all
			}
		}
	}
	return text(b, is)
}

// unquotePrintable decodes "=C3=BC" (RFC 2045 6.7). What is no code stays as it is.
func unquotePrintable(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '=' && i+2 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// split cuts a value at each semicolon that is not escaped.
func split(s string) (parts []string) {
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ';':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape reads \n, \, and the like.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch i++; s[i] {
			case 'n', 'N':
				out.WriteByte('\n')
				continue
			case '\\', ',', ';', ':':
			default:
				out.WriteByte('\\')
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// mostLine is how much of a line is kept. What we look for is shorter, and the
// rest, such as a picture, is read past.
const mostLine = 64 << 10

// cardLines reads the lines of a file, joined where they are folded.
type cardLines struct {
	in   *bufio.Reader
	line int  // number of the line read last
	old  bool // 2.1: the white space of a fold belongs to the value
}

// next gives the next line and its number.
func (l *cardLines) next() (number int, line []byte, err error) {
	if line, err = l.one(nil); err != nil {
		return 0, nil, err
	}
	number = l.line
	head, _, _ := bytes.Cut(line, []byte(":"))
	quoted := bytes.Contains(bytes.ToUpper(head), []byte("QUOTED-PRINTABLE"))
	for err == nil {
		next, _ := l.in.Peek(1)
		switch {
		case quoted && len(next) > 0 && bytes.HasSuffix(line, []byte("=")):
			line, err = l.one(line[:len(line)-1])
		case len(next) > 0 && (next[0] == ' ' || next[0] == '\t'):
			if !l.old {
				_, _ = l.in.Discard(1)
			}
			line, err = l.one(line)
		default:
			return number, line, nil
		}
	}
	if err == io.EOF { // a fold with nothing behind it; who reads on meets the end
		err = nil
	}
	return number, line, err
}

// one appends the next line, without its end, to line.
func (l *cardLines) one(line []byte) ([]byte, error) {
	for read := false; ; read = true {
		piece, err := l.in.ReadSlice('\n')
		if err == io.EOF && (len(piece) > 0 || read) {
			err = nil
		} else if err != nil && err != bufio.ErrBufferFull {
			return line, err
		}
		line = append(line, piece[:min(len(piece), max(0, mostLine-len(line)))]...)
		if err == nil {
			l.line++
			return bytes.TrimRight(line, "\r\n"), nil
		}
	}
}
