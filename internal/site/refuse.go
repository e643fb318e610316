package site

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// codeMethod is the code of a request by a method that its path does not take.
const codeMethod = "method_not_allowed"

func statusOf(err error) int {
	switch fault.CodeOf(err) {
	case codeMethod:
		return http.StatusMethodNotAllowed
	case codeFormType, wire.CodeEncoding:
		return http.StatusUnsupportedMediaType
	}
	return wire.Status(fault.KindOf(err))
}

// A refusal is what a program is told.
type refusal struct {
	Error struct {
		Status  int    `json:"status"`
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Request string `json:"request_id,omitempty"`
	} `json:"error"`
}

// ours reports whether err is for the people who run this server to mend, unlike
// what they or the server meant: maintenance, overload, a limit.
func ours(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal:
		return true
	case fault.Unavailable:
		f, ok := errors.AsType[*fault.Error](err)
		return ok && f.Err != nil // a store that does not answer; what is meant has no cause
	}
	return false
}

// fail is Refuse for what went wrong in here; what is ours to mend is logged.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if ctx := r.Context(); ours(err) && ctx.Err() == nil {
		// The path stays out: it is what opens a link.
		h.cfg.Log.ErrorContext(ctx, "request failed", "request", wire.RequestID(ctx), "door", "site", "pattern", r.Pattern, "cause", err)
	}
	h.Refuse(w, r, err)
}

// Refuse answers r with err: with a page, or with JSON where that was asked for.
// It does not log err.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	r = h.withVisitor(r)
	status, request := statusOf(err), ""
	if ours(err) {
		request = wire.RequestID(r.Context()) // of a line in the log
	}
	head := w.Header()
	if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && head.Get("Retry-After") == "" {
		head.Set("Retry-After", "60")
	}
	if asksJSON(r.Header.Values("Accept")) {
		h.refuseJSON(w, r, status, request, err)
		return
	}
	told := h.say(r).Problem(fault.KindOf(err), fault.CodeOf(err))
	shown := h.show(w, r, status, "problem", struct {
		frame
		Text    string
		Request string
	}{h.frame(r, told.Title), told.Text, request})
	if shown != nil { // our template is broken, and with it every other page
		h.cfg.Log.ErrorContext(r.Context(), "page failed", "request", request, "cause", shown)
		secure(head)
		http.Error(w, told.Title, status)
	}
}

func (h *Handler) refuseJSON(w http.ResponseWriter, r *http.Request, status int, request string, err error) {
	var body refusal
	body.Error.Status, body.Error.Request = status, request
	body.Error.Message = http.StatusText(status)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		body.Error.Code = f.Code
		if f.Msg != "" {
			body.Error.Message = f.Msg
		}
	}
	secure(w.Header())
	w.Header().Set("Content-Security-Policy", dataPolicy)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		return
	}
	wire.WriteJSON(w, status, body)
}

// asksJSON reports whether a client names JSON, and no page, among what it takes:
// that is a program. A browser names text/html, and curl nothing.
func asksJSON(accept []string) bool {
	wants := func(mediaType string) bool {
		// A range that covers everything is no wish for anything.
		return wire.Accepts(accept, mediaType) && strings.Contains(strings.ToLower(strings.Join(accept, ",")), mediaType)
	}
	return wants("application/json") && !wants("text/html")
}
