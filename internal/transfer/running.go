package transfer

import (
	"cmp"
	"slices"
	"sync"

	"github.com/ferry-server/ferry/internal/share"
)

// running are the downloads that go on at this node and will be recorded, by their
// transfers. They are for people to look at: nothing hangs on them, other nodes do not see
// them, and a restart has none.
type running struct {
	mu sync.Mutex
	of map[share.Key]map[*Download]struct{}
}

func (r *running) add(dl *Download) {
	r.mu.Lock()
	defer r.mu.Unlock()
	home := dl.record.Home
	if r.of == nil {
		r.of = map[share.Key]map[*Download]struct{}{}
	}
	if r.of[home] == nil {
		r.of[home] = map[*Download]struct{}{}
	}
	r.of[home][dl] = struct{}{}
}

func (r *running) remove(dl *Download) {
	r.mu.Lock()
	defer r.mu.Unlock()
	home := dl.record.Home
	if delete(r.of[home], dl); len(r.of[home]) == 0 {
		delete(r.of, home)
	}
}

// A Running is a download that goes on.
type Running struct {
	Record       // as it will be; nothing has arrived yet
	Sent   int64 // bytes that have gone out to the peer
	Bytes  int64 // of the answer
}

// Running gives the downloads of a transfer that go on at this node, the oldest first, up
// to n of them.
func (d *Desk) Running(t *Transfer, n int) (all []Running) {
	d.running.mu.Lock()
	for dl := range d.running.of[t.Key] {
		all = append(all, Running{Record: dl.record, Sent: min(dl.bytes, max(0, dl.reached.Load()-dl.from)), Bytes: dl.bytes})
	}
	d.running.mu.Unlock()
	slices.SortFunc(all, func(a, b Running) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Holder, b.Holder)) })
	return all[:min(n, len(all))]
}

// total gives how many bytes there are in spans.
func total(spans []Span) (n int64) {
	for _, s := range spans {
		n += s.N
	}
	return n
}
