package disk_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/blobtest"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
)

var seedFlag = flag.Uint64("seed", 0, "run TestPowerFailure with this seed only")

// promises are what callers were told is on stable storage. They outlive the power.
type promises struct {
	mu       sync.Mutex
	made     map[blob.ID][]promise
	removals map[blob.ID]int // begun
	removing map[blob.ID]int // under way
}

type promise struct {
	off  int64
	data []byte
}

func newPromises() *promises {
	return &promises{made: map[blob.ID][]promise{}, removals: map[blob.ID]int{}, removing: map[blob.ID]int{}}
}

// sync syncs and notes that the parts were promised, unless the blob was being
// removed at the same time: then it is right to say either.
func (p *promises) sync(w blob.Writer, id blob.ID, parts ...promise) error {
	p.mu.Lock()
	removals, disturbed := p.removals[id], p.removing[id] > 0
	p.mu.Unlock()
	err := w.Sync(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && !disturbed && p.removals[id] == removals {
		p.made[id] = append(p.made[id], parts...)
	}
	return err
}

// remove removes the blob. What was promised of it is withdrawn before.
func (p *promises) remove(s *disk.Store, id blob.ID) error {
	p.mu.Lock()
	p.removals[id]++
	p.removing[id]++
	delete(p.made, id)
	p.mu.Unlock()
	err := s.Remove(context.Background(), id)
	p.mu.Lock()
	p.removing[id]--
	p.mu.Unlock()
	return err
}

// check opens what a power failure left and compares.
func (p *promises) check(fsys disk.FS) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.made) == 0 {
		return nil
	}
	ctx := context.Background()
	s, err := disk.Open(fsys, "/blobs", disk.Options{})
	if err != nil {
		return err
	}
	seen := map[blob.ID]bool{}
	if err := s.Walk(ctx, func(i blob.Info) error { seen[i.ID] = true; return nil }); err != nil {
		return err
	}
	for id, all := range p.made {
		got, err := blobtest.Read(ctx, s, id)
		if err != nil || !seen[id] {
			return fmt.Errorf("blob %s: %w; Walk saw it: %v", id, err, seen[id])
		}
		for _, one := range all {
			end := one.off + int64(len(one.data))
			if int64(len(got)) < end || !bytes.Equal(got[one.off:end], one.data) {
				return fmt.Errorf("blob %s lost the bytes from %d to %d", id, one.off, end)
			}
		}
	}
	return nil
}

// An upload writes parts of one blob through one Writer and notes what it was promised.
func (p *promises) upload(s *disk.Store, id blob.ID, parts ...promise) error {
	w, err := s.Edit(context.Background(), id)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			_, err = w.WriteAt(part.data, part.off)
		}
	}
	if err == nil {
		err = p.sync(w, id, parts...)
	}
	return errors.Join(err, w.Close())
}

func part(n uint64, off int64) promise {
	return promise{off, blobtest.Bytes(n, 3*4096+100)}
}

// scenario is an hour of a node that goes on whatever fails, trying everything twice:
// the second attempt is where a store that trusts an fsync too much loses bytes.
func scenario(s *disk.Store, ids []blob.ID, p *promises) {
	twice := func(act func() error) {
		if act() != nil {
			_ = act()
		}
	}
	ctx := context.Background()
	a, b, c, old, again := ids[0], ids[1], ids[2], ids[3], ids[4]
	twice(func() error { return p.upload(s, a, part(1, 0), part(2, 20_000)) })
	twice(func() error { return p.upload(s, a, part(3, 40_000)) })
	if w, err := s.Edit(ctx, b); err == nil { // one who goes without a Sync
		_, _ = w.WriteAt(part(4, 0).data, 0)
		_ = w.Close()
	}
	twice(func() error { return p.upload(s, b, part(4, 0)) })
	if one, err := s.Edit(ctx, c); err == nil { // two at once, one of them late
		if _, err := one.WriteAt(part(5, 0).data, 0); err == nil {
			twice(func() error { return p.upload(s, c, part(6, 50_000)) })
			twice(func() error { return p.sync(one, c, part(5, 0)) })
		}
		_ = one.Close()
	}
	twice(func() error { return p.upload(s, old, part(7, 0)) })
	twice(func() error { return p.remove(s, old) }) // and its folder with it
	twice(func() error { return p.upload(s, again, part(8, 0)) })
	twice(func() error { return p.upload(s, a, part(9, 70_000)) })
}

