package site

import (
	"net/netip"
	"sync"
	"time"
)

// A stranger may try so many links that lead nowhere at once, and so many an
// hour; then no link opens for that address until the next minute. Ids and codes
// are too many to be guessed at this rate. Who holds good links is never counted.
const (
	missesAnHour  = 60
	missAddresses = 100_000 // remembered at a time: some 10 MB
)

// misses counts them for each address, for IPv6 each /64: it is the least that
// one person is given. It is of this node alone: behind a balancer, a stranger
// has as many tries as there are nodes.
type misses struct {
	now func() time.Time

	mu sync.Mutex
	// clear is when the address will have no miss left: each takes a share of
	// the hour to be forgiven.
	clear map[netip.Addr]time.Time
	most  int
}

func newMisses(now func() time.Time) *misses {
	return &misses{now: now, clear: map[netip.Addr]time.Time{}, most: missAddresses}
}

const forgiveness = time.Hour / missesAnHour

// spent reports whether the address has no try left.
func (m *misses) spent(from netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clear[group(from)].Sub(m.now()) > time.Hour-forgiveness
}

// add counts a miss. It reports whether that was one too many.
func (m *misses) add(from netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, now := group(from), m.now()
	at, known := m.clear[from]
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) > time.Hour-forgiveness {
		return true
	}
	if !known && len(m.clear) >= m.most {
		m.forget(now)
	}
	m.clear[from] = at.Add(forgiveness)
	return false
}

// forget makes room: of some addresses, met in no order, it drops those that are
// clear, and one in any case. Somebody with so many addresses is not to be
// stopped by counting them, and must not cost the others more than this.
func (m *misses) forget(now time.Time) {
	looked := 0
	for a, at := range m.clear {
		if looked == 0 || at.Before(now) {
			delete(m.clear, a)
		}
		if looked++; looked == 16 {
			return
		}
	}
}

// group gives the address that stands for from.
func group(from netip.Addr) netip.Addr {
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return from
}
