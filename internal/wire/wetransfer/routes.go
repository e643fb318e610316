// Package wetransfer is the door for clients of WeTransfer's public API, v1 and
// v2, and for those of its pages' own API that only download.
//
// It owns that API's words: paths, statuses, bodies, ids, texts of errors, the
// order of checks, bearer tokens, what may be in a name. Rules about transfers
// are left to packages transfer and board (a v1 transfer is a board: it takes
// items at any time and is never finished), the bytes to the S3 door, which its
// presigned URLs lead to, and the links to the site. Facts about the original
// are from its documents (WeTransfer/wt-api-docs) and the sources of its clients.
// Start at routes; every text of an error is in messages.go.
package wetransfer

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Prefixes are the paths that belong to this door. Those without a version are
// refused: the documents say in which words.
func Prefixes() []string {
	return []string{"/v1", "/v2", "/api/v4", "/authorize", "/transfers", "/boards"}
}

// routes is the whole surface of the API.
func (h *Handler) routes() []wire.Route {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	public := func(method, pattern string, do wire.HandlerFunc) wire.Route {
		return wire.Route{Method: method, Pattern: pattern, Handle: do, Public: true}
	}
	call := func(method, pattern string, do callFunc) wire.Route {
		return wire.Route{Method: method, Pattern: pattern, Handle: h.member(do, smallBody)}
	}
	large := func(method, pattern string, do callFunc) wire.Route {
		return wire.Route{Method: method, Pattern: pattern, Handle: h.member(do, largeBody)}
	}
	return []wire.Route{
		public(post, "/v1/authorize", h.authorize),
		large(post, "/v1/transfers", h.v1CreateTransfer),
		large(post, "/v1/transfers/{transfer}/items", h.v1AddItems),
		call(get, "/v1/files/{file}/uploads/{part}/{multipart}", h.v1UploadURL),
		call(get, "/v1/files/{file}/uploads/{part}", h.noMultipart),
		call(post, "/v1/files/{file}/uploads/complete", h.v1CompleteFile),
		public(get, "/v1/files/{file}/uploads/complete", refuseGet), // it is no part number
		public(get, "/v1/teapot", brew),

		public(post, "/v2/authorize", h.authorize),
		large(post, "/v2/transfers", h.createTransfer),
		call(get, "/v2/transfers/{transfer}", h.getTransfer),
		call(get, "/v2/transfers/{transfer}/files/{file}/upload-url/{part}", h.transferUploadURL),
		call(put, "/v2/transfers/{transfer}/files/{file}/upload-complete", h.completeTransferFile),
		call(put, "/v2/transfers/{transfer}/finalize", h.finalize),
		call(post, "/v2/boards", h.createBoard),
		call(get, "/v2/boards/{board}", h.getBoard),
		large(post, "/v2/boards/{board}/links", h.addLinks),
		large(post, "/v2/boards/{board}/files", h.addFiles),
		call(get, "/v2/boards/{board}/files/{file}/upload-url/{part}/{multipart}", h.boardUploadURL),
		call(get, "/v2/boards/{board}/files/{file}/upload-url/{part}", h.noMultipart),
		call(put, "/v2/boards/{board}/files/{file}/upload-complete", h.completeBoardFile),
		public(get, "/v2/teapot", brew),

		// The id left out: as it is sent, and after a client tidied its path.
		public(post, "/v2/boards//links", refuseEndpoint),
		public(post, "/v2/boards//files", refuseEndpoint),
		public(post, "/v2/boards/links", refuseEndpoint),
		public(post, "/v2/boards/files", refuseEndpoint),

		public(post, "/api/v4/transfers/{transfer}/prepare-download", h.prepareDownload),
		public(post, "/api/v4/transfers/{transfer}/download", h.download),
	}
}

// Bytes that a body may have, and how long it may take.
const (
	smallBody = 4 << 20
	largeBody = 16 << 20 // of lists of files
	bodyTime  = 20 * time.Second
)

// Config is what a Handler is made of. All of it must be there but where it says
// so.
type Config struct {
	Accounts  *account.Service
	Transfers *transfer.Service
	Boards    *board.Service
	Shares    *share.Service
	Uploads   *upload.Service
	Misses    *wire.Misses  // for the calls that download, shared with the other doors; nil: no limit
	Ring      *keyring.Ring // for bearer tokens
	IDs       *id.Source
	Now       func() time.Time
	BaseURL   func() string // of all doors, without a slash at the end
	DocsURL   string        // where errors say that one can read more
	Log       *slog.Logger

	// PresignPart gives the URL to which part n of a file is put, and when it
	// ends (after an hour, by the documents): the S3 door's.
	PresignPart func(f *upload.File, n int) (url string, expires time.Time)

	TokenLife    time.Duration // a year by the documents
	TransferKeep time.Duration // life of a v1 transfer; v2's is in transfer.Limits
	BoardKeep    time.Duration // life of a board since it was last seen
	MaxFiles     int           // of one call, as in the limits of transfers and boards; 0: they alone tell

	// LenientV1 lets bodies without a Content-Type pass in v1: wetransfeR sends
	// such. The documents say they are refused.
	LenientV1 bool
}

