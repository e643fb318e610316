// Package job is work that outlives its request: removing bytes, sweeping,
// purging, later mails and webhooks.
//
// It owns what a job is and the runner that carries jobs out, at least once
// each. A job is written in the same transaction as the change that calls for
// it, by whoever stores that change; the work itself is a Handler given by the
// program. Start at Job and Runner.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/planted"
)

// A Job is one piece of work. (Kind, ID) is unique: writing a job that is there
// already changes nothing, so a change that is saved twice calls for it once.
type Job struct {
	Kind     string
	ID       string    // what it is about, such as a transfer's key
	RunAt    time.Time // not before
	Attempts int       // how often it was begun
	Leased   time.Time // of one that was claimed: until when. It tells this claim from others.
}

// Lease is how long a runner may keep a job before another may take it over. It is
// not renewed: see Handler.
const Lease = 5 * time.Minute

// MaxAttempts is how often a failing job is tried before it is dead: kept, but
// left to the operator.
const MaxAttempts = 12

// A Queue keeps jobs.
type Queue interface {
	// Enqueue writes jobs that belong to no other change. Those that are there
	// already stay as they are.
	Enqueue(ctx context.Context, jobs ...Job) error

	// Claim takes up to n jobs that are due at now and not leased, and leases
	// them until now+Lease with Attempts one higher. Two callers never get the
	// same job at once.
	Claim(ctx context.Context, now time.Time, n int) ([]Job, error)

	// Done forgets a job that was claimed; one that was written anew since then stays.
	Done(ctx context.Context, j Job) error

	// Retry gives a claimed job back, due at j.RunAt, with j.Attempts as given.
	// Cause is kept for the operator; it is nil for work that goes on later by
	// plan. A job whose RunAt is zero is dead: kept, never claimed again. One whose
	// lease ran out and that was claimed anew stays with whoever has it now.
	Retry(ctx context.Context, j Job, cause error) error

	// Next tells when the next job is due; the zero time when there is none.
	Next(ctx context.Context) (time.Time, error)
}

// Dead is a job that failed as often as it may.
type Dead struct {
	Kind, ID string
	Attempts int
	Cause    string // why it failed last
}

// A Graveyard is what an operator sees of a queue.
type Graveyard interface {
	// DeadJobs gives up to n of them, by kind and id.
	DeadJobs(ctx context.Context, n int) ([]Dead, error)

	// Revive makes a dead job due, as if it had never been begun. One that is not
	// dead, or gone, stays as it is.
	Revive(ctx context.Context, kind, id string, due time.Time) error

	// ReviveAll makes all dead jobs due: when a mail server was away for a day, there are many.
	ReviveAll(ctx context.Context, due time.Time) error
}

// A Handler does the work of one kind of job. It may be run again after it
// succeeded (a crash before Done), so it must be idempotent. To be run again
// later by plan, it returns Again.
//
// It must end well within Lease: after that the same job is begun once more beside
// it. So long work is done in bounded steps, each a run that ends with Again(0);
// between them other jobs have their turn, and each has its own MaxAttempts.
type Handler func(ctx context.Context, j Job) error

type again time.Duration

func (a again) Error() string { return fmt.Sprintf("again in %v", time.Duration(a)) }

// Again is what a Handler returns to be run once more after a while: a sweep that
// comes back, or long work done in steps.
func Again(after time.Duration) error { return again(after) }

// IsAgain tells whether err is what Again returns.
func IsAgain(err error) bool {
	_, ok := errors.AsType[again](err)
	return ok
}

// A Runner carries out jobs. Make one with NewRunner.
type Runner struct {
	queue    Queue
	handlers map[string]Handler
	now      func() time.Time
	log      *slog.Logger
	poke     chan struct{}
}

// NewRunner makes a Runner that knows how each kind of job is done.
func NewRunner(q Queue, handlers map[string]Handler, now func() time.Time, log *slog.Logger) *Runner {
	return &Runner{queue: q, handlers: handlers, now: now, log: log, poke: make(chan struct{}, 1)}
}

