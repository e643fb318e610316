package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/share"
)

// AddReport implements report.Store. Those who add at the same moment do so one after the
// other, by the row of what they report.
func (d *DB) AddReport(ctx context.Context, r *report.Report, most int) error {
	return d.write(ctx, func(t tx) error {
		if err := t.query(func(scan) error { return nil }, `select key from shares where key = $1`+t.lock(" for update"), r.Home); err != nil {
			return err
		}
		n := 0
		err := t.query(func(scan) error { n++; return nil },
			`select key from reports where home = $1 and outcome = '' limit $2 + 0`, r.Home, most)
		if err != nil {
			return err
		}
		if n >= most {
			return fault.New(fault.Throttled, "reported_enough", "this has been reported, and is being looked at")
		}
		t.exec(`insert into reports (key, at, home, path, title, kind, text, sender, outcome) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			r.Key, r.At, r.Home, r.Path, r.Title, r.Kind, r.Text, r.From, r.Outcome)
		return nil
	})
}

const readReport = `select key, at, home, path, title, kind, text, sender, outcome from reports`

func intoReport(row scan) (*report.Report, error) {
	r := &report.Report{}
	return r, row(&r.Key, intoTime(&r.At), &r.Home, &r.Path, &r.Title, &r.Kind, &r.Text, &r.From, &r.Outcome)
}

// Reports implements report.Store.
func (d *DB) Reports(ctx context.Context, before string, n int) (all []*report.Report, err error) {
	err = d.latest(ctx, func(row scan) error {
		r, err := intoReport(row)
		all = append(all, r)
		return err
	}, readReport, before, n)
	return all, err
}

// Report implements report.Store.
func (d *DB) Report(ctx context.Context, key string) (r *report.Report, err error) {
	unknown := fault.New(fault.NotFound, "report_unknown", "no such report")
	err = d.find(ctx, unknown, func(row scan) (err error) {
		r, err = intoReport(row)
		return err
	}, readReport+` where key = $1`, key)
	return r, err
}

// DecideReports implements report.Store.
func (d *DB) DecideReports(ctx context.Context, home share.Key, o report.Outcome) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update reports set outcome = $1 where home = $2`, o, home)
		return nil
	})
}
