package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/journal"
)

// AddEntry implements journal.Store.
func (d *DB) AddEntry(ctx context.Context, e journal.Entry) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`insert into journal (key, at, by_whom, act, about, outcome) values ($1, $2, $3, $4, $5, $6)`,
			e.Key, e.At, e.By, e.Do, e.About, e.Outcome)
		return nil
	})
}

// EndEntry implements journal.Store.
func (d *DB) EndEntry(ctx context.Context, key, outcome string) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update journal set outcome = $1 where key = $2`, outcome, key)
		return nil
	})
}

// Entries implements journal.Store.
func (d *DB) Entries(ctx context.Context, before string, n int) (all []journal.Entry, err error) {
	err = d.latest(ctx, func(row scan) error {
		all = append(all, journal.Entry{})
		e := &all[len(all)-1]
		return row(&e.Key, intoTime(&e.At), &e.By, &e.Do, &e.About, &e.Outcome)
	}, `select key, at, by_whom, act, about, outcome from journal`, before, n)
	return all, err
}
