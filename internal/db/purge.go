package db

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// purgeStep bounds the parts that one transaction removes: other writers wait
// for it.
const purgeStep = 1000

// Blobs implements share.Store.
func (d *DB) Blobs(ctx context.Context, key share.Key, n int) (files []share.FileBlobs, err error) {
	var loose []int // indexes of the files that have parts of their own
	err = d.query(ctx, func(row scan) error {
		var f share.FileBlobs
		var parts int
		if err := row(&f.File, &parts); err != nil {
			return err
		}
		// The file's own blob may be there without a part: a crash came between.
		f.Blobs = []blob.ID{blob.ID(f.File)}
		if parts > 0 {
			loose = append(loose, len(files))
		}
		files = append(files, f)
		return nil
	}, `select key, loose from files where home = $1 order by key limit $2 + 0`, key, n)
	for _, i := range loose {
		f := &files[i]
		if err == nil {
			err = d.query(ctx, func(row scan) error {
				f.Blobs = append(f.Blobs, "")
				return row(&f.Blobs[len(f.Blobs)-1])
			}, `select blob from parts where file = $1 and blob <> ''`, f.File)
		}
	}
	return files, err
}

// DropFiles implements share.Store, in transactions of about purgeStep rows. One
// that breaks off leaves files to be dropped again.
func (d *DB) DropFiles(ctx context.Context, key share.Key, files []string) error {
	var together []string
	rows := 0
	for _, f := range files {
		n, err := d.thin(ctx, upload.Key(f))
		if err != nil {
			return err
		}
		if rows+n > purgeStep {
			if err := d.dropFiles(ctx, key, together); err != nil {
				return err
			}
			together, rows = nil, 0
		}
		together = append(together, f)
		rows += n + 1
	}
	return d.dropFiles(ctx, key, together)
}

// thin removes all parts of the file but less than purgeStep, and tells how many
// are left.
func (d *DB) thin(ctx context.Context, file upload.Key) (int, error) {
	for {
		parts, err := d.Parts(ctx, file, 0, purgeStep)
		if err != nil || len(parts) < purgeStep {
			return len(parts), err
		}
		err = d.write(ctx, func(t tx) error {
			t.exec(`delete from parts where file = $1 and number <= $2`, file, parts[len(parts)-1].Number)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
}

func (d *DB) dropFiles(ctx context.Context, key share.Key, files []string) error {
	return d.write(ctx, func(t tx) error {
		for _, f := range files {
			// The file first: it waits for a part that is just being recorded, and
			// keeps out later ones. The part is then seen by the second delete.
			t.exec(`delete from files where key = $1 and home = $2`, f, key)
			t.exec(`delete from parts where file = $1`, f)
			t.exec(deleteContent, f)
		}
		return nil
	})
}

// Forget implements share.Store.
func (d *DB) Forget(ctx context.Context, before time.Time, n int) (gone int, err error) {
	err = d.write(ctx, func(t tx) error {
		var keys []string
		err := t.query(func(row scan) error {
			keys = append(keys, "")
			return row(&keys[len(keys)-1])
		}, `select key from shares where state = 5 and expires_at < $1 order by expires_at limit $2 + 0`+
			t.lock(" for update skip locked"), before, n)
		if err != nil {
			return err
		}
		for _, k := range keys {
			more := false
			t.exec(`
				delete from downloads where key in (select key from downloads where home = $1 order by key limit $2 + 0)`, k, purgeStep)
			if err := t.query(func(scan) error { more = true; return nil }, `select key from downloads where home = $1 limit 1`, k); err != nil {
				return err
			}
			if more {
				continue // a link that many followed goes in steps
			}
			t.exec(`delete from links where home = $1`, k)
			t.exec(`delete from recipients where home = $1`, k)
			t.exec(`delete from claims where home = $1`, k)
			t.exec(`delete from password_tries where home = $1`, k)
			t.exec(`delete from reports where home = $1`, k)
			t.exec(`delete from objects where share = (select id from shares where key = $1)`, k)
			t.exec(`delete from shares where key = $1`, k)
		}
		gone = len(keys)
		return nil
	})
	return gone, err
}

// askAtOnce is how many blobs one query of Promised asks for.
const askAtOnce = 100

// Promised implements share.Store.
func (d *DB) Promised(ctx context.Context, ids []blob.ID) (map[blob.ID]bool, error) {
	return d.which(ctx, ids, selectPromised())
}

// which asks sql, which has askAtOnce parameters, which of the blobs it gives.
func (d *DB) which(ctx context.Context, ids []blob.ID, sql string) (map[blob.ID]bool, error) {
	given := make(map[blob.ID]bool, len(ids))
	for len(ids) > 0 {
		args := make([]any, askAtOnce) // always as many, so that it is one statement
		for i := range args {
			args[i] = ""
			if i < len(ids) {
				args[i] = ids[i]
			}
		}
		ids = ids[min(len(ids), askAtOnce):]
		err := d.query(ctx, func(row scan) error {
			var b blob.ID
			err := row(&b)
			given[b] = true
			return err
		}, sql, args...)
		if err != nil {
			return nil, err
		}
	}
	return given, nil
}

func selectPromised() string {
	in := inPlaces(askAtOnce)
	return `select key from files where state <= 2 and key in ` + in + ` union all select blob from parts where blob <> '' and blob in ` + in
}

// inPlaces gives the text of a list of n parameters, from the first one on.
func inPlaces(n int) string {
	places := make([]string, n)
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	return "(" + strings.Join(places, ", ") + ")"
}
