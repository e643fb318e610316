package filemail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/textproto"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
)

// Limits of a multipart form beside the bytes of its file.
const (
	maxParts       = 64
	maxPartHeader  = 8 << 10
	maxFormText    = 64 << 10 // of all fields together
	maxPreamble    = 4 << 10
	multipartBlock = 4 << 10 // what is read at a time of everything but a file
)

// A multiform reads multipart/form-data part by part. mime/multipart does so
// through a buffer of 5 KiB, which costs a third of what receiving a file costs in
// all, and twice what this does: here a file's bytes go into the caller's buffer
// straight from the body (BenchmarkMultipart).
//
// Every part is read to its end before the next begins. The zero value is not usable.
type multiform struct {
	src     io.Reader
	delim   []byte      // CR LF, two dashes and the boundary
	skip    *[256]uint8 // see index; nil for a short delimiter
	ahead   []byte      // what was read from src and not yet given
	srcErr  error       // what src ended with
	atDelim bool        // the present part is over: ahead begins with a delimiter
	parts   int
}

// A formPart is the head of a part.
type formPart struct {
	name     string
	filename string
	isFile   bool // it names a file, if only an empty one
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Invalid, codeMalformed, format, args...)
}

// newMultiform begins to read a body of this content type.
func newMultiform(src io.Reader, contentType string) (*multiform, error) {
	_, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || boundary == "" || len(boundary) > 70 { // RFC 2046, 5.1.1
		return nil, malformed("the form has no boundary")
	}
	// The first delimiter may stand at the very beginning, without a line before it.
	m := &multiform{src: src, delim: []byte("\r\n--" + boundary), ahead: []byte("\r\n")}
	if len(m.delim) >= longDelimiter {
		m.skip = skips(m.delim)
	}
	return m, nil
}

// longDelimiter is from where on index is faster than bytes.Index. Boundaries of browsers
// and of common clients have 30 to 60 characters.
const longDelimiter = 20

// skips tells for each byte how far it is from its last place in delim to the end, and so
// how far one may step where it is found instead of the last one.
func skips(delim []byte) *[256]uint8 {
	s := new([256]uint8)
	for i := range s {
		s[i] = uint8(len(delim)) // at most 74
	}
	for i, c := range delim[:len(delim)-1] {
		s[c] = uint8(len(delim) - 1 - i)
	}
	return s
}

// index finds the delimiter in b, as bytes.Index does, but looks only at each n-th byte
// where it has n (R. N. Horspool, "Practical fast searching in strings", 1980).
func (m *multiform) index(b []byte) int {
	if m.skip == nil {
		return bytes.Index(b, m.delim)
	}
	end := len(m.delim) - 1
	last := m.delim[end]
	for i := end; i < len(b); {
		c := b[i]
		if c == last && bytes.Equal(b[i-end:i+1], m.delim) {
			return i - end
		}
		i += int(m.skip[c])
	}
	return -1
}

// next steps to the next part, past what was not read of the present one: io.EOF
// after the last.
func (m *multiform) next() (formPart, error) {
	most := int64(maxFormText)
	if m.parts == 0 {
		most = maxPreamble
	}
	if n, err := io.CopyN(io.Discard, m, most); err != io.EOF {
		if err == nil && n == most {
			err = malformed("the form has too much text")
		}
		return formPart{}, err
	}
	if m.parts++; m.parts > maxParts {
		return formPart{}, malformed("the form has too many parts")
	}
	if err := m.need(len(m.delim) + 2); err != nil {
		return formPart{}, err
	}
	rest := m.ahead[len(m.delim):]
	if bytes.HasPrefix(rest, []byte("--")) {
		return formPart{}, m.finish()
	}
	end, err := m.header()
	if err != nil {
		return formPart{}, err
	}
	part, err := parsePartHeader(m.ahead[len(m.delim):end])
	if err != nil {
		return formPart{}, err
	}
	// A part without anything may share the line end of its header with the
	// delimiter (RFC 2046, 5.1.1).
	if err := m.need(end + len(m.delim) - 2); err != nil {
		return formPart{}, err
	}
	if bytes.HasPrefix(m.ahead[end:], m.delim[2:]) {
		end -= 2
	}
	m.ahead = m.ahead[end:]
	m.atDelim = false
	return part, nil
}

// finish takes in what stands after the last delimiter, which means nothing.
func (m *multiform) finish() error {
	if n, err := io.CopyN(io.Discard, m.src, maxFormText); err != io.EOF {
		if err == nil && n == maxFormText {
			err = malformed("the form goes on after its end")
		}
		return err
	}
	return io.EOF
}

