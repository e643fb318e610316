package db

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/share"
)

func TestReports(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		add := func(home share.Key) (*report.Report, error) {
			r := &report.Report{Key: w.ids.Key(), At: now, Home: home, Path: "/to/x", Title: "X", Kind: "other", Text: "no", From: "eve@example.org"}
			return r, w.AddReport(w.ctx, r, 2)
		}
		first, err := add("one")
		w.must(err)
		_, err = add("one")
		w.must(err)
		if _, err := add("one"); fault.CodeOf(err) != "reported_enough" {
			t.Errorf("a third of two: %v", err)
		}
		last, err := add("two")
		w.must(err)
		page, err := w.Reports(w.ctx, "", 2)
		w.must(err)
		if len(page) != 2 || *page[0] != *last {
			t.Errorf("the latest: %v", page)
		}
		if page, err = w.Reports(w.ctx, page[1].Key, 10); err != nil || len(page) != 1 || *page[0] != *first {
			t.Errorf("those before: %v, %v", page, err)
		}
		w.must(w.DecideReports(w.ctx, "one", report.Blocked))
		if r, err := w.Report(w.ctx, first.Key); err != nil || r.Outcome != report.Blocked {
			t.Errorf("%v, %v", r, err)
		}
		if r, err := w.Report(w.ctx, last.Key); err != nil || r.Outcome != report.Waiting {
			t.Errorf("another's: %v, %v", r, err)
		}
		if _, err := add("one"); err != nil {
			t.Errorf("after it was decided: %v", err)
		}
		if _, err := w.Report(w.ctx, "unknown"); fault.CodeOf(err) != "report_unknown" {
			t.Error(err)
		}
	})
}

// Who reports while another does so waits for them, and is refused if they were the last.
func TestReportsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, _ := w.draft(w.acc)
		w.must(w.CreateTransfer(w.ctx, tr, nil))
		const most = 2
		add := func() error {
			return w.AddReport(w.ctx, &report.Report{Key: w.ids.Key(), At: now, Home: tr.Key, Kind: "other", Text: "no"}, most)
		}
		w.must(add())
		second := make(chan error, 1)
		w.must(w.write(w.ctx, func(tx tx) error {
			if err := tx.query(func(scan) error { return nil }, `select key from shares where key = $1`+tx.lock(" for update"), tr.Key); err != nil {
				return err
			}
			tx.exec(`insert into reports (key, at, home, path, title, kind, text, sender, outcome) values ($1, $2, $3, '', '', '', '', '', '')`, w.ids.Key(), now, tr.Key)
			go func() { second <- add() }()
			time.Sleep(100 * time.Millisecond)
			return nil
		}))
		if err := <-second; fault.CodeOf(err) != "reported_enough" {
			t.Errorf("a third of two: %v", err)
		}
	})
}
