package site

import (
	"net/netip"
	"time"
)

// ForgetParcels empties the shelf, as if the node had just started.
func (h *Handler) ForgetParcels() { h.parcels = &shelf{} }

// AssetRoot is the address that the names of assets go behind.
func (h *Handler) AssetRoot() string { return h.assets.root() }

// A Limiter is misses with room for few addresses.
type Limiter struct{ *misses }

// NewLimiter makes one.
func NewLimiter(most int, now func() time.Time) Limiter {
	m := newMisses(now)
	m.most = most
	return Limiter{m}
}

func (l Limiter) Add(a netip.Addr) bool { return l.add(a) }
func (l Limiter) Len() int              { return len(l.clear) }
