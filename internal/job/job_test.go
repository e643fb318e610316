package job_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/job"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestRunner(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name    string
		handler func(n int) error // n-th run, from 1
		runs    int
		within  time.Duration
	}{
		{"done once", func(int) error { return nil }, 1, time.Hour},
		{"fails twice, then done", func(n int) error {
			if n < 3 {
				return boom
			}
			return nil
		}, 3, 5 * time.Second},
		{"a panic is a failure", func(n int) error {
			if n == 1 {
				panic("x")
			}
			return nil
		}, 2, 5 * time.Second},
		{"comes back by plan", func(int) error { return job.Again(10 * time.Minute) }, 6, 59 * time.Minute},
		{"dies after the last attempt", func(int) error { return boom }, job.MaxAttempts, 10 * 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var runs atomic.Int64
				m := &coretest.Model{}
				r := job.NewRunner(m, map[string]job.Handler{"k": func(context.Context, job.Job) error {
					return tt.handler(int(runs.Add(1)))
				}}, time.Now, quiet())
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() { r.Run(ctx, 4); close(done) }()
				synctest.Wait() // it has looked and waits, so that it does not look between the two
				for range 2 {   // a job that is there already stays one
					if err := m.Enqueue(ctx, job.Job{Kind: "k", ID: "1", RunAt: time.Now()}); err != nil {
						t.Fatal(err)
					}
				}
				r.Poke()
				time.Sleep(tt.within)
				cancel()
				<-done
				if got := int(runs.Load()); got != tt.runs {
					t.Errorf("ran %d times, want %d", got, tt.runs)
				}
			})
		})
	}
}

func TestJobsWaitForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &coretest.Model{}
		start := time.Now()
		var at time.Duration
		r := job.NewRunner(m, map[string]job.Handler{"k": func(context.Context, job.Job) error {
			at = time.Since(start)
			return nil
		}}, time.Now, quiet())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { r.Run(ctx, 1); close(done) }()
		_ = m.Enqueue(ctx, job.Job{Kind: "k", ID: "1", RunAt: start.Add(time.Hour)})
		time.Sleep(2 * time.Hour)
		cancel()
		<-done
		if at < time.Hour || at > time.Hour+job.Poll {
			t.Errorf("ran after %v, want an hour", at)
		}
	})
}

// run has a Runner of the given width at work for a while on jobs that are due at
// once, one of each kind, and gives the model that keeps them.
func run(width int, handlers map[string]job.Handler, while time.Duration) *coretest.Model {
	m := &coretest.Model{}
	ctx, cancel := context.WithTimeout(context.Background(), while)
	defer cancel()
	for kind := range handlers {
		_ = m.Enqueue(ctx, job.Job{Kind: kind, ID: "1", RunAt: time.Now()})
	}
	job.NewRunner(m, handlers, time.Now, quiet()).Run(ctx, width)
	return m
}

func TestALongJobDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long, pause = job.Lease - time.Minute, 10 * time.Second
		start := time.Now()
		var runs int
		run(2, map[string]job.Handler{
			"long": func(context.Context, job.Job) error { time.Sleep(long); return nil },
			"often": func(context.Context, job.Job) error {
				if late := time.Since(start) - time.Duration(runs)*pause; late > time.Second {
					t.Errorf("run %d is %v late", runs+1, late)
				}
				runs++
				return job.Again(pause)
			},
		}, long)
		if want := int(long / pause); runs < want {
			t.Errorf("ran %d times, want %d", runs, want)
		}
	})
}

func TestAsManyAtOnceAsTheWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jobs, width = 10, 3
		start := time.Now()
		var now, most, done atomic.Int64
		var end atomic.Int64
		handlers := map[string]job.Handler{}
		for i := range jobs {
			handlers[string(rune('a'+i))] = func(context.Context, job.Job) error {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Minute)
				now.Add(-1)
				if done.Add(1) == jobs {
					end.Store(int64(time.Since(start)))
				}
				return nil
			}
		}
		run(width, handlers, time.Hour)
		if most.Load() != width || time.Duration(end.Load()) > 4*time.Minute+time.Second {
			t.Errorf("%d at once, over after %v; want %d, and four minutes", most.Load(), time.Duration(end.Load()), width)
		}
	})
}

func TestRunReturnsWhenItsJobsAreOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		m := run(2, map[string]job.Handler{
			"stubborn": func(context.Context, job.Job) error { time.Sleep(time.Minute); return nil },
		}, time.Second)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("returned after %v", took)
		}
		if next, _ := m.Next(context.Background()); !next.IsZero() {
			t.Error("what was done is not noted")
		}
	})
}

// Nobody pokes for what a job leaves behind, and no step waits for the next look.
func TestStepsFollowAtOnce(t *testing.T) {
	for _, width := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var steps int
			var end time.Duration
			run(width, map[string]job.Handler{
				"k": func(context.Context, job.Job) error {
					if steps++; steps < 100 {
						return job.Again(0)
					}
					end = time.Since(start)
					return nil
				},
			}, time.Hour)
			if steps != 100 || end > time.Second {
				t.Errorf("width %d: %d steps in %v", width, steps, end)
			}
		})
	}
}

// An awayQueue fails for an hour.
type awayQueue struct {
	*coretest.Model
	back  time.Time
	looks int
}

func (q *awayQueue) Claim(ctx context.Context, now time.Time, n int) ([]job.Job, error) {
	if now.Before(q.back) {
		q.looks++
		return nil, errors.New("the database is away")
	}
	return q.Model.Claim(ctx, now, n)
}

func TestAQueueThatFailsIsAskedAgainInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &awayQueue{Model: &coretest.Model{}, back: time.Now().Add(time.Hour)}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		_ = q.Enqueue(ctx, job.Job{Kind: "k", ID: "1", RunAt: time.Now()})
		ran := false
		job.NewRunner(q, map[string]job.Handler{"k": func(context.Context, job.Job) error {
			ran = true
			return nil
		}}, time.Now, quiet()).Run(ctx, 4)
		if most := int(time.Hour / job.Poll); !ran || q.looks > most {
			t.Errorf("ran: %v, after %d looks in an hour, want at most %d", ran, q.looks, most)
		}
	})
}

func TestALeaseThatRanOutIsTakenOver(t *testing.T) {
	now := time.Now()
	m := &coretest.Model{}
	ctx := context.Background()
	_ = m.Enqueue(ctx, job.Job{Kind: "k", ID: "1", RunAt: now})
	if got, _ := m.Claim(ctx, now, 10); len(got) != 1 {
		t.Fatal("not claimed")
	}
	if got, _ := m.Claim(ctx, now.Add(job.Lease-time.Second), 10); len(got) != 0 {
		t.Error("claimed twice")
	}
	if got, _ := m.Claim(ctx, now.Add(job.Lease), 10); len(got) != 1 || got[0].Attempts != 2 {
		t.Errorf("not taken over: %v", got)
	}
}
