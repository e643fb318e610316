package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const recordColumns = `d.key, d.home, d.item, d.holder, d.claim, d.recipient, d.at, d.bytes, d.spans, d.whole_at, d.address, d.agent`

// recordDest gives where recordColumns go.
func recordDest(r *transfer.Record) []any {
	return []any{
		&r.Key, &r.Home, &r.Item, &r.Holder, &r.Claim, &r.Recipient, intoTime(&r.At), &r.Bytes, intoSpans(&r.Spans), intoTime(&r.WholeAt),
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

// Answers of a claim are stored as "key item node spans", one on a line; what is empty is "-".

func intoAnswers(to *[]transfer.Answer) into {
	return func(src any) error {
		*to = nil
		text, _ := src.(string)
		for line := range strings.Lines(text) {
			words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
			if len(words) != 4 {
				return fmt.Errorf("answer %q is none", line)
			}
			a := transfer.Answer{Key: words[0], Item: upload.Key(unDash(words[1])), Node: unDash(words[2])}
			if err := intoSpans(&a.Spans)(words[3]); err != nil {
				return err
			}
			*to = append(*to, a)
		}
		return nil
	}
}

func answersText(all []transfer.Answer) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%s %s %s %s\n", a.Key, cmp.Or(string(a.Item), "-"), cmp.Or(a.Node, "-"), spansText(a.Spans))
	}
	return b.String()
}

func unDash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

const claimColumns = `c.key, c.at, c.until, c.bytes, c.used, c.answers`

func claimDest(c *transfer.Claim) []any {
	return []any{&c.Key, intoTime(&c.At), intoTime(&c.Until), &c.Bytes, intoBool(&c.Used), intoAnswers(&c.Answers)}
}

// claimOf loads a claim on a transfer that is locked; nil if it is gone.
func claimOf(t tx, key string) (c *transfer.Claim, err error) {
	err = t.query(func(row scan) error {
		c = new(transfer.Claim)
		return row(claimDest(c)...)
	}, `select `+claimColumns+` from claims c where c.key = $1`, key)
	return c, err
}

// mostClaims bounds how many claims of one holder are looked at: those behind one
// address may be many.
const mostClaims = 100

// ClaimDownload implements transfer.DeskStore.
func (d *DB) ClaimDownload(
	ctx context.Context, home share.Key, holder string, item upload.Key, choose func(left int, all []*transfer.Claim) (*transfer.Claim, error),
) (limited bool, err error) {
	err = d.write(ctx, func(t tx) error {
		tr, err := lockTransfer(t, `s.key = $1`, home)
		if err != nil {
			return err
		}
		if limited = tr.MaxDownloads > 0; !limited {
			return nil
		}
		var all []*transfer.Claim
		err = t.query(func(row scan) error {
			c := new(transfer.Claim)
			all = append(all, c)
			return row(append(claimDest(c), intoBool(&c.Done), intoBool(&c.Begun))...)
		}, `
			select `+claimColumns+`, case when exists (
				select 1 from downloads d where d.home = c.home and d.item = $3 and d.holder = c.holder and d.claim = c.key and d.whole_at > 0
			) then 1 else 0 end, case when exists (
				select 1 from downloads d
				where d.home = c.home and d.item = $3 and d.holder = c.holder and d.claim = c.key and d.whole_at = 0 and d.holder <> ''
			) then 1 else 0 end
			from claims c where c.home = $1 and c.holder = $2 order by c.key desc limit $4 + 0`, home, holder, item, mostClaims)
		if err != nil {
			return err
		}
		c, err := choose(tr.MaxDownloads-tr.Claimed, all)
		if err != nil || c == nil {
			return err
		}
		if slices.Contains(all, c) {
			t.exec(`update claims set at = $1, until = $2, bytes = $3, used = $4, answers = $5 where key = $6`,
				c.At, c.Until, c.Bytes, c.Used, answersText(c.Answers), c.Key)
			return nil
		}
		t.exec(`update shares set claimed = claimed + 1 where key = $1`, home)
		t.exec(`insert into claims (key, home, holder, at, until, bytes, used, answers) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			c.Key, home, holder, c.At, c.Until, c.Bytes, c.Used, answersText(c.Answers))
		return nil
	})
	return limited, err
}

// EndDownload implements transfer.DeskStore.
func (d *DB) EndDownload(
	ctx context.Context, r transfer.Record, change func(*transfer.Transfer, *transfer.Record, *transfer.Claim) []job.Job,
) error {
	return d.write(ctx, func(t tx) error {
		if clause := t.lock(" for update"); clause != "" && r.OfFile() {
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
			where d.home = $1 and d.item = $2 and d.holder = $3 and d.claim = $4 and d.whole_at = 0 and d.holder <> ''`,
			r.Home, r.Item, r.Holder, r.Claim)
		if err != nil {
			return err
		}
		var claim *transfer.Claim
		if r.Claim != "" {
			if claim, err = claimOf(t, r.Claim); err != nil {
				return err
			}
		}
		before, had := tr.Sending, rec.Bytes
		jobs := change(tr, &rec, claim)
		if claim != nil {
			saveClaim(t, r.Home, claim)
		}
		whole := !rec.WholeAt.IsZero()
		switch {
		case known:
			t.exec(`update downloads set bytes = $1, spans = $2, whole_at = $3, address = $4, agent = $5 where key = $6`,
				rec.Bytes, spansText(rec.Spans), rec.WholeAt, rec.Address, rec.Agent, rec.Key)
		case whole || rec.Bytes > had:
			t.exec(`
				insert into downloads (key, home, item, holder, claim, recipient, at, bytes, spans, whole_at, address, agent)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
				rec.Key, rec.Home, rec.Item, rec.Holder, rec.Claim, rec.Recipient, rec.At, rec.Bytes, spansText(rec.Spans), rec.WholeAt,
				rec.Address, rec.Agent)
		}
		if whole {
			tell(t, tr.Owner.Account, share.EventDownloaded, tr.Key, rec.Key, rec.WholeAt)
		}
		if whole && rec.OfFile() {
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

func saveClaim(t tx, home share.Key, c *transfer.Claim) {
	if !c.Gone {
		t.exec(`update claims set until = $1, bytes = $2, used = $3, answers = $4 where key = $5`,
			c.Until, c.Bytes, c.Used, answersText(c.Answers), c.Key)
		return
	}
	t.exec(`delete from claims where key = $1`, c.Key)
	if !c.Used {
		t.exec(`update shares set claimed = claimed - 1 where key = $1 and claimed > 0`, home)
	}
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
func (d *DB) SweepDownloads(ctx context.Context, tries, records, claims time.Time, n int, expire func(*transfer.Claim)) (more bool, err error) {
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
		{`select key, home from claims where until <= $1 order by until limit $2 + 0`, claims, func(t tx, row [2]string) error {
			return expireClaim(t, row[0], share.Key(row[1]), claims, expire)
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

func expireClaim(t tx, key string, home share.Key, now time.Time, expire func(*transfer.Claim)) error {
	_, err := lockShare(t, `s.key = $1`, home) // its holder may be taking it again
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	c, err := claimOf(t, key)
	if err != nil || c == nil || c.Until.After(now) {
		return err
	}
	expire(c)
	saveClaim(t, home, c)
	return nil
}
