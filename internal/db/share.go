package db

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

const shareColumns = `s.key, s.id, s.kind, s.account, s.room, s.state, s.code, s.hash, s.name, s.message, s.sealed,
	s.files, s.open_files, s.size, s.idle, s.created_at, s.ready_at, s.expires_at, s.version, s.locked, s.blocked, s.cancelled,
	s.purging, s.portal, s.max_size, s.max_downloads, s.live`

// shareDest gives where shareColumns go.
func shareDest(s *share.Share) []any {
	return []any{
		&s.Key, &s.ID, &s.Kind, &s.Owner.Account, &s.Owner.Room, &s.State, intoText(&s.Code), &s.Hash, &s.Name, &s.Message,
		intoBool(&s.Sealed), &s.Files, &s.OpenFiles, &s.Size, intoDuration(&s.Idle), intoTime(&s.CreatedAt),
		intoTime(&s.ReadyAt), intoTime(&s.ExpiresAt), &s.Version, intoBool(&s.Locked), intoBool(&s.Blocked),
		intoBool(&s.Cancelled), intoBool(&s.Purging), &s.Portal, &s.MaxSize, &s.MaxDownloads, intoBool(&s.Live),
	}
}

const selectShare = `select ` + shareColumns + ` from shares s where `

// ByID implements share.Store.
func (d *DB) ByID(ctx context.Context, id share.ID) (*share.Share, error) {
	return d.share(ctx, selectShare+`s.id = $1`, id)
}

// ByCode implements share.Store.
func (d *DB) ByCode(ctx context.Context, code string) (*share.Share, error) {
	return d.share(ctx, selectShare+`s.code = $1`, code)
}

