package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// The codes of ReadBody's faults. Doors that know CodeEncoding answer 415.
const (
	CodeEncoding   = "content_encoding"
	CodeTooLarge   = "body_too_large"
	CodeTimeout    = "body_timeout"
	CodeIncomplete = "body_incomplete"
)

// firstBuffer is what an announced length is believed for: a client that
// announces 16 MiB and sends nothing costs no more.
const firstBuffer = 64 << 10

// ReadBody reads the whole body of r, which may take timeout in all and hold
// limit bytes. Its faults are TooLarge, Timeout, and Invalid for a body that
// ends early or is encoded (gzip). What is left of a body after a fault is the
// server's to take in, and to limit (package server).
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, timeout time.Duration) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, fault.New(fault.Invalid, CodeEncoding, "the content encoding of the body is not supported")
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if err := readUntil(w, time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), firstBuffer)) + bytes.MinRead)
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		return nil, bodyFault(err, limit)
	}
	// Else it would fire while the handler works, and cancel its context.
	if err := readUntil(w, time.Time{}); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// readUntil sets the socket's deadline, which is real time whatever clock the
// rest runs by. A writer that has none (a recorder in a test) reads without.
func readUntil(w http.ResponseWriter, deadline time.Time) error {
	err := http.NewResponseController(w).SetReadDeadline(deadline)
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set read deadline: %w", err)
	}
	return nil
}

func bodyFault(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.Wrap(fault.Timeout, CodeTimeout, err, "the body did not arrive in time")
	}
	return fault.Wrap(fault.Invalid, CodeIncomplete, err, "the body is incomplete")
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, CodeTooLarge, "the body is larger than %d bytes", limit)
}

// WriteJSON answers with v: UTF-8, keys in the order of the struct, < > & as
// they are, no newline at the end, the length announced. It panics on a v that
// cannot be JSON, before anything is sent.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	WriteJSONAs(w, status, "application/json; charset=utf-8", v)
}

// WriteJSONAs is WriteJSON for a media type of its own.
func WriteJSONAs(w http.ResponseWriter, status int, mediaType string, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("wire: answer of type %T: %v", v, err))
	}
	body := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	// A browser led to an answer must not run what a user wrote into it.
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nothing to tell it, nothing to undo
}
