package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/ferry-server/ferry/internal/server"
)

type serveCommand struct{ settings }

// Run serves until a signal asks it to end, or ctx does. Requests that run then
// are let finish; a second signal ends the process at once.
func (c *serveCommand) Run(ctx context.Context, p *program) (err error) {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)

	useWaitingThreads(p.env)
	defer runtime.KeepAlive(ballast())
	s, log := &c.settings, newLog(p.stderr, c.LogFormat, c.LogLevel)
	data, err := openData(s.Data)
	if err != nil {
		return err
	}
	unlock, err := data.lock()
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := data.keys(&s.place)
	if err != nil {
		return err
	}

	// Listen first: links are made of the real port, and whoever comes while the
	// rest is opened waits instead of being turned away.
	l, err := net.Listen("tcp", string(s.Listen))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close() // again, after Serve has
	base := s.baseURLFor(l.Addr())

	n, err := openNode(ctx, s, data, keys, base, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	srv := server.New(server.Config{
		Log:            log,
		TrustedProxies: s.TrustedProxy,
		MaxRequests:    s.MaxRequests,
		Maintenance:    s.Maintenance,
		Ready:          n.ready,
		Sent:           n.sent,
		DrainTimeout:   s.DrainTimeout,
	})
	for _, m := range n.doors {
		srv.Mount(m.door, m.prefixes...)
	}
	conf, sides, err := s.listeners(srv, n, base, log)
	if err != nil {
		return err
	}
	ctx, stop := n.start(ctx)
	defer stop()

	if s.ReadyFile != "" {
		if err := writeWhole(s.ReadyFile, base+"\n", 0o644); err != nil {
			return fmt.Errorf("ready-file: %w", err)
		}
		defer os.Remove(s.ReadyFile)
	}
	// Whoever waited for the ready file may end us at once: that is no failure.
	if err := s.welcome(context.WithoutCancel(ctx), p.stdout, n, base, l.Addr()); err != nil {
		return err
	}
	if err := srv.Serve(ctx, l, conf, sides...); err != nil {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, errBroken) {
		return cause
	}
	return nil
}

// useWaitingThreads lets half as many goroutines more run as there are cores,
// unless the operator sets GOMAXPROCS. A durable server has some of them waiting
// in fsync at any moment, and Go takes a while to notice that their cores are free:
// small transfers are a sixth faster so (docs/performance.md, S1).
func useWaitingThreads(env []string) {
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOMAXPROCS=") }) {
		n := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(n + (n+1)/2)
	}
}

// ballast counts as memory in use and takes none, as nobody touches it: so the
// garbage of small transfers is collected when there are 20 MiB of it and not 4, a
// tenth less processor time for each (docs/performance.md, S1). A large GOGC would do
// the same for them, and let a node with ten thousand connections take five times
// what it needs.
func ballast() []byte { return make([]byte, 16<<20) }

// errBroken ends a server whose database may not be written to any more: see
// db.DB.Broken. The next start recovers.
var errBroken = errors.New("the database could not be synced, and nobody knows what the disk holds: start again to recover")

// listeners gives the TLS of the main listener and opens those beside it.
func (s *settings) listeners(srv *server.Server, n *node, base string, log *slog.Logger) (conf *tls.Config, sides []server.Side, err error) {
	defer func() {
		if err != nil {
			for _, side := range sides {
				_ = side.Listener.Close()
			}
		}
	}()
	if s.PrivateListen != "" {
		l, err := net.Listen("tcp", string(s.PrivateListen))
		if err != nil {
			return nil, sides, fmt.Errorf("private-listen: %w", err)
		}
		log.Info("private listener", "address", l.Addr().String())
		sides = append(sides, server.Side{Listener: l, Handler: srv.Private()})
	}
	switch {
	case s.TLSCert != "":
		if conf, err = server.CertFiles(s.TLSCert, s.TLSKey, log); err != nil {
			return nil, sides, fmt.Errorf("tls-cert: %w", err)
		}
	case len(s.ACMEDomain) > 0:
		if n.certs == nil {
			return nil, sides, errors.New("acme-domain: is not built yet: there is no place to keep certificates")
		}
		domains := make([]string, len(s.ACMEDomain))
		for i, d := range s.ACMEDomain {
			domains[i] = string(d)
		}
		acme := server.NewACME(server.ACMEConfig{
			Domains: domains, Email: s.ACMEEmail, Directory: string(s.ACMEDirectory), BaseURL: base, Store: n.certs,
		})
		conf = acme.TLS()
		if s.ACMEHTTPListen != "" {
			l, err := net.Listen("tcp", string(s.ACMEHTTPListen))
			if err != nil {
				return nil, sides, fmt.Errorf("acme-http-listen: %w", err)
			}
			sides = append(sides, server.Side{Listener: l, Handler: acme.Challenges()})
		}
	}
	return conf, sides, nil
}

// start starts the node's work. The context it returns ends with ctx, or when the
// program has to; stop ends the work, and waits.
func (n *node) start(ctx context.Context) (_ context.Context, stop func()) {
	ctx, fail := context.WithCancelCause(ctx)
	// It goes on while requests drain: they may wait for it.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { n.work(work) })
	running.Go(func() {
		select {
		case <-n.fatal:
			fail(errBroken)
		case <-work.Done():
		}
	})
	return ctx, func() {
		cancel()
		running.Wait()
		fail(nil)
	}
}

// welcome tells how to get in.
func (s *settings) welcome(ctx context.Context, out io.Writer, n *node, base string, addr net.Addr) error {
	_, _ = fmt.Fprintf(out, "Ferry is at %s\n", base)
	if host, _, _ := net.SplitHostPort(addr.String()); s.BaseURL == "" && net.ParseIP(host).IsUnspecified() && len(s.ACMEDomain) == 0 {
		_, _ = fmt.Fprintf(out, "Links say so too, and work on this machine only: set %s to what others reach.\n", variable("base-url"))
	}
	link, err := n.setup(ctx)
	if err != nil || link == "" { // no link: it has been set up
		return err
	}
	_, err = fmt.Fprintf(out, "Set it up, once, at %s\nOr make an API key: ferry key create --data %s\n", link, s.Data)
	return err
}

func newLog(w io.Writer, format logFormat, level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
