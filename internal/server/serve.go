package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/ferry-server/ferry/internal/deliver"
)

// Limits of a connection. There is none for a whole request: an upload may take
// days. Its door sees to it that it moves (wire.Paced, wire.ReadBody).
//
// Where a request ends is net/http's to say. It refuses lengths that contradict
// each other and codings other than one "chunked". Of a request with both a
// Content-Length and that, it drops the length before anybody here could see it
// and goes by the chunks, as RFC 9112, section 6.3, allows; the same section has a
// proxy do so too, so one that keeps to it agrees with us about the end.
const (
	headerWithin = 20 * time.Second
	idleWithin   = 2 * time.Minute
	maxHeader    = 32 << 10 // then 431
	headerSlop   = 4 << 10  // net/http allows this much more than it is told
)

// A Side is a listener beside the main one, such as Private's or an ACME's. It
// goes on until the main one has drained.
type Side struct {
	Listener net.Listener
	Handler  http.Handler
}

// Serve answers requests on l until ctx ends, by TLS when conf is not nil. Then it
// accepts no more, /readyz says no, and running requests go on for at most
// DrainTimeout. It returns nil when it was ctx that ended it. All listeners are
// closed when it returns.
func (s *Server) Serve(ctx context.Context, l net.Listener, conf *tls.Config, sides ...Side) error {
	main := s.newHTTPServer(s)
	main.DisableGeneralOptionsHandler = true // it waits for a body without end
	ended := make(chan error, 1+len(sides))
	if conf == nil {
		go func() { ended <- main.Serve(deliver.Listener(l)) }()
	} else {
		main.TLSConfig = conf
		// Not without TLS: bodies are read in large pieces there anyway, and a wrapper
		// would hide the socket from sendfile.
		go func() { ended <- main.ServeTLS(readAhead(l), "", "") }()
	}
	all := []*http.Server{main}
	for _, side := range sides {
		srv := s.newHTTPServer(side.Handler)
		srv.ReadTimeout = s.restTime // nobody wants a body there, nor waits for what was announced
		all = append(all, srv)
		go func() { ended <- srv.Serve(side.Listener) }()
	}

	var failure error
	running := len(all)
	select {
	case failure = <-ended:
		running--
	case <-ctx.Done():
		s.drain(ctx, main)
	}
	for _, srv := range all {
		_ = srv.Close() // of listeners: there is nothing left to lose
	}
	for range running {
		<-ended
	}
	return failure
}

func (s *Server) drain(ctx context.Context, main *http.Server) {
	if !s.draining.Swap(true) {
		close(s.ending)
	}
	s.log.InfoContext(ctx, "draining", "requests", s.running.Load(), "timeout", s.cfg.DrainTimeout)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	if err := main.Shutdown(limit); errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "drain timeout: requests are cut off", "requests", s.running.Load())
	}
}

// newHTTPServer speaks HTTP/1.1, and HTTP/2 under TLS. There is no HTTP/2 without
// TLS: proxies speak HTTP/1.1 to us, and that has sendfile.
func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHeader - headerSlop,
		ConnContext:       deliver.WithConn(s.cfg.Sent),
		// What net/http has to say is about peers that do not speak TLS or HTTP:
		// on the open internet, that is all day.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// Private gives the handler of the listener for the operator alone: health, which
// there also tells of draining to the end, and pprof. Nothing of it asks who you are.
func (s *Server) Private() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/readyz", s.readyz)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