func (d *DB) share(ctx context.Context, sql string, arg any) (*share.Share, error) {
	var s share.Share
	err := d.find(ctx, share.NotFound(), func(row scan) error { return row(shareDest(&s)...) }, sql, arg)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// lockShare loads a share that nobody else changes until the transaction ends.
func lockShare(t tx, by string, name any) (*share.Share, error) {
	var s share.Share
	err := find(t, share.NotFound(), func(row scan) error { return row(shareDest(&s)...) },
		selectShare+by+t.lock(" for update"), name)
	return &s, err
}

// Update implements share.Store.
func (d *DB) Update(
	ctx context.Context, key share.Key, change func(*share.Share) ([]job.Job, error),
) (*share.Share, error) {
	return d.update(ctx, `s.key = $1`, key, change)
}

func (d *DB) update(
	ctx context.Context, by string, name any, change func(*share.Share) ([]job.Job, error),
) (s *share.Share, err error) {
	err = d.write(ctx, func(t tx) error {
		if s, err = lockShare(t, by, name); err != nil {
			return err
		}
		before := *s
		jobs, err := change(s)
		if err != nil {
			return err
		}
		if err := saveShare(t, before, s, *s != before); err != nil {
			return err
		}
		insertJobs(t, jobs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// saveShare saves what a change made of a locked share that was like before.
func saveShare(t tx, before share.Share, s *share.Share, changed bool) error {
	if s.State < before.State {
		return fault.New(fault.Internal, "state_backwards", "a share was to go from %v back to %v", before.State, s.State)
	}
	if changed {
		writeShare(t, s)
	}
	if before.State <= share.Ready && s.State > share.Ready {
		release(t, s)
	}
	if e := share.EventOf(s.Kind, before.State, s.State); e != "" {
		at := s.ExpiresAt
		if e == share.EventReady {
			at = s.ReadyAt
		}
		tell(t, s.Owner.Account, e, s.Key, strconv.FormatInt(s.Version, 10), at)
	}
	return nil
}

func writeShare(t tx, s *share.Share) {
	s.Version++
	t.exec(`
		update shares set state = $1, name = $2, message = $3, sealed = $4, idle = $5, ready_at = $6, expires_at = $7,
			version = $8, locked = $9, blocked = $10, cancelled = $11, purging = $12, max_downloads = $13
		where key = $14`,
		s.State, s.Name, s.Message, s.Sealed, s.Idle, s.ReadyAt, s.ExpiresAt, s.Version, s.Locked, s.Blocked, s.Cancelled,
		s.Purging, s.MaxDownloads, s.Key)
}

// release gives back what the share held of its account's quota. The share is locked.
func release(t tx, s *share.Share) {
	t.exec(`
		update accounts set used = used - (select reserved from shares where key = $1) where id = $2`, s.Key, s.Owner.Account)
	t.exec(`update shares set reserved = 0 where key = $1`, s.Key)
}

// reserve takes n bytes of the account's quota; n may be negative.
func reserve(t tx, owner account.ID, n int64) {
	if n == 0 {
		return
	}
	t.must(fault.New(fault.Full, "quota_exceeded", "the account has no room for that"), `
		update accounts set used = used + $1
		where id = $2 and (cast($1 as bigint) < 0 or used <= coalesce(nullif(quota, 0),
			(select nullif(p.storage, 0) from plans p where p.id = accounts.plan), $3) - $1)`,
		n, owner, int64(math.MaxInt64))
}

// grow makes a share that is locked, or about to be by this, n bytes larger; its
// account pays. A share that has ended takes nothing: what it held is released.
func grow(t tx, s *share.Share, n int64) {
	if n == 0 {
		return
	}
	t.must(fault.New(fault.Gone, "transfer_expired", "it has expired"), `
		update shares set size = size + $1, reserved = reserved + $1 where key = $2 and state <= 2`, n, s.Key)
	if n > 0 && s.MaxSize > 0 {
		t.must(s.TooLarge(),
			`update shares set size = size where key = $1 and size <= max_size`, s.Key)
	}
	reserve(t, s.Owner.Account, n)
}

// createShare adds a share with what it holds.
func (d *DB) createShare(ctx context.Context, s *share.Share, files []*upload.File, links []*board.Link) error {
	err := d.write(ctx, func(t tx) error {
		insertShare(t, s)
		insertFiles(t, s.Key, files)
		insertLinks(t, s.Key, links)
		// Last, because every other creation of the account waits for this row.
		reserve(t, s.Owner.Account, s.Size)
		return nil
	})
	return taken(err, idTaken())
}

func insertShare(t tx, s *share.Share) {
	t.exec(`
		insert into shares (key, id, kind, account, room, state, code, hash, name, message, sealed, files, open_files,
			size, reserved, idle, created_at, ready_at, expires_at, version, locked, max_size, max_downloads, portal, live)
		values ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18, $19, $20, $21,
			$22, $23, $24)`,
		s.Key, s.ID, s.Kind, s.Owner.Account, s.Owner.Room, s.State, s.Code, s.Hash, s.Name, s.Message, s.Sealed, s.Files,
		s.OpenFiles, s.Size, s.Idle, s.CreatedAt, s.ReadyAt, s.ExpiresAt, s.Version, s.Locked, s.MaxSize, s.MaxDownloads,
		s.Portal, s.Live)
}

func idTaken() error { return fault.New(fault.Conflict, "id_taken", "the name is in use") }

// LiveOf implements share.Store.
func (d *DB) LiveOf(ctx context.Context, owner account.ID, n int) (keys []share.Key, err error) {
	err = d.query(ctx, func(row scan) error {
		keys = append(keys, "")
		return row(&keys[len(keys)-1])
	}, `select key from shares where account = $1 and state <= 2 order by key limit $2 + 0`, owner, n)
	return keys, err
}

// Due implements share.Store.
func (d *DB) Due(ctx context.Context, now time.Time, n int) (keys []share.Key, err error) {
	err = d.query(ctx, func(row scan) error {
		keys = append(keys, "")
		return row(&keys[len(keys)-1])
	}, `select key from shares where state <= 2 and expires_at <= $1 order by expires_at limit $2 + 0`, now, n)
	return keys, err
}
