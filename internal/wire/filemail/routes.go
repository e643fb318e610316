// Package filemail is the door for clients of Filemail's API, 2.0 and classic.
//
// It owns that API's words: the 97 statuses and how failures become them, the
// envelope and the classic formats, how values are read from bodies, queries,
// forms, headers and cookies, what a call must come with, how a file's bytes come
// in, and how names are cleaned. Who people are is left to packages account and
// session behind a Gate, rules about transfers to package transfer, the bytes to
// package upload. Facts about the original are from docs.filemail.com, the classic
// pages under www.filemail.com/apidoc/, and the sources of public clients; "a
// guess" marks what they leave open. Start at routes, then status.go and input.
package filemail

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/permit"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/inbox"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Prefixes are the paths that belong to this door. WeTransfer's /api/v4 is longer
// than /api, and goes to its own.
func Prefixes() []string {
	return []string{
		"/auth", "/user", "/company", "/portal", "/transfer", "/file", "/job", "/contact", "/filerequest",
		"/subscription", "/invoice", "/payment", "/downloadpage", uploadPath, classicPrefix,
	}
}

const (
	uploadPath        = "/savefile.ashx"
	classicPrefix     = "/api"
	classicUploadPath = "/api/file/add" // in an older sample of the classic pages
)

// routes is the whole surface of the API: what is not here is NotFound.
func (h *Handler) routes() []route {
	return []route{
		{method: "POST", pattern: "/transfer/initialize", needs: needsCaller, call: h.initialize},
		{method: "POST", pattern: uploadPath, stream: h.receive},
		{method: "PUT", pattern: "/transfer/complete", needs: needsTransferKey, call: h.complete},
		{method: "PUT", pattern: "/transfer/{transfer}", needs: needsUser, call: h.updateTransfer},
		{method: "DELETE", pattern: "/transfer/{transfer}", needs: needsUser, call: h.deleteTransfer},
		{method: "POST", pattern: "/transfer/{transfer}/forward", needs: needsTransferKey, call: h.forward},
		{method: "POST", pattern: "/transfer/{transfer}/share", needs: needsUser, call: h.share},
		{method: "POST", pattern: "/transfer/{transfer}/cancel", needs: needsTransferKey, call: h.cancel},
		{method: "POST", pattern: "/transfer/{transfer}/recover", needs: needsUser, call: h.recoverTransfer},
		{method: "POST", pattern: "/transfer/{transfer}/complete", needs: needsUser, call: h.forceComplete},
		{method: "POST", pattern: "/transfer/{transfer}/zip", needs: needsUser, scope: account.Read, call: h.zip},
		{method: "GET", pattern: "/job/{transfer}", needs: needsUser, call: h.zip},
		{method: "DELETE", pattern: "/job/{transfer}", needs: needsUser, scope: account.Read, call: h.endZip},
		{method: "PUT", pattern: "/file/{file}", needs: needsUser, call: h.renameFile},
		{method: "DELETE", pattern: "/file/{file}", needs: needsUser, call: h.deleteFile},

		{pattern: "/api/transfer/initialize", needs: needsCaller, classic: true, call: h.initialize},
		{method: "POST", pattern: classicUploadPath, classic: true, stream: h.receive},
		{pattern: "/api/transfer/complete", needs: needsTransferKey, classic: true, call: h.complete},
		{pattern: "/api/transfer/forward", needs: needsTransferKey, classic: true, call: h.forward},
		{pattern: "/api/transfer/share", needs: needsToken, classic: true, call: h.share},
		{pattern: "/api/transfer/cancel", needs: needsTransferKey, classic: true, call: h.cancel},
		{pattern: "/api/transfer/delete", needs: needsToken, classic: true, call: h.deleteTransfer},
		{pattern: "/api/transfer/update", needs: needsToken, classic: true, call: h.updateTransfer},
		{pattern: "/api/transfer/file/rename", needs: needsToken, classic: true, call: h.renameFile},
		{pattern: "/api/transfer/file/delete", needs: needsToken, classic: true, call: h.deleteFile},
		{method: "GET", pattern: "/transfer/sent", needs: needsUser, call: h.sent},
		{method: "GET", pattern: "/transfer/inbox", needs: needsUser, call: h.inbox},
		{method: "GET", pattern: "/transfer/received", needs: needsUser, call: h.inbox}, // never confirmed, and safe to have
		{method: "GET", pattern: "/transfer/{transfer}", needs: needsCaller, call: h.transferByID},
		{method: "GET", pattern: "/transfer", needs: needsCaller, call: h.transferByTrack},
		{method: "POST", pattern: "/transfer/find", needs: needsCaller, scope: account.Read, call: h.findTransfer},
		{method: "GET", pattern: "/downloadpage/transfer", needs: needsCaller, call: h.pageOfTransfer},
		{method: "GET", pattern: "/downloadpage/files", needs: needsCaller, call: h.pageOfFiles},
		{pattern: "/api/transfer/get", needs: needsCaller, classic: true, call: h.classicGet},
		{pattern: "/api/transfer/sent/get", needs: needsToken, classic: true, call: h.sent},
		{pattern: "/api/transfer/received/get", needs: needsToken, classic: true, call: h.inbox},
		{pattern: "/api/transfer/compress", needs: needsCaller, classic: true, call: h.compress},
		{pattern: "/api/transfer/zip", needs: needsCaller, classic: true, call: h.compress}, // its old name
		// As a client calls them on the host of 2.0 (DroneHub); a key will do there.
		{pattern: "/transfer/get", needs: needsCaller, classic: true, call: h.classicGet},
		{pattern: "/transfer/sent/get", needs: needsUser, classic: true, call: h.sent},
		{pattern: "/transfer/received/get", needs: needsUser, classic: true, call: h.inbox},
		{pattern: "/user/get", needs: needsUser, classic: true, call: h.classicGetUser},
		// Of both APIs, and refused in the words of 2.0.
		{method: "GET", pattern: filePath, head: true, stream: h.download},

		{method: "POST", pattern: "/auth/login", needs: needsKey, scope: anyKey, call: h.login},
		{method: "POST", pattern: "/auth/refreshtoken", needs: needsKey, scope: anyKey, call: h.refreshToken},
		{method: "POST", pattern: "/auth/logout", needs: needsToken, scope: anyKey, call: h.logout},
		{method: "POST", pattern: "/auth/register", needs: needsKey, scope: anyKey, call: h.register},
		{method: "POST", pattern: "/auth/register/confirm", needs: needsKey, scope: anyKey, call: h.confirmRegistration},
		{method: "POST", pattern: "/auth/verifyemail", needs: needsCaller, scope: anyKey, call: h.verifyEmail},
		{method: "POST", pattern: "/auth/password/forgot", needs: needsKey, scope: anyKey, call: h.forgotPassword},
		{method: "POST", pattern: "/auth/password/reset", needs: needsKey, scope: anyKey, call: h.resetPassword},
		{method: "POST", pattern: "/auth/password/change", needs: needsCaller, scope: anyKey, call: h.changePassword},
		{method: "GET", pattern: "/user", needs: needsUser, call: h.getUser},
		{method: "PUT", pattern: "/user", needs: needsUser, scope: account.Manage, call: h.updateUser},
		{method: "GET", pattern: "/user/apikey", needs: needsUser, scope: account.Manage, call: h.listKeys},
		{method: "POST", pattern: "/user/apikey", needs: needsToken, scope: account.Manage, call: h.addKey},
		{method: "POST", pattern: "/user/apikey/{key}/rotate", needs: needsToken, scope: account.Manage, call: h.rotateKey},
		{method: "DELETE", pattern: "/user/apikey/{key}", needs: needsUser, scope: account.Manage, call: h.deleteKey},
		{method: "GET", pattern: "/company", needs: needsUser, call: h.getCompany},
		{method: "PUT", pattern: "/company", needs: needsUser, scope: account.Manage, call: h.updateCompany},
		{method: "GET", pattern: "/company/user", needs: needsUser, scope: account.Manage, call: h.listUsers},
		{method: "POST", pattern: "/company/user", needs: needsUser, scope: account.Manage, call: h.addUser},
		{method: "PUT", pattern: "/company/user/{user}", needs: needsUser, scope: account.Manage, call: h.putUser},
		{method: "DELETE", pattern: "/company/user/{user}", needs: needsUser, scope: account.Manage, call: h.removeUser},

		{method: "GET", pattern: "/portal", needs: needsUser, scope: account.Manage, call: h.listPortals},
		{method: "POST", pattern: "/portal", needs: needsUser, scope: account.Manage, call: h.addPortal},
		{method: "PUT", pattern: "/portal/{portal}", needs: needsUser, scope: account.Manage, call: h.changePortal},
		{method: "DELETE", pattern: "/portal/{portal}", needs: needsUser, scope: account.Manage, call: h.deletePortal},

		{pattern: "/api/authentication/login", needs: needsKey, scope: anyKey, classic: true, call: h.classicLogin},
		{pattern: "/api/authentication/logout", needs: needsToken, scope: anyKey, classic: true, call: h.classicLogout},
		{pattern: "/api/user/get", needs: needsCaller, classic: true, call: h.classicGetUser},
		{pattern: "/api/user/update", needs: needsToken, scope: account.Manage, classic: true, call: h.classicUpdateUser},
		{pattern: "/api/company/get", needs: needsToken, classic: true, call: h.classicGetCompany},
		{pattern: "/api/getcompanyinfo", needs: needsToken, scope: account.Read, classic: true, call: h.classicGetCompany},
		{pattern: "/api/company/update", needs: needsToken, scope: account.Manage, classic: true, call: h.classicUpdateCompany},
		{pattern: "/api/company/user/getall", needs: needsToken, scope: account.Manage, classic: true, call: h.classicUsers},
		{pattern: "/api/company/user/add", needs: needsToken, scope: account.Manage, classic: true, call: h.classicAddUser},
		{pattern: "/api/company/user/update", needs: needsToken, scope: account.Manage, classic: true, call: h.classicUpdateUserOf},

		{method: "POST", pattern: "/contact/search", needs: needsUser, scope: account.Read, call: h.searchContacts},
		{method: "GET", pattern: "/contact", needs: needsUser, call: h.listContacts},
		{method: "POST", pattern: "/contact", needs: needsUser, call: h.addContact},
		{method: "PUT", pattern: "/contact/{contact}", needs: needsUser, call: h.updateContact},
		{method: "DELETE", pattern: "/contact/{contact}", needs: needsUser, call: h.deleteContact},
		{method: "POST", pattern: "/contact/import", needs: needsUser, stream: h.importContacts},
		{method: "GET", pattern: "/contact/export", needs: needsUser, stream: h.exportContacts},
		{method: "GET", pattern: "/contact/group", needs: needsUser, call: h.listGroups},
		{method: "POST", pattern: "/contact/group", needs: needsUser, call: h.addGroup},
		{method: "PUT", pattern: "/contact/group/{group}", needs: needsUser, call: h.renameGroup},
		{method: "DELETE", pattern: "/contact/group/{group}", needs: needsUser, call: h.deleteGroup},
		{method: "GET", pattern: "/contact/group/{group}/contact", needs: needsUser, call: h.listMembers},
		{method: "POST", pattern: "/contact/group/{group}/contact", needs: needsUser, call: h.addMember},
		{method: "DELETE", pattern: "/contact/group/{group}/contact/{contact}", needs: needsUser, call: h.removeMember},

		{pattern: "/api/contacts/get", needs: needsToken, classic: true, call: h.classicContacts},
		{pattern: "/api/contacts/add", needs: needsToken, classic: true, call: h.addContact},
		{pattern: "/api/contacts/update", needs: needsToken, classic: true, call: h.updateContact},
		{pattern: "/api/contacts/delete", needs: needsToken, classic: true, call: h.deleteContact},
		{pattern: "/api/contacts/addtogroup", needs: needsToken, classic: true, call: h.addMember},
		{pattern: "/api/contacts/removefromgroup", needs: needsToken, classic: true, call: h.removeMember},
		{pattern: "/api/contacts/group/get", needs: needsToken, classic: true, call: h.listGroups},
		{pattern: "/api/contacts/group/add", needs: needsToken, classic: true, call: h.addGroup},
		{pattern: "/api/contacts/group/update", needs: needsToken, classic: true, call: h.renameGroup},
		{pattern: "/api/contacts/group/delete", needs: needsToken, classic: true, call: h.deleteGroup},
	}
}

