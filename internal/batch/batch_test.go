package batch

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitersShareOneAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acts, items, at atomic.Int64
		g := New(100, func(in []int) error {
			if at.Add(1) != 1 {
				t.Error("two acts at once")
			}
			time.Sleep(time.Millisecond)
			at.Add(-1)
			acts.Add(1)
			items.Add(int64(len(in)))
			return nil
		}, nil)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if err := g.Do(i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if acts.Load() != 2 || items.Load() != 50 {
			t.Errorf("%d acts on %d items, want 2 on 50: the first alone, then all who came meanwhile", acts.Load(), items.Load())
		}
	})
}

func TestActStartsAfterTheCall(t *testing.T) {
	// An item that comes while an act runs must not be counted into that act.
	synctest.Test(t, func(t *testing.T) {
		var written, synced atomic.Int64
		g := New(10, func([]struct{}) error {
			seen := written.Load()
			time.Sleep(time.Millisecond)
			synced.Store(seen)
			return nil
		}, nil)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Microsecond)
				mine := written.Add(1)
				if err := g.Do(struct{}{}); err != nil {
					t.Error(err)
				}
				if synced.Load() < mine {
					t.Errorf("write %d was told it is synced, the last sync saw %d", mine, synced.Load())
				}
			})
		}
		wg.Wait()
	})
}

func TestFailureReachesEveryoneInTheAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("EIO")
		n := 0
		g := New(100, func([]int) error {
			n++
			time.Sleep(time.Millisecond)
			if n == 2 {
				return bad
			}
			return nil
		}, nil)
		var failed atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if errors.Is(g.Do(0), bad) {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if failed.Load() != 9 {
			t.Errorf("%d callers learnt of the failure, want the 9 of the second act", failed.Load())
		}
		if err := g.Do(0); err != nil {
			t.Errorf("the group stays broken: %v", err)
		}
	})
}

func TestMostBoundsAnAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		largest := 0
		g := New(4, func(in []int) error {
			largest = max(largest, len(in))
			time.Sleep(time.Millisecond)
			return nil
		}, nil)
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { _ = g.Do(0) })
		}
		wg.Wait()
		if largest != 4 {
			t.Errorf("an act took %d, want 4", largest)
		}
	})
}

func TestPanickingActLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(100, func(in []int) error {
			time.Sleep(time.Millisecond)
			if len(in) > 1 {
				panic("act")
			}
			return nil
		}, nil)
		var wg sync.WaitGroup
		var told atomic.Int64
		for range 5 {
			wg.Go(func() {
				defer func() { _ = recover() }()
				if g.Do(0) != nil {
					told.Add(1)
				}
			})
		}
		wg.Wait()
		if told.Load() != 3 { // the first was alone, the leader of the second panicked
			t.Errorf("%d callers were told", told.Load())
		}
	})
}
