package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/ferry-server/ferry/internal/batch"
)

// sqlite is the engine for one machine: one connection that writes, a few that
// read snapshots beside it (WAL).
//
// Changes that wait at the same moment are joined: the first to find nobody at
// work runs all of them, one after the other, and commits once; each is undone
// alone when it is refused. Their answers wait for that commit, also those of changes that were
// refused: they may have been refused for what another of them wrote.
type sqlite struct {
	path    string
	before  func(sql string) error
	free    func(folder string) (int64, error) // room on its disk
	waiting *batch.Group[*request]
	dead    chan struct{} // closed, after cause is set, when a sync failed

	// The writer's side is used by one goroutine at a time: the one that leads
	// waiting, or Open.
	writers *sql.DB
	writer  *sql.Conn
	stmts   map[string]*sql.Stmt
	torn    bool // the last act did not end, and left its transaction behind
	cause   error

	askers  askers
	readers *sql.DB
	mu      sync.RWMutex // guards reads
	reads   map[string]*sql.Stmt
}

// A request is a change that waits for its commit.
type request struct {
	change   func(tx) error
	err      error
	panicked any
}

const (
	// mostJoined bounds how long the first of a commit waits for the last.
	mostJoined = 64
	// readConns is how many queries run at once; each connection has a cache.
	readConns = 4
)

func openSQLite(ctx context.Context, path string, o Options) (_ *sqlite, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	// Made here for its mode: SQLite gives its other files the same.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	s := &sqlite{
		path: path, before: o.before, free: o.free, dead: make(chan struct{}),
		stmts: map[string]*sql.Stmt{}, reads: map[string]*sql.Stmt{},
	}
	s.waiting = batch.New(mostJoined, s.act, o.Park)
	defer func() {
		if err != nil {
			_ = s.close()
		}
	}()
	// In WAL mode synchronous=FULL syncs at every commit. With NORMAL a power cut
	// loses commits that were answered (SQLite docs, PRAGMA synchronous).
	s.writers, err = openConns(path, 1, "journal_mode(wal)", "synchronous(full)",
		"cache_size(-8000)", "journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	// While another process makes the file or closes it, SQLite does not wait for
	// the change to WAL mode: it says "busy" at once.
	for try := 1; ; try++ {
		if s.writer, err = s.writers.Conn(ctx); err == nil {
			break
		}
		if try == 100 || sqliteCode(err)&0xff != codeBusy {
			return nil, sqliteError(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := migrate(ctx, s, o.scripts); err != nil {
		return nil, err
	}
	if s.readers, err = openConns(path, readConns, "query_only(1)", "cache_size(-2000)"); err != nil {
		return nil, err
	}
	s.askers.start(readConns)
	return s, nil
}

func openConns(path string, n int, pragmas ...string) (*sql.DB, error) {
	// The timeout comes first: what follows may wait for another process, such
	// as a command of the operator beside the server.
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "trusted_schema(0)"}, pragmas...)}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

func (s *sqlite) broken() <-chan struct{} { return s.dead }

func (s *sqlite) close() error {
	s.askers.close()
	var errs []error
	for _, stmts := range []map[string]*sql.Stmt{s.stmts, s.reads} {
		for _, st := range stmts {
			errs = append(errs, st.Close())
		}
	}
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.writers != nil {
		errs = append(errs, s.writers.Close()) // the last connection also empties the WAL
	}
	return errors.Join(errs...)
}

func (s *sqlite) query(ctx context.Context, each func(scan) error, text string, args []any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.before(text); err != nil {
		return err
	}
	// Queries are short. A context that can end would cost a goroutine for each.
	ctx = context.WithoutCancel(ctx)
	return s.askers.do(func() error {
		st, err := s.prepared(ctx, text)
		if err != nil {
			return sqliteError(err)
		}
		return queryStmt(ctx, st, each, args)
	})
}

// prepared gives the statement of this text, kept open on each reading connection.
func (s *sqlite) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	st := s.reads[text]
	s.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.reads[text]; st != nil {
		return st, nil
	}
	st, err := s.readers.PrepareContext(ctx, text)
	if err == nil {
		s.reads[text] = st
	}
	return st, err
}

func queryStmt(ctx context.Context, st *sql.Stmt, each func(scan) error, args []any) error {
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return sqliteError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return sqliteError(rows.Err())
}

