package filemail

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/wire"
)

// Answers of the classic API: the payload lies beside responsestatus, and what is
// null in 2.0 is left out (recorded answers). They are JSON, or XML, or JSONP
// (www.filemail.com/apidoc/ApiDocumentation.aspx, Output formats).

// A form is how an answer is written. The zero form is JSON.
type form struct {
	xml      bool
	callback string // of JSONP
}

// maxCallback is the longest name of a JSONP function.
const maxCallback = 64

// formOf reads what the parameters format and callback ask for: Invalid for what
// no answer can be written in. A callback is code in somebody's page, so it is a
// plain identifier or nothing.
func formOf(format, callback string) (form, error) {
	switch {
	case strings.EqualFold(format, "xml"):
		return form{xml: true}, nil
	case format != "" && !strings.EqualFold(format, "json"):
		return form{}, invalidField("format", codeValue, "must be json or xml")
	case callback != "" && !isIdentifier(callback):
		return form{}, invalidField("callback", codeValue, "must be a name of at most %d letters, digits, _ and $", maxCallback)
	}
	return form{callback: callback}, nil
}

func isIdentifier(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxCallback
}

// A classicError has the keys of a recorded answer, and errorname, which the page
// names beside them.
type classicError struct {
	Status  string `json:"responsestatus"`
	Code    int    `json:"errorcode"`
	Name    string `json:"errorname"`
	Message string `json:"errormessage"`
	Method  string `json:"method"`
}

// writeClassic answers with the members of data, which is nil or becomes a JSON object.
func (c *call) writeClassic(data any) {
	text := []byte("{}")
	if data != nil {
		text = marshal(data)
	}
	members, err := wire.Parse(text)
	if err != nil || members.Kind() != wire.Object {
		panic(fmt.Sprintf("filemail: a classic answer of type %T is no object: %v", data, err))
	}
	c.as.write(c.w, http.StatusOK, statusOK.String(), members)
}

func (c *call) writeClassicError(said refusal) {
	v, err := wire.Parse(marshal(classicError{
		said.status.String(), statuses[said.status].code, said.status.String(), said.text, c.r.URL.Path,
	}))
	if err != nil {
		panic("filemail: " + err.Error()) // of five strings
	}
	code := said.http
	if c.as.callback != "" {
		// A browser runs no script that came with an error status, so the page
		// would never be told.
		code = http.StatusOK
	}
	c.as.write(c.w, code, "", v)
}

func marshal(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("filemail: answer of type %T: %v", v, err))
	}
	return buf.Bytes()
}

// write answers with the members of v, after a responsestatus unless that is "".
func (f form) write(w http.ResponseWriter, code int, status string, v wire.Value) {
	var buf bytes.Buffer
	switch {
	case f.xml:
		buf.WriteString(xml.Header)
		buf.WriteString("<" + xmlRoot + ">")
		if status != "" {
			writeElement(&buf, "responsestatus", []byte(status))
		}
		writeXMLMembers(&buf, v)
		buf.WriteString("</" + xmlRoot + ">")
	case f.callback != "":
		buf.WriteString(f.opening())
		var object bytes.Buffer
		writeObject(&object, status, v)
		json.HTMLEscape(&buf, object.Bytes())
		buf.WriteString(");")
	default:
		writeObject(&buf, status, v)
	}
	h := w.Header()
	inert(h)
	h.Set("Content-Type", f.contentType())
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(code)
	_, _ = w.Write(buf.Bytes()) // the client is gone: nothing to tell it
}

func (f form) contentType() string {
	switch {
	case f.xml:
		return "application/xml; charset=utf-8"
	case f.callback != "":
		return "text/javascript; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}

// opening is what stands before the object of JSONP. The comment keeps the name from
// being the first bytes of the answer, by which it could pass for a file of another
// type.
func (f form) opening() string { return "/**/" + f.callback + "(" }

// inert sets what keeps a browser from running what a user wrote into an answer.
func inert(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// writeObject writes v as JSON without what is null.
func writeObject(buf *bytes.Buffer, status string, v wire.Value) {
	buf.WriteByte('{')
	first := true
	if status != "" {
		fmt.Fprintf(buf, `"responsestatus":"%s"`, status)
		first = false
	}
	for name, member := range v.Members() {
		if member.Kind() == wire.Null {
			continue
		}
		if !first {
			buf.WriteByte(',')
		}
		first = false
		buf.Write(bytes.TrimSpace(marshal(name)))
		buf.WriteByte(':')
		writeValue(buf, member)
	}
	buf.WriteByte('}')
}

func writeValue(buf *bytes.Buffer, v wire.Value) {
	switch v.Kind() {
	case wire.Object:
		writeObject(buf, "", v)
	case wire.Array:
		buf.WriteByte('[')
		first := true
		for e := range v.Elems() {
			if !first {
				buf.WriteByte(',')
			}
			first = false
			writeValue(buf, e)
		}
		buf.WriteByte(']')
	default:
		buf.Write(v.Raw())
	}
}

// xmlRoot and xmlItems are the names of XML elements that JSON has no names for.
// No page and no client shows any: all are guesses.
const xmlRoot = "response"

var xmlItems = map[string]string{
	"transfers":        "transfer",
	"files":            "file",
	"recipients":       "recipient",
	"failedRecipients": "recipient",
	"to":               "email",
	"downloads":        "download",
	"customfields":     "customfield",
	"contacts":         "contact",
	"groups":           "group",
	"users":            "user",
}

// otherItem is an element of a list that is not among xmlItems.
const otherItem = "item"

// xmlItem is the name of the elements of a list.
func xmlItem(list string) string {
	if item, known := xmlItems[list]; known {
		return item
	}
	return otherItem
}

func writeXMLMembers(buf *bytes.Buffer, v wire.Value) {
	for name, member := range v.Members() {
		writeXML(buf, name, member)
	}
}

// writeXML writes an element of this name: a member of ours, never a user's word.
func writeXML(buf *bytes.Buffer, name string, v wire.Value) {
	switch v.Kind() {
	case wire.Null:
	case wire.Object:
		buf.WriteString("<" + name + ">")
		writeXMLMembers(buf, v)
		buf.WriteString("</" + name + ">")
	case wire.Array:
		item := xmlItem(name)
		buf.WriteString("<" + name + ">")
		for e := range v.Elems() {
			writeXML(buf, item, e)
		}
		buf.WriteString("</" + name + ">")
	case wire.String:
		writeElement(buf, name, []byte(v.Str()))
	default:
		writeElement(buf, name, v.Raw())
	}
}

func writeElement(buf *bytes.Buffer, name string, text []byte) {
	buf.WriteString("<" + name + ">")
	_ = xml.EscapeText(buf, text) // a buffer takes everything
	buf.WriteString("</" + name + ">")
}

// invalidField is the fault of one property.
func invalidField(name, code, format string, args ...any) error {
	in := input{}
	in.wrong(name, code, format, args...)
	return in.err()
}
