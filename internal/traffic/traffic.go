// Package traffic is how many bytes an installation took in and gave out, day by day, and
// how many it keeps: for administrators to look at.
//
// It owns a meter, which counts in memory and writes down what it has counted once a
// minute. What a server that is killed had not written down is missing: nobody is billed by
// it. Where bytes are counted is left to packages upload and deliver. Start at Meter.
package traffic

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// A Day is what happened on one, in bytes.
type Day struct {
	Day    Date
	In     int64 // parts that were acknowledged
	Out    int64 // bytes of files and archives that were handed to connections
	Stored int64 // what all accounts together kept, when it was last looked at
}

// A Date is a day in UTC, since 1970-01-01.
type Date int64

// DateOf gives the day of a moment.
func DateOf(t time.Time) Date { return Date(t.Unix() / 86400) }

// Time gives the day's beginning.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// A Store keeps days.
type Store interface {
	// AddTraffic adds to what came in and went out on a day, and notes what is stored.
	AddTraffic(ctx context.Context, d Day) error
	// Traffic gives the days from one on, in their order. Days on which nothing was
	// written down are not there.
	Traffic(ctx context.Context, from Date) ([]Day, error)
	// Stored sums up what all accounts keep. It looks at all of them.
	Stored(ctx context.Context) (int64, error)
}

const (
	every  = time.Minute
	atLast = 5 * time.Second
)

// A Meter counts. Make one with NewMeter; it is safe for concurrent use.
type Meter struct {
	store   Store
	now     func() time.Time
	log     *slog.Logger
	in, out atomic.Int64
}

// NewMeter makes a Meter. Run must be called for it to write down what it counts.
func NewMeter(s Store, now func() time.Time, log *slog.Logger) *Meter {
	return &Meter{store: s, now: now, log: log}
}

// In counts bytes that came in, and Out those that went out.
func (m *Meter) In(n int64)  { m.in.Add(n) }
func (m *Meter) Out(n int64) { m.out.Add(n) }

// Run writes down what is counted until ctx ends, and then once more.
func (m *Meter) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	stored, looked := int64(0), false
	for {
		if n, err := m.store.Stored(ctx); err == nil {
			stored, looked = n, true
		} else if ctx.Err() == nil {
			m.log.WarnContext(ctx, "what is stored could not be summed up", "cause", err)
		}
		if looked {
			m.Write(ctx, stored)
		}
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), atLast)
			defer stop()
			m.Write(last, stored)
			return
		case <-tick.C:
		}
	}
}

// Write writes down what was counted since it was last called, and what is stored. What
// cannot be written is counted on.
func (m *Meter) Write(ctx context.Context, stored int64) {
	d := Day{Day: DateOf(m.now()), In: m.in.Swap(0), Out: m.out.Swap(0), Stored: stored}
	err := m.store.AddTraffic(ctx, d)
	if err == nil {
		return
	}
	m.in.Add(d.In)
	m.out.Add(d.Out)
	if !errors.Is(err, context.Canceled) {
		m.log.WarnContext(ctx, "traffic could not be written down", "cause", err)
	}
}

// Since gives n days up to today, each with what is known of it: of a day on which nothing
// was written down, that as much was stored as on the one before.
func (m *Meter) Since(ctx context.Context, n int) ([]Day, error) {
	today := DateOf(m.now())
	first := today - Date(n) + 1
	known, err := m.store.Traffic(ctx, first)
	if err != nil {
		return nil, err
	}
	days := make([]Day, n)
	for i := range days {
		days[i].Day = first + Date(i)
		if i > 0 {
			days[i].Stored = days[i-1].Stored
		}
		if len(known) > 0 && known[0].Day == days[i].Day {
			days[i], known = known[0], known[1:]
		}
	}
	// What is counted and not written down yet is today's.
	days[n-1].In += m.in.Load()
	days[n-1].Out += m.out.Load()
	return days, nil
}
