package db

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/session"
)

// CountTries implements session.Store.
func (d *DB) CountTries(ctx context.Context, now time.Time, tries ...session.Try) error {
	return d.write(ctx, func(t tx) error {
		countTries(t, now, tries)
		return nil
	})
}

// countTries counts in one order, so that two that count the same never wait for
// each other.
func countTries(t tx, now time.Time, tries []session.Try) {
	tries = slices.SortedFunc(slices.Values(tries), func(a, b session.Try) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	for _, try := range tries {
		t.must(fault.New(fault.Throttled, "too_many_tries", "too many tries: wait a while"), `
			insert into tries (name, tried, expires_at) values ($1, 1, $2)
			on conflict (name) do update set
				tried      = case when tries.expires_at <= $3 then 1 else tries.tried + 1 end,
				expires_at = case when tries.expires_at <= $3 then excluded.expires_at else tries.expires_at end
			where tries.expires_at <= $3 or tries.tried < $4`, try.Name[:], try.Until, now, try.Most)
	}
}

// ForgetTry implements session.Store.
func (d *DB) ForgetTry(ctx context.Context, name [sha256.Size]byte) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`delete from tries where name = $1`, name[:])
		return nil
	})
}

// CreateSession implements session.Store.
func (d *DB) CreateSession(ctx context.Context, s *session.Session, tokens []session.Token) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`
			insert into sessions (id, account, epoch, created_at, expires_at, used_at, address, agent)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			s.ID, s.Account, s.Epoch, s.CreatedAt, s.ExpiresAt, s.UsedAt, s.Address, s.Agent)
		insertTokens(t, s.ID, tokens)
		return nil
	})
}

func insertTokens(t tx, s session.ID, tokens []session.Token) {
	for _, k := range tokens {
		t.exec(`insert into tokens (key, session, kind, hash, expires_at, used_at) values ($1, $2, $3, $4, $5, 0)`,
			k.Key, s, k.Kind, k.Hash[:], k.ExpiresAt)
	}
}

func tokenUnknown() error { return fault.New(fault.NotFound, "token_unknown", "no such token") }

// FindToken implements session.Store.
func (d *DB) FindToken(ctx context.Context, hash [sha256.Size]byte, now time.Time) (*session.Session, *account.Account, error) {
	var s session.Session
	var a account.Account
	err := d.find(ctx, tokenUnknown(), func(row scan) error {
		return row(append(sessionDest(&s), accountDest(&a)...)...)
	}, `
		select `+sessionColumns+`, `+accountColumns+`
		from tokens k join sessions s on s.id = k.session join accounts a on a.id = s.account
		where k.hash = $1 and k.kind = $2 and k.expires_at > $3 and a.epoch = s.epoch and a.state = 0`,
		hash[:], session.LoginToken, now)
	if err != nil {
		return nil, nil, err
	}
	return &s, &a, nil
}

const sessionColumns = `s.id, s.account, s.epoch, s.created_at, s.expires_at, s.used_at, s.address, s.agent`

func sessionDest(s *session.Session) []any {
	return []any{
		&s.ID, &s.Account, &s.Epoch, intoTime(&s.CreatedAt), intoTime(&s.ExpiresAt), intoTime(&s.UsedAt), &s.Address, &s.Agent,
	}
}

// Sessions implements session.Store. A password that was changed ends sessions by the
// epoch, and leaves their rows to the sweep.
func (d *DB) Sessions(
	ctx context.Context, who account.ID, before session.ID, n int, now time.Time,
) (all []*session.Session, err error) {
	place, args := "", []any{who, now, n}
	if before != "" {
		place, args = ` and s.id < $4`, append(args, before)
	}
	err = d.query(ctx, func(row scan) error {
		s := new(session.Session)
		all = append(all, s)
		return row(sessionDest(s)...)
	}, `
		select `+sessionColumns+` from sessions s join accounts a on a.id = s.account
		where s.account = $1 and s.expires_at > $2 and a.epoch = s.epoch and a.state = 0`+place+`
		order by s.id desc limit $3 + 0`, args...)
	return all, err
}

// TouchSession implements session.Store.
func (d *DB) TouchSession(ctx context.Context, s session.ID, now time.Time) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update sessions set used_at = $1 where id = $2 and used_at < $1`, now, s)
		return nil
	})
}

