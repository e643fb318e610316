// Package site is what people see: the first page, from which they send, the page
// behind a link, its files and their zip, what they have sent and their account, the
// page for programmers, the one-time set-up, those that letters lead to, and what
// stands there instead when something is wrong.
//
// It owns the addresses that people hold (in the shapes that WeTransfer's and
// Filemail's had, so that their clients find them) and the pages with all they load. It leaves to
// package words what the pages say, to share who may see what and until when, to
// archive the zip, and to deliver how bytes reach the socket. Pages work without
// script, and load nothing from elsewhere; the scripts of the first page are assets as
// they stand (docs/decisions/0014). Start at routes.
package site

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/journal"
	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/traffic"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Config is what a site is made of. Misses, Look and Log may be left out, and Senders,
// without whom nobody sends from the first page.
type Config struct {
	Shares   *share.Service
	Uploads  *upload.Service
	Boards   *board.Service
	Accounts *account.Service
	Sessions *session.Service
	Senders  *permit.Senders
	Blobs    blob.Store
	Parcels  *archive.Packer
	Desk     *transfer.Desk
	IDs      *id.Source

	// Viewer makes pictures of documents; nil: they can be downloaded, and not looked at.
	Viewer *media.Viewer

	// Dead are the jobs that were given up, for who administers the installation.
	Dead job.Graveyard

	// Contacts are the address books.
	Contacts *contact.Service

	// Traffic is what came in, went out and is kept.
	Traffic *traffic.Meter

	// Reports are what people say is wrong with what a link opens.
	Reports *report.Service

	// Journal has what they did; Settings are those in force, by their groups, for them
	// to read.
	Journal  *journal.Service
	Settings []Setting

	// Admits refuses what an account has sent that is for people of its company
	// alone. It may be left out.
	Admits func(ctx context.Context, sender account.ID) error

	Misses  *wire.Misses // shared with the other doors; nil: strangers may try links for ever
	Now     func() time.Time
	BaseURL string     // of all doors: scheme and host, no slash at the end
	Look    brand.Look // of this installation; Ferry's own when it has no name
	Log     *slog.Logger
}

// A Handler is the site. It is a door like those of the APIs.
type Handler struct {
	cfg    Config
	router *wire.Router
	codes  *wire.Router // for short links; the other paths are none of its business
	pages  *template.Template
	assets *assets

	// wall is real time, whatever clock the rest runs by: deadlines of sockets
	// are the kernel's.
	wall func() time.Time
}

