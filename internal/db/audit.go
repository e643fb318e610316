package db

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// Checkable implements audit.Store.
func (d *DB) Checkable(ctx context.Context, after upload.Key, n int) (files []*audit.File, err error) {
	err = d.query(ctx, func(row scan) error {
		f := &audit.File{File: upload.File{Home: &share.Share{}}}
		var sum []byte
		if err := row(append(fileDest(&f.File), &f.Home.Key, &sum)...); err != nil {
			return err
		}
		if sum != nil {
			if len(sum) != sha256.Size {
				return fmt.Errorf("file %s has a SHA-256 of %d bytes", f.Key, len(sum))
			}
			f.SHA256 = (*[sha256.Size]byte)(sum)
		}
		files = append(files, f)
		return nil
	}, `
		select `+fileColumns+`, f.home, f.sha256 from files f
		where f.key > $1 and f.state <= 2 order by f.key limit $2 + 0`, after, n)
	// Not by a join: PostgreSQL may begin one with all shares. Files of a share are neighbours.
	homes := map[share.Key]*share.Share{}
	for _, f := range files {
		home, loaded := homes[f.Home.Key]
		if !loaded && err == nil {
			home, err = d.share(ctx, selectShare+`s.key = $1`, f.Home.Key)
			if fault.KindOf(err) == fault.NotFound {
				err = nil
			}
			homes[f.Home.Key] = home
		}
		f.Home = home
	}
	if err != nil {
		return nil, err
	}
	return files, nil
}

// straysStep is how many rows one query of Strays looks at: on SQLite a long query
// would keep the write-ahead log from being emptied.
const straysStep = 2000

// Strays implements audit.Store.
func (d *DB) Strays(ctx context.Context, each func(audit.Stray) error) error {
	for _, q := range []struct{ table, sql string }{
		{"files", `
			select x.key, 0, s.key from (select key, home from files where key > $1 order by key limit $2 + 0) x
			left join shares s on s.key = x.home order by x.key`},
		{"contents", `
			select x.file, 0, f.key from (select file from contents where file > $1 order by file limit $2 + 0) x
			left join files f on f.key = x.file and f.small = 1 order by x.file`},
		{"parts", `
			select x.file, x.number, f.key from (
				select file, number from parts where (file, number) > ($1, $3) order by file, number limit $2 + 0) x
			left join files f on f.key = x.file order by x.file, x.number`},
	} {
		key, number := "", int64(0)
		for more := true; more; {
			args := []any{key, straysStep}
			if q.table == "parts" {
				args = append(args, number)
			}
			var found []audit.Stray
			n := 0
			err := d.query(ctx, func(row scan) error {
				var owner string
				n++
				if err := row(&key, &number, intoText(&owner)); err != nil {
					return err
				}
				if owner == "" {
					found = append(found, audit.Stray{Table: q.table, Key: key})
				}
				return nil
			}, q.sql, args...)
			if err != nil {
				return err
			}
			if more = n == straysStep; len(found) > 0 {
				if err := d.tellStrays(ctx, found, each); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tellStrays tells of the rows that are still there: files are dropped together with
// theirs, but nobody else waits while we look.
func (d *DB) tellStrays(ctx context.Context, found []audit.Stray, each func(audit.Stray) error) error {
	column := map[string]string{"files": "key", "contents": "file", "parts": "file"}
	for i, s := range found {
		if i > 0 && found[i-1] == s {
			continue // another part of the same file
		}
		there := false
		err := d.query(ctx, func(scan) error { there = true; return nil },
			`select 1 from `+s.Table+` where `+column[s.Table]+` = $1 limit 1`, s.Key)
		if err == nil && there {
			err = each(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Leaving implements audit.Store.
func (d *DB) Leaving(ctx context.Context, ids []blob.ID) (map[blob.ID]bool, error) {
	in := inPlaces(askAtOnce)
	return d.which(ctx, ids, `select id from jobs where kind = 'blob.remove' and id in `+in+`
		union all select key from files where state = 3 and key in `+in)
}

// scrubState is the name of the setting that holds the place of the scrub.
const scrubState = "scrub"

// ScrubState implements audit.Store.
func (d *DB) ScrubState(ctx context.Context) (state []byte, err error) {
	err = d.query(ctx, func(row scan) error { return row(&state) }, `select value from settings where name = $1`, scrubState)
	return state, err
}

// SaveOutcome implements audit.Store.
func (d *DB) SaveOutcome(ctx context.Context, o *audit.Outcome) error {
	return d.write(ctx, func(t tx) error {
		for _, s := range o.Sums {
			t.exec(`update files set sha256 = $1 where key = $2 and state = 2 and sha256 is null`, s.SHA256[:], s.File)
		}
		for _, f := range o.Suspect {
			t.exec(`update files set suspect = 1 where key = $1 and state = 1`, f)
		}
		mark(t, o.Damaged, o.At)
		mark(t, o.Sound, time.Time{})
		if o.State != nil {
			t.exec(`
				insert into settings (name, value) values ($1, $2)
				on conflict (name) do update set value = excluded.value`, scrubState, o.State)
		}
		return nil
	})
}

// mark notes when complete files were found damaged. Their shares are at another
// version then: what is remembered of them by that is made anew.
func mark(t tx, files []upload.Key, at time.Time) {
	for _, f := range files {
		t.exec(`update files set damaged_at = $1 where key = $2 and state = 2`, at, f)
	}
	for _, f := range files {
		t.exec(`update shares set version = version + 1 where key = (select home from files where key = $1)`, f)
	}
}
