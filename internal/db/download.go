package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

const recordColumns = `d.key, d.home, d.item, d.holder, d.recipient, d.at, d.bytes, d.spans, d.whole_at, d.address, d.agent`

// recordDest gives where recordColumns go.
func recordDest(r *transfer.Record) []any {
	return []any{
		&r.Key, &r.Home, &r.Item, &r.Holder, &r.Recipient, intoTime(&r.At), &r.Bytes, intoSpans(&r.Spans), intoTime(&r.WholeAt),
		&r.Address, &r.Agent,
	}
}

// Spans are stored as "off+n off+n …".

func intoSpans(to *transfer.Spans) into {
	return func(src any) error {
		*to = nil
		text, _ := src.(string)
		for f := range strings.FieldsSeq(text) {
			var s transfer.Span
			if _, err := fmt.Sscanf(f, "%d+%d", &s.Off, &s.N); err != nil {
				return fmt.Errorf("spans %q: %w", text, err)
			}
			*to = append(*to, s)
		}
		return nil
	}
}

func spansText(spans transfer.Spans) string {
	var b strings.Builder
	for i, s := range spans {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d+%d", s.Off, s.N)
	}
	return b.String()
}

// A claimRow is a claim as it is stored.
type claimRow struct {
	transfer.Claim
	at, until time.Time
}

// claimOf loads a holder's claim on a transfer that is locked; nil if there is none.
func claimOf(t tx, home share.Key, holder string) (c *claimRow, err error) {
	err = t.query(func(row scan) error {
		c = new(claimRow)
		return row(intoTime(&c.at), intoTime(&c.until), &c.Live, &c.Bytes, intoBool(&c.Used))
	}, `select at, until, live, bytes, used from claims where home = $1 and holder = $2`, home, holder)
	return c, err
}

// ClaimDownload implements transfer.DeskStore.
func (d *DB) ClaimDownload(
	ctx context.Context, home share.Key, holder, item string, now, until time.Time,
) (claimed bool, err error) {
	err = d.write(ctx, func(t tx) error {
		s, err := lockShare(t, `s.key = $1`, home)
		if err != nil {
			return err
		}
		if claimed = s.MaxDownloads > 0; !claimed {
			return nil
		}
		c, err := claimOf(t, home, holder)
		if err != nil {
			return err
		}
		if c != nil && c.until.After(now) {
			done := false
			err := t.query(func(scan) error {
				done = true
				return nil
			}, `
				select key from downloads
				where home = $1 and item = $2 and holder = $3 and whole_at > 0 and whole_at >= $4 limit 1`, home, item, holder, c.at)
			if err != nil {
				return err
			}
			if !done {
				t.exec(`update claims set live = live + 1 where home = $1 and holder = $2`, home, holder)
				return nil
			}
		}
		if c == nil || c.Used { // one that ended unused and was not swept yet is taken again
			t.must(fault.New(fault.Gone, "downloads_used", "it has been downloaded as often as it may be"),
				`update shares set claimed = claimed + 1 where key = $1 and claimed < max_downloads`, home)
		}
		t.exec(`
			insert into claims (home, holder, at, until, live, bytes, used) values ($1, $2, $3, $4, 1, 0, 0)
			on conflict (home, holder) do update set at = excluded.at, until = excluded.until, live = 1, bytes = 0, used = 0`,
			home, holder, now, until)
		return nil
	})
	return claimed, err
}

