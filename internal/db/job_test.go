package db

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/job"
)

func TestJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		if next, err := w.Next(w.ctx); !next.IsZero() || err != nil {
			t.Errorf("the next of none: %v, %v", next, err)
		}
		later := job.Job{Kind: "a", ID: "2", RunAt: now.Add(time.Minute)}
		first := job.Job{Kind: "a", ID: "1", RunAt: now}
		w.must(w.Enqueue(w.ctx, later, first))
		w.must(w.Enqueue(w.ctx, job.Job{Kind: "a", ID: "2", RunAt: now})) // it is there already
		claimed, err := w.Claim(w.ctx, now, 10)
		w.must(err)
		first.Attempts, first.Leased = 1, now.Add(job.Lease)
		if diff := cmp.Diff([]job.Job{first}, claimed); diff != "" {
			t.Error("claimed:", diff)
		}
		if next, _ := w.Next(w.ctx); !next.Equal(later.RunAt) {
			t.Errorf("the next is due %v, want %v", next, later.RunAt)
		}
		if again, _ := w.Claim(w.ctx, now.Add(job.Lease-1e6), 10); len(again) != 1 || again[0].ID != "2" {
			t.Errorf("while the first is leased: %v", again)
		}
		if again, _ := w.Claim(w.ctx, now.Add(job.Lease), 10); len(again) != 1 || again[0].ID != "1" || again[0].Attempts != 2 {
			t.Errorf("when its lease is over: %v", again)
		}
		w.must(w.Done(w.ctx, first))
		w.must(w.Done(w.ctx, later))
		w.must(w.Done(w.ctx, later))
		if next, _ := w.Next(w.ctx); !next.IsZero() {
			t.Errorf("after all were done there is one at %v", next)
		}
	})
}

func TestRetriedJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.must(w.Enqueue(w.ctx, job.Job{Kind: "a", ID: "1", RunAt: now}))
		claimed, _ := w.Claim(w.ctx, now, 1)
		j := claimed[0]
		j.RunAt, j.Attempts = now.Add(time.Second), 7
		w.must(w.Retry(w.ctx, j, errors.New("a \x00 cause that is \xff long "+strings.Repeat("ä", mostCause))))
		if again, _ := w.Claim(w.ctx, now, 1); len(again) > 0 {
			t.Errorf("too early: %v", again)
		}
		again, err := w.Claim(w.ctx, now.Add(time.Second), 1)
		if err != nil || len(again) != 1 || again[0].Attempts != 8 {
			t.Fatalf("%v, %v", again, err)
		}
		// The first to have it comes too late to say how it went.
		j.RunAt = now.Add(time.Second)
		w.must(w.Retry(w.ctx, j, errors.New("late")))
		if twice, _ := w.Claim(w.ctx, now.Add(2*time.Second), 1); len(twice) > 0 {
			t.Errorf("a job is given to two: %v", twice)
		}
		j = again[0]
		j.RunAt = time.Time{}
		w.must(w.Retry(w.ctx, j, errors.New("dead")))
		if again, _ := w.Claim(w.ctx, now.Add(1000*time.Hour), 1); len(again) > 0 {
			t.Errorf("a dead job was claimed: %v", again)
		}
		if next, _ := w.Next(w.ctx); !next.IsZero() {
			t.Errorf("a dead job is due %v", next)
		}
		var cause string
		w.must(w.query(w.ctx, func(row scan) error { return row(&cause) }, `select cause from jobs where kind = $1 and id = $2`, "a", "1"))
		if cause != "dead" {
			t.Errorf("its cause is %q", cause)
		}

		dead, err := w.DeadJobs(w.ctx, 10)
		w.must(err)
		if diff := cmp.Diff([]job.Dead{{Kind: "a", ID: "1", Attempts: 8, Cause: "dead"}}, dead); diff != "" {
			t.Error("the dead:", diff)
		}
		w.must(w.Revive(w.ctx, "a", "2", now))
		w.must(w.Revive(w.ctx, "a", "1", now))
		w.must(w.Revive(w.ctx, "a", "1", now.Add(time.Hour))) // it lives already
		if dead, err := w.DeadJobs(w.ctx, 10); len(dead) > 0 || err != nil {
			t.Errorf("still dead: %v, %v", dead, err)
		}
		again, err = w.Claim(w.ctx, now, 10)
		if err != nil || len(again) != 1 || again[0].Attempts != 1 {
			t.Fatalf("revived: %v, %v", again, err)
		}
		again[0].RunAt = time.Time{}
		w.must(w.Retry(w.ctx, again[0], errors.New("dead once more")))
		w.must(w.Enqueue(w.ctx, job.Job{Kind: "b", ID: "1", RunAt: now.Add(time.Hour)}))
		w.must(w.ReviveAll(w.ctx, now))
		if again, err := w.Claim(w.ctx, now, 10); err != nil || len(again) != 1 || again[0].Kind != "a" || again[0].Attempts != 1 {
			t.Errorf("all revived, and those alone: %v, %v", again, err)
		}
	})
}

func TestAJobIsClaimedByOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for range 100 {
			w.must(w.Enqueue(w.ctx, job.Job{Kind: "a", ID: w.ids.Key(), RunAt: now}))
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for empty := 0; empty < 3; {
					jobs, err := w.Claim(w.ctx, now, 7)
					if err != nil {
						t.Error(err)
						return
					}
					if len(jobs) == 0 {
						empty++
					}
					mu.Lock()
					for _, j := range jobs {
						seen[j.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(seen) != 100 {
			t.Errorf("%d of 100 jobs were claimed", len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("job %s was claimed %d times", id, n)
			}
		}
	})
}

func TestAJobThatWasWrittenAnewStays(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		j := job.Job{Kind: "k", ID: "1", RunAt: now}
		w.must(w.Enqueue(w.ctx, j))
		claimed, err := w.Claim(w.ctx, now, 1)
		w.must(err)
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`delete from jobs where kind = $1 and id = $2`, j.Kind, j.ID)
			insertJobs(t, []job.Job{j})
			return nil
		}))
		w.must(w.Done(w.ctx, claimed[0]))
		again, err := w.Claim(w.ctx, now, 1)
		if w.must(err); len(again) != 1 {
			t.Fatal("the end of one run took the job of the next with it")
		}
		w.must(w.Done(w.ctx, again[0]))
		if rest, err := w.Claim(w.ctx, now.Add(time.Hour), 1); err != nil || len(rest) != 0 {
			t.Errorf("left: %v, %v", rest, err)
		}
	})
}
