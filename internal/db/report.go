package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/share"
)

// AddReport implements report.Store. Two nodes that add at the same moment may both be
// the last.
func (d *DB) AddReport(ctx context.Context, r *report.Report, most int) error {
	return d.write(ctx, func(t tx) error {
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

const readReport = `select key, at, home, path, title, kind, text, sender, outcome from reports `

func intoReport(row scan) (*report.Report, error) {
	r := &report.Report{}
	return r, row(&r.Key, intoTime(&r.At), &r.Home, &r.Path, &r.Title, &r.Kind, &r.Text, &r.From, &r.Outcome)
}

// Reports implements report.Store.
func (d *DB) Reports(ctx context.Context, before string, n int) (all []*report.Report, err error) {
	row := func(row scan) error {
		r, err := intoReport(row)
		all = append(all, r)
		return err
	}
	if before == "" {
		err = d.query(ctx, row, readReport+`order by key desc limit $1 + 0`, n)
	} else {
		err = d.query(ctx, row, readReport+`where key < $1 order by key desc limit $2 + 0`, before, n)
	}
	return all, err
}

// Report implements report.Store.
func (d *DB) Report(ctx context.Context, key string) (r *report.Report, err error) {
	err = d.query(ctx, func(row scan) (err error) {
		r, err = intoReport(row)
		return err
	}, readReport+`where key = $1`, key)
	if err == nil && r == nil {
		err = fault.New(fault.NotFound, "report_unknown", "no such report")
	}
	return r, err
}

// DecideReports implements report.Store.
func (d *DB) DecideReports(ctx context.Context, home share.Key, o report.Outcome) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update reports set outcome = $1 where home = $2`, o, home)
		return nil
	})
}
