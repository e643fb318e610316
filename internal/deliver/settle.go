package deliver

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"time"
)

type connKey struct{}

// A peer is what answers know of their connection.
type peer struct {
	net.Conn
	sent func(bytes int64) // may be nil
}

// WithConn gives what http.Server wants as its ConnContext: answers learn by it what became
// of their last bytes. Sent, if not nil, is told of the bytes of each answer that were
// handed to the connection.
func WithConn(sent func(bytes int64)) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, peer{c, sent})
	}
}

// count tells who wants to know how many bytes of an answer went out.
func count(ctx context.Context, s Sent) {
	p, _ := ctx.Value(connKey{}).(peer)
	if p.sent == nil {
		return
	}
	var n int64
	for _, span := range s.Spans {
		n += span.N
	}
	p.sent(n)
}

// tcpOf gives the connection of an answer if it is one of a Listener's.
func tcpOf(ctx context.Context) *net.TCPConn {
	p, _ := ctx.Value(connKey{}).(peer)
	c, _ := p.Conn.(conn)
	return c.TCPConn
}

const (
	// settleFrom is how many bytes an answer must have for anybody to wait until they
	// have arrived; of fewer it is enough that they were written.
	settleFrom = 64 << 10
	// lingerTime is how long a peer that has got everything is watched of what may be
	// downloaded only so often: one that broke off lets its kernel say so at once. Its next
	// request on this connection ends the wait.
	lingerTime = 500 * time.Millisecond
)

// A socketState is what a kernel knows of a connection.
type socketState struct {
	reset  bool // the peer threw away what it had not read
	closed bool // the peer has ended its side in peace
	queued int  // bytes that the peer's kernel has not acknowledged
	unread int  // bytes that came in
}

// socketOf gives the socket under a connection, such as one of TLS; nil if there is none.
func socketOf(ctx context.Context) syscall.RawConn {
	p, _ := ctx.Value(connKey{}).(peer)
	c := p.Conn
	for c != nil {
		if s, ok := c.(syscall.Conn); ok {
			raw, err := s.SyscallConn()
			if err != nil {
				return nil
			}
			return raw
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = inner.NetConn()
	}
	return nil
}

// settle waits until the peer of r has acknowledged all that was written, and then so much
// longer, and tells whether it has: not, if it broke off. Where the system cannot tell, it
// has. A proxy is a peer. The wait ends after stallTime.
func settle(r *http.Request, linger time.Duration) bool {
	if r.ProtoMajor != 1 {
		return true // its connection is not this answer's alone
	}
	raw := socketOf(r.Context())
	if raw == nil {
		return true
	}
	step, left, waiting := time.Millisecond, stallTime, false
	for {
		s, ok := lookAt(raw)
		switch {
		case !ok:
			return !waiting // it was closed meanwhile, or never told
		case s.reset:
			return false
		case s.queued > 0:
			waiting = true
		case linger <= 0 || s.closed || s.unread > 0:
			return true
		default:
			waiting, linger = false, linger-step
		}
		if left -= step; left <= 0 {
			return false
		}
		time.Sleep(step)
		step = min(2*step, 50*time.Millisecond)
	}
}