// A route is one line of the table. It has either a call or a stream.
type route struct {
	method  string // of a classic call "": both GET and POST
	pattern string
	needs   needs
	scope   account.Scope // what a key must be made for; see asks
	large   bool          // its body may be as long as a list that is imported
	classic bool          // it is answered in the classic formats

	call   callFunc
	stream streamFunc
	head   bool // a stream that answers HEAD, too
}

// anyKey is the scope of calls for which every key will do: a password or a letter's
// token comes along, and is what counts.
const anyKey account.Scope = -1

// asks gives what a key that comes along must be made for. Where the table does not
// say, that is to look or to send; what concerns the account itself must say so.
func (rt *route) asks() account.Scope {
	switch {
	case rt.scope == anyKey:
		return 0
	case rt.scope != 0:
		return rt.scope
	case rt.method == http.MethodGet, rt.classic && strings.HasSuffix(rt.pattern, "/get"):
		return account.Read
	}
	return account.Send
}

// A callFunc answers a call: with what is to be said about it, which may be nil,
// or why not. In 2.0 it becomes the data of the envelope, in the classic API its
// members stand beside the status; there it may be a *list, too.
type callFunc func(c *call) (data any, err error)

// A streamFunc reads the body itself, or writes the answer. In 2.0 it may need a
// caller, and has its properties from the query. Where it needs nothing, secrets of
// its own are what counts, and credentials are not looked at, as pyfilemail's
// cookies come along with every request.
type streamFunc func(c *call) error

