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
				for range 2 { // a job that is there already stays one
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
