package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
)

// A Snapshot says what the files of one are.
type Snapshot struct {
	Engine string // "sqlite" or "postgres"
	Schema int    // the number of its last migration
}

// A Promise is a blob that rows of a snapshot promise bytes of.
type Promise struct {
	Blob  blob.ID
	Size  int64 // that it has at least
	Fixed bool  // it never changes again; one that is not may still gain parts
}

// Snapshot writes all rows as they are at one moment into a folder, which is there
// and empty, and gives every blob that they promise to each, in the order of the ids.
// The rest of the program goes on meanwhile. What it wrote is on stable storage.
func (d *DB) Snapshot(ctx context.Context, dir string, each func(Promise) error) (s Snapshot, err error) {
	if s, err = d.engine.snapshot(ctx, dir, each); err == nil {
		err = syncFolder(dir)
	}
	return s, err
}

// selectPromises gives the blobs of files that are neither deleted nor being purged:
// of those the bytes may be gone already.
const selectPromises = `
	select b, max(n), min(fixed) from (
		select p.file as b, p.off + p.len as n, case f.state when 2 then 1 else 0 end as fixed
		from parts p join files f on f.key = p.file join shares s on s.key = f.home
		where p.blob = '' and p.off >= 0 and p.len > 0 and f.state <= 2 and s.purging = 0
		union all
		select p.blob, p.off + p.len, 1
		from parts p join files f on f.key = p.file join shares s on s.key = f.home
		where p.blob <> '' and p.len > 0 and f.state <= 2 and s.purging = 0
	) promised group by b order by b`

func scanPromise(row scan, each func(Promise) error) error {
	var p Promise
	if err := row(&p.Blob, &p.Size, intoBool(&p.Fixed)); err != nil {
		return err
	}
	return each(p)
}

// Load fills an empty database with the rows of a snapshot in dir, and brings it up to
// date. The URL is Open's. Conflict "database_in_use" for one that holds something,
// Invalid "schema_newer" for a snapshot that this program does not know.
func Load(ctx context.Context, url string, dir string, s Snapshot) (*DB, error) {
	all, err := scripts()
	if err != nil {
		return nil, err
	}
	if s.Schema < 1 || s.Schema > len(all) {
		return nil, schemaNewer(s.Schema, len(all))
	}
	switch scheme, path, _ := strings.Cut(url, ":"); {
	case scheme == "sqlite" && s.Engine == "sqlite":
		err = loadSQLite(path, dir)
	case scheme != "sqlite" && s.Engine == "postgres":
		err = loadPostgres(ctx, url, dir, all[:s.Schema])
	default:
		err = fault.New(fault.Invalid, "engine", "the backup is one of %s: it can be restored into nothing else", engineNames[s.Engine])
	}
	if err != nil {
		return nil, err
	}
	d, err := Open(ctx, url, Options{})
	if err != nil {
		return nil, err
	}
	// The hold of the backup itself is among its rows.
	err = d.write(ctx, func(t tx) error {
		t.exec(`delete from blob_holds`)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

var engineNames = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

func inUse() error {
	return fault.New(fault.Conflict, "database_in_use", "the database holds something already")
}

// SQLite copies itself.

// snapshotFile is the name of the copy.
const snapshotFile = "ferry.db"

func (s *sqlite) snapshot(ctx context.Context, dir string, each func(Promise) error) (Snapshot, error) {
	path, err := filepath.Abs(filepath.Join(dir, snapshotFile)) // as SQLite wants it in a URL
	if err != nil {
		return Snapshot{}, err
	}
	if err := s.copyTo(ctx, path); err != nil {
		return Snapshot{}, err
	}
	// Nobody writes to the copy: it needs no log, and gets none.
	db, err := openConns(path, 1, "query_only(1)", "locking_mode(exclusive)")
	if err != nil {
		return Snapshot{}, err
	}
	defer db.Close()
	taken := Snapshot{Engine: "sqlite"}
	if err := db.QueryRowContext(ctx, "pragma user_version").Scan(&taken.Schema); err != nil {
		return Snapshot{}, sqliteError(err)
	}
	rows, err := db.QueryContext(ctx, selectPromises)
	if err != nil {
		return Snapshot{}, sqliteError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scanPromise(rows.Scan, each); err != nil {
			return Snapshot{}, err
		}
	}
	return taken, sqliteError(rows.Err())
}

// copyTo writes a copy of the database to a new file, as it is at one moment. It has a
// connection of its own, so writers go on.
func (s *sqlite) copyTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // SQLite takes an empty file for none
	if err != nil {
		return err
	}
	defer f.Close()
	db, err := openConns(s.path, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "vacuum into $1", path); err != nil {
		return sqliteError(err)
	}
	return f.Sync()
}

func loadSQLite(path, dir string) (err error) {
	from, err := os.Open(filepath.Join(dir, snapshotFile))
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := os.Stat(path); err == nil {
		return inUse()
	}
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(to.Name()) // fails when all went well
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := os.Rename(to.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// Of PostgreSQL, the rows of each table are a file in the form of COPY (PostgreSQL
// docs, COPY, Text Format), all from one transaction, with a list of the tables.

const tablesFile = "tables.json"

// A table is one of the snapshot.
type table struct {
	Name    string
	Columns []string
}

func (t table) file() string { return t.Name + ".copy" }

// copied gives what a COPY copies.
func (t table) copied() string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	return fmt.Sprintf("%s (%s)", t.quoted(), strings.Join(columns, ", "))
}

func (t table) quoted() string { return pgx.Identifier{t.Name}.Sanitize() }

func (p *postgres) snapshot(ctx context.Context, dir string, each func(Promise) error) (Snapshot, error) {
	taken := Snapshot{Engine: "postgres"}
	err := pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		err := t.QueryRow(ctx, "select max(version) from schema_version").Scan(&taken.Schema)
		if err != nil {
			return err
		}
		tables, err := tablesOf(ctx, t)
		if err != nil {
			return err
		}
		for _, tb := range tables {
			err := writeSynced(filepath.Join(dir, tb.file()), func(w io.Writer) error {
				_, err := t.Conn().PgConn().CopyTo(ctx, w, "copy "+tb.copied()+" to stdout")
				return err
			})
			if err != nil {
				return err
			}
		}
		err = writeSynced(filepath.Join(dir, tablesFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(tables) })
		if err != nil {
			return err
		}
		rows, err := t.Query(ctx, selectPromises)
		if err != nil {
			return err
		}
		return eachRow(rows, func(row scan) error { return scanPromise(row, each) })
	})
	return taken, postgresError(err)
}

// tablesOf gives all tables but the one with the schema's version.
func tablesOf(ctx context.Context, t pgx.Tx) (tables []table, err error) {
	rows, err := t.Query(ctx, `
		select c.table_name, c.column_name from information_schema.columns c
		join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
		where c.table_schema = current_schema() and t.table_type = 'BASE TABLE' and c.table_name <> 'schema_version'
		order by c.table_name, c.ordinal_position`)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(row scan) error {
		var name, column string
		if err := row(&name, &column); err != nil {
			return err
		}
		if n := len(tables); n == 0 || tables[n-1].Name != name {
			tables = append(tables, table{Name: name})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, column)
		return nil
	})
	return tables, err
}

