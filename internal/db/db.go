// Package db keeps Ferry's rows: accounts, keys, shares, files, parts, links and
// jobs, in SQLite or PostgreSQL. It is the only package that contains SQL.
//
// It owns the schema and its migrations, transactions, and how the changes of
// requests that wait at the same moment share one commit. What a change means is
// decided by the core, whose Store interfaces *DB implements; the bytes are kept
// by the stores of package blob. Start at Open, then tx.go for what a
// transaction is, then the file of any noun. There is one text of SQL for both
// engines, written by hand: $1…$n, sizes and times as bigint, text compared
// bytewise. It says "limit $1 + 0" because SQLite makes a new plan for each value
// of a bare limit, which takes longer than the query.
package db

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// What *DB is for the core.
var (
	_ account.Store      = (*DB)(nil)
	_ audit.Store        = (*DB)(nil)
	_ block.Store        = (*DB)(nil)
	_ plan.Store         = (*DB)(nil)
	_ company.Store      = (*DB)(nil)
	_ session.Store      = (*DB)(nil)
	_ share.Store        = (*DB)(nil)
	_ upload.Store       = (*DB)(nil)
	_ transfer.DeskStore = (*DB)(nil)
	_ board.Store        = (*DB)(nil)
	_ contact.Store      = (*DB)(nil)
	_ job.Queue          = (*DB)(nil)
)

// A DB is an open database. It is safe for concurrent use.
//
// What its methods return without error is on stable storage. Errors are faults:
// beside those that the interfaces name, Invalid "text_invalid" for text with a
// NUL or that is no UTF-8, Full "disk_full", Unavailable "database_unavailable"
// for a database that is busy or does not answer, else Internal.
type DB struct {
	engine engine
	wake   func(due time.Time) // see OnJobs; nil: nobody waits for jobs
}

// Options of Open. The zero value is good.
type Options struct {
	// Dir is where the SQLite file lives when the URL names none.
	Dir string

	// Park, if not nil, is called on SQLite by every writer that waited for
	// another's commit, before it goes on: a simulation holds it there.
	Park func()

	// before, if not nil, is asked before each statement, commit and batch. Its
	// error takes the place of the act.
	before func(sql string) error

	scripts []string                           // the migrations
	free    func(folder string) (int64, error) // what is left on a disk
}

// Open opens the database and brings its schema up to date, after a backup of a
// SQLite file that has one already. The URL is empty or "sqlite:PATH" for a SQLite
// file, which is made when it is missing, or "postgres://…" as libpq knows it.
// A schema newer than this program is refused.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if o.before == nil {
		o.before = func(string) error { return nil }
	}
	if o.free == nil {
		o.free = freeOn
	}
	var err error
	if o.scripts == nil {
		if o.scripts, err = scripts(); err != nil {
			return nil, err
		}
	}
	var e engine
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "":
		e, err = openSQLite(ctx, filepath.Join(o.Dir, "ferry.db"), o)
	case "sqlite":
		e, err = openSQLite(ctx, rest, o)
	case "postgres", "postgresql":
		e, err = openPostgres(ctx, url, o)
	default:
		// The URL may hold a password: only its scheme is shown.
		err = fault.New(fault.Invalid, "database_url", "a database is sqlite:PATH or postgres://…, not %s:", scheme)
	}
	if err != nil {
		return nil, err
	}
	return &DB{engine: e}, nil
}

// Close lets the database go. Nobody may use it any more.
func (d *DB) Close() error { return d.engine.close() }

// Broken is closed when the database may no longer be written to, because a sync
// of it failed and nobody knows what the disk holds: every later write fails at
// once. The program must end with an error, and recover at its next start.
func (d *DB) Broken() <-chan struct{} { return d.engine.broken() }

// Ping tells whether the database answers, and may still be written to.
func (d *DB) Ping(ctx context.Context) error {
	select {
	case <-d.Broken():
		return unavailable(errors.New("writes are closed"))
	default:
		return d.query(ctx, func(scan) error { return nil }, `select 1`)
	}
}

// query runs sql outside of any transaction: see engine.
func (d *DB) query(ctx context.Context, each func(scan) error, sql string, args ...any) error {
	if err := clean(args); err != nil {
		return err
	}
	return d.engine.query(ctx, each, sql, args)
}

// find is query for a row that must be there: missing is the error when it is not.
func (d *DB) find(ctx context.Context, missing error, each func(scan) error, sql string, args ...any) error {
	found := false
	err := d.query(ctx, func(row scan) error {
		found = true
		return each(row)
	}, sql, args...)
	if err == nil && !found {
		return missing
	}
	return err
}

// latest reads the rows that read selects, up to n of those with a key less than before,
// or with "" all, the greatest key first. The text ends before its where.
func (d *DB) latest(ctx context.Context, row func(scan) error, read, before string, n int) error {
	if before == "" {
		return d.query(ctx, row, read+` order by key desc limit $1 + 0`, n)
	}
	return d.query(ctx, row, read+` where key < $1 order by key desc limit $2 + 0`, before, n)
}

// write runs change in a transaction: see engine.
func (d *DB) write(ctx context.Context, change func(tx) error) error {
	var called calling
	err := d.engine.write(ctx, func(t tx) error {
		called = calling{tx: t}
		return change(&called)
	})
	if err == nil && called.jobs && d.wake != nil {
		d.wake(called.first)
	}
	return err
}

// A calling is a transaction that remembers when the first of the jobs is due that it
// calls for.
type calling struct {
	tx
	jobs  bool
	first time.Time
}

func (c *calling) call(due time.Time) {
	if !c.jobs || due.Before(c.first) {
		c.jobs, c.first = true, due
	}
}

// OnJobs has wake told when jobs were written, and when the first of them is due. It is to
// be called before anything is written.
func (d *DB) OnJobs(wake func(due time.Time)) { d.wake = wake }
