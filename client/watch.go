package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"sync"
	"time"
)

// stall is how long a request may wait without a byte going either way.
const stall = 90 * time.Second

var errStalled = errors.New("nothing was heard of the server for 90 seconds")

// A watcher ends a request that no longer moves.
type watcher struct {
	timer *time.Timer
	end   context.CancelCauseFunc
}

func watch(ctx context.Context) (context.Context, *watcher) {
	ctx, end := context.WithCancelCause(ctx)
	return ctx, &watcher{time.AfterFunc(stall, func() { end(errStalled) }), end}
}

func (w *watcher) moved() { w.timer.Reset(stall) }

func (w *watcher) stop() {
	w.timer.Stop()
	w.end(nil)
}

// permanent reports whether trying again cannot help: who does not trust a server today
// will not do so in a minute.
func permanent(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// A pacer shares a rate among all who send and fetch.
type pacer struct {
	mu   sync.Mutex
	free time.Time // when the next byte may go
}

// wait lets n bytes pass.
func (c *Client) pace(ctx context.Context, n int) error {
	if c.Rate <= 0 {
		return nil
	}
	c.pacer.mu.Lock()
	now := time.Now()
	if c.pacer.free.Before(now) {
		c.pacer.free = now
	}
	wait := c.pacer.free.Sub(now)
	c.pacer.free = c.pacer.free.Add(time.Duration(float64(n) / float64(c.Rate) * float64(time.Second)))
	c.pacer.mu.Unlock()
	if wait < time.Millisecond {
		return nil
	}
	return c.sleep(ctx, wait)
}

// A paced reader is watched, and keeps to the rate.
type paced struct {
	io.Reader
	ctx context.Context
	c   *Client
	w   *watcher
}

func (p *paced) Read(b []byte) (int, error) {
	if p.c.Rate > 0 && int64(len(b)) > max(p.c.Rate/10, 1024) {
		b = b[:max(p.c.Rate/10, 1024)]
	}
	n, err := p.Reader.Read(b)
	p.w.moved()
	if err := p.c.pace(p.ctx, n); err != nil {
		return n, err
	}
	return n, err
}
