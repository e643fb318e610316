package wire

import (
	"context"
	"net/netip"
)

// An Origin is what the listener knows of a request before any door sees it.
type Origin struct {
	RequestID string     // random; in the log, and in every answer of 500 and above
	Addr      netip.Addr // of the client; behind a trusted proxy, the one that the proxy names

	// Draining is closed when the listener takes no more requests, and waits for those
	// that there are; nil: nobody tells.
	Draining <-chan struct{}
}

type originKey struct{}

// WithOrigin gives a context that carries o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// RequestID gives the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return origin(ctx).RequestID }

// ClientAddr gives the address that the request of ctx came from: an IPv4 address
// as such, never mapped into IPv6, and without a zone. The zero Addr is nobody's.
func ClientAddr(ctx context.Context) netip.Addr { return origin(ctx).Addr }

// Draining is for answers that have no end of their own: it is closed when they have to
// come to one.
func Draining(ctx context.Context) <-chan struct{} { return origin(ctx).Draining }

func origin(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
