package filemail

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/http"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Answers that may be too long to hold: they are written as their rows are read.

// longBuffer is how much of a long answer is held.
const longBuffer = 32 << 10

// writeLong answers with what write writes, which is something. What fails before
// longBuffer bytes are there is refused as ever; after that, fail cuts the
// connection off.
func (c *call) writeLong(header http.Header, write func(io.Writer) error) error {
	buf := bufio.NewWriterSize(&longBody{c, header, wire.PacedOut(c.w)}, longBuffer)
	if err := write(buf); err != nil {
		return err
	}
	return buf.Flush()
}

// A longBody begins the answer with the first bytes that go.
type longBody struct {
	call   *call
	header http.Header
	out    io.Writer
}

func (b *longBody) Write(p []byte) (int, error) {
	if !b.call.begun {
		maps.Copy(b.call.w.Header(), b.header)
		inert(b.call.w.Header())
		b.call.w.WriteHeader(http.StatusOK)
		b.call.begun = true
	}
	n, err := b.out.Write(p)
	return n, fault.Wrap(fault.Timeout, "answer_not_taken", err, "the answer was not taken")
}

// A list is the data of a classic answer whose one member is a list of any length.
type list struct {
	name string
	each func(yield func(entry any) error) error // stops at yield's error
}

// writeList answers with the list: what writeClassic would write, a piece at a time.
func (c *call) writeList(l *list) error {
	header := http.Header{}
	header.Set("Content-Type", c.as.contentType())
	return c.writeLong(header, func(w io.Writer) error { return c.as.writeList(w, l) })
}

func (f form) writeList(w io.Writer, l *list) error {
	head, between, tail := `{"responsestatus":"OK","`+l.name+`":[`, ",", "]}"
	switch {
	case f.xml:
		head = xml.Header + "<" + xmlRoot + "><responsestatus>OK</responsestatus><" + l.name + ">"
		between, tail = "", "</"+l.name+"></"+xmlRoot+">"
	case f.callback != "":
		head, tail = f.opening()+head, tail+");"
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	before := ""
	err := l.each(func(entry any) error {
		var buf bytes.Buffer
		buf.WriteString(before)
		before = between
		f.writeEntry(&buf, l.name, entry)
		_, err := buf.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, tail)
	return err
}

func (f form) writeEntry(buf *bytes.Buffer, list string, entry any) {
	v, err := wire.Parse(marshal(entry))
	if err != nil {
		panic("filemail: " + err.Error()) // of what was just made
	}
	switch {
	case f.xml:
		writeXML(buf, xmlItem(list), v)
	case f.callback != "":
		var plain bytes.Buffer
		writeValue(&plain, v)
		json.HTMLEscape(buf, plain.Bytes())
	default:
		writeValue(buf, v)
	}
}
