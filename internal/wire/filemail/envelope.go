package filemail

import (
	"net/http"

	"github.com/ferry-server/ferry/internal/wire"
)

// Answers of 2.0. Property names are lower case and run together but for a few,
// which must be spelt exactly; the tests know them (docs.filemail.com, samples on
// all pages, in this order).

// An envelope is around every answer. errorcode is null in it: the samples' 1 is
// their generator's placeholder (a guess).
type envelope struct {
	Status  string  `json:"responsestatus"`
	ErrorID *string `json:"errorid"`
	Message *string `json:"errormessage"`
	Data    any     `json:"data"`
	Code    *int    `json:"errorcode"`
}

// An errorEnvelope is FilemailErrorResponse, which has no other property.
type errorEnvelope struct {
	Fields []fieldError `json:"validationerrors"`
	envelope
}

// write answers with data: nil where there is none to give.
func (c *call) write(data any) {
	if c.classic {
		c.writeClassic(data)
		return
	}
	wire.WriteJSON(c.w, http.StatusOK, envelope{Status: statusOK.String(), Data: data})
}

func (c *call) writeError(said refusal) {
	if c.classic {
		c.writeClassicError(said)
		return
	}
	id := wire.RequestID(c.r.Context())
	e := errorEnvelope{said.fields, envelope{
		Status: said.status.String(), Message: &said.text, Code: &statuses[said.status].code,
	}}
	if id != "" {
		e.ErrorID = &id
	}
	wire.WriteJSON(c.w, said.http, e)
}
