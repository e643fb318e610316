package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
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

// Copies of schemas that are long past, and what a killed process left of one, go.
func TestFewBackupsAreKept(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, "", Options{Dir: dir})
	e := w.engine.(*sqlite)
	v, err := e.version(w.ctx)
	w.must(err)
	file := func(name string, age time.Duration) {
		at := time.Now().Add(-age)
		w.must(os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		w.must(os.Chtimes(filepath.Join(dir, name), at, at))
	}
	for _, n := range []int{1, 2, 3, v - 1} {
		file(fmt.Sprint("ferry.db.schema-", n), 24*time.Hour)
	}
	file("ferry.db.schema-2.part-123", 2*time.Hour)
	file("ferry.db.schema-8.part-456", time.Minute)
	w.must(e.backup(w.ctx, v))
	names, err := filepath.Glob(filepath.Join(dir, "ferry.db.schema-*"))
	w.must(err)
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	want := []string{
		"ferry.db.schema-3", fmt.Sprint("ferry.db.schema-", v-1), "ferry.db.schema-8.part-456", fmt.Sprint("ferry.db.schema-", v),
	}
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}

func TestNoMigrationWithoutRoomForABackup(t *testing.T) {
	dir := t.TempDir()
	all, err := scripts()
	if err != nil {
		t.Fatal(err)
	}
	full := Options{Dir: dir, free: func(string) (int64, error) { return 1 << 10, nil }, scripts: all}
	openWorld(t, "", full) // a new one needs none
	full.scripts = append(slices.Clone(all), `create table later (id INTEGER not null primary key) STRICT, WITHOUT ROWID`)
	_, err = Open(t.Context(), "", full)
	if fault.KindOf(err) != fault.Full || !strings.Contains(err.Error(), "a new schema needs room") {
		t.Fatalf("got %v", err)
	}
	openWorld(t, "", Options{Dir: dir, scripts: all}) // it is as it was
}

// migrateAndDie names to a child process the database that it opens, and at which step
// of the migrations it is killed.
const migrateAndDie = "FERRY_TEST_MIGRATE"

func TestMain(m *testing.M) {
	if told, ok := os.LookupEnv(migrateAndDie); ok {
		at, url, _ := strings.Cut(told, " ")
		k, _ := strconv.Atoi(at)
		n := 0
		_, err := Open(context.Background(), url, Options{before: func(sql string) error {
			if strings.HasPrefix(sql, "migrate") {
				if n++; n == k {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {}
				}
			}
			return nil
		}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A process that is killed anywhere in its migrations leaves a database that the next
// one brings up to date, with all that was in it.
func TestKilledWhileMigrating(t *testing.T) {
	onBothURLs(t, func(t *testing.T, url string) {
		all, err := scripts()
		if err != nil {
			t.Fatal(err)
		}
		old := len(all) - 3 // the schema that it begins with
		first, err := Open(t.Context(), url, Options{scripts: all[:old]})
		if err != nil {
			t.Fatal(err)
		}
		w := world{DB: first, t: t, ids: id.NewSource(time.Now), ctx: t.Context()}
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`insert into settings (name, value) values ('before', $1)`, []byte("kept"))
			return nil
		}))
		w.must(first.Close())

		kills := 0
		for k := 0; ; k++ {
			// In turn before the first commit, which undoes it, and before the second
			// migration, with the first one kept: so all of them see both.
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", migrateAndDie, 2+k%2, url))
			out, err := child.CombinedOutput()
			if err == nil {
				break
			}
			status, _ := child.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || k > 100 {
				t.Fatalf("%v\n%s", err, out)
			}
			kills++
		}
		if want := 2*(len(all)-old) - 1; kills != want {
			t.Errorf("%d kills, want %d", kills, want)
		}
		after := openWorld(t, url, Options{})
		var value []byte
		w = after
		w.must(w.query(w.ctx, func(row scan) error { return row(&value) }, `select value from settings where name = 'before'`))
		if string(value) != "kept" {
			t.Errorf("the row is %q", value)
		}
		after.create(after.acc, 10)
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			copies, err := filepath.Glob(path + ".schema-*")
			w.must(err)
			for _, c := range copies {
				var ok string
				w.must(w.check(c, &ok))
				if ok != "ok" {
					t.Errorf("%s: %s", c, ok)
				}
			}
		}
	})
}

// check asks SQLite whether a file is in order.
func (w world) check(path string, ok *string) error {
	db, err := openConns(path, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRow("pragma integrity_check").Scan(ok)
}