func writeSynced(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	return errors.Join(err, f.Sync(), f.Close())
}

// loadPostgres makes the schema of the snapshot and fills its tables, all of them or none.
func loadPostgres(ctx context.Context, url, dir string, scripts []string) error {
	text, err := os.ReadFile(filepath.Join(dir, tablesFile))
	if err != nil {
		return err
	}
	var tables []table
	if err := json.Unmarshal(text, &tables); err != nil {
		return fmt.Errorf("%s: %w", tablesFile, err)
	}
	p, err := openPostgres(ctx, url, Options{scripts: scripts, before: func(string) error { return nil }})
	if err != nil {
		return err
	}
	defer p.pool.Close()
	err = pgx.BeginFunc(ctx, p.pool, func(t pgx.Tx) error {
		there, err := tablesOf(ctx, t)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, tb := range there {
			known[tb.Name] = true
		}
		used := false
		if err := t.QueryRow(ctx, `
			select exists (select 1 from accounts) or exists (select 1 from shares) or exists (select 1 from files)`).Scan(&used); err != nil {
			return err
		}
		if used {
			return inUse()
		}
		for _, tb := range tables {
			if !known[tb.Name] { // no name out of a file comes into a statement
				return fmt.Errorf("%s names a table %q that there is not", tablesFile, tb.Name)
			}
			if err := loadTable(ctx, t, tb, dir); err != nil {
				return fmt.Errorf("table %s: %w", tb.Name, err)
			}
		}
		return nil
	})
	return postgresError(err)
}

func loadTable(ctx context.Context, t pgx.Tx, tb table, dir string) error {
	f, err := os.Open(filepath.Join(dir, tb.file()))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := t.Exec(ctx, "delete from "+tb.quoted()); err != nil { // what migrations put there
		return err
	}
	_, err = t.Conn().PgConn().CopyFrom(ctx, f, "copy "+tb.copied()+" from stdin")
	return err
}
