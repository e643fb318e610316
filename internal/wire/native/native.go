// Package native is the door of Ferry's own JSON API, /ferry/v1.
//
// What it speaks stands in openapi.json, which it serves, with a page to read it; the
// tests hold every answer against that file. It owns the shapes and words of the API,
// who may call what, and the part sizes of files that are announced here. What a
// transfer may be is package transfer's, who may send package permit's. Start at routes.
package native

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/hook"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Prefix is where the door stands.
const Prefix = "/ferry/v1"

//go:embed openapi.json
var contract []byte

// Config is what the door stands on.
type Config struct {
	Senders  *permit.Senders
	Admits   func(ctx context.Context, sender account.ID) error // refuses what is for a company's own people
	Desk     *transfer.Desk
	Uploads  *upload.Service
	Hooks    *hook.Service
	Contacts *contact.Service
	Parcels  *archive.Packer
	Blobs    blob.Store
	Misses   *wire.Misses
	IDs      *id.Source
	Ring     *keyring.Ring
	Now      func() time.Time
	BaseURL  func() string // Ferry's public address, without a slash at the end
	Log      *slog.Logger

	// MaxFiles is how many files a transfer may have.
	MaxFiles int
	// Page gives the path of a transfer's page: a recipient's own, or with nil the
	// common one.
	Page func(*transfer.Transfer, *transfer.Recipient) string
}

// A Handler is the door. Make one with New; it is safe for concurrent use.
type Handler struct {
	Config
	router *wire.Router
	routed map[*wire.Route]*route
	docs   *template.Template

	streams *streams
}

// New makes the door.
func New(c Config) *Handler {
	h := &Handler{Config: c, docs: parseDocs(), routed: map[*wire.Route]*route{}, streams: newStreams()}
	table := h.routes()
	var all []wire.Route
	for i := range table {
		all = append(all, wire.Route{
			Method: table[i].method, Pattern: Prefix + table[i].pattern, Head: table[i].method == http.MethodGet,
			Public: table[i].who == everybody,
			Handle: func(http.ResponseWriter, *http.Request) error { return nil }, // done by ServeHTTP, which knows the caller
		})
	}
	h.router = wire.NewRouter(all...)
	for i := range h.router.Routes() {
		h.routed[&h.router.Routes()[i]] = &table[i]
	}
	return h
}

// An audience is whom a call is for. The zero value is for owners, so that a route
// which says nothing lets nobody else in.
type audience int

const (
	owners    audience = iota // who comes with an API key or is signed in
	holders                   // owners, and who has the key of the transfer
	guests                    // owners, and nobody in particular where the operator lets them send
	everybody                 // whoever holds the link; nobody is asked who they are
)

// A route is one call.
type route struct {
	method, pattern string
	who             audience
	scope           account.Scope // that a key needs; 0: any key will do
	status          int           // of success; 0: 200
	call            func(*Handler, *call) (any, error)
}