// header reads ahead to the empty line that ends a part's header, and gives where
// the part begins in m.ahead.
func (m *multiform) header() (end int, err error) {
	for from := len(m.delim); ; {
		i := bytes.Index(m.ahead[from:], []byte("\r\n\r\n"))
		if end = from + i + 4; i >= 0 && end <= len(m.delim)+maxPartHeader {
			return end, nil
		}
		from = max(from, len(m.ahead)-3)
		if i >= 0 || from > len(m.delim)+maxPartHeader {
			return 0, malformed("the header of a part of the form is too long")
		}
		if err := m.need(len(m.ahead) + 1); err != nil {
			return 0, err
		}
	}
}

// parsePartHeader reads what stands between the delimiter and the part: the rest
// of the delimiter's line, the header, an empty line.
func parsePartHeader(text []byte) (formPart, error) {
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	if len(bytes.Trim(line, " \t")) > 0 {
		return formPart{}, malformed("the form has a broken delimiter")
	}
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(rest))).ReadMIMEHeader()
	if err != nil {
		return formPart{}, malformed("the header of a part of the form is broken")
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Disposition"))
	if err != nil || kind != "form-data" {
		return formPart{}, malformed("a part of the form is not form-data")
	}
	switch e := header.Get("Content-Transfer-Encoding"); strings.ToLower(e) {
	case "", "7bit", "8bit", "binary":
	default: // RFC 7578, 4.7: not to be used
		return formPart{}, malformed("the transfer encoding of a part of the form is not supported")
	}
	filename, isFile := params["filename"]
	return formPart{params["name"], filename, isFile}, nil
}

// need reads ahead until there are n bytes.
func (m *multiform) need(n int) error {
	for len(m.ahead) < n {
		if m.srcErr != nil {
			return m.cut()
		}
		m.more()
	}
	return nil
}

// more reads ahead by one read.
func (m *multiform) more() {
	block := make([]byte, len(m.ahead)+multipartBlock)
	k := copy(block, m.ahead)
	var n int
	n, m.srcErr = m.src.Read(block[k:])
	m.ahead = block[:k+n]
}

// cut is the failure of a body that ends before its last delimiter.
func (m *multiform) cut() error {
	if !errors.Is(m.srcErr, io.EOF) {
		return m.srcErr
	}
	return fault.New(fault.Invalid, "incomplete_body", "the form ends before its last delimiter")
}

// Read gives bytes of the present part: io.EOF at its end, when what follows is a
// delimiter. A large p is filled straight from the body.
func (m *multiform) Read(p []byte) (int, error) {
	for {
		if m.atDelim {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		if n := m.takeAhead(p); n > 0 {
			return n, nil
		}
		if m.atDelim {
			return 0, io.EOF
		}
		if m.srcErr != nil {
			return 0, m.cut()
		}
		// What is ahead by now is at most the beginning of a delimiter.
		if len(p) < multipartBlock {
			m.more()
			continue
		}
		if n := m.readInto(p); n > 0 {
			return n, nil
		}
	}
}

// takeAhead gives bytes of the part that were read ahead.
func (m *multiform) takeAhead(p []byte) int {
	n, found := m.plain(m.ahead)
	if found && n == 0 {
		m.atDelim = true
	}
	n = copy(p, m.ahead[:n])
	m.ahead = m.ahead[n:]
	return n
}

// readInto reads from the body into p, behind what is ahead.
func (m *multiform) readInto(p []byte) int {
	k := copy(p, m.ahead)
	var n int
	n, m.srcErr = m.src.Read(p[k:])
	n += k
	k, _ = m.plain(p[:n])
	m.ahead = bytes.Clone(p[k:n])
	return k
}

// plain tells how many bytes at the beginning of b are certainly the part's: up to
// a delimiter, or to what may be the beginning of one.
func (m *multiform) plain(b []byte) (n int, found bool) {
	if i := m.index(b); i >= 0 {
		return i, true
	}
	for k := min(len(m.delim)-1, len(b)); k > 0; k-- {
		if bytes.HasPrefix(m.delim, b[len(b)-k:]) {
			return len(b) - k, false
		}
	}
	return len(b), false
}

// parseMultipart reads a form that is held in memory and has no files.
func parseMultipart(text []byte, contentType string) (params, error) {
	m, err := newMultiform(bytes.NewReader(text), contentType)
	if err != nil {
		return nil, err
	}
	p := params{}
	for {
		part, err := m.next()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		if part.isFile {
			return nil, malformed("a file is not expected here")
		}
		if err := m.field(p, part); err != nil {
			return nil, err
		}
	}
}

// field reads a field's value into p.
func (m *multiform) field(p params, part formPart) error {
	text, err := io.ReadAll(io.LimitReader(m, maxFormText+1))
	if err != nil {
		return err
	}
	if len(text) > maxFormText {
		return malformed("a field of the form is too long")
	}
	p.add(part.name, string(text))
	return nil
}
