package filemail

import (
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Files of contacts, in and out. All about them is a guess: no public page names
// these calls.

// An importBody tells what an import did with each row or card.
type importBody struct {
	Added   int           `json:"added"`
	Updated int           `json:"updated"`
	Skipped int           `json:"skipped"` // without an address, or nothing new
	Failed  int           `json:"failed"`
	Errors  []importError `json:"errors"` // the first of those that failed
}

// An importError has the names of a fieldError.
type importError struct {
	Line   int    `json:"line"`
	Status string `json:"errorCode"`
	Text   string `json:"errorMessage"`
}

// importContacts takes a file of contacts: the body as it is, or the one file of
// multipart/form-data. Which format it has is told by its first bytes: browsers give
// CSV many types.
func (h *Handler) importContacts(c *call) error {
	limit, err := h.cfg.Limits.Contacts(c.r.Context(), c.owner())
	if err != nil {
		return err
	}
	f, err := readContactsFile(c)
	if err != nil {
		return err
	}
	report, err := h.cfg.Contacts.Import(c.r.Context(), c.owner(), f, limit)
	if err != nil {
		return err
	}
	b := importBody{report.Added, report.Updated, report.Skipped, report.Failed, []importError{}}
	for _, e := range report.Errors {
		s, known := byCode[e.Code]
		if !known {
			s = invalidParameter
		}
		b.Errors = append(b.Errors, importError{e.Line, s.String(), e.Msg})
	}
	c.write(b)
	return nil
}

const maxCharset = 64

// readContactsFile reads the request up to the file's bytes. Its encoding is told by
// the parameter charset, in the query or in a field before the file, or, of a file
// that is the body, by its content type.
func readContactsFile(c *call) (f contact.File, err error) {
	if e := c.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return f, fault.New(fault.Invalid, wire.CodeEncoding, "the content encoding of the body is not supported")
	}
	f = contact.File{Body: wire.Whole(c.w, c.r), Charset: c.in.line("charset", maxCharset)}
	if err := c.in.err(); err != nil {
		return f, err
	}
	contentType := c.r.Header.Get("Content-Type")
	declared := ""
	if wire.MediaType(contentType) == "multipart/form-data" {
		form, err := newMultiform(f.Body, contentType)
		if err != nil {
			return f, err
		}
		file := &formFile{form: form, names: []string{"charset"}, fields: params{}}
		if _, err := file.find(); err != nil {
			return f, err
		}
		f.Body, declared = file, file.fields.first("charset")
		file.query = params{} // by which it knows a field that comes too late
		file.query.add("charset", f.Charset)
	} else if _, parameters, err := mime.ParseMediaType(contentType); err == nil {
		declared = parameters["charset"]
	}
	if f.Charset == "" {
		f.Charset = declared
	}
	return f, nil
}

// exportContacts gives the whole book as CSV.
func (h *Handler) exportContacts(c *call) error {
	header := http.Header{}
	header.Set("Content-Disposition", `attachment; filename="contacts.csv"`)
	header.Set("Content-Type", "text/csv; charset=utf-8")
	return c.writeLong(header, func(w io.Writer) error {
		return h.cfg.Contacts.Export(c.r.Context(), c.owner(), w)
	})
}
