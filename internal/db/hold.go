package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// Hold keeps blobs from being removed until the moment, or until Release. Holds of
// those who ended without it are forgotten when they are over.
func (d *DB) Hold(ctx context.Context, id string, now, until time.Time) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`delete from blob_holds where until <= $1`, now)
		t.exec(`insert into blob_holds (id, until) values ($1, $2)`, id, until)
		return nil
	})
}

// Prolong makes a hold last longer. Conflict "hold_lapsed" for one that is over: blobs
// may have been removed since.
func (d *DB) Prolong(ctx context.Context, id string, now, until time.Time) error {
	return d.write(ctx, func(t tx) error {
		t.must(fault.New(fault.Conflict, "hold_lapsed", "the backup was interrupted for too long: run it again"),
			`update blob_holds set until = $1 where id = $2 and until > $3`, until, id, now)
		return nil
	})
}

// Release ends a hold.
func (d *DB) Release(ctx context.Context, id string) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`delete from blob_holds where id = $1`, id)
		return nil
	})
}

// Held tells whether some hold lasts.
func (d *DB) Held(ctx context.Context, now time.Time) (held bool, err error) {
	err = d.query(ctx, func(scan) error { held = true; return nil },
		`select 1 from blob_holds where until > $1 limit 1`, now)
	return held, err
}