// New makes the site.
func New(c Config) *Handler {
	if c.Look.Name == "" {
		c.Look = brand.Default()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	h := &Handler{cfg: c, pages: parsePages(), assets: loadAssets(c.Look), wall: time.Now}
	h.router, h.codes = wire.NewRouter(h.routes()...), wire.NewRouter(get("/{code}", h.shortLink))
	return h
}

// routes is the whole site but for the short links. A route is public, so that who holds
// the address may come in, or personal.
func (h *Handler) routes() []wire.Route {
	return slices.Concat(
		h.ticketRoutes(session.Register, func(p *words.Pages) *words.Step { return &p.Register }, h.finishAccount),
		h.ticketRoutes(session.Verify, func(p *words.Pages) *words.Step { return &p.Verify }, h.verifyAddress),
		h.ticketRoutes(session.Reset, func(p *words.Pages) *words.Step { return &p.NewPassword }, h.resetPassword),
		h.signInRoutes(),
		h.askingRoutes(),
		h.mineRoutes(),
		h.accountRoutes(),
		h.contactRoutes(),
		h.adminRoutes(),
		h.reportRoutes(),
		h.fixedRoutes(),
		h.linkRoutes(),
	)
}

func (h *Handler) fixedRoutes() []wire.Route {
	return []wire.Route{
		get("/", h.home),
		post("/", h.send),
		get("/docs", h.docs), // where errors of WeTransfer's API say that one can read more
		get(qrPath, h.drawLink),
		get("/robots.txt", h.rootAsset("robots.txt")),
		get("/favicon.ico", h.rootAsset("icon.svg")),
		get("/assets/{hash}/{file}", h.asset),

		get("/setup/{token}", h.setupForm),
		post("/setup/{token}", h.setup),
		get("/downloads/{id}/{recipient}/{hash}", nobody),
	}
}

// A linkShape is one in which people hold links: where it begins, what its page has behind
// that, and how what it opens is found.
type linkShape struct {
	root, page string
	find       find
}

func (h *Handler) linkShapes() []linkShape {
	return []linkShape{
		{"/d/{id}", "", h.byPublicID},
		{"/t/{track}", "", h.byTrack},
		{"/to/{name}", "", h.byName},
		{"/downloads/{id}/{hash}", "", h.byHash},
		{"/board/{id}", "/latest", h.byBoard},
	}
}

// linkRoutes are what stands behind links: the page, files, everything as a zip, and files
// to be looked at.
func (h *Handler) linkRoutes() (all []wire.Route) {
	for _, s := range h.linkShapes() {
		all = append(all,
			get(s.root+s.page, h.page(s.find)),
			get(s.root+"/file/{file}/{filename}", h.file(s.find)),
			get(s.root+"/zip/{zip}", h.zip(s.find)),
			get(s.root+"/view/{file}", h.view(s.find)),
		)
		if s.page == "" { // a board has no password
			all = append(all, post(s.root, h.unlock(s.find)))
		}
	}
	return all
}

func get(pattern string, handle wire.HandlerFunc) wire.Route {
	return wire.Route{Method: http.MethodGet, Pattern: pattern, Handle: handle, Public: true, Head: true}
}

func post(pattern string, handle wire.HandlerFunc) wire.Route {
	return wire.Route{Method: http.MethodPost, Pattern: pattern, Handle: handle, Public: true}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := r
	r = h.withVisitor(r)
	router := h.router
	if isCode(strings.Trim(r.URL.Path, "/")) {
		router = h.codes // apart, so that /{code} does not make a known path of every word
	}
	err := errUnknownPath
	m := router.Match(r)
	asked.Pattern = r.Pattern // for the log
	switch {
	case m.Route != nil:
		h.keepLanguage(w, r)
		err = m.Route.Handle(w, r)
	case len(m.Allowed) > 0:
		w.Header().Set("Allow", strings.Join(m.Allowed, ", "))
		err = fault.New(fault.Invalid, codeMethod, "the method %s is not allowed here", r.Method)
	}
	if err != nil {
		h.fail(w, r, err)
	}
}

var errUnknownPath = fault.New(fault.NotFound, "unknown_path", "there is nothing at this address")

// docs is the page for those who write programs.
func (h *Handler) docs(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, "docs", basePage{h.frame(r, h.say(r).Docs.Title), h.cfg.BaseURL})
}

// A basePage is one that says at which address programs find this server.
type basePage struct {
	frame
	Base string
}

// welcome gives a visitor the cookie without which old web clients of WeTransfer
// do not go on (orgrimarr/node-wetransfert wants one whose name has "session" in
// it). Everybody has the same, so it follows nobody.
func (h *Handler) welcome(w http.ResponseWriter) {
	c := http.Cookie{Name: "ferry-session", Value: "guest", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if strings.HasPrefix(h.cfg.BaseURL, "https:") {
		c.Name, c.Secure = "__Host-"+c.Name, true
	}
	http.SetCookie(w, &c)
}

// rootAsset serves an asset at an address that others have fixed.
func (h *Handler) rootAsset(name string) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		return h.assets.serve(w, r, name, "public, max-age=86400")
	}
}

func (h *Handler) asset(w http.ResponseWriter, r *http.Request) error {
	cache := "public, max-age=31536000, immutable"
	if r.PathValue("hash") != h.assets.hash {
		// Another node's page, while versions are being changed: better than none.
		cache = "no-store"
	}
	return h.assets.serve(w, r, r.PathValue("file"), cache)
}
