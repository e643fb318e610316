package wetransfer

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A version is whose words an answer has.
type version int

const (
	v1  version = 1
	v2  version = 2
	web version = 4 // the API of WeTransfer's own pages: v2's texts, always bare
)

// versionOf tells the version by the path. One without a version is answered in
// v1's words, as WeTransfer's documents have it ("Missing Authentication Token").
func versionOf(path string) version {
	switch {
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		return v2
	case path == "/api" || strings.HasPrefix(path, "/api/"):
		return web
	}
	return v1
}

// answer finds what is said about err: what the call itself says, else by the
// fault's code, else by its kind.
func answer(v version, err error) saying {
	if s, ok := errors.AsType[*said](err); ok {
		return s.saying.in(v, s.err)
	}
	r, ok := byCode[fault.CodeOf(err)]
	if !ok {
		r = byKind[fault.KindOf(err)]
	}
	if v == v1 {
		return r.v1.in(v, err)
	}
	return r.v2.in(v, err)
}

// in gives the saying as it stands in version v.
func (s saying) in(v version, err error) saying {
	if v != v2 {
		s.form = bare
	}
	if s.text != "" {
		return s
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Msg != "" {
		s.text = f.Msg
	} else {
		s.text = http.StatusText(s.status)
	}
	return s
}

// instead gives err the words s if it is of one of the kinds.
func instead(err error, s saying, kinds ...fault.Kind) error {
	if err != nil && slices.Contains(kinds, fault.KindOf(err)) {
		return s.because(err)
	}
	return err
}

// A bareError and a fullError are the two bodies of an error. Neither is ever
// empty: clients parse every answer.
type bareError struct {
	Message string `json:"message"`
}

type fullError struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// Refuse answers r with err in the words of the version that r's path belongs to.
// It logs nothing. A preflight it answers as ever: without, a page would not
// learn what its request is refused for.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.prepare(w)
	if cors.Answer(w, r) {
		return
	}
	s := answer(versionOf(r.URL.Path), err)
	switch {
	case s.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 wants a challenge, and Java's client fails without
	case fault.Is(err, "daily_limit"):
		const day = 24 * 60 * 60 // days are UTC's, see account.Service.Count
		w.Header().Set("Retry-After", strconv.FormatInt(day-h.cfg.Now().Unix()%day, 10))
	case fault.Is(err, wire.CodeMisses):
		w.Header().Set("Retry-After", "60") // one miss is forgiven a minute
	}
	switch s.form {
	case bare:
		wire.WriteJSON(w, s.status, bareError{s.text})
	case plain:
		wire.WriteJSON(w, s.status, fullError{Message: s.text})
	case linked:
		wire.WriteJSON(w, s.status, fullError{Message: s.text + ". See " + h.cfg.DocsURL})
	}
}

// fail is Refuse for what went wrong in here; what is ours to mend is logged.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	if status := answer(versionOf(r.URL.Path), err).status; status >= 500 && ctx.Err() == nil {
		h.cfg.Log.ErrorContext(ctx, "request failed", "door", "wetransfer", "request", wire.RequestID(ctx),
			"route", r.Pattern, "status", status, "err", err)
	}
	h.Refuse(w, r, err)
}

// expected says that the sum of the parts is not the size that was announced.
func expected(err error) error {
	if short, ok := errors.AsType[*upload.Incomplete](err); ok {
		return sayExpected.with(short.Got, short.Want).because(err)
	}
	return err
}

// chunksMissing says which chunks of a v2 transfer's file are not there.
func chunksMissing(err error) error {
	short, ok := errors.AsType[*upload.Incomplete](err)
	if !ok || len(short.Missing) == 0 {
		return expected(err)
	}
	const most = 1000 // the file may have many more than anybody reads
	var list []string
	for _, n := range short.Missing[:min(most, len(short.Missing))] {
		list = append(list, strconv.Itoa(n))
	}
	return sayChunksMissing.with(strings.Join(list, ",")).because(err)
}

// nothingSent is expected, but for a file of which no byte came.
func nothingSent(err error) error {
	if short, ok := errors.AsType[*upload.Incomplete](err); ok && short.Got == 0 {
		return sayNothingSent.because(err)
	}
	return expected(err)
}
