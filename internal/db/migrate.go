package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// The migrations, in the order of their numbers. One that was released is never
// changed again. They are in SQLite's words.
//
//go:embed migrations/*.sql
var migrations embed.FS

// forPostgres makes SQLite's words PostgreSQL's. Types and table options are the
// only upper-case words of the migrations. Collation "C" compares text bytewise,
// as SQLite does.
var forPostgres = strings.NewReplacer(
	") STRICT, WITHOUT ROWID", ")",
	"TEXT", `text collate "C"`,
	"INTEGER", "bigint",
	"BLOB", "bytea",
)

// A migrator is an engine while its schema is brought up to date.
type migrator interface {
	// version gives the number of the last migration that was applied, 0 for an
	// empty database.
	version(ctx context.Context) (int, error)
	// backup keeps a copy of a database of this version where that is ours to do.
	backup(ctx context.Context, version int) error
	// apply runs one migration and notes its number, all or nothing. It does
	// nothing when another process has applied it meanwhile.
	apply(ctx context.Context, number int, script string) error
}

// migrate applies those of scripts that are missing, in order. A database newer
// than the program is refused: nobody knows what its rows mean.
func migrate(ctx context.Context, m migrator, scripts []string) error {
	have, err := m.version(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > len(scripts) {
		return schemaNewer(have, len(scripts))
	}
	if have > 0 && have < len(scripts) {
		if err := m.backup(ctx, have); err != nil {
			return fmt.Errorf("back up the database before its migration: %w", err)
		}
	}
	for i := have; i < len(scripts); i++ {
		if err := m.apply(ctx, i+1, scripts[i]); err != nil {
			return fmt.Errorf("migration %d: %w", i+1, err)
		}
	}
	return nil
}

func schemaNewer(have, known int) error {
	return fault.New(fault.Invalid, "schema_newer",
		"the database has schema %d, this ferry knows schemas up to %d: run a newer one", have, known)
}

// scripts gives the migrations in order.
func scripts() (all []string, err error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	for _, name := range names {
		text, rerr := fs.ReadFile(migrations, name)
		all, err = append(all, string(text)), errors.Join(err, rerr)
	}
	return all, err
}

// SQLite keeps the number in its file's header.

func (s *sqlite) version(ctx context.Context) (v int, err error) {
	err = s.writer.QueryRowContext(ctx, "pragma user_version").Scan(&v)
	return v, err
}

func (s *sqlite) apply(ctx context.Context, number int, script string) (err error) {
	if _, err := s.writer.ExecContext(ctx, "begin immediate"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = s.writer.ExecContext(context.WithoutCancel(ctx), "rollback")
		}
	}()
	have, err := s.version(ctx)
	if err != nil {
		return err
	}
	if have < number {
		if err := s.before("migrate"); err != nil {
			return err
		}
		if _, err := s.writer.ExecContext(ctx, fmt.Sprintf("%s\n; pragma user_version = %d", script, number)); err != nil {
			return err
		}
	}
	if err := s.before("migrate commit"); err != nil {
		return err
	}
	_, err = s.writer.ExecContext(ctx, "commit")
	return err
}

// keptBackups is how many copies of former schemas stay.
const keptBackups = 3

// backup writes a copy beside the database, such as ferry.db.schema-1, in place
// of one that an earlier attempt left: the database may have changed since.
func (s *sqlite) backup(ctx context.Context, version int) error {
	final := s.backupOf(version)
	if err := s.roomForBackup(ctx); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(final), filepath.Base(final)+".part-*") // mode 0600
	if err != nil {
		return err
	}
	part := f.Name()
	defer os.Remove(part) // fails when all went well
	defer f.Close()
	if _, err := s.writer.ExecContext(ctx, "vacuum into $1", part); err != nil {
		return sqliteError(err)
	}
	if have, err := s.version(ctx); err != nil || have != version {
		return err // another process has made its backup and migrated
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, final); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(final)); err != nil {
		return err
	}
	return s.dropBackups(version)
}

func (s *sqlite) backupOf(version int) string { return fmt.Sprintf("%s.schema-%d", s.path, version) }

// roomForBackup refuses what would fill the disk: the database needs room to be migrated.
func (s *sqlite) roomForBackup(ctx context.Context) error {
	var need int64
	err := s.writer.QueryRowContext(ctx, "select page_count * page_size from pragma_page_count, pragma_page_size").Scan(&need)
	if err != nil {
		return err
	}
	free, err := s.free(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	if free < 2*need {
		return fault.New(fault.Full, "disk_full",
			"a new schema needs room for a copy of the database, and as much again: %d MiB, %d MiB are free", 2*need>>20+1, free>>20)
	}
	return nil
}

// dropBackups removes the copies of schemas that are long past, and parts of copies
// whose makers were killed.
func (s *sqlite) dropBackups(version int) error {
	newest, err := os.Stat(s.backupOf(version))
	if err != nil {
		return err
	}
	names, err := filepath.Glob(quoteGlob(s.path) + ".schema-*")
	if err != nil {
		return err
	}
	var numbers []int
	for _, name := range names {
		ending := strings.TrimPrefix(name, s.path+".schema-")
		if n, err := strconv.Atoi(ending); err == nil {
			numbers = append(numbers, n)
			continue
		}
		// Another process may be making one: that is not an hour old.
		if info, err := os.Stat(name); err == nil && strings.Contains(ending, ".part-") && newest.ModTime().Sub(info.ModTime()) > time.Hour {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers[:max(0, len(numbers)-keptBackups)] {
		if err := os.Remove(s.backupOf(n)); err != nil {
			return err
		}
	}
	return nil
}

// quoteGlob makes a path one that stands for itself.
func quoteGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// freeOn gives the bytes that are left for us where a folder lies.
func freeOn(folder string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: folder, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ between systems
}

// syncFolder brings the names in a folder to stable storage.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// PostgreSQL keeps the number in a table of one row. Backups are its operator's.

func (p *postgres) version(ctx context.Context) (v int, err error) {
	err = p.script(ctx, "create table if not exists schema_version (version bigint not null)")
	if err != nil {
		return 0, err
	}
	err = p.pool.QueryRow(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&v)
	return v, err
}

func (p *postgres) backup(context.Context, int) error { return nil }

func (p *postgres) apply(ctx context.Context, number int, script string) error {
	if err := p.before("migrate"); err != nil {
		return err
	}
	// Nodes that start together: the second waits for the lock, and then finds the
	// number there. Its whole script is skipped by leaving the transaction.
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	t, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }() // does nothing after Commit
	if _, err := t.Exec(ctx, lockSchema); err != nil {
		return err
	}
	var have int
	if err := t.QueryRow(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&have); err != nil {
		return err
	}
	if have >= number {
		return nil
	}
	// Without arguments pgx sends a text of several statements as it is.
	if _, err := t.Exec(ctx, forPostgres.Replace(script)); err != nil {
		return err
	}
	if _, err := t.Exec(ctx, "insert into schema_version (version) values ($1)", number); err != nil {
		return err
	}
	if err := p.before("migrate commit"); err != nil {
		return err
	}
	return t.Commit(ctx)
}

// lockSchema makes nodes that start together migrate one after the other. The
// number is ours alone in a database that is ours alone.
const lockSchema = "select pg_advisory_xact_lock(7236839)"

func (p *postgres) script(ctx context.Context, text string) error {
	// Two "if not exists" at once can both find nothing, so this is locked too.
	_, err := p.pool.Exec(ctx, "begin; "+lockSchema+"; "+text+"; commit")
	return err
}
