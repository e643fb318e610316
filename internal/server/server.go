// Package server joins the doors: it owns the listener, TLS, the deadlines and
// limits of a connection, whom to believe about a client's address, request ids,
// panics, overload, and an orderly end.
//
// It leaves every answer but those of /healthz and /readyz to the doors: also
// when it refuses a request itself, it asks the door whose path it is for the
// words. Bodies are read, paced and limited by the doors, and what a door leaves of
// one is taken in here; settings come from the program (cmd/ferry). Start at Server.ServeHTTP, then Server.Serve.
package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// A Door answers the requests of one API.
type Door interface {
	http.Handler

	// Refuse answers r with err in the words of the door's API. Nothing was
	// written to w before.
	Refuse(w http.ResponseWriter, r *http.Request, err error)
}

// Config is what a Server is told. The zero value serves.
type Config struct {
	Log *slog.Logger // slog.Default when nil

	// TrustedProxies are believed about the client's address and scheme.
	TrustedProxies []netip.Prefix

	// MaxRequests run at the same time, the next is refused as Unavailable;
	// 0 is DefaultMaxRequests.
	MaxRequests int

	// Maintenance refuses everything but /healthz, and what the page that says so
	// loads.
	Maintenance bool

	// Ready tells why the node cannot serve now. It is asked by /readyz and
	// must answer quickly; nil is always ready.
	Ready func(context.Context) error

	// Sent, if not nil, is told of the bytes of files that each answer handed to its
	// connection.
	Sent func(bytes int64)

	// DrainTimeout is how long running requests may go on after the end was asked for.
	DrainTimeout time.Duration
}

// DefaultMaxRequests is far above what a machine of a small office is asked, and
// below what its memory cannot hold: a slow upload or download costs some 40 KiB.
const DefaultMaxRequests = 8192

// assets is what the pages of the site load. It takes no store to serve.
const assets = "/assets/"

// The codes of the faults with which the server itself refuses.
const (
	CodePanic       = "panic"
	CodeOverloaded  = "overloaded"
	CodeMaintenance = "maintenance"
	CodeUnknownPath = "unknown_path"
)

// A Server gives each request to the door that its path belongs to. Mount all
// doors before the first request.
type Server struct {
	cfg      Config
	log      *slog.Logger
	doors    doors
	restTime time.Duration // see response.settle
	running  atomic.Int64
	draining atomic.Bool
	ending   chan struct{} // closed when it begins to drain
}

// New makes a Server without doors: every path is unknown to it.
func New(cfg Config) *Server {
	if cfg.MaxRequests == 0 {
		cfg.MaxRequests = DefaultMaxRequests
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	return &Server{cfg: cfg, log: log, restTime: restTime, ending: make(chan struct{})}
}

// Mount gives a door the paths that begin with one of the prefixes, which match
// whole segments: "/v2" takes /v2 and /v2/transfers, not /v20. A prefix that ends
// with a hyphen takes every first segment that begins with it: "/t-" takes
// /t-4bGw. The longest prefix wins. The door of "/" takes what no other does.
//
// It panics when a prefix is malformed or taken.
func (s *Server) Mount(door Door, prefixes ...string) {
	for _, p := range prefixes {
		if err := s.doors.add(p, door); err != nil {
			panic(fmt.Sprintf("server: mount %q: %v", p, err))
		}
	}
}

// ServeHTTP answers one request, also when the door panics. It never redirects
// and never cleans a path: WeTransfer's clients do not follow.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	from := s.origin(r)
	from.RequestID = rand.Text()[:16]
	r = r.WithContext(wire.WithOrigin(r.Context(), from.Origin))
	w := newResponse(rw, from.RequestID)
	w.watch(r, s.restTime)
	secure(w.Header(), from.https)
	if s.log.Enabled(r.Context(), slog.LevelDebug) {
		defer s.logRequest(w, r, time.Now())
	}
	if r.Method == http.MethodOptions && r.RequestURI == "*" { // of no door, but of the server
		w.WriteHeader(http.StatusOK)
		return
	}
	if serveHealth := s.health(r); serveHealth != nil {
		serveHealth(w, r)
		return
	}
	prefix, door := s.doors.find(r.URL.Path)
	defer s.recover(w, r, prefix, door, from.https)
	if s.running.Add(1) > int64(s.cfg.MaxRequests) {
		s.running.Add(-1) // who is refused takes no place while the rest of the body comes
		w.Header().Set("Retry-After", "1")
		door.Refuse(w, r, fault.New(fault.Unavailable, CodeOverloaded, "too many requests at once, please try again"))
		return
	}
	defer s.running.Add(-1)
	if s.cfg.Maintenance && !strings.HasPrefix(r.URL.Path, assets) {
		w.Header().Set("Retry-After", "120")
		door.Refuse(w, r, fault.New(fault.Unavailable, CodeMaintenance, "temporarily offline for maintenance"))
		return
	}
	door.ServeHTTP(w, r)
	w.begin(http.StatusOK) // of a door that said nothing
}

// secure sets the headers that every answer has. The policy is that of bytes and
// JSON, so that a door which forgets is safe; pages set their own.
func secure(h http.Header, https bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recover answers for a door that panicked. When its answer has begun there is no
// way to take it back: the connection is cut, so that nobody takes half for whole.
func (s *Server) recover(w *response, r *http.Request, prefix string, door Door, https bool) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.ErrorContext(r.Context(), "panic", "request", w.id, "door", prefix, "method", r.Method,
		"value", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(w.Header()) // what the answer that failed would have said of itself
	secure(w.Header(), https)
	door.Refuse(w, r, fault.Wrap(fault.Internal, CodePanic, fmt.Errorf("panic: %v", v), ""))
}

// logRequest leaves path and query out: links and presigned URLs are secrets.
// The pattern is the route that a door found.
func (s *Server) logRequest(w *response, r *http.Request, start time.Time) {
	s.log.DebugContext(r.Context(), "request", "request", w.id, "method", r.Method, "pattern", r.Pattern,
		"status", strconv.Itoa(w.status), "bytes", w.bytes, "took", time.Since(start))
}