// Poke tells the runner that there may be something to do at once. It never waits.
func (r *Runner) Poke() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// Soon is Poke for a job that is due then, if that is before the runner looks anyway.
func (r *Runner) Soon(due time.Time) {
	if due.Before(r.now().Add(Poll)) {
		r.Poke()
	}
}

// Poll is the longest time between two looks at the queue: what another node
// wrote, or a lease that ran out, is found by then.
const Poll = 5 * time.Second

// Run works until ctx ends, and returns when the jobs it began are over. Width
// is how many it does at once. Each of its workers takes one job at a time, so a
// long one delays no other while there is a worker left.
func (r *Runner) Run(ctx context.Context, width int) {
	// The workers look for a job in turn: those that have none cost nothing.
	turn := make(chan struct{}, 1)
	var workers sync.WaitGroup
	for range width {
		workers.Go(func() { r.work(ctx, turn) })
	}
	workers.Wait()
}

func (r *Runner) work(ctx context.Context, turn chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case turn <- struct{}{}:
		}
		j, ok := r.next(ctx)
		<-turn
		if !ok {
			return
		}
		if err := r.do(ctx, j); err != nil {
			r.log.ErrorContext(ctx, "job queue failed", "err", err)
		}
		r.Poke() // what it left behind may be due before what the next in turn waits for
	}
}

// next waits until a job is due and claims it. Ok is false when ctx ended first.
func (r *Runner) next(ctx context.Context) (j Job, ok bool) {
	for ctx.Err() == nil {
		select {
		case <-r.poke: // by this look it is heeded
		default:
		}
		jobs, err := r.queue.Claim(ctx, r.now(), 1)
		if len(jobs) > 0 {
			return jobs[0], true
		}
		pause := Poll
		if err == nil {
			pause = r.pause(ctx)
		} else if ctx.Err() == nil {
			r.log.ErrorContext(ctx, "job queue failed", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-r.poke:
		case <-time.After(pause):
		}
	}
	return Job{}, false
}

// pause is the time to the next job that is due, within reason.
func (r *Runner) pause(ctx context.Context) time.Duration {
	next, err := r.queue.Next(ctx)
	if err != nil || next.IsZero() {
		return Poll
	}
	return max(10*time.Millisecond, min(Poll, next.Sub(r.now())))
}

// Step claims up to width jobs, does them at the same time, and says how many
// there were when all are over. Simulations call it in place of Run: between two
// calls nothing goes on.
func (r *Runner) Step(ctx context.Context, width int) (int, error) {
	jobs, err := r.queue.Claim(ctx, r.now(), width)
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		wg.Go(func() { errs[i] = r.do(ctx, j) })
	}
	wg.Wait()
	return len(jobs), errors.Join(errs...)
}

// do runs one job and tells the queue how it went.
func (r *Runner) do(ctx context.Context, j Job) error {
	err := r.handle(ctx, j)
	// What was done must be noted even when the program is just being stopped.
	ctx = context.WithoutCancel(ctx)
	if err == nil && planted.JobRunTwice {
		return nil
	}
	if err == nil {
		return r.queue.Done(ctx, j)
	}
	if a, ok := errors.AsType[again](err); ok {
		j.RunAt, j.Attempts = r.now().Add(time.Duration(a)), 0
		return r.queue.Retry(ctx, j, nil)
	}
	if j.Attempts >= MaxAttempts {
		j.RunAt = time.Time{}
		r.log.ErrorContext(ctx, "job is dead", "kind", j.Kind, "job", j.ID, "attempts", j.Attempts, "err", err)
	} else {
		j.RunAt = r.now().Add(backoff(j.Attempts))
		r.log.WarnContext(ctx, "job failed", "kind", j.Kind, "job", j.ID, "attempts", j.Attempts, "err", err)
	}
	return r.queue.Retry(ctx, j, err)
}

func (r *Runner) handle(ctx context.Context, j Job) (err error) {
	h := r.handlers[j.Kind]
	if h == nil {
		return fmt.Errorf("no handler for jobs of kind %q", j.Kind)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return h(ctx, j)
}

// backoff is the pause after the n-th failure: a second, doubling up to an hour.
func backoff(n int) time.Duration {
	return min(time.Hour, time.Second<<min(max(n-1, 0), 12))
}