// TestEveryCallFails makes the k-th call fail, for every k, and cuts the power.
func TestEveryCallFails(t *testing.T) {
	past := time.Now().Add(-5 * time.Hour)
	now := time.Now()
	ids := []blob.ID{idAt(now), idAt(now), idAt(now.Add(-time.Hour)), idAt(past), idAt(past)}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		for _, length := range []int{1, 2, 5} { // how many calls fail from there on
			for k := 1; ; k++ {
				calls, failing := 0, disktest.Call{}
				fsys := disktest.New(uint64(k), func(c disktest.Call) error {
					if calls++; calls >= k && calls < k+length {
						failing = c
						return errno
					}
					return nil
				})
				p := newPromises()
				if s, err := disk.Open(fsys, "/blobs", disk.Options{}); err == nil {
					scenario(s, ids, p)
				}
				for seed := range uint64(5) {
					if err := p.check(fsys.Crash(seed, nil)); err != nil {
						t.Fatalf("%v at call %d and %d more (the last was %v), power cut with seed %d: %v",
							errno, k, length-1, failing, seed, err)
					}
				}
				if calls < k {
					if len(p.made) != 4 {
						t.Fatalf("nothing failed, and %d blobs of 4 were promised", len(p.made))
					}
					break
				}
			}
		}
	}
}

// TestPowerFailure lets many goroutines upload and remove in a world where every
// call takes its time and some fail, and cuts the power at some moment. The seed
// decides all but the order of goroutines that wake in the same instant.
func TestPowerFailure(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 30
	}
	first := uint64(time.Now().UnixNano())
	if *seedFlag != 0 {
		first, seeds = *seedFlag, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			if err := powerFailure(seed); err != nil {
				t.Fatalf("-seed=%d: %v", seed, err)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func powerFailure(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 2))
	var mu sync.Mutex
	chance := func(n int64) int64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Int64N(n)
	}
	sleep := func() { time.Sleep(time.Duration(1 + chance(int64(time.Millisecond)))) }
	faulty := chance(2) == 0
	fsys := disktest.New(seed, func(c disktest.Call) error {
		sleep()
		odds := int64(40)
		if c.Do == "SyncDir" && c.Path == "/blobs" {
			odds = 4
		}
		if faulty && c.Path != "/" && chance(odds) == 0 {
			return syscall.EIO
		}
		return nil
	})
	s, err := disk.Open(fsys, "/blobs", disk.Options{Park: sleep})
	if err != nil {
		return nil // that fault is TestEveryCallFails's
	}
	// A few blobs of the past in a few windows, so that folders come and go.
	var ids []blob.ID
	for i := range 5 {
		ids = append(ids, idAt(time.Now().Add(-time.Duration(i%3+1)*time.Hour)))
	}
	p := newPromises()
	var next int64 // where the next part goes: no two parts overlap
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			time.Sleep(time.Duration(i))
			for range 12 {
				id := ids[chance(int64(len(ids)))]
				if chance(3) == 0 {
					_ = p.remove(s, id)
					continue
				}
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				_ = p.upload(s, id, part(uint64(n), n*13_000))
			}
		})
	}
	defer workers.Wait()
	time.Sleep(time.Duration(chance(int64(150 * time.Millisecond))))
	p.mu.Lock()
	until := &promises{made: maps.Clone(p.made)} // its lists only grow
	p.mu.Unlock()
	return until.check(fsys.Crash(seed, nil))
}
