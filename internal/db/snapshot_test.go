package db

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
)

// onBothTwice is onBoth with the URL of another, empty database.
func onBothTwice(t *testing.T, test func(t *testing.T, w world, url string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, openWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), Options{}), "sqlite:"+filepath.Join(t.TempDir(), "new.db"))
	})
	t.Run("postgres", func(t *testing.T) { test(t, openWorld(t, testenv.Postgres(t), Options{}), testenv.Postgres(t)) })
}

func TestSnapshotIsLoadedElsewhere(t *testing.T) {
	onBothTwice(t, func(t *testing.T, w world, url string) {
		_, files := w.create(w.acc, 30, 30, 30)
		whole, open, deleted := files[0], files[1], files[2]
		for n := range 3 {
			w.must(w.put(whole, n+1, 10, ""))
		}
		_, err := w.complete(whole)
		w.must(err)
		w.must(w.put(open, 3, 10, ""))
		loose := blob.ID(w.ids.Key())
		w.must(w.put(open, 1, 7, loose))
		w.must(w.put(deleted, 1, 10, ""))
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`update files set state = 3 where key = $1`, deleted.Key)
			return nil
		}))
		gone, rest := w.create(w.acc, 10)
		w.must(w.put(rest[0], 1, 10, ""))
		_, err = w.Update(w.ctx, gone.Key, func(s *share.Share) ([]job.Job, error) {
			s.State, s.Purging = share.Deleted, true
			return []job.Job{{Kind: "tab\tand\nline\\", ID: "ä", RunAt: now}}, nil
		})
		w.must(err)
		w.must(w.PutSetup(w.ctx, hashOf("bytes")))
		w.must(w.Hold(w.ctx, "hold", now, now.Add(time.Hour)))
		before := w.tables()

		dir := t.TempDir()
		var promised []Promise
		s, err := w.Snapshot(w.ctx, dir, func(p Promise) error { promised = append(promised, p); return nil })
		w.must(err)
		want := []Promise{{blob.ID(whole.Key), 30, true}, {blob.ID(open.Key), 30, false}, {loose, 7, true}}
		if !slices.Equal(promised, want) {
			t.Errorf("promised are\n%v, want\n%v", promised, want)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*-wal"))
		if w.must(err); len(names) > 0 {
			t.Errorf("the copy has a log: %v", names)
		}

		d, err := Load(w.ctx, url, dir, s)
		w.must(err)
		t.Cleanup(func() { _ = d.Close() })
		held, err := d.Held(w.ctx, now)
		w.must(err)
		if held {
			t.Error("the hold of the backup was restored")
		}
		delete(before, "blob_holds")
		after := world{DB: d, t: t, ids: w.ids, ctx: w.ctx}.tables()
		if !reflect.DeepEqual(before, after) {
			for table := range before {
				if !reflect.DeepEqual(before[table], after[table]) {
					t.Errorf("%s:\n%v\nafter:\n%v", table, before[table], after[table])
				}
			}
		}
		if n := len(slices.Collect(maps.Keys(after))); n < 5 {
			t.Errorf("only %d tables have rows", n)
		}
		if _, err := Load(w.ctx, url, dir, s); !fault.Is(err, "database_in_use") {
			t.Errorf("loaded again: %v", err)
		}
	})
}

// A snapshot of an older schema is brought up to date, one of a newer is refused.
func TestSnapshotsOfOtherSchemas(t *testing.T) {
	onBothTwice(t, func(t *testing.T, w world, url string) {
		all, err := scripts()
		w.must(err)
		oldURL := "sqlite:" + filepath.Join(t.TempDir(), "old.db")
		if strings.HasPrefix(url, "postgres") {
			oldURL = testenv.Postgres(t)
		}
		old, err := Open(w.ctx, oldURL, Options{scripts: all[:len(all)-1]})
		w.must(err)
		dir := t.TempDir()
		// What a program of that time would have said of its blobs is not asked here.
		s, err := old.Snapshot(w.ctx, dir, func(Promise) error { return nil })
		w.must(err)
		w.must(old.Close())
		if s.Schema != len(all)-1 {
			t.Errorf("%+v", s)
		}
		d, err := Load(w.ctx, url, dir, s)
		w.must(err)
		w.must(d.Close())
		s.Schema = len(all) + 1
		if _, err := Load(w.ctx, url, dir, s); !fault.Is(err, "schema_newer") {
			t.Errorf("a newer one: %v", err)
		}
		s.Schema, s.Engine = 1, map[string]string{"sqlite": "postgres", "postgres": "sqlite"}[s.Engine]
		if _, err := Load(w.ctx, url, dir, s); !fault.Is(err, "engine") {
			t.Errorf("of the other engine: %v", err)
		}
	})
}

func TestHolds(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		held := func(at time.Time) bool {
			h, err := w.Held(w.ctx, at)
			w.must(err)
			return h
		}
		later := func(n int) time.Time { return now.Add(time.Duration(n) * time.Minute) }
		if held(now) {
			t.Error("held by nobody")
		}
		w.must(w.Hold(w.ctx, "a", now, later(10)))
		w.must(w.Hold(w.ctx, "b", now, later(20)))
		w.must(w.Release(w.ctx, "b"))
		if !held(later(9)) || held(later(10)) {
			t.Error("a hold lasts to its end and no longer")
		}
		w.must(w.Prolong(w.ctx, "a", later(9), later(15)))
		if !held(later(14)) {
			t.Error("it was prolonged")
		}
		w.fails(w.Prolong(w.ctx, "a", later(15), later(30)), fault.Conflict, "hold_lapsed")
		w.must(w.Hold(w.ctx, "c", later(40), later(50)))
		if n := len(w.tables()["blob_holds"]); n != 1 {
			t.Errorf("%d holds, want the last alone", n)
		}
	})
}
