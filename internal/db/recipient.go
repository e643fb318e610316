package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

const recipientColumns = `r.key, r.home, r.address, r.track, r.note, r.sent_at, r.delivered_at, r.problem, r.downloads`

// recipientDest gives where recipientColumns go.
func recipientDest(r *transfer.Recipient) []any {
	return []any{
		&r.Key, &r.Home, &r.Address, &r.Track, &r.Note, intoTime(&r.SentAt), intoTime(&r.DeliveredAt), &r.Problem, &r.Downloads,
	}
}

const selectRecipient = `select ` + recipientColumns + ` from recipients r where `

func insertRecipient(t tx, r *transfer.Recipient) {
	t.exec(`
		insert into recipients (key, home, address, track, note, sent_at, delivered_at, problem, downloads)
		values ($1, $2, $3, $4, $5, 0, 0, '', 0)`, r.Key, r.Home, r.Address, r.Track, r.Note)
}

// AddRecipients implements transfer.DeskStore.
func (d *DB) AddRecipients(
	ctx context.Context, id share.ID, to []*transfer.Recipient, most int, now time.Time, may func(*transfer.Transfer) error,
) (added int, err error) {
	err = d.write(ctx, func(t tx) error {
		added = 0
		tr, err := lockTransfer(t, transferByID, id)
		if err != nil {
			return err
		}
		if err := may(tr); err != nil {
			return err
		}
		for _, r := range to { // the lock keeps others from adding the same
			there := false
			err := t.query(func(scan) error {
				there = true
				return nil
			}, `select key from recipients where home = $1 and address = $2`, tr.Key, r.Address)
			if err != nil {
				return err
			}
			if !there {
				insertRecipient(t, r)
				added++
			}
		}
		if added == 0 {
			return nil
		}
		t.must(fault.New(fault.Conflict, "too_many_recipients", "a transfer has at most %d recipients", most),
			`update shares set recipients = recipients + $1 where key = $2 and recipients + $1 <= $3`, added, tr.Key, most)
		tr.Recipients += added
		return dispatch(t, tr, now)
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

func appendRecipient(to *[]*transfer.Recipient) func(scan) error {
	return func(row scan) error {
		r := new(transfer.Recipient)
		*to = append(*to, r)
		return row(recipientDest(r)...)
	}
}

// Recipients implements transfer.DeskStore.
func (d *DB) Recipients(ctx context.Context, home share.Key, after string, n int) (all []*transfer.Recipient, err error) {
	err = d.query(ctx, appendRecipient(&all),
		selectRecipient+`r.home = $1 and r.address > $2 order by r.address limit $3 + 0`, home, after, n)
	return all, err
}

// RecipientsOf implements transfer.DeskStore.
func (d *DB) RecipientsOf(ctx context.Context, homes []share.Key) (all []*transfer.Recipient, err error) {
	for len(homes) > 0 && err == nil {
		args := make([]any, askAtOnce) // always as many, so that it is one statement
		for i := range args {
			args[i] = ""
			if i < len(homes) {
				args[i] = homes[i]
			}
		}
		homes = homes[min(len(homes), askAtOnce):]
		err = d.query(ctx, appendRecipient(&all), selectRecipient+`r.home in `+inPlaces(askAtOnce), args...)
	}
	return all, err
}

// Recipient implements transfer.DeskStore.
func (d *DB) Recipient(ctx context.Context, key transfer.RecipientKey) (*transfer.Recipient, error) {
	var r transfer.Recipient
	err := d.find(ctx, recipientUnknown(), func(row scan) error { return row(recipientDest(&r)...) }, selectRecipient+`r.key = $1`, key)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func recipientUnknown() error {
	return fault.New(fault.NotFound, "recipient_unknown", "no such recipient")
}

// NoteDelivery implements transfer.DeskStore.
func (d *DB) NoteDelivery(ctx context.Context, key transfer.RecipientKey, at time.Time, problem string) error {
	return d.write(ctx, func(t tx) error {
		// The transfer first, as everywhere: then its recipient as it is by then.
		var home share.Key
		err := find(t, recipientUnknown(), func(row scan) error { return row(&home) },
			`select home from recipients where key = $1`, key)
		if err != nil {
			return err
		}
		if _, err := lockShare(t, `s.key = $1`, home); err != nil {
			return err
		}
		var r transfer.Recipient
		err = find(t, recipientUnknown(), func(row scan) error { return row(recipientDest(&r)...) }, selectRecipient+`r.key = $1`, key)
		if err != nil {
			return err
		}
		change := 0
		switch {
		case problem != "" && r.Problem == "":
			change = 1
		case problem == "" && r.Problem != "":
			change = -1
		}
		delivered := at
		if problem != "" {
			delivered = time.Time{}
		}
		t.exec(`update recipients set delivered_at = $1, problem = $2 where key = $3`, delivered, problem, key)
		if change != 0 {
			t.exec(`update shares set undelivered = undelivered + $1 where key = $2`, change, home)
		}
		return nil
	})
}

// CountPasswordTry implements transfer.DeskStore.
func (d *DB) CountPasswordTry(ctx context.Context, home share.Key, who string, now, since time.Time, most int) error {
	return d.write(ctx, func(t tx) error {
		t.must(fault.New(fault.Throttled, "too_many_tries", "too many passwords were tried, please wait"), `
			insert into password_tries (home, address, since, tries) values ($1, $2, $3, 1)
			on conflict (home, address) do update set
				tries = case when password_tries.since <= $4 then 1 else password_tries.tries + 1 end,
				since = case when password_tries.since <= $4 then excluded.since else password_tries.since end
			where password_tries.since <= $4 or password_tries.tries < $5`, home, who, now, since, most)
		return nil
	})
}

// ForgivePasswordTry implements transfer.DeskStore.
func (d *DB) ForgivePasswordTry(ctx context.Context, home share.Key, who string) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update password_tries set tries = tries - 1 where home = $1 and address = $2 and tries > 0`, home, who)
		return nil
	})
}
