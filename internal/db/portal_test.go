package db

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/inbox"
)

func TestPortals(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c, other := w.company(0), w.company(0)
		portal := func(of company.ID, name string) *inbox.Portal {
			key := w.ids.Key()
			return &inbox.Portal{
				Key: key, ID: inbox.ID("p" + key), Company: of, Owner: "a", Name: name, To: []string{"a@example.org", "b@example.org"},
				Version: 1, CreatedAt: now,
			}
		}
		p := portal(c.ID, "in")
		w.must(w.CreatePortal(w.ctx, p, 3))
		got, err := w.Portal(w.ctx, p.ID)
		w.must(err)
		if d := cmp.Diff(p, got); d != "" {
			t.Error(d)
		}
		if _, err := w.Portal(w.ctx, "nothing"); !fault.Is(err, "portal_unknown") {
			t.Error(err)
		}
		if err := w.CreatePortal(w.ctx, portal(c.ID, "in"), 3); !fault.Is(err, "portal_exists") {
			t.Error(err)
		}
		w.must(w.CreatePortal(w.ctx, portal(other.ID, "in"), 3))

		// A name is free again when its portal is deleted.
		if _, err := w.UpdatePortal(w.ctx, p.ID, func(p *inbox.Portal) error {
			p.DeletedAt = now.Add(time.Hour)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		w.must(w.CreatePortal(w.ctx, portal(c.ID, "in"), 3))

		// There is room for one more, however many ask at once.
		var made atomic.Int64
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				switch err := w.CreatePortal(w.ctx, portal(c.ID, string(rune('a'+i))), 3); {
				case err == nil:
					made.Add(1)
				case !fault.Is(err, "portals_limit"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := w.Portals(w.ctx, c.ID)
		w.must(err)
		if made.Load() != 1 || len(all) != 3 || all[0].ID != p.ID || !all[0].Deleted() {
			t.Errorf("%d made, %d there", made.Load(), len(all))
		}
	})
}
