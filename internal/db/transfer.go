package db

import (
	"context"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// sendingColumns are those that only a look at a transfer needs, and no part.
const sendingColumns = `s.track, s.sender, s.password, s.notify, s.confirm, s.days, s.source, s.announced, s.recipients,
	s.undelivered, s.downloads, s.claimed, s.noticed`

// transferDest gives where shareColumns and sendingColumns go.
func transferDest(t *transfer.Transfer) []any {
	return append(shareDest(&t.Share),
		&t.Track, &t.Sender, &t.Password, intoBool(&t.Notify), intoBool(&t.Confirm), &t.Days, &t.Source, &t.Announced,
		&t.Recipients, &t.Undelivered, &t.Downloads, &t.Claimed, &t.Noticed)
}

const selectTransfer = `select ` + shareColumns + `, ` + sendingColumns + ` from shares s where `

// transferByID finds no board.
const transferByID = `s.id = $1 and s.kind = 1`

// CreateTransfer implements transfer.Store.
func (d *DB) CreateTransfer(ctx context.Context, t *transfer.Transfer, files []*upload.File) error {
	return d.createShare(ctx, &t.Share, files, nil)
}

// CreateSending implements transfer.DeskStore.
func (d *DB) CreateSending(ctx context.Context, t *transfer.Transfer, to []*transfer.Recipient, daily int) error {
	err := d.write(ctx, func(q tx) error {
		if daily > 0 {
			countDay(q, t, daily)
		}
		insertShare(q, &t.Share)
		q.exec(`
			update shares set track = $1, sender = $2, password = $3, notify = $4, confirm = $5, days = $6, source = $7,
				announced = $8, recipients = $9
			where key = $10`,
			t.Track, t.Sender, t.Password, t.Notify, t.Confirm, t.Days, t.Source, t.Announced, t.Recipients, t.Key)
		for _, r := range to {
			insertRecipient(q, r)
		}
		return nil
	})
	return taken(err, idTaken())
}

// countDay counts a new transfer on its account's day, of which no more than most are
// made: of two at once, the second waits for the first to be made or not.
func countDay(q tx, t *transfer.Transfer, most int) {
	q.must(fault.New(fault.Throttled, "transfers_a_day", "%d transfers a day may be sent, and today's are used up", most), `
		insert into daily_transfers (account, day, made) values ($1, $2, 1)
		on conflict (account, day) do update set made = daily_transfers.made + 1
		where daily_transfers.made < $3`, t.Owner.Account, dayOf(t.CreatedAt), most)
}

// dayOf gives the number of a moment's day (UTC).
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// SweepDays implements transfer.DeskStore.
func (d *DB) SweepDays(ctx context.Context, before time.Time, n int) (more bool, err error) {
	type row struct {
		account account.ID
		day     int64
	}
	var rows []row
	err = d.query(ctx, func(scan scan) error {
		rows = append(rows, row{})
		last := &rows[len(rows)-1]
		return scan(&last.account, &last.day)
	}, `select account, day from daily_transfers where day < $1 order by day limit $2 + 0`, dayOf(before), n)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	return len(rows) == n, d.write(ctx, func(t tx) error {
		for _, r := range rows {
			t.exec(`delete from daily_transfers where account = $1 and day = $2`, r.account, r.day)
		}
		return nil
	})
}

// Transfer implements transfer.Store.
func (d *DB) Transfer(ctx context.Context, id share.ID) (*transfer.Transfer, error) {
	return d.transfer(ctx, selectTransfer+transferByID, id)
}

// TransferByKey implements transfer.DeskStore.
func (d *DB) TransferByKey(ctx context.Context, key share.Key) (*transfer.Transfer, error) {
	return d.transfer(ctx, selectTransfer+`s.key = $1 and s.kind = 1`, key)
}

// TransferByCode implements transfer.DeskStore.
func (d *DB) TransferByCode(ctx context.Context, code string) (*transfer.Transfer, error) {
	return d.transfer(ctx, selectTransfer+`s.code = $1 and s.kind = 1`, code)
}

func (d *DB) transfer(ctx context.Context, sql string, arg any) (*transfer.Transfer, error) {
	var t transfer.Transfer
	err := d.find(ctx, share.NotFound(), func(row scan) error { return row(transferDest(&t)...) }, sql, arg)
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// TransferByTrack implements transfer.DeskStore.
func (d *DB) TransferByTrack(ctx context.Context, track string) (*transfer.Transfer, *transfer.Recipient, error) {
	var to transfer.Recipient
	err := d.find(ctx, share.NotFound(), func(row scan) error { return row(recipientDest(&to)...) },
		selectRecipient+`r.track = $1`, track)
	if err == nil {
		t, err := d.TransferByKey(ctx, to.Home)
		return t, &to, err
	}
	if fault.KindOf(err) != fault.NotFound {
		return nil, nil, err
	}
	t, err := d.transfer(ctx, selectTransfer+`s.track = $1 and s.track <> ''`, track)
	return t, nil, err
}

// lockTransfer loads a transfer that nobody else changes until the transaction ends.
func lockTransfer(t tx, by string, name any) (*transfer.Transfer, error) {
	var tr transfer.Transfer
	err := find(t, share.NotFound(), func(row scan) error { return row(transferDest(&tr)...) },
		selectTransfer+by+t.lock(" for update"), name)
	return &tr, err
}

// UpdateTransfer implements transfer.Store.
func (d *DB) UpdateTransfer(
	ctx context.Context, id share.ID, change func(*transfer.Transfer) ([]job.Job, error),
) (*transfer.Transfer, error) {
	return d.updateTransfer(ctx, id, change, func(tx, *transfer.Transfer) error { return nil })
}

// updateTransfer saves what change makes of a transfer, and does what follows.
func (d *DB) updateTransfer(
	ctx context.Context, id share.ID, change func(*transfer.Transfer) ([]job.Job, error), then func(tx, *transfer.Transfer) error,
) (tr *transfer.Transfer, err error) {
	err = d.write(ctx, func(t tx) error {
		if tr, err = lockTransfer(t, transferByID, id); err != nil {
			return err
		}
		before := *tr
		jobs, err := change(tr)
		if err != nil {
			return err
		}
		if err := saveShare(t, before.Share, &tr.Share, *tr != before); err != nil {
			return err
		}
		writeSending(t, before.Sending, tr)
		insertJobs(t, jobs)
		return then(t, tr)
	})
	if err != nil {
		return nil, err
	}
	return tr, nil
}

func writeSending(t tx, before transfer.Sending, tr *transfer.Transfer) {
	if tr.Sending == before {
		return
	}
	t.exec(`update shares set password = $1, notify = $2, days = $3 where key = $4`, tr.Password, tr.Notify, tr.Days, tr.Key)
}

// DispatchTransfer implements transfer.DeskStore.
func (d *DB) DispatchTransfer(
	ctx context.Context, id share.ID, now time.Time, change func(*transfer.Transfer) ([]job.Job, error),
) (*transfer.Transfer, error) {
	return d.updateTransfer(ctx, id, change, func(t tx, tr *transfer.Transfer) error { return dispatch(t, tr, now) })
}

// dispatch calls for a letter to every recipient of a locked transfer that got none.
func dispatch(t tx, tr *transfer.Transfer, now time.Time) error {
	if tr.State != share.Ready || tr.Recipients == 0 {
		return nil
	}
	var jobs []job.Job
	err := t.query(func(row scan) error {
		j := job.Job{Kind: transfer.LetterRecipient, RunAt: now}
		err := row(&j.ID)
		jobs = append(jobs, j)
		return err
	}, `select key from recipients where home = $1 and sent_at = 0 order by key`, tr.Key)
	if err != nil || len(jobs) == 0 {
		return err
	}
	t.exec(`update recipients set sent_at = $1 where home = $2 and sent_at = 0`, now, tr.Key)
	insertJobs(t, jobs)
	return nil
}

// RecoverTransfer implements transfer.DeskStore.
func (d *DB) RecoverTransfer(
	ctx context.Context, id share.ID, change func(*transfer.Transfer) ([]job.Job, error),
) (tr *transfer.Transfer, err error) {
	err = d.write(ctx, func(t tx) error {
		if tr, err = lockTransfer(t, transferByID, id); err != nil {
			return err
		}
		before := *tr
		jobs, err := change(tr)
		if err != nil {
			return err
		}
		if *tr != before {
			writeShare(t, &tr.Share)
			writeSending(t, before.Sending, tr)
		}
		insertJobs(t, jobs)
		if before.State <= share.Ready || tr.State > share.Ready {
			return nil
		}
		t.exec(`delete from jobs where kind = $1 and id = $2`, share.JobPurge, tr.Key)
		t.exec(`update shares set reserved = size where key = $1`, tr.Key)
		reserve(t, tr.Owner.Account, tr.Size)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tr, nil
}

// FileNamed implements transfer.DeskStore.
func (d *DB) FileNamed(ctx context.Context, id share.ID, ident string) (*upload.File, error) {
	f := upload.File{Home: &share.Share{}}
	err := d.find(ctx, fileUnknown(), func(row scan) error {
		return row(append(fileDest(&f), shareDest(f.Home)...)...)
	}, selectFile+`s.id = $1 and f.ident = $2 and f.ident <> ''`, id, ident)
	if err != nil {
		return nil, err
	}
	return &f, nil
}

// AddFile implements transfer.DeskStore. The transfer is locked, so that of many who
// begin a file at once one makes it, and the others find it.
func (d *DB) AddFile(
	ctx context.Context, home share.Key, f *upload.File, change func(*transfer.Transfer) error,
) (there *upload.File, err error) {
	err = d.write(ctx, func(t tx) error {
		tr, err := lockTransfer(t, `s.key = $1`, home)
		if err != nil {
			return err
		}
		there = nil
		err = t.query(func(row scan) error {
			there = &upload.File{Home: &tr.Share}
			return row(fileDest(there)...)
		}, `select `+fileColumns+` from files f where f.home = $1 and f.ident = $2 and f.ident <> ''`, home, f.Ident)
		if err != nil || there != nil {
			return err
		}
		if err := change(tr); err != nil {
			return err
		}
		t.exec(`update shares set files = files + 1, open_files = open_files + 1, expires_at = $1 where key = $2`,
			tr.ExpiresAt, home)
		tr.Files++
		tr.OpenFiles++
		added := *f
		added.Home = &tr.Share
		insertFiles(t, home, []*upload.File{&added})
		grow(t, &tr.Share, added.Held())
		there = &added
		return nil
	})
	if err != nil {
		return nil, taken(err, idTaken())
	}
	return there, nil
}

// UnmakeFile implements transfer.DeskStore.
func (d *DB) UnmakeFile(ctx context.Context, key upload.Key, jobs []job.Job) error {
	return d.write(ctx, func(t tx) error {
		f, _, err := lockFile(t, byKey, key, 0)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err != nil || f.State != upload.Open || f.Parts > 0 || f.Home.State > share.Ready {
			return err
		}
		t.exec(`delete from files where key = $1`, key)
		t.exec(`update shares set version = version + 1, files = files - 1, open_files = open_files - 1 where key = $1`,
			f.Home.Key)
		grow(t, f.Home, -f.Held())
		insertJobs(t, jobs)
		return nil
	})
}

// ChangeFile implements transfer.DeskStore.
func (d *DB) ChangeFile(
	ctx context.Context, id upload.ID, change func(*upload.File) ([]job.Job, error),
) (f *upload.File, err error) {
	err = d.write(ctx, func(t tx) error {
		if f, _, err = lockFile(t, byID, id, 0); err != nil {
			return err
		}
		before := *f
		jobs, err := change(f)
		if err != nil {
			return err
		}
		if f.Name == before.Name && f.State == before.State {
			return nil
		}
		t.exec(`update files set name = $1, state = $2, ident = $3 where key = $4`, f.Name, f.State, f.Ident, f.Key)
		files, open := 0, 0
		if f.State == upload.Deleted && before.State != upload.Deleted {
			files = 1
			if before.State == upload.Open {
				open = 1
			}
		}
		// A new version: what shows the files, or has them as an archive, is stale.
		t.exec(`update shares set version = version + 1, files = files - $1, open_files = open_files - $2 where key = $3`,
			files, open, f.Home.Key)
		f.Home.Version++
		f.Home.Files -= files
		f.Home.OpenFiles -= open
		grow(t, f.Home, f.Held()-before.Held())
		insertJobs(t, jobs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// SentPage implements transfer.DeskStore.
func (d *DB) SentPage(ctx context.Context, who account.ID, before share.Key, n int) (all []*transfer.Transfer, err error) {
	sql, args := selectTransfer+`s.account = $1`, []any{who, n}
	if before != "" { // a text of its own, so that the index knows where to begin
		sql, args = sql+` and s.key < $3`, append(args, before)
	}
	err = d.query(ctx, func(row scan) error {
		t := new(transfer.Transfer)
		all = append(all, t)
		return row(transferDest(t)...)
	}, sql+` order by s.key desc limit $2 + 0`, args...)
	return all, err
}

// InboxPage implements transfer.DeskStore.
func (d *DB) InboxPage(
	ctx context.Context, address string, before transfer.Place, n int,
) (all []transfer.Received, err error) {
	sql := `select ` + recipientColumns + `, ` + shareColumns + `, ` + sendingColumns + `
		from recipients r join shares s on s.key = r.home where r.address = $1 and r.sent_at > 0`
	args := []any{address, n}
	if before.Key != "" {
		sql, args = sql+` and (r.sent_at, r.key) < ($3, $4)`, append(args, before.At, before.Key)
	}
	err = d.query(ctx, func(row scan) error {
		r := transfer.Received{Transfer: new(transfer.Transfer), Recipient: new(transfer.Recipient)}
		all = append(all, r)
		return row(append(recipientDest(r.Recipient), transferDest(r.Transfer)...)...)
	}, sql+` order by r.sent_at desc, r.key desc limit $2 + 0`, args...)
	return all, err
}
