package db

import (
	"context"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/job"
)

// A claimed job is one that is due later: when its lease ends. So one index tells
// what is due, and a runner that died gives its jobs back by dying.

// Enqueue implements job.Queue.
func (d *DB) Enqueue(ctx context.Context, jobs ...job.Job) error {
	return d.write(ctx, func(t tx) error {
		insertJobs(t, jobs)
		return nil
	})
}

func insertJobs(t tx, jobs []job.Job) {
	for _, j := range jobs {
		calls(t, j.RunAt)
		t.exec(`
			insert into jobs (kind, id, due, attempts, cause) values ($1, $2, $3, $4, '')
			on conflict (kind, id) do nothing`, j.Kind, j.ID, j.RunAt, j.Attempts)
	}
}

// calls notes that a job was written: see DB.OnJobs.
func calls(t tx, due time.Time) {
	if c, ok := t.(*calling); ok {
		c.call(due)
	}
}

// Claim implements job.Queue.
func (d *DB) Claim(ctx context.Context, now time.Time, n int) (jobs []job.Job, err error) {
	err = d.write(ctx, func(t tx) error {
		jobs = nil
		err := t.query(func(row scan) error {
			var j job.Job
			err := row(&j.Kind, &j.ID, intoTime(&j.RunAt), &j.Attempts)
			j.Attempts++
			j.Leased = now.Add(job.Lease)
			jobs = append(jobs, j)
			return err
		}, `select kind, id, due, attempts from jobs where due <= $1 order by due limit $2 + 0`+
			t.lock(" for update skip locked"), now, n)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			t.exec(`update jobs set due = $1, attempts = $2 where kind = $3 and id = $4`,
				j.Leased, j.Attempts, j.Kind, j.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// Done implements job.Queue. One that was begun less often was dropped meanwhile,
// and written anew.
func (d *DB) Done(ctx context.Context, j job.Job) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`delete from jobs where kind = $1 and id = $2 and attempts >= $3`, j.Kind, j.ID, j.Attempts)
		return nil
	})
}

// mostCause bounds the cause that is kept of a failed job.
const mostCause = 1000

// Retry implements job.Queue. A job that is claimed is due when its lease ends.
func (d *DB) Retry(ctx context.Context, j job.Job, cause error) error {
	text := ""
	if cause != nil {
		text = plain(cause.Error(), mostCause)
	}
	var due any // null: dead
	if !j.RunAt.IsZero() {
		due = j.RunAt
	}
	return d.write(ctx, func(t tx) error {
		t.exec(`update jobs set due = $1, attempts = $2, cause = $3 where kind = $4 and id = $5 and due = $6`,
			due, j.Attempts, text, j.Kind, j.ID, j.Leased)
		return nil
	})
}

// DeadJobs implements job.Graveyard.
func (d *DB) DeadJobs(ctx context.Context, n int) (dead []job.Dead, err error) {
	err = d.query(ctx, func(row scan) error {
		var j job.Dead
		err := row(&j.Kind, &j.ID, &j.Attempts, &j.Cause)
		dead = append(dead, j)
		return err
	}, `select kind, id, attempts, cause from jobs where due is null order by kind, id limit $1 + 0`, n)
	return dead, err
}

// Revive implements job.Graveyard.
func (d *DB) Revive(ctx context.Context, kind, id string, due time.Time) error {
	return d.write(ctx, func(t tx) error {
		calls(t, due)
		t.exec(`update jobs set due = $1, attempts = 0 where kind = $2 and id = $3 and due is null`, due, kind, id)
		return nil
	})
}

// ReviveAll implements job.Graveyard.
func (d *DB) ReviveAll(ctx context.Context, due time.Time) error {
	return d.write(ctx, func(t tx) error {
		calls(t, due)
		t.exec(`update jobs set due = $1, attempts = 0 where due is null`, due)
		return nil
	})
}

// plain makes any text storable: at most n bytes of UTF-8 without NUL.
func plain(s string, n int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), n)], "?"), "\x00", "?")
}

// Next implements job.Queue.
func (d *DB) Next(ctx context.Context) (next time.Time, err error) {
	err = d.query(ctx, func(row scan) error { return row(intoTime(&next)) },
		`select due from jobs where due is not null order by due limit 1`)
	return next, err
}