// A call is one request on its way through the door.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	route   *route   // nil if none takes the request
	allowed []string // then: the methods that its path takes
	classic bool
	as      form // of the answer to a classic call
	who     Caller
	in      *input // nil for streams that need nothing
	begun   bool   // a long answer is on its way
}

// isUpload reports whether the call brings a file's bytes.
func (c *call) isUpload() bool {
	return c.r.URL.Path == uploadPath || c.r.URL.Path == classicUploadPath
}

// Config is what a Handler is made of. All of it must be there.
type Config struct {
	Gate     Gate
	Policy   Policy
	Limits   Limits
	Desk     *transfer.Desk
	Uploads  *core.Service
	People   *permit.People // for calls about accounts and companies
	Contacts *contact.Service
	Portals  *inbox.Service
	Misses   *wire.Misses
	IDs      *id.Source
	Readers  Readers
	Blobs    blob.Store
	Parcels  *archive.Packer
	Ring     *keyring.Ring
	SkipReg  bool // who downloads may ask that it is not registered
	Now      func() time.Time
	BaseURL  func() string // of all doors, without a slash at the end
	Log      *slog.Logger
}

// Limits tells what the plan of an account allows. 0 is no limit.
type Limits interface {
	// Contacts is how many contacts the account's address book may hold.
	Contacts(ctx context.Context, who account.ID) (int, error)
}