// EndDownload implements transfer.DeskStore.
func (d *DB) EndDownload(
	ctx context.Context, r transfer.Record, claimed bool, change func(*transfer.Transfer, *transfer.Record, *transfer.Claim) []job.Job,
) error {
	return d.write(ctx, func(t tx) error {
		if clause := t.lock(" for update"); clause != "" && r.Item != "" {
			t.exec(`select key from files where key = $1`+clause, r.Item) // before its home, as everywhere
		}
		tr, err := lockTransfer(t, `s.key = $1`, r.Home)
		if err != nil {
			return err
		}
		rec, known := r, false
		err = t.query(func(row scan) error {
			known = true
			return row(recordDest(&rec)...)
		}, `
			select `+recordColumns+` from downloads d
			where d.home = $1 and d.item = $2 and d.holder = $3 and d.whole_at = 0 and d.holder <> ''`, r.Home, r.Item, r.Holder)
		if err != nil {
			return err
		}
		var row *claimRow
		var claim *transfer.Claim
		if claimed {
			if row, err = claimOf(t, r.Home, r.Holder); err != nil {
				return err
			}
		}
		if row != nil {
			claim = &row.Claim
		}
		before, had := tr.Sending, rec.Bytes
		jobs := change(tr, &rec, claim)
		if claim != nil {
			saveClaim(t, &r, claim)
		}
		whole := !rec.WholeAt.IsZero()
		switch {
		case known:
			t.exec(`update downloads set bytes = $1, spans = $2, whole_at = $3, address = $4, agent = $5 where key = $6`,
				rec.Bytes, spansText(rec.Spans), rec.WholeAt, rec.Address, rec.Agent, rec.Key)
		case whole || rec.Bytes > had:
			t.exec(`
				insert into downloads (key, home, item, holder, recipient, at, bytes, spans, whole_at, address, agent)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				rec.Key, rec.Home, rec.Item, rec.Holder, rec.Recipient, rec.At, rec.Bytes, spansText(rec.Spans), rec.WholeAt,
				rec.Address, rec.Agent)
		}
		if whole && rec.Item != "" {
			t.exec(`update files set downloads = downloads + 1 where key = $1`, rec.Item)
		}
		if whole && rec.Recipient != "" {
			t.exec(`update recipients set downloads = downloads + 1 where key = $1`, rec.Recipient)
		}
		if tr.Sending != before {
			t.exec(`update shares set downloads = $1, noticed = $2 where key = $3`, tr.Downloads, tr.Noticed, tr.Key)
		}
		insertJobs(t, jobs)
		return nil
	})
}

func saveClaim(t tx, r *transfer.Record, c *transfer.Claim) {
	if c.Gone {
		t.exec(`delete from claims where home = $1 and holder = $2`, r.Home, r.Holder)
		t.exec(`update shares set claimed = claimed - 1 where key = $1 and claimed > 0`, r.Home)
		return
	}
	t.exec(`update claims set live = $1, bytes = $2, used = $3 where home = $4 and holder = $5`,
		c.Live, c.Bytes, c.Used, r.Home, r.Holder)
}

// DownloadRecords implements transfer.DeskStore.
func (d *DB) DownloadRecords(ctx context.Context, home share.Key, after string, n int) (all []*transfer.Record, err error) {
	err = d.query(ctx, func(row scan) error {
		r := new(transfer.Record)
		all = append(all, r)
		return row(recordDest(r)...)
	}, `select `+recordColumns+` from downloads d where d.home = $1 and d.key > $2 order by d.key limit $3 + 0`, home, after, n)
	return all, err
}

// SweepDownloads implements transfer.DeskStore, each row in a transaction of its
// own: nobody waits for it.
func (d *DB) SweepDownloads(ctx context.Context, tries, records, claims time.Time, n int) (more bool, err error) {
	for _, s := range []struct {
		sql    string
		before time.Time
		drop   func(t tx, row [2]string) error
	}{
		{`select home, address from password_tries where since <= $1 order by since limit $2 + 0`, tries, func(t tx, row [2]string) error {
			t.exec(`delete from password_tries where home = $1 and address = $2 and since <= $3`, row[0], row[1], tries)
			return nil
		}},
		{`select key, home from downloads where at <= $1 and holder <> '' order by at limit $2 + 0`, records, func(t tx, row [2]string) error {
			t.exec(`update downloads set holder = '', address = '' where key = $1`, row[0])
			return nil
		}},
		{`select home, holder from claims where until <= $1 order by until limit $2 + 0`, claims, func(t tx, row [2]string) error {
			return dropClaim(t, share.Key(row[0]), row[1], claims)
		}},
	} {
		var rows [][2]string
		err := d.query(ctx, func(row scan) error {
			rows = append(rows, [2]string{})
			last := &rows[len(rows)-1]
			return row(&last[0], &last[1])
		}, s.sql, s.before, n)
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			if err := d.write(ctx, func(t tx) error { return s.drop(t, r) }); err != nil {
				return false, err
			}
		}
		more = more || len(rows) == n
	}
	return more, nil
}

// dropClaim ends a claim whose time is over.
func dropClaim(t tx, home share.Key, holder string, now time.Time) error {
	_, err := lockShare(t, `s.key = $1`, home) // its holder may be taking it again
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	c, err := claimOf(t, home, holder)
	if err != nil || c == nil || c.until.After(now) {
		return err
	}
	c.Gone = !c.Used
	if c.Used {
		t.exec(`delete from claims where home = $1 and holder = $2`, home, holder)
		return nil
	}
	saveClaim(t, &transfer.Record{Home: home, Holder: holder}, &c.Claim)
	return nil
}
