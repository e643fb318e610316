package tus

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Codes of this door's own faults.
const (
	codeVersion   = "tus_version"
	codeMethod    = "method"
	codeMediaType = "media_type"
)

// checksumMismatch is tus's own status (tus, Checksum).
const checksumMismatch = 460

// byCode gives the statuses that the protocols name for something; wire.Status has the rest.
var byCode = map[string]int{
	codeVersion:           http.StatusPreconditionFailed,
	codeMethod:            http.StatusMethodNotAllowed,
	codeMediaType:         http.StatusUnsupportedMediaType,
	"append_busy":         http.StatusLocked,
	"checksum_mismatch":   checksumMismatch,
	"upload_unknown":      http.StatusNotFound,
	"length_inconsistent": http.StatusBadRequest,
}

func statusOf(err error) int {
	if status, ok := byCode[fault.CodeOf(err)]; ok {
		return status
	}
	return wire.Status(fault.KindOf(err))
}

// A problem is an error as RFC 9457 has it, with the draft's types where it has one.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Code     string `json:"code,omitempty"` // the rule that was broken
	Expected *int64 `json:"expected-offset,omitempty"`
	Provided *int64 `json:"provided-offset,omitempty"`
}

// Types of problems that the draft registers.
const (
	typeOffset    = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
	typeCompleted = "https://iana.org/assignments/http-problem-types#completed-upload"
	typeLength    = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
)

// Refuse answers a request with an error, also one that never came to the door's own
// handlers.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status >= 500 {
		h.Log.ErrorContext(r.Context(), "upload request failed",
			"request", wire.RequestID(r.Context()), "method", r.Method, "status", status, "err", err)
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: fault.CodeOf(err)}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Msg != "" {
		p.Title = f.Msg
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if m, ok := errors.AsType[*upload.Misplaced](err); ok {
		p.Type, p.Expected = typeOffset, &m.Offset
		if n, nerr := (&request{Request: r}).number(uploadOffset); nerr == nil {
			p.Provided = n
		}
		header.Set(uploadOffset, decimal(m.Offset))
	}
	switch p.Code {
	case "file_complete":
		p.Type = typeCompleted
		header.Set(uploadComplete, boolean(true))
	case "size_mismatch", "length_inconsistent":
		p.Type = typeLength
	case codeMethod:
		header.Set("Allow", cors.Methods)
	}
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="ferry"`)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusLocked {
		header.Set("Retry-After", "1")
	}
	header.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p)
	}
}
