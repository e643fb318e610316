package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ferry-server/ferry/internal/fault"
)

// postgres is the engine for several machines.
//
// A transaction is READ COMMITTED with locks on the rows it decides on. Most
// take two round trips, whatever they write: "begin" travels with the first
// query, "commit" with the last changes.
type postgres struct {
	pool   *pgxpool.Pool
	before func(sql string) error
}

// conns is how many connections a node opens when the URL does not say
// pool_max_conns.
const conns = 16

// mostTries is how often a transaction is run that PostgreSQL ended for the sake
// of another: a deadlock or a serialization failure.
const mostTries = 5

func openPostgres(ctx context.Context, url string, o Options) (*postgres, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error quotes the URL; pgx has taken the password out of it.
		return nil, fault.Wrap(fault.Invalid, "database_url", err, "not a URL of PostgreSQL")
	}
	if !strings.Contains(url, "pool_max_conns") {
		conf.MaxConns = conns // pgx's own default is the number of cores, but ours wait for PostgreSQL's disk
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, postgresError(err)
	}
	p := &postgres{pool: pool, before: o.before}
	if err := migrate(ctx, p, o.scripts); err != nil {
		pool.Close()
		return nil, postgresError(err)
	}
	return p, nil
}

func (p *postgres) broken() <-chan struct{} { return nil }

func (p *postgres) close() error {
	p.pool.Close()
	return nil
}

func (p *postgres) query(ctx context.Context, each func(scan) error, sql string, args []any) error {
	if err := p.before(sql); err != nil {
		return err
	}
	rows, err := p.pool.Query(ctx, sql, args...)
	if err != nil {
		return postgresError(err)
	}
	return postgresError(eachRow(rows, each))
}

func eachRow(rows pgx.Rows, each func(scan) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (p *postgres) write(ctx context.Context, change func(tx) error) error {
	for try := 1; ; try++ {
		err := p.try(ctx, change)
		if try == mostTries || !again(err) {
			return postgresError(err)
		}
	}
}

// again tells whether PostgreSQL ended the transaction only for another's sake.
func again(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pe.Code == "40001" || pe.Code == "40P01")
}

func (p *postgres) try(ctx context.Context, change func(tx) error) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// A connection that is released inside a transaction, after a panic too, is
	// closed by the pool, and PostgreSQL rolls back.
	defer conn.Release()
	t := &postgresTx{ctx: ctx, conn: conn.Conn(), before: p.before}
	err = change(t)
	if err == nil {
		err = t.commit()
	}
	if err != nil && t.begun {
		t.rollback()
	}
	return err
}

// A postgresTx is a transaction whose statements travel together.
type postgresTx struct {
	ctx     context.Context // of the call of write; a tx does not outlive it
	conn    *pgx.Conn
	before  func(sql string) error
	begun   bool
	waiting pgx.Batch
	checked bool // a statement is waiting whose count decides about the commit
	err     error
}

func (t *postgresTx) queue(sql string, args []any) *pgx.QueuedQuery {
	if !t.begun && t.waiting.Len() == 0 {
		t.waiting.Queue("begin")
	}
	return t.waiting.Queue(sql, args...)
}

func (t *postgresTx) query(each func(scan) error, sql string, args ...any) error {
	if t.admit(sql, args) {
		t.queue(sql, args).Query(func(rows pgx.Rows) error { return eachRow(rows, each) })
		t.send()
	}
	return t.err
}

func (t *postgresTx) exec(sql string, args ...any) {
	if t.admit(sql, args) {
		t.queue(sql, args)
	}
}

func (t *postgresTx) must(refusal error, sql string, args ...any) {
	if !t.admit(sql, args) {
		return
	}
	t.checked = true
	t.queue(sql, args).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return refusal
		}
		return nil
	})
}

func (t *postgresTx) noting(touched func(), sql string, args ...any) {
	if !t.admit(sql, args) {
		return
	}
	t.queue(sql, args).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() > 0 {
			touched()
		}
		return nil
	})
}

func (t *postgresTx) lock(clause string) string { return clause }

// admit tells whether a statement may go on.
func (t *postgresTx) admit(sql string, args []any) bool {
	if t.err == nil {
		t.err = clean(args)
	}
	if t.err == nil {
		t.err = t.before(sql)
	}
	return t.err == nil
}

// send sends what waits, in one round trip.
func (t *postgresTx) send() {
	t.begun = true
	t.err = t.conn.SendBatch(t.ctx, &t.waiting).Close()
	t.waiting, t.checked = pgx.Batch{}, false
}

func (t *postgresTx) commit() error {
	if t.checked && t.err == nil {
		t.send() // a refusal must be known before the commit leaves
	}
	if t.err != nil || !t.begun && t.waiting.Len() == 0 {
		return t.err
	}
	if t.err = t.before("commit"); t.err != nil {
		return t.err
	}
	t.queue("commit", nil).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return fmt.Errorf("commit was answered with %s", tag)
		}
		return nil
	})
	t.send()
	return t.err
}

// rollback ends the transaction for good. When even that fails, the pool closes
// the connection.
func (t *postgresTx) rollback() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 5*time.Second)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback")
}

// postgresError classifies what PostgreSQL says (PostgreSQL docs, Appendix A,
// Error Codes). Faults pass as they are.
func postgresError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pe.Code == "23505":
			return fmt.Errorf("%w: %w", errTaken, err)
		case pe.Code == "53100":
			return diskFull(err)
		case pe.Code[:2] == "08", pe.Code[:2] == "40", pe.Code[:2] == "53", pe.Code[:2] == "57":
			return unavailable(err)
		}
		return err
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	if connecting || network || errors.Is(err, io.ErrUnexpectedEOF) {
		return unavailable(err)
	}
	return err
}
