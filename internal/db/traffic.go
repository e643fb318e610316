package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/traffic"
)

// AddTraffic implements traffic.Store.
func (d *DB) AddTraffic(ctx context.Context, day traffic.Day) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`
			insert into traffic (day, taken, given, stored) values ($1, $2, $3, $4)
			on conflict (day) do update set taken = traffic.taken + excluded.taken, given = traffic.given + excluded.given, stored = excluded.stored`,
			int64(day.Day), day.In, day.Out, day.Stored)
		return nil
	})
}

// Traffic implements traffic.Store.
func (d *DB) Traffic(ctx context.Context, from traffic.Date) (days []traffic.Day, err error) {
	err = d.query(ctx, func(row scan) error {
		days = append(days, traffic.Day{})
		day := &days[len(days)-1]
		return row(&day.Day, &day.In, &day.Out, &day.Stored)
	}, `select day, taken, given, stored from traffic where day >= $1 order by day`, int64(from))
	return days, err
}

// Stored implements traffic.Store. It is asked every ten minutes, in the background.
func (d *DB) Stored(ctx context.Context) (n int64, err error) {
	err = d.query(ctx, func(row scan) error { return row(&n) }, `select cast(coalesce(sum(used), 0) as bigint) from accounts`)
	return n, err
}