// A Handler is the door. It is safe for concurrent use.
type Handler struct {
	cfg    Config
	router *wire.Router
	routed map[*wire.Route]*route
}

// New makes the door.
func New(c Config) *Handler {
	h := &Handler{cfg: c}
	h.mount(h.routes())
	return h
}

// mount makes the table the door's.
func (h *Handler) mount(table []route) {
	var rows []wire.Route
	var of []*route
	for i := range table {
		rt := &table[i]
		if (rt.call == nil) == (rt.stream == nil) || rt.stream != nil && rt.classic && rt.needs != needsNothing {
			panic("filemail: route " + rt.pattern + " must have a call, or a stream, which is public if it is classic")
		}
		methods := []string{rt.method}
		if rt.method == "" {
			methods = []string{http.MethodGet, http.MethodPost}
		}
		for _, m := range methods {
			rows = append(rows, wire.Route{
				Method: m, Pattern: rt.pattern, Head: rt.head, Public: rt.needs == needsNothing, Handle: unused,
			})
			of = append(of, rt)
		}
	}
	h.router = wire.NewRouter(rows...)
	h.routed = make(map[*wire.Route]*route, len(rows))
	for i := range h.router.Routes() {
		h.routed[&h.router.Routes()[i]] = of[i]
	}
}

