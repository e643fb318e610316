package deliver

import (
	"bytes"
	"cmp"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/words"
)

const octets = "application/octet-stream"

// An answer is all that is known of one before its first byte. It lives for as long as
// the answer takes: headers are not made before they are written.
type answer struct {
	status   int
	size     int64    // of the item
	spans    []Span   // of it, in the body
	frames   [][]byte // what goes before each span
	trailer  []byte   // and after the last
	boundary string   // of several spans
}

// answerTo makes the answer to r about an item of size bytes.
func answerTo(r *http.Request, it Item, size int64) answer {
	status, spans := choose(r, it, size)
	a := answer{status: status, size: size, spans: spans, frames: make([][]byte, len(spans))}
	if len(spans) > 1 {
		a.frame(it)
	}
	return a
}

// length is that of the body.
func (a *answer) length() int64 {
	n := int64(len(a.trailer))
	for i, s := range a.spans {
		n += int64(len(a.frames[i])) + s.N
	}
	return n
}

// head sets the headers.
func (a *answer) head(h http.Header, it Item) {
	neutral(h, it)
	switch a.status {
	case http.StatusNotModified, http.StatusPreconditionFailed:
		return
	case http.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(a.size, 10))
		h.Set("Content-Length", "0")
		return
	case http.StatusPartialContent:
		if len(a.spans) == 1 {
			h.Set("Content-Range", a.spans[0].of(a.size))
		}
	}
	h.Set("Content-Type", it.mediaType())
	if a.boundary != "" {
		h.Set("Content-Type", "multipart/byteranges; boundary="+a.boundary)
	}
	h.Set("Content-Disposition", Disposition(it.Name))
	h.Set("Content-Length", strconv.FormatInt(a.length(), 10))
}

// neutral sets the headers of every answer about an item. Its bytes are a
// stranger's: no browser may guess what they are or run them in our origin.
func neutral(h http.Header, it Item) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	// no-cache: asked again each time, because a link may have ended meanwhile.
	h.Set("Cache-Control", "private, no-cache, no-transform")
	h.Set("Accept-Ranges", "bytes")
	if it.ETag != "" {
		h.Set("ETag", it.ETag)
	}
	if hasTime(it.Modified) {
		h.Set("Last-Modified", it.Modified.UTC().Format(http.TimeFormat))
	}
}

func (it Item) mediaType() string { return cmp.Or(it.Type, octets) }

// hasTime reports whether t says anything; 1970 begins where somebody forgot it.
func hasTime(t time.Time) bool { return !t.IsZero() && t.Unix() != 0 }

// of gives s as the Content-Range of size bytes.
func (s Span) of(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.Off, s.Off+s.N-1, size)
}

// frame makes a one of several spans (RFC 9110, section 14.6).
func (a *answer) frame(it Item) {
	var buf bytes.Buffer
	take := func() []byte {
		defer buf.Reset()
		return bytes.Clone(buf.Bytes())
	}
	m := multipart.NewWriter(&buf) // a bytes.Buffer returns no error
	for i, s := range a.spans {
		_, _ = m.CreatePart(textproto.MIMEHeader{
			"Content-Range": {s.of(a.size)},
			"Content-Type":  {it.mediaType()},
		})
		a.frames[i] = take()
	}
	_ = m.Close()
	a.trailer = take()
	a.boundary = m.Boundary()
}

// Disposition gives the Content-Disposition by which a browser saves an answer
// under name, as it is shown to people, instead of opening it: the name in ASCII
// for old clients, and as it is (RFC 6266 and 8187). Of a name with folders it is
// what comes last.
func Disposition(name string) string {
	name = words.Shown(name)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if strings.Trim(name, ". ") == "" {
		name = "file"
	}
	var b strings.Builder
	b.WriteString(`attachment; filename="`)
	for _, r := range name {
		// Some clients know no escapes in quotes, others take % for one.
		if r < ' ' || r > '~' || r == '"' || r == '%' {
			r = '_'
		}
		b.WriteRune(r)
	}
	b.WriteString(`"; filename*=UTF-8''`)
	for i := range len(name) {
		if c := name[i]; isAttrChar(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
		}
	}
	return b.String()
}

// isAttrChar reports whether c needs no escape in filename* (RFC 8187, section
// 3.2.1).
func isAttrChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