func (s *sqlite) write(ctx context.Context, change func(tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{change: change}
	if err := s.waiting.Do(r); err != nil {
		return err
	}
	if r.panicked != nil {
		panic(r.panicked) // where it belongs, not in the request that happened to lead
	}
	return r.err
}

// act runs the requests in one transaction. Its error is that of all of them:
// nothing was written.
func (s *sqlite) act(requests []*request) error {
	err := s.together(requests, false)
	if err != errRefused {
		return err
	}
	if len(requests) == 1 {
		return nil // all is undone, and the request knows why
	}
	return s.together(requests, true)
}

// errRefused tells that a request was refused after it had written.
var errRefused = errors.New("a request was refused")

// together runs the requests in one transaction, each in a savepoint if careful.
// Savepoints cost as much as a small change and are hardly ever needed: without
// them, a refusal after a write rolls all back, for another try with them.
func (s *sqlite) together(requests []*request, careful bool) (err error) {
	if s.cause != nil {
		return s.cause
	}
	if s.torn {
		_ = s.run("rollback") // fails when SQLite has rolled back by itself
	}
	s.torn = true
	if err := s.run("begin immediate"); err != nil {
		s.torn = false
		return err
	}
	for _, r := range requests {
		if err = s.runOne(r, careful); err != nil {
			break
		}
	}
	if err == nil {
		if err = s.run("commit"); isIOError(err) {
			s.cause = fmt.Errorf("the database is closed to writes since a commit failed: %w", err)
			close(s.dead)
		}
	}
	if err != nil {
		_ = s.run("rollback")
	}
	s.torn = false
	return err
}

// runOne runs one request. Its error ends the transaction for all of them.
func (s *sqlite) runOne(r *request, careful bool) error {
	if careful {
		if err := s.run("savepoint request"); err != nil {
			return err
		}
	}
	t := &sqliteTx{s: s}
	t.change(r)
	if t.err != nil && !spares(t.err) {
		return t.err
	}
	refused := r.err != nil || r.panicked != nil
	if !careful {
		if refused && t.wrote {
			return errRefused
		}
		return nil
	}
	if refused {
		if err := s.run("rollback to request"); err != nil {
			return err
		}
	}
	return s.run("release request")
}

// run runs a statement of the engine's own.
func (s *sqlite) run(text string) error {
	_, err := s.exec(text, nil)
	return err
}

func (s *sqlite) exec(text string, args []any) (rows int64, err error) {
	st, err := s.stmt(text)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, sqliteError(err)
	}
	return res.RowsAffected()
}

// stmt gives the statement of this text on the writer, prepared once.
func (s *sqlite) stmt(text string) (*sql.Stmt, error) {
	if err := s.before(text); err != nil {
		return nil, err
	}
	st := s.stmts[text]
	if st == nil {
		var err error
		if st, err = s.writer.PrepareContext(context.Background(), text); err != nil {
			return nil, sqliteError(err)
		}
		s.stmts[text] = st
	}
	return st, nil
}

// A sqliteTx is one request's part of the transaction.
type sqliteTx struct {
	s     *sqlite
	wrote bool
	err   error
}

// change runs the request's change, and catches its panic: the others of the
// transaction have nothing to do with it.
func (t *sqliteTx) change(r *request) {
	defer func() { r.panicked = recover() }()
	if r.err = r.change(t); r.err == nil {
		r.err = t.err
	}
}

func (t *sqliteTx) query(each func(scan) error, text string, args ...any) error {
	if t.err == nil {
		t.err = clean(args)
	}
	if t.err != nil {
		return t.err
	}
	st, err := t.s.stmt(text)
	if err == nil {
		err = queryStmt(context.Background(), st, each, args)
	}
	t.err = err
	return err
}

func (t *sqliteTx) exec(text string, args ...any) { t.run(text, args) }

func (t *sqliteTx) must(refusal error, text string, args ...any) {
	if n := t.run(text, args); t.err == nil && n == 0 {
		t.err = refusal
	}
}

func (t *sqliteTx) noting(touched func(), text string, args ...any) {
	if n := t.run(text, args); t.err == nil && n > 0 {
		touched()
	}
}

// run runs a statement and gives how many rows it touched.
func (t *sqliteTx) run(text string, args []any) (rows int64) {
	if t.err == nil {
		t.err = clean(args)
	}
	if t.err != nil {
		return 0
	}
	t.wrote = true
	rows, t.err = t.s.exec(text, args)
	return rows
}

func (t *sqliteTx) lock(string) string { return "" }

// Primary result codes of SQLite (SQLite docs, Result and Error Codes).
const (
	codeError      = 1
	codeBusy       = 5
	codeLocked     = 6
	codeIOError    = 10
	codeFull       = 13
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20

	codePrimaryKey = 1555 // extended
	codeUnique     = 2067
)

// sqliteCode gives the extended result code in err, 0 when there is none. The
// interface stands for *sqlite.Error, which nobody else can make.
func sqliteCode(err error) int {
	var coded interface {
		error
		Code() int
	}
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return 0
}

func isIOError(err error) bool { return sqliteCode(err)&0xff == codeIOError }

// spares tells whether an error leaves the rest of the transaction as it was.
// After others (full disk, I/O, no memory) SQLite may have rolled all of it back
// (SQLite docs, Response To Errors Within A Transaction).
func spares(err error) bool {
	switch sqliteCode(err) & 0xff {
	case 0, codeError, codeConstraint, codeTooBig, codeMismatch:
		return true
	}
	return false
}

func sqliteError(err error) error {
	switch code := sqliteCode(err); {
	case code == codeUnique, code == codePrimaryKey:
		return fmt.Errorf("%w: %w", errTaken, err)
	case code&0xff == codeFull:
		return diskFull(err)
	case code&0xff == codeBusy, code&0xff == codeLocked:
		return unavailable(err)
	}
	return err
}
