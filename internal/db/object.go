package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/object"
)

// What a free key of the S3 door stands for: s3.Objects.

const selectObject = `select o.account, o.room, o.key, o.share, o.file, o.size, o.etag, o.written_at from objects o`

func objectDest(o *object.Object) []any {
	return []any{
		&o.Owner.Account, &o.Owner.Room, &o.Key, &o.Share, &o.File, &o.Size, &o.ETag, intoTime(&o.WrittenAt),
	}
}

// Object implements s3.Objects.
func (d *DB) Object(ctx context.Context, owner account.Owner, key string) (*object.Object, error) {
	var o object.Object
	err := d.find(ctx, object.Unknown(), func(row scan) error { return row(objectDest(&o)...) },
		selectObject+` where o.account = $1 and o.room = $2 and o.key = $3`, owner.Account, owner.Room, key)
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// PutObject implements s3.Objects.
func (d *DB) PutObject(ctx context.Context, o object.Object) (loser *object.Object, err error) {
	err = d.write(ctx, func(t tx) error {
		loser = nil
		// Inserted first: on PostgreSQL a row that is not there cannot be locked,
		// and of two writers of a new key one waits here for the other.
		t.exec(`
			insert into objects (account, room, key, share, file, size, etag, written_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (account, room, key) do nothing`,
			o.Owner.Account, o.Owner.Room, o.Key, o.Share, o.File, o.Size, o.ETag, o.WrittenAt)
		there, err := lockObject(t, o.Owner, o.Key)
		if err != nil {
			return err
		}
		switch {
		case there.File == o.File:
		case there.GivesWay(&o):
			loser = there
			t.exec(`
				update objects set share = $1, file = $2, size = $3, etag = $4, written_at = $5
				where account = $6 and room = $7 and key = $8`,
				o.Share, o.File, o.Size, o.ETag, o.WrittenAt, o.Owner.Account, o.Owner.Room, o.Key)
		default:
			loser = &o
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return loser, nil
}

// lockObject loads what a key stands for; nil when that is nothing.
func lockObject(t tx, owner account.Owner, key string) (o *object.Object, err error) {
	err = t.query(func(row scan) error {
		o = new(object.Object)
		return row(objectDest(o)...)
	}, selectObject+` where o.account = $1 and o.room = $2 and o.key = $3`+t.lock(" for update"),
		owner.Account, owner.Room, key)
	return o, err
}

// DropObject implements s3.Objects.
func (d *DB) DropObject(ctx context.Context, owner account.Owner, key string) (o *object.Object, err error) {
	err = d.write(ctx, func(t tx) error {
		if o, err = lockObject(t, owner, key); err != nil || o == nil {
			return err
		}
		t.exec(`delete from objects where account = $1 and room = $2 and key = $3`, owner.Account, owner.Room, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// ObjectsOf implements s3.Objects.
func (d *DB) ObjectsOf(
	ctx context.Context, owner account.Owner, from, to string, now time.Time, n int,
) (all []object.Object, err error) {
	const live = ` join shares s on s.id = o.share and s.state = 2 and s.expires_at > $1
		where o.account = $2 and o.room = $3 and o.key >= $4`
	sql, args := selectObject+live+` order by o.key limit $5 + 0`, []any{now, owner.Account, owner.Room, from, n}
	if to != "" { // a text of its own, so that the index knows where to stop
		sql, args = selectObject+live+` and o.key < $6 order by o.key limit $5 + 0`, append(args, to)
	}
	err = d.query(ctx, func(row scan) error {
		all = append(all, object.Object{})
		return row(objectDest(&all[len(all)-1])...)
	}, sql, args...)
	return all, err
}
