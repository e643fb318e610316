package native

import (
	"bufio"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

type importBody struct {
	Added   int           `json:"added"`
	Updated int           `json:"updated"`
	Skipped int           `json:"skipped"`
	Failed  int           `json:"failed"`
	Errors  []importError `json:"errors"`
}

type importError struct {
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// importContacts takes a file of contacts as the body. Its first bytes tell which format
// it has, as browsers and programs give CSV many types; the type may tell its charset.
func (h *Handler) importContacts(c *call) (any, error) {
	if e := c.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, fault.New(fault.Invalid, wire.CodeEncoding, "the content encoding of the body is not supported")
	}
	limit, err := h.Senders.Contacts(c.ctx(), c.who.Account)
	if err != nil {
		return nil, err
	}
	f := contact.File{Body: wire.Whole(c.w, c.r)}
	if _, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil {
		f.Charset = parameters["charset"]
	}
	report, err := h.Contacts.Import(c.ctx(), c.who.Account, f, limit)
	if err != nil {
		return nil, err
	}
	b := importBody{report.Added, report.Updated, report.Skipped, report.Failed, []importError{}}
	for _, e := range report.Errors {
		b.Errors = append(b.Errors, importError{e.Line, e.Code, e.Msg})
	}
	return b, nil
}

// exportPiece is how much of a book goes out at once: less is refused as ever when the
// book cannot be read.
const exportPiece = 32 << 10

// exportContacts gives the whole book as CSV. What fails after the answer has begun cuts
// it off: nobody may take half a book for a whole one.
func (h *Handler) exportContacts(c *call) (any, error) {
	body := &csvBody{c: c, out: wire.PacedOut(c.w)}
	buf := bufio.NewWriterSize(body, exportPiece)
	err := h.Contacts.Export(c.ctx(), c.who.Account, buf)
	if err == nil {
		err = buf.Flush()
	}
	if err != nil && body.begun {
		if c.ctx().Err() == nil && !body.gone {
			h.Log.ErrorContext(c.ctx(), "export broke off", "door", "native", "request", wire.RequestID(c.ctx()), "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return answered, err
}

// A csvBody begins the answer with the first bytes that go.
type csvBody struct {
	c     *call
	out   io.Writer
	begun bool
	gone  bool // the client takes no more
}

func (b *csvBody) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		head := b.c.w.Header()
		head.Set("Content-Type", "text/csv; charset=utf-8")
		head.Set("Content-Disposition", `attachment; filename="contacts.csv"`)
		head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		b.c.w.WriteHeader(http.StatusOK)
	}
	if b.c.r.Method == http.MethodHead {
		return len(p), nil
	}
	n, err := b.out.Write(p)
	b.gone = b.gone || err != nil
	return n, err
}