// UseRefresh implements session.Store.
func (d *DB) UseRefresh(
	ctx context.Context, hash [sha256.Size]byte, now time.Time, fresh []session.Token,
) (a *account.Account, err error) {
	stolen := false
	err = d.write(ctx, func(t tx) error {
		var key string
		var s session.ID
		var used, expires time.Time
		stolen = false
		err := find(t, tokenUnknown(), func(row scan) error { return row(&key, &s, intoTime(&used), intoTime(&expires)) },
			`select key, session, used_at, expires_at from tokens where hash = $1 and kind = $2`+t.lock(" for update"),
			hash[:], session.RefreshToken)
		if err != nil {
			return err
		}
		if !used.IsZero() {
			stolen = true // and to be saved, so it is no error here
			endSession(t, s)
			return nil
		}
		if !expires.After(now) {
			return tokenUnknown()
		}
		a = &account.Account{}
		if err := find(t, tokenUnknown(), func(row scan) error { return row(accountDest(a)...) }, `
			select `+accountColumns+` from sessions s join accounts a on a.id = s.account
			where s.id = $1 and a.epoch = s.epoch and a.state = 0`, s); err != nil {
			return err
		}
		t.exec(`update tokens set used_at = $1 where key = $2`, now, key)
		t.must(tokenUnknown(), `update sessions set expires_at = $1 where id = $2`, fresh[len(fresh)-1].ExpiresAt, s)
		insertTokens(t, s, fresh)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case stolen:
		return nil, fault.New(fault.Conflict, "refresh_used", "the refresh token was used before")
	}
	return a, nil
}

// endSession forgets a session and its tokens, but for the refresh tokens that were
// used: who presents one again is still told that it was.
func endSession(t tx, s session.ID) {
	t.exec(`delete from tokens where session = $1 and used_at = 0`, s)
	t.exec(`delete from sessions where id = $1`, s)
}

func endSessions(t tx, who account.ID, but session.ID) {
	t.exec(`
		delete from tokens where session in (select id from sessions where account = $1 and id <> $2) and used_at = 0`, who, but)
	t.exec(`delete from sessions where account = $1 and id <> $2`, who, but)
}

// EndSession implements session.Store.
func (d *DB) EndSession(ctx context.Context, who account.ID, s session.ID) error {
	return d.write(ctx, func(t tx) error {
		t.must(session.Unknown(), `delete from sessions where id = $1 and account = $2`, s, who)
		endSession(t, s)
		return nil
	})
}

// EndSessions implements session.Store.
func (d *DB) EndSessions(ctx context.Context, who account.ID, but session.ID) error {
	return d.write(ctx, func(t tx) error {
		endSessions(t, who, but)
		return nil
	})
}

// CreateTicket implements session.Store.
func (d *DB) CreateTicket(ctx context.Context, now time.Time, tries []session.Try, k *session.Ticket, letter job.Job) error {
	return d.write(ctx, func(t tx) error {
		countTries(t, now, tries)
		insertTicket(t, k, letter)
		return nil
	})
}

// CreateReset implements session.Store.
func (d *DB) CreateReset(ctx context.Context, now time.Time, tries []session.Try, k *session.Ticket, letter job.Job) error {
	return d.write(ctx, func(t tx) error {
		countTries(t, now, tries)
		found := false
		err := t.query(func(row scan) error {
			found = true
			return row(&k.Account, &k.Epoch, &k.Name)
		}, `select id, epoch, name from accounts where email = $1 and email <> '' and state = 0`, k.Email)
		if found && err == nil {
			insertTicket(t, k, letter)
		}
		return err
	})
}

func insertTicket(t tx, k *session.Ticket, letter job.Job) {
	t.exec(`
		insert into tickets (id, kind, account, epoch, email, name, password, hash, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		k.ID, k.Kind, k.Account, k.Epoch, k.Email, k.Name, k.Password, k.Hash[:], k.CreatedAt, k.ExpiresAt)
	insertJobs(t, []job.Job{letter})
}

func ticketUnknown() error {
	return fault.New(fault.NotFound, "ticket_unknown", "the link is not, or no longer, good")
}

// Tickets of an account that has moved on to another epoch are void.
const selectTicket = `
	select k.id, k.kind, k.account, k.epoch, k.email, k.name, k.password, k.hash, k.created_at, k.expires_at
	from tickets k left join accounts a on a.id = k.account
	where (k.account = '' or a.epoch = k.epoch and a.state = 0) and k.expires_at > $1 and `

func ticketDest(k *session.Ticket) []any {
	return []any{
		&k.ID, &k.Kind, &k.Account, &k.Epoch, &k.Email, &k.Name, &k.Password, intoBytes(k.Hash[:]), intoTime(&k.CreatedAt),
		intoTime(&k.ExpiresAt),
	}
}

// Ticket implements session.Store.
func (d *DB) Ticket(ctx context.Context, kind session.Kind, hash [sha256.Size]byte, now time.Time) (*session.Ticket, error) {
	return d.ticket(ctx, selectTicket+`k.hash = $2 and k.kind = $3`, now, hash[:], kind)
}

// TicketByID implements session.Store.
func (d *DB) TicketByID(ctx context.Context, id string, now time.Time) (*session.Ticket, error) {
	return d.ticket(ctx, selectTicket+`k.id = $2`, now, id)
}

func (d *DB) ticket(ctx context.Context, sql string, args ...any) (*session.Ticket, error) {
	var k session.Ticket
	err := d.find(ctx, ticketUnknown(), func(row scan) error { return row(ticketDest(&k)...) }, sql, args...)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// spend takes a ticket away that is good, so that nobody else has it.
func spend(t tx, kind session.Kind, hash [sha256.Size]byte, now time.Time) (*session.Ticket, error) {
	var k session.Ticket
	err := find(t, ticketUnknown(), func(row scan) error { return row(ticketDest(&k)...) },
		selectTicket+`k.hash = $2 and k.kind = $3`+t.lock(" for update of k"), now, hash[:], kind)
	if err == nil {
		t.must(ticketUnknown(), `delete from tickets where id = $1`, k.ID)
	}
	return &k, err
}

// UseTicket implements session.Store.
func (d *DB) UseTicket(
	ctx context.Context, kind session.Kind, hash [sha256.Size]byte, now time.Time,
	change func(*session.Ticket, *account.Account) error,
) (a *account.Account, err error) {
	err = d.write(ctx, func(t tx) error {
		k, err := spend(t, kind, hash, now)
		if err != nil {
			return err
		}
		a, err = changeAccount(t, k.Account, func(a *account.Account, _ *account.Profile) error {
			if a.Epoch != k.Epoch || a.State != account.Active {
				return ticketUnknown()
			}
			return change(k, a)
		})
		return err
	})
	if err != nil {
		return nil, taken(err, emailTaken())
	}
	return a, nil
}

// UseRegistration implements session.Store.
func (d *DB) UseRegistration(ctx context.Context, hash [sha256.Size]byte, now time.Time, a *account.Account) error {
	err := d.write(ctx, func(t tx) error {
		if _, err := spend(t, session.Register, hash, now); err != nil {
			return err
		}
		c, err := findCompany(t, `domain = $1`, account.Domain(a.Email))
		switch {
		case err == nil:
			a.Company, a.Plan = c.ID, cmp.Or(c.Plan, a.Plan)
		case fault.KindOf(err) != fault.NotFound:
			return err
		}
		addAccount(t, a)
		return nil
	})
	return taken(err, emailTaken())
}

// SweepSessions implements session.Store.
func (d *DB) SweepSessions(ctx context.Context, now, old time.Time, n int) (done bool, err error) {
	done = true
	for _, table := range []struct {
		due, drop string
		at        time.Time
	}{
		{`select key from tokens where expires_at <= $1 order by expires_at limit $2 + 0`, `delete from tokens where key = $1`, now},
		{`select id from sessions where expires_at <= $1 order by expires_at limit $2 + 0`, `delete from sessions where id = $1`, now},
		{`select id from tickets where expires_at <= $1 order by expires_at limit $2 + 0`, `delete from tickets where id = $1`, now},
		{`select name from tries where expires_at <= $1 order by expires_at limit $2 + 0`, `delete from tries where name = $1`, now},
		{
			`select id from sessions where address <> '' and created_at <= $1 order by created_at limit $2 + 0`,
			`update sessions set address = '' where id = $1`, old,
		},
	} {
		var keys []any
		err := d.write(ctx, func(t tx) error {
			keys = nil
			err := t.query(func(row scan) error {
				keys = append(keys, nil)
				return row(&keys[len(keys)-1])
			}, table.due+t.lock(" for update skip locked"), table.at, n)
			if err != nil {
				return err
			}
			for _, k := range keys {
				t.exec(table.drop, k)
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		done = done && len(keys) < n
	}
	return done, nil
}