// routes is the whole API.
func (h *Handler) routes() []route {
	return []route{
		{method: "GET", pattern: "/openapi.json", who: everybody, call: (*Handler).openAPI},
		{method: "GET", pattern: "/docs", who: everybody, call: (*Handler).showDocs},
		{method: "GET", pattern: "/docs.css", who: everybody, call: (*Handler).docsStyle},

		{method: "GET", pattern: "/me", who: guests, call: (*Handler).me},
		{method: "POST", pattern: "/sessions", who: everybody, status: 201, call: (*Handler).signIn},
		{method: "GET", pattern: "/sessions", scope: account.Manage, call: (*Handler).listSessions},
		{method: "DELETE", pattern: "/sessions", scope: account.Manage, status: 204, call: (*Handler).signOutEverywhere},
		{method: "DELETE", pattern: "/sessions/current", status: 204, call: (*Handler).signOut},
		{method: "DELETE", pattern: "/sessions/others", scope: account.Manage, status: 204, call: (*Handler).endOtherSessions},
		{method: "DELETE", pattern: "/sessions/{session}", scope: account.Manage, status: 204, call: (*Handler).endSession},
		{method: "GET", pattern: "/keys", scope: account.Manage, call: (*Handler).listKeys},
		{method: "POST", pattern: "/keys", scope: account.Manage, status: 201, call: (*Handler).createKey},
		{method: "DELETE", pattern: "/keys/{key}", scope: account.Manage, status: 204, call: (*Handler).deleteKey},

		{method: "GET", pattern: "/webhooks", scope: account.Manage, call: (*Handler).listWebhooks},
		{method: "POST", pattern: "/webhooks", scope: account.Manage, status: 201, call: (*Handler).createWebhook},
		{method: "GET", pattern: "/webhooks/{webhook}", scope: account.Manage, call: (*Handler).getWebhook},
		{method: "PATCH", pattern: "/webhooks/{webhook}", scope: account.Manage, call: (*Handler).changeWebhook},
		{method: "DELETE", pattern: "/webhooks/{webhook}", scope: account.Manage, status: 204, call: (*Handler).deleteWebhook},
		{method: "POST", pattern: "/webhooks/{webhook}/secret", scope: account.Manage, call: (*Handler).rotateWebhook},
		{method: "POST", pattern: "/webhooks/{webhook}/ping", scope: account.Manage, status: 202, call: (*Handler).pingWebhook},
		{method: "GET", pattern: "/webhooks/{webhook}/messages", scope: account.Manage, call: (*Handler).listMessages},

		{method: "POST", pattern: "/transfers", who: guests, scope: account.Send, status: 201, call: (*Handler).createTransfer},
		{method: "GET", pattern: "/transfers", scope: account.Read, call: (*Handler).listTransfers},
		{method: "GET", pattern: "/transfers/{transfer}", who: holders, scope: account.Read, call: (*Handler).getTransfer},
		{method: "PATCH", pattern: "/transfers/{transfer}", scope: account.Send, call: (*Handler).changeTransfer},
		{method: "DELETE", pattern: "/transfers/{transfer}", who: holders, scope: account.Send, status: 204, call: (*Handler).deleteTransfer},
		{method: "POST", pattern: "/transfers/{transfer}/finalize", who: holders, scope: account.Send, call: (*Handler).finalize},
		{method: "POST", pattern: "/transfers/{transfer}/recover", scope: account.Send, call: (*Handler).recoverTransfer},
		{method: "GET", pattern: "/transfers/{transfer}/files", who: holders, scope: account.Read, call: (*Handler).listFiles},
		{method: "POST", pattern: "/transfers/{transfer}/files", who: holders, scope: account.Send, status: 201, call: (*Handler).addFiles},
		{method: "GET", pattern: "/transfers/{transfer}/recipients", scope: account.Read, call: (*Handler).listRecipients},
		{method: "POST", pattern: "/transfers/{transfer}/recipients", who: holders, scope: account.Send, call: (*Handler).addRecipients},
		{method: "GET", pattern: "/transfers/{transfer}/deliveries", scope: account.Read, call: (*Handler).listDeliveries},
		{method: "GET", pattern: "/transfers/{transfer}/events", who: holders, scope: account.Read, call: (*Handler).events},

		{method: "GET", pattern: "/files/{file}", who: holders, scope: account.Read, call: (*Handler).getFile},
		{method: "PATCH", pattern: "/files/{file}", scope: account.Send, call: (*Handler).renameFile},
		{method: "DELETE", pattern: "/files/{file}", scope: account.Send, status: 204, call: (*Handler).deleteFile},
		{method: "PUT", pattern: "/files/{file}/parts/{number}", who: holders, scope: account.Send, call: (*Handler).putPart},

		// As at the other doors: who may send may write down to whom.
		{method: "GET", pattern: "/contacts", scope: account.Read, call: (*Handler).listContacts},
		{method: "POST", pattern: "/contacts", scope: account.Send, status: 201, call: (*Handler).createContact},
		{method: "GET", pattern: "/contacts/search", scope: account.Read, call: (*Handler).searchContacts},
		{method: "POST", pattern: "/contacts/import", scope: account.Send, call: (*Handler).importContacts},
		{method: "GET", pattern: "/contacts/export", scope: account.Read, call: (*Handler).exportContacts},
		{method: "GET", pattern: "/contacts/{contact}", scope: account.Read, call: (*Handler).getContact},
		{method: "PATCH", pattern: "/contacts/{contact}", scope: account.Send, call: (*Handler).changeContact},
		{method: "DELETE", pattern: "/contacts/{contact}", scope: account.Send, status: 204, call: (*Handler).deleteContact},
		{method: "GET", pattern: "/contact-groups", scope: account.Read, call: (*Handler).listGroups},
		{method: "POST", pattern: "/contact-groups", scope: account.Send, status: 201, call: (*Handler).createGroup},
		{method: "GET", pattern: "/contact-groups/{group}", scope: account.Read, call: (*Handler).getGroup},
		{method: "PATCH", pattern: "/contact-groups/{group}", scope: account.Send, call: (*Handler).renameGroup},
		{method: "DELETE", pattern: "/contact-groups/{group}", scope: account.Send, status: 204, call: (*Handler).deleteGroup},
		{method: "GET", pattern: "/contact-groups/{group}/contacts", scope: account.Read, call: (*Handler).listMembers},
		{method: "PUT", pattern: "/contact-groups/{group}/contacts/{contact}", scope: account.Send, status: 204, call: (*Handler).addMember},
		{method: "DELETE", pattern: "/contact-groups/{group}/contacts/{contact}", scope: account.Send, status: 204, call: (*Handler).removeMember},

		{method: "GET", pattern: "/links/{link}", who: everybody, call: (*Handler).getLink},
		{method: "POST", pattern: "/links/{link}/unlock", who: everybody, call: (*Handler).unlock},
		{method: "GET", pattern: "/links/{link}/files/{file}", who: everybody, call: (*Handler).fetchFile},
		{method: "GET", pattern: "/links/{link}/zip", who: everybody, call: (*Handler).fetchZip},
	}
}

