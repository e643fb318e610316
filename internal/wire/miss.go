package wire

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// A stranger may try so many public ids that name nothing at once, and so many an
// hour.
const (
	missesAnHour  = 60
	forgiveness   = time.Hour / missesAnHour // each miss takes a share of the hour to be forgiven
	missAddresses = 100_000                  // remembered at a time: some 10 MB
)

// CodeMisses is the code of the fault with which Misses refuses. It ends by itself
// within a minute.
const CodeMisses = "too_many_misses"

// Misses limits how many public ids that name nothing one address may try; for
// IPv6 one /64, the least that one person is given. All doors share one, so that
// each id is tried once, not once a door. It is of this node alone: behind a
// balancer, a stranger has as many tries as there are nodes.
//
// Misses, and only misses, are counted and refused: an address that has none left
// may be an office or a whole mobile network, and a full link opens for everybody
// behind it, as nobody guesses its id (83 bits and more). A short code (59 bits)
// does not: while its hits opened, the limit would not stop who guesses. That is
// what Check is for, and Count for all.
//
// A nil *Misses limits nobody. It is safe for concurrent use.
type Misses struct {
	now func() time.Time

	mu    sync.Mutex
	clear map[netip.Addr]time.Time // when the address will have no miss left
	most  int
}

// NewMisses makes one in which nobody has missed.
func NewMisses(now func() time.Time) *Misses {
	return &Misses{now: now, clear: map[netip.Addr]time.Time{}, most: missAddresses}
}

// Check returns Throttled when the client of ctx has no try left: before anything
// is looked up by what could be guessed, and before a try that is dear.
func (m *Misses) Check(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent(group(ClientAddr(ctx)), m.now()) {
		return tooManyMisses()
	}
	return nil
}

// Count takes how a look-up by a public id ended, counts it if it is a miss, which
// is NotFound, and returns what the client of ctx is told: err, or Throttled for a
// miss too many.
func (m *Misses) Count(ctx context.Context, err error) error {
	if m == nil || fault.KindOf(err) != fault.NotFound {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from, now := group(ClientAddr(ctx)), m.now()
	if m.spent(from, now) {
		return tooManyMisses()
	}
	at, known := m.clear[from]
	if !known && len(m.clear) >= m.most {
		m.forget(now)
	}
	if at.Before(now) {
		at = now
	}
	m.clear[from] = at.Add(forgiveness)
	return err
}

func (m *Misses) spent(from netip.Addr, now time.Time) bool {
	return m.clear[from].Sub(now) > time.Hour-forgiveness
}

// forget makes room: of some addresses, met in no order, it drops those that are
// clear, and one in any case. Somebody with so many addresses is not to be
// stopped by counting them, and must not cost the others more than this.
func (m *Misses) forget(now time.Time) {
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

func tooManyMisses() error {
	return fault.New(fault.Throttled, CodeMisses, "too many links from this address lead nowhere")
}