// unused stands in the router's table, of which this door uses only the search.
func unused(http.ResponseWriter, *http.Request) error {
	return fault.New(fault.NotFound, codeUnknownPath, "there is nothing at this address")
}

// cors: pages use the API with keys of their own. Any value of a classic call may
// be a header, so every header is let pass; there are never credentials.
var cors = wire.CORS{
	Methods: "GET, HEAD, POST, PUT, DELETE",
	Headers: "*",
	Expose:  "Retry-After, Content-Disposition, Content-Range, ETag",
	MaxAge:  "600",
}

// prepare sets what every answer has, also those of Refuse. Many hold a token or
// a transfer's key.
func prepare(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
}

// ServeHTTP answers one request. The order of the checks is: path, method, API
// version, key, token, body, properties, object, state; in the classic API the
// values come first, as the key is one of them.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prepare(w)
	if cors.Answer(w, r) {
		return
	}
	c := h.newCall(w, r)
	if err := h.serve(c); err != nil {
		h.fail(c, err)
	}
}

// newCall finds out in which API's words r has to be answered, whatever happens.
func (h *Handler) newCall(w http.ResponseWriter, r *http.Request) *call {
	m := h.router.Match(r)
	c := &call{w: w, r: r, route: h.routed[m.Route], allowed: m.Allowed}
	if c.route != nil {
		c.classic = c.route.classic
	} else {
		c.classic = r.URL.Path == classicPrefix || strings.HasPrefix(r.URL.Path, classicPrefix+"/")
		c.classic = c.classic && r.URL.Path != filePath // by whatever method
	}
	if c.classic {
		if query, err := parseParams(r.URL.RawQuery); err == nil {
			c.as, _ = formOf(query.first("format"), query.first("callback"))
		}
	}
	return c
}

func (h *Handler) serve(c *call) error {
	switch rt := c.route; {
	case rt == nil && len(c.allowed) == 0:
		return fault.New(fault.NotFound, codeUnknownPath, "there is nothing at this address")
	case rt == nil:
		c.w.Header().Set("Allow", strings.Join(c.allowed, ", "))
		return fault.New(fault.Invalid, codeMethod, "the method is not supported here")
	case rt.stream != nil && rt.needs == needsNothing:
		return rt.stream(c)
	case rt.classic:
		return h.serveClassic(c, rt)
	default:
		return h.serveJSON(c, rt)
	}
}

func (h *Handler) serveJSON(c *call, rt *route) error {
	if v := strings.TrimSpace(c.r.Header.Get("X-Api-Version")); v != "" && v != "2.0" {
		return fault.New(fault.Invalid, codeVersion, "the x-api-version is not supported: it is 2.0")
	}
	query, err := parseParams(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	if c.who, err = h.admit(c.r.Context(), rt, jsonCredentials(c.r, query)); err != nil {
		return err
	}
	if rt.stream != nil {
		c.in = &input{find: func(name string) value { return value{texts: query[name]} }}
		return rt.stream(c)
	}
	if c.in, err = jsonInput(c.w, c.r, query, rt.bodyLimit()); err != nil {
		return err
	}
	return c.answer(rt)
}

func (h *Handler) serveClassic(c *call, rt *route) error {
	in, err := readClassic(c.w, c.r, rt.bodyLimit())
	if err != nil {
		return err
	}
	format, _ := in.first("format")
	callback, _ := in.first("callback")
	if c.as, err = formOf(format, callback); err != nil {
		return err
	}
	sent := h.classicCredentials(c.r, in)
	if c.who, err = h.admit(c.r.Context(), rt, sent); err != nil {
		return err
	}
	if sent.foreign {
		in.cookies = nil
	}
	c.in = in.input()
	return c.answer(rt)
}

func (rt *route) bodyLimit() int64 {
	if rt.large {
		return largeBody
	}
	return smallBody
}

func (c *call) answer(rt *route) error {
	data, err := rt.call(c)
	if err != nil {
		return err
	}
	if l, is := data.(*list); is {
		return c.writeList(l)
	}
	c.write(data)
	return nil
}