// answered is what a call returns that has written its answer.
var answered = new(struct{})

// A call is one request that was let in.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	who account.Actor  // the zero Actor is nobody
	key account.Secret // of a transfer, as it came along
	in  session.ID     // of who is signed in; "" for who comes with an API key

	// by gives who that is again, as long as what they came with is good: of a call that
	// goes on for long. It is nil where nobody is known but by the transfer's key.
	by func() (account.Actor, error)
}

func (c *call) ctx() context.Context { return c.r.Context() }

// asker is who changes what belongs to an account.
func (c *call) asker() transfer.Asker { return transfer.Asker{Account: c.who.Account} }

// cors lets pages of any origin call with keys of their own. Their cookies are never
// taken, as it says nothing of credentials.
var cors = wire.CORS{
	Methods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
	Headers: "*, authorization",
	Expose:  "ETag, Content-Range, Content-Disposition, Retry-After, X-Request-Id",
	MaxAge:  "3600",
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if cors.Answer(w, r) {
		return
	}
	if err := h.serve(w, r); err != nil {
		h.Refuse(w, r, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	m := h.router.Match(r)
	if m.Route == nil {
		if len(m.Allowed) > 0 {
			w.Header().Set("Allow", strings.Join(m.Allowed, ", "))
			return fault.New(fault.Invalid, codeMethod, "the method %s is not allowed here", r.Method)
		}
		return fault.New(fault.NotFound, "unknown_path", "there is no such call: see %s/docs", Prefix)
	}
	rt := h.routed[m.Route]
	c := &call{w: w, r: r}
	if err := h.admit(c, rt); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	out, err := rt.call(h, c)
	switch {
	case err != nil:
		return err
	case out == answered:
		return nil
	case rt.status == http.StatusNoContent:
		w.WriteHeader(rt.status)
		return nil
	}
	wire.WriteJSON(w, max(rt.status, http.StatusOK), out)
	return nil
}

// admit finds out who calls, and whether the call is for them: the one place where that
// is decided. What they may do to which transfer is asked of the core by each call.
func (h *Handler) admit(c *call, rt *route) error {
	if rt.who == everybody {
		return nil
	}
	ctx, r := c.ctx(), c.r
	c.key = account.Secret(r.Header.Get("Ferry-Transfer-Key"))
	secret := r.Header.Get("X-Api-Key")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); secret == "" && ok && strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(token)
	}
	login := wire.Login{Base: h.BaseURL()}
	switch token := login.Token(r); {
	case secret != "":
		who, err := h.Senders.Key(ctx, account.Secret(secret), rt.scope)
		if err != nil {
			return err
		}
		c.who = who
		c.by = func() (account.Actor, error) { return h.Senders.StillKey(ctx, account.Secret(secret), rt.scope) }
	case token != "":
		who, in, err := h.Senders.Session(ctx, account.Secret(token))
		if fault.KindOf(err) == fault.Unauthenticated && (rt.who == guests || rt.who == holders && c.key != "") {
			break // a session that is over makes nobody of its holder, and keeps nothing else from them
		}
		if err != nil {
			return err
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !login.FromHere(r) {
			return foreignPage()
		}
		c.who, c.in = who, in
		c.by = func() (account.Actor, error) { return h.Senders.Token(ctx, account.Secret(token)) }
	}
	switch {
	case c.who.Account != "", rt.who == guests, rt.who == holders && c.key != "":
		return nil
	}
	return fault.New(fault.Unauthenticated, "credentials_missing", "an API key is needed, or to be signed in")
}

func foreignPage() error {
	return fault.New(fault.Forbidden, "foreign_page", "a page of another site made the request")
}

// miss counts a look-up by a public id that found nothing.
func (h *Handler) miss(c *call, err error) error { return h.Misses.Count(c.ctx(), err) }

// Codes of this door's own faults.
const (
	codeMethod    = "method_not_allowed"
	codeMediaType = "media_type"
)

var byCode = map[string]int{
	codeMethod:        http.StatusMethodNotAllowed,
	codeMediaType:     http.StatusUnsupportedMediaType,
	wire.CodeEncoding: http.StatusUnsupportedMediaType,
}

func statusOf(err error) int {
	if status, ok := byCode[fault.CodeOf(err)]; ok {
		return status
	}
	return wire.Status(fault.KindOf(err))
}

// A problem is an error as RFC 9457 has it.
type problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Code    string         `json:"code"`
	Request string         `json:"request,omitempty"`
	Fields  []problemField `json:"fields,omitempty"`
}