// A Handler is the door. It is safe for concurrent use.
type Handler struct {
	cfg    Config
	tokens *tokens
	router *wire.Router
}

// New makes the door.
func New(c Config) *Handler {
	h := &Handler{cfg: c, tokens: newTokens(c.Ring, c.Now, c.TokenLife)}
	h.router = wire.NewRouter(h.routes()...)
	return h
}

// ServeHTTP answers one call. The order of the checks is: path, method, Accept,
// API key, token, rate limit, Content-Type, JSON, fields, object, state.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.prepare(w)
	if cors.Answer(w, r) {
		return
	}
	if err := h.serve(w, r); err != nil {
		h.fail(w, r, err)
	}
}

// cors: the JavaScript SDK is used in pages, too.
var cors = wire.CORS{
	Methods: "GET, POST, PUT",
	Headers: "x-api-key, authorization, content-type, x-csrf-token, x-requested-with",
	MaxAge:  "600",
}

// prepare sets what every answer has, also those of Refuse. Many hold a token or
// a presigned URL.
func (h *Handler) prepare(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	m := h.router.Match(r)
	if m.Route == nil && len(m.Allowed) == 0 {
		return fault.New(fault.NotFound, codeUnknownPath, "there is nothing at this address")
	}
	if m.Route == nil {
		w.Header().Set("Allow", strings.Join(m.Allowed, ", "))
		return refuseMethod(w, r)
	}
	if !wire.Accepts(r.Header.Values("Accept"), "application/json") {
		return fault.New(fault.Invalid, codeNotAcceptable, "answers are JSON")
	}
	return m.Route.Handle(w, r)
}

func refuseMethod(http.ResponseWriter, *http.Request) error {
	return fault.New(fault.Invalid, codeMethod, "the method is not supported here")
}

func refuseGet(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Allow", http.MethodPost)
	return refuseMethod(w, r)
}

func refuseEndpoint(http.ResponseWriter, *http.Request) error {
	return sayUseEndpoint.because(fault.New(fault.NotFound, codeUnknownPath, "the board's id is missing"))
}

// brew is the whole feature: the documents list the status without an occasion.
func brew(http.ResponseWriter, *http.Request) error {
	return fault.New(fault.Invalid, codeTeapot, "short and stout")
}

// A callFunc answers a call that was made with a key and a token. The body is
// Absent when there was none.
type callFunc func(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error

// member asks who calls, counts the call, and reads its body.
func (h *Handler) member(do callFunc, limit int64) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		key, err := h.key(r)
		if err != nil {
			return err
		}
		who, err := h.tokens.actor(r, key)
		if err != nil {
			return err
		}
		if err := h.cfg.Accounts.Count(r.Context(), key); err != nil {
			return err
		}
		if err := key.May(scopeOf(r.Method)); err != nil {
			return err
		}
		body, err := h.body(w, r, limit)
		if err != nil {
			return err
		}
		return do(w, r, who, body)
	}
}

// scopeOf gives what a call of this API asks of a key.
func scopeOf(method string) account.Scope {
	if method == http.MethodGet {
		return account.Read
	}
	return account.Send
}

func (h *Handler) key(r *http.Request) (*account.APIKey, error) {
	return h.cfg.Accounts.Key(r.Context(), account.Secret(r.Header.Get("X-Api-Key")))
}

// body reads what a POST or PUT sends. Clients send empty bodies with and without
// a Content-Type, and GETs with one, so it counts only where there is a body.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, limit int64) (wire.Value, error) {
	if r.Method == http.MethodGet {
		return wire.Value{}, nil
	}
	text, err := wire.ReadBody(w, r, limit, bodyTime)
	if err != nil || len(text) == 0 {
		return wire.Value{}, err
	}
	contentType := r.Header.Get("Content-Type")
	lenient := h.cfg.LenientV1 && contentType == "" && versionOf(r.URL.Path) == v1
	if !lenient && !wire.IsJSON(contentType) {
		return wire.Value{}, fault.New(fault.Invalid, codeContentType, "the body must be application/json")
	}
	if strings.TrimSpace(string(text)) == "" {
		return wire.Value{}, nil
	}
	v, err := wire.Parse(text)
	if bad, ok := errors.AsType[*wire.SyntaxError](err); ok {
		return wire.Value{}, fault.New(fault.Invalid, "json_invalid", "%s", bad.Error())
	}
	return v, err
}

// authorize makes a token. In v2 a user identifier makes a room of its own of
// what is made with it.
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) error {
	key, err := h.key(r)
	if err != nil {
		if versionOf(r.URL.Path) == v2 {
			return instead(err, sayInvalidKey, fault.Unauthenticated)
		}
		return err
	}
	if err := h.cfg.Accounts.Count(r.Context(), key); err != nil {
		return err
	}
	body, err := h.body(w, r, smallBody)
	if err != nil {
		return err
	}
	identifier := ""
	if versionOf(r.URL.Path) == v2 {
		v, _ := body.Get("user_identifier")
		if identifier, err = (field{"user_identifier", v}).optional(maxIdentifier); err != nil {
			return err
		}
	}
	token, err := h.tokens.issue(key, identifier)
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, tokenBody{true, token})
	return nil
}
