package db

import (
	"slices"
	"testing"

	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/upload"
)

// Rows that lost what they belong to would keep their bytes for ever.
func TestStrays(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		strays := func() (all []audit.Stray) {
			w.must(w.Strays(w.ctx, func(s audit.Stray) error { all = append(all, s); return nil }))
			return all
		}
		tr, files := w.create(w.acc, 30, 30)
		other, rest := w.create(w.acc, 30)
		for _, f := range append(files, rest...) {
			w.must(w.put(f, 1, 10, ""))
			w.must(w.put(f, 2, 10, ""))
		}
		if all := strays(); len(all) > 0 {
			t.Fatalf("%v are in order", all)
		}
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`delete from files where key = $1`, files[0].Key)
			t.exec(`delete from shares where key = $1`, other.Key)
			t.exec(`insert into contents (file, bytes) values ($1, $2)`, tr.Key, []byte("x"))
			return nil
		}))
		want := []audit.Stray{
			{Table: "files", Key: string(rest[0].Key)}, {Table: "contents", Key: string(tr.Key)}, {Table: "parts", Key: string(files[0].Key)},
		}
		if all := strays(); !slices.Equal(all, want) {
			t.Errorf("got %v, want %v", all, want)
		}
	})
}

// A mark is at once seen by whoever remembers a share by its version.
func TestAMarkMakesAnotherVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, 10)
		w.must(w.put(files[0], 1, 10, ""))
		_, err := w.complete(files[0])
		w.must(err)
		before, err := w.ByID(w.ctx, tr.ID)
		w.must(err)
		w.must(w.SaveOutcome(w.ctx, &audit.Outcome{At: now, Damaged: []upload.Key{files[0].Key}}))
		after, err := w.ByID(w.ctx, tr.ID)
		w.must(err)
		if f, err := w.File(w.ctx, files[0].ID); err != nil || !f.DamagedAt.Equal(now) || after.Version == before.Version {
			t.Errorf("%v, %v, version %d after %d", f.DamagedAt, err, after.Version, before.Version)
		}
	})
}
