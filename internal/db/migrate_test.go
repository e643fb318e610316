package db

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/testenv"
)

func onBothURLs(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, testenv.Postgres(t)) })
}

// setVersion makes the database one of another version.
func (w world) setVersion(text string) {
	w.t.Helper()
	var err error
	switch e := w.engine.(type) {
	case *sqlite:
		_, err = e.writer.ExecContext(w.ctx, "pragma user_version = "+text)
	case *postgres:
		_, err = e.pool.Exec(w.ctx, "delete from schema_version; insert into schema_version values ("+text+")")
	}
	w.must(err)
}

func TestADatabaseIsOpenedAgain(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		first := openWorld(t, url, Options{})
		tr, _ := first.create(first.acc, 10)
		second := openWorld(t, url, Options{}) // beside the first, as a command beside the server
		if _, err := second.Transfer(second.ctx, tr.ID); err != nil {
			t.Error(err)
		}
		second.create(second.acc, 10)
		first.create(first.acc, 10)
	})
}

func TestANewerSchemaIsRefused(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		openWorld(t, url, Options{}).setVersion("9999")
		_, err := Open(t.Context(), url, Options{})
		if !fault.Is(err, "schema_newer") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyStartAtOnce(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				d, err := Open(t.Context(), url, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := d.HasAdmin(t.Context()); err != nil {
					t.Error(err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// A start that is cut off in its migrations goes on where it stopped.
func TestMigrationsResume(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		boom := errors.New("boom")
		for k := 1; ; k++ {
			n := 0
			d, err := Open(t.Context(), url, Options{before: func(sql string) error {
				if sql == "migrate" {
					if n++; n == k {
						return boom
					}
				}
				return nil
			}})
			if err == nil {
				_, err := d.HasAdmin(t.Context())
				if err := errors.Join(err, d.Close()); err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, boom) {
				t.Fatal(err)
			}
		}
	})
}

func TestSQLiteIsBackedUpBeforeItsMigration(t *testing.T) {
	dir := t.TempDir()
	first := openWorld(t, "", Options{Dir: dir})
	tr, _ := first.create(first.acc, 10)
	e := first.engine.(*sqlite)
	v, err := e.version(first.ctx)
	first.must(err)
	copied := filepath.Join(dir, fmt.Sprint("ferry.db.schema-", v))
	for range 2 { // one that an earlier attempt left is replaced
		first.must(e.backup(first.ctx, v))
	}
	first.must(e.backup(first.ctx, v-1)) // another has migrated meanwhile: ours would be no backup of that
	if names, _ := filepath.Glob(filepath.Join(dir, "*.schema-*")); len(names) != 1 {
		t.Errorf("backups: %q, want one", names)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	second := openWorld(t, "sqlite:"+copied, Options{})
	if _, err := second.Transfer(second.ctx, tr.ID); err != nil {
		t.Error(err)
	}
}

func TestAnOlderSchemaIsBackedUpThenMigrated(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		all, err := scripts()
		if err != nil {
			t.Fatal(err)
		}
		old := openWorld(t, url, Options{scripts: all})
		tr, _ := old.create(old.acc, 10)
		next := append(all, `create table later (id INTEGER not null primary key) STRICT, WITHOUT ROWID`)
		w := openWorld(t, url, Options{scripts: next})
		w.must(w.query(w.ctx, func(scan) error { return nil }, `select id from later`))
		if _, err := w.Transfer(w.ctx, tr.ID); err != nil {
			t.Error(err)
		}
		if _, err := Open(t.Context(), url, Options{scripts: all}); !fault.Is(err, "schema_newer") {
			t.Errorf("the old program on the new schema: %v", err)
		}
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			before := openWorld(t, fmt.Sprintf("%s.schema-%d", url, len(all)), Options{scripts: all})
			if _, err := before.Transfer(before.ctx, tr.ID); err != nil {
				t.Errorf("the backup of %s: %v", path, err)
			}
		}
	})
}

func TestAFailedMigrationLeavesNothing(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		all, err := scripts()
		if err != nil {
			t.Fatal(err)
		}
		broken := append(all, `create table later (id INTEGER not null primary key) STRICT, WITHOUT ROWID; create nonsense`)
		if _, err := Open(t.Context(), url, Options{scripts: broken}); err == nil {
			t.Fatal("nonsense was applied")
		}
		w := openWorld(t, url, Options{})
		w.create(w.acc, 10)
		if err := w.query(w.ctx, func(scan) error { return nil }, `select id from later`); err == nil {
			t.Error("half of the migration is there")
		}
	})
}