type problemField struct {
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fieldNames are this API's words for inputs that the core knows by others.
var fieldNames = map[string]string{
	"subject": "title", "downloads": "max_downloads", "thefilename": "name", "totalsize": "size", "transfersize": "files",
}

// Refuse answers a request with an error, also one that never came to the door's own
// calls.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, request := statusOf(err), ""
	if status == http.StatusInternalServerError {
		request = wire.RequestID(r.Context())
		if r.Context().Err() == nil {
			h.Log.ErrorContext(r.Context(), "request failed", "door", "native", "request", request, "method", r.Method, "err", err)
		}
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: fault.CodeOf(err), Request: request}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		if f.Msg != "" {
			p.Title = f.Msg
		}
		for _, field := range f.Fields {
			name := field.Name
			if ours, ok := fieldNames[name]; ok {
				name = ours
			}
			p.Fields = append(p.Fields, problemField{name, field.Code, field.Msg})
		}
	} else {
		p.Code = "" // of ours
	}
	if p.Code == "" {
		p.Code = strings.ReplaceAll(fault.KindOf(err).String(), " ", "_")
	}
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		head.Set("WWW-Authenticate", `Bearer realm="ferry"`)
	}
	if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && head.Get("Retry-After") == "" {
		head.Set("Retry-After", "30")
	}
	if status == http.StatusRequestTimeout {
		head.Set("Connection", "close")
	}
	wire.WriteJSONAs(w, status, "application/problem+json", p)
}
