// Package sim runs the engine in a world that is made from one number: the clock, the
// disk, the database, the network and its clients, and the moments at which the power
// fails. It is tests alone.
//
// It owns the order in which everything happens (sched), the world (world), what
// clients do (client), and what must be true of it (book, check). Of the engine nothing
// is replaced: upload, transfer, share, job, batch and blob/disk run as they are, on
// disktest's disk and coretest's database, and are called as the doors call them.
// Start at TestSim. docs/testing.md has the commands.
package sim

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed only, and print what happens")
	seedsFlag = flag.Uint64("seeds", 300, "how many seeds to run")
	fromFlag  = flag.Uint64("from", 1, "the first of them")
)

// A result is what came of a seed.
type result struct {
	wrong               []string
	ops, crashes, steps int
	hash                uint64
	trace               []string
}

// run runs a seed.
func run(t *testing.T, seed uint64, keepTrace bool) (r result) {
	synctest.Test(t, func(*testing.T) {
		w, err := newWorld(seed, keepTrace)
		if err == nil {
			err = w.run()
		}
		if err != nil {
			w.bad("%v", err)
		}
		w.end()
		r = result{w.wrong, w.ops, w.crashes, w.steps, w.trace.hash.Sum64(), w.trace.text}
	})
	return r
}

// run lets the clients do what they want while the power fails, and then sees whether
// all is well.
func (w *world) run() error {
	enough := 100 + w.rand.IntN(60)
	for range 2 + w.rand.IntN(4) {
		w.asClient("client", func(t *task) { w.client(t, enough) })
	}
	next := 10 + w.rand.IntN(60)
	for w.clients > 0 {
		w.passTime()
		if w.ops >= next && w.one(25) {
			next += 20 + w.rand.IntN(100)
			if err := w.crashAndCheck(); err != nil {
				return err
			}
		}
		if _, err := w.next(everybody); err != nil {
			return err
		}
	}
	w.faults, w.calm = false, true
	if w.crashes == 0 || w.one(2) {
		if err := w.crash(); err != nil {
			return err
		}
	}
	if err := w.untilQuiet(); err != nil {
		return err
	}
	w.check()
	w.model.Quota = 0
	w.asClient("finisher", w.finish)
	if err := w.untilQuiet(); err != nil {
		return err
	}
	w.check()
	return w.growOld()
}

func everybody(*task) bool { return true }

func (w *world) crashAndCheck() error {
	if err := w.crash(); err != nil {
		return err
	}
	w.check()
	return nil
}

// untilQuiet goes on until no client asks for anything, and no job is due.
func (w *world) untilQuiet() error {
	for {
		if _, err := w.next(everybody); err != nil {
			return err
		}
		due, err := w.model.Next(context.Background())
		if err != nil {
			return err
		}
		if w.clients == 0 && due.After(time.Now()) && w.allIdle() {
			return nil
		}
	}
}

// growOld lets so much time pass that all has ended which can.
func (w *world) growOld() error {
	w.says("all grow old")
	for range 12 {
		time.Sleep(day)
		if err := w.untilQuiet(); err != nil {
			return err
		}
	}
	w.check()
	w.checkOrphans()
	return nil
}

// end ends all goroutines.
func (w *world) end() {
	if w.node != nil {
		w.node.dead = true
	}
	for more := true; more; {
		var err error
		if more, err = w.next(everybody); err != nil {
			panic(fmt.Sprintf("seed %d: %v", w.seed, err)) // synctest would tell less
		}
	}
}

// finish is a client that brings to an end what others have left, on a node that works:
// all of it must succeed.
func (w *world) finish(t *task) {
	for _, x := range w.book.all {
		home := w.home(x)
		if x.desk != nil && x.key == "" || home == nil || home.Alive(time.Now()) != nil || x.ended() || x.force.tries > 0 {
			continue
		}
		left := false
		for _, f := range x.files {
			left = w.finishFile(t, x, f) || left
		}
		if before := x.finalize.acked; !left {
			if w.finalize(t, x); x.finalize.acked == before {
				w.bad("%s cannot be finalized", x.name())
			}
		}
	}
}

// finishFile sends what is missing of a file, and tells whether it is left as it is.
func (w *world) finishFile(t *task, x *sent, f *file) (left bool) {
	if f.remove.tries > 0 || x.desk != nil && w.book.stored(f) == nil && w.home(x).State == share.Ready {
		return true
	}
	for i := range f.cuts {
		s, parts := w.model.Look(func(s *upload.File) bool { return s.State != upload.Deleted && f.is(s) })
		if s != nil && s.State == upload.Complete {
			break
		}
		fits := false
		for _, p := range parts {
			fits = fits || p.Number == i+1 && p.Length == f.cuts[i]
		}
		if fits && !f.sums {
			continue
		}
		sent := false
		for range 3 { // a sync that failed before may be told first
			if w.sendAs(t, x, f, f.cuts, i, manner{}); f.parts[i][len(f.parts[i])-1].state == acked {
				sent = true
				break
			}
		}
		if !sent {
			w.bad("part %d of %s cannot be sent", i+1, f.name())
		}
	}
	if x.desk != nil {
		return false
	}
	before := f.complete.acked
	if w.complete(t, x, f); f.complete.acked == before {
		w.bad("%s cannot be completed", f.name())
	}
	return false
}

func (w *world) home(x *sent) *share.Share {
	for _, s := range w.model.Shares() {
		if s.ID == x.id {
			return &s.Share
		}
	}
	return nil
}

func report(t *testing.T, seed uint64, r result) {
	t.Errorf("seed %d, %d steps: %s\nreplay: go test ./internal/sim -run TestSim -v -args -seed=%d",
		seed, r.steps, strings.Join(r.wrong, "\n\t"), seed)
}

// TestSim runs many seeds, or one that is to be read.
func TestSim(t *testing.T) {
	if *seedFlag != 0 {
		r := run(t, *seedFlag, true)
		t.Log("\n" + strings.Join(r.trace, "\n"))
		t.Logf("%d operations, %d crashes, %d steps, trace %016x", r.ops, r.crashes, r.steps, r.hash)
		if len(r.wrong) > 0 {
			report(t, *seedFlag, r)
		}
		return
	}
	var seed, failed, ops, crashes, steps atomic.Int64
	seed.Store(int64(*fromFlag) - 1)
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for failed.Load() < 5 {
					s := uint64(seed.Add(1))
					if s >= *fromFlag+*seedsFlag {
						return
					}
					r := run(t, s, false)
					if len(r.wrong) > 0 {
						failed.Add(1)
						report(t, s, r)
					}
					if r.ops < 100 || r.crashes < 1 {
						t.Errorf("seed %d: only %d operations and %d crashes", s, r.ops, r.crashes)
					}
					ops.Add(int64(r.ops))
					crashes.Add(int64(r.crashes))
					steps.Add(int64(r.steps))
				}
			})
		}
	})
	t.Logf("%d seeds: %d operations, %d crashes, %d steps, %v", *seedsFlag, ops.Load(), crashes.Load(), steps.Load(), time.Since(began))
}

// TestOneSeedIsOneHistory: what a seed shows can be shown again.
func TestOneSeedIsOneHistory(t *testing.T) {
	for seed := range uint64(20) {
		a, b := run(t, seed+1, false), run(t, seed+1, false)
		if a.hash != b.hash {
			t.Errorf("seed %d has the trace %016x, and then %016x", seed+1, a.hash, b.hash)
		}
	}
}
