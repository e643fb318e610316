package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/letter"
)

// *DB is a notify.Outbox, which stands beside it and so cannot be named here.

const itemColumns = `id, kind, about, address, state, round, attempts, cause, sealed, created_at, queued_at, busy_until,
	ended_at, until`

// itemDest gives where itemColumns go.
func itemDest(i *letter.Item) []any {
	return []any{
		&i.ID, &i.Kind, &i.About, &i.To, &i.State, &i.Round, &i.Attempts, &i.Cause, &i.Sealed, intoTime(&i.CreatedAt),
		intoTime(&i.QueuedAt), intoTime(&i.BusyUntil), intoTime(&i.EndedAt), intoTime(&i.Until),
	}
}

// PutLetter implements notify.Outbox.
func (d *DB) PutLetter(ctx context.Context, i *letter.Item, jobs ...job.Job) (isNew bool, err error) {
	err = d.write(ctx, func(t tx) error {
		isNew, err = putLetter(t, i, jobs...)
		return err
	})
	return isNew, err
}

// putLetter writes a letter to the outbox together with the change that calls for
// it, and the jobs that send it. When there is one of the same kind about the same
// thing, it does nothing: isNew is false.
func putLetter(t tx, i *letter.Item, jobs ...job.Job) (isNew bool, err error) {
	err = t.query(func(scan) error {
		isNew = true
		return nil
	}, `
		insert into outbox (`+itemColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		on conflict (kind, about) do nothing
		returning id`,
		i.ID, i.Kind, i.About, i.To, i.State, i.Round, i.Attempts, plain(i.Cause, mostCause), i.Sealed, i.CreatedAt,
		i.QueuedAt, i.BusyUntil, i.EndedAt, i.Until)
	if err == nil && isNew {
		insertJobs(t, jobs)
	}
	return isNew, err
}

func letterUnknown() error {
	return fault.New(fault.NotFound, "letter_unknown", "no such letter")
}

// Letter implements notify.Outbox.
func (d *DB) Letter(ctx context.Context, id letter.ID) (*letter.Item, error) {
	var i letter.Item
	err := d.find(ctx, letterUnknown(), func(row scan) error { return row(itemDest(&i)...) },
		`select `+itemColumns+` from outbox where id = $1`, id)
	if err != nil {
		return nil, err
	}
	return &i, nil
}

// UpdateLetter implements notify.Outbox.
func (d *DB) UpdateLetter(
	ctx context.Context, id letter.ID, change func(*letter.Item) ([]job.Job, error),
) (i *letter.Item, err error) {
	err = d.write(ctx, func(t tx) error {
		i = new(letter.Item)
		err := find(t, letterUnknown(), func(row scan) error { return row(itemDest(i)...) },
			`select `+itemColumns+` from outbox where id = $1`+t.lock(" for update"), id)
		if err != nil {
			return err
		}
		jobs, err := change(i)
		if err != nil {
			return err
		}
		t.exec(`
			update outbox set state = $1, round = $2, attempts = $3, cause = $4, queued_at = $5, busy_until = $6, ended_at = $7
			where id = $8`,
			i.State, i.Round, i.Attempts, plain(i.Cause, mostCause), i.QueuedAt, i.BusyUntil, i.EndedAt, id)
		insertJobs(t, jobs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Letters implements notify.Outbox.
func (d *DB) Letters(ctx context.Context, s letter.State, before letter.ID, n int) (items []*letter.Item, err error) {
	if before == "" {
		before = "~" // behind every key
	}
	each := func(row scan) error {
		i := new(letter.Item)
		items = append(items, i)
		return row(itemDest(i)...)
	}
	if s == 0 {
		err = d.query(ctx, each, `
			select `+itemColumns+` from outbox where id < $1 order by id desc limit $2 + 0`, before, n)
	} else {
		err = d.query(ctx, each, `
			select `+itemColumns+` from outbox where state = $1 and id < $2 order by id desc limit $3 + 0`, s, before, n)
	}
	return items, err
}

// ForgetLetters implements notify.Outbox.
func (d *DB) ForgetLetters(ctx context.Context, before time.Time, n int) (forgotten int, err error) {
	err = d.write(ctx, func(t tx) error {
		var ids []letter.ID
		err := t.query(func(row scan) error {
			ids = append(ids, "")
			return row(&ids[len(ids)-1])
		}, `
			select id from outbox where ended_at > 0 and sealed is not null and ended_at < $1
			order by ended_at limit $2 + 0`+t.lock(" for update skip locked"), before, n)
		for _, id := range ids {
			t.exec(`update outbox set address = '', cause = '', sealed = null where id = $1`, id)
		}
		forgotten = len(ids)
		return err
	})
	return forgotten, err
}
