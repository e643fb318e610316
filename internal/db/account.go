package db

import (
	"context"
	"crypto/sha256"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
)

const accountColumns = `a.id, a.email, a.verified, a.name, a.password, a.must_change, a.state, a.epoch, a.plan, a.paid_until,
	a.company, a.company_admin, a.admin, a.quota, a.used, a.created_at`

// accountDest gives where accountColumns go.
func accountDest(a *account.Account) []any {
	return []any{
		&a.ID, &a.Email, intoBool(&a.Verified), &a.Name, &a.Password, intoBool(&a.MustChange), &a.State, &a.Epoch, &a.Plan,
		intoTime(&a.PaidUntil), &a.Company, intoBool(&a.CompanyAdmin), intoBool(&a.Admin), &a.Quota, &a.Used, intoTime(&a.CreatedAt),
	}
}

const selectAccount = `select ` + accountColumns + ` from accounts a where a.state <> 2 and `

// CreateAccount implements account.Store.
func (d *DB) CreateAccount(ctx context.Context, a *account.Account) error {
	err := d.write(ctx, func(t tx) error {
		addAccount(t, a)
		return nil
	})
	return taken(err, emailTaken())
}

// EnsureAccount implements account.Store.
func (d *DB) EnsureAccount(ctx context.Context, a *account.Account) error {
	return d.write(ctx, func(t tx) error {
		insertAccount(t, a, "on conflict (id) do nothing")
		return nil
	})
}

// addAccount adds an account and counts it.
func addAccount(t tx, a *account.Account) {
	insertAccount(t, a, "")
	count(t, &account.Account{}, a)
}

func insertAccount(t tx, a *account.Account, onConflict string) {
	t.exec(`
		insert into accounts (id, email, verified, name, password, must_change, state, epoch, plan, paid_until, company,
			company_admin, admin, quota, used, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) `+onConflict,
		a.ID, a.Email, a.Verified, a.Name, a.Password, a.MustChange, a.State, a.Epoch, a.Plan, a.PaidUntil, a.Company,
		a.CompanyAdmin, a.Admin, a.Quota, a.Used, a.CreatedAt)
}

func emailTaken() error {
	return fault.New(fault.Conflict, "email_taken", "there is an account with this address")
}

// count keeps in step what counts accounts, when before becomes after.
func count(t tx, before, after *account.Account) {
	leads := after.LeadsCompany()
	switch {
	case before.Company == after.Company:
		if before.LeadsCompany() != leads {
			t.exec(`update companies set admins = admins + $1 where id = $2`, map[bool]int{true: 1, false: -1}[leads], after.Company)
		}
	default: // no company has an empty id
		t.exec(`update companies set users = users - 1, admins = admins - $1 where id = $2`, before.LeadsCompany(), before.Company)
		if after.Company != "" {
			join(t, after.Company, leads)
		}
	}
	if before.Plan != after.Plan {
		if before.Plan != "" {
			t.exec(`update plans set accounts = accounts - 1 where id = $1`, before.Plan)
		}
		if after.Plan != "" {
			t.must(planUnknown(), `update plans set accounts = accounts + 1 where id = $1`, after.Plan)
		}
	}
}

// join counts one more user of the company, if it has a licence for them: one of
// those it was given, or else of those that its plan has.
func join(t tx, c account.CompanyID, leads bool) {
	t.must(fault.New(fault.Conflict, "licences_used", "all licences of the company are in use"), `
		update companies set users = users + 1, admins = admins + $1
		where id = $2 and users < coalesce(nullif(licences, 0),
			(select nullif(p.users, 0) from plans p where p.id = companies.plan), $3)`,
		leads, c, int64(math.MaxInt64))
}

// AccountByEmail implements account.Store.
func (d *DB) AccountByEmail(ctx context.Context, email string) (*account.Account, error) {
	return d.account(ctx, selectAccount+`a.email = $1 and a.email <> ''`, email)
}

// AccountByID implements account.Store.
func (d *DB) AccountByID(ctx context.Context, id account.ID) (*account.Account, error) {
	return d.account(ctx, selectAccount+`a.id = $1`, id)
}

func (d *DB) account(ctx context.Context, sql string, arg any) (*account.Account, error) {
	var a account.Account
	err := d.find(ctx, account.Unknown(), func(row scan) error { return row(accountDest(&a)...) }, sql, arg)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Accounts implements account.Store.
func (d *DB) Accounts(ctx context.Context, after account.ID, n int) ([]*account.Account, error) {
	return d.accounts(ctx, selectAccount+`a.id > $1 order by a.id limit $2 + 0`, after, n)
}

func (d *DB) accounts(ctx context.Context, sql string, args ...any) (all []*account.Account, err error) {
	err = d.query(ctx, func(row scan) error {
		a := &account.Account{}
		all = append(all, a)
		return row(accountDest(a)...)
	}, sql, args...)
	return all, err
}

// HasAdmin implements account.Store.
func (d *DB) HasAdmin(ctx context.Context) (has bool, err error) {
	err = d.query(ctx, func(row scan) error {
		has = true
		return nil
	}, `select id from accounts where admin = 1 limit 1`)
	return has, err
}

// UpdateAccount implements account.Store.
func (d *DB) UpdateAccount(
	ctx context.Context, id account.ID, change func(*account.Account, *account.Profile) error,
) (a *account.Account, err error) {
	err = d.write(ctx, func(t tx) error {
		// Companies are locked before their people (see tx.lock), and which one
		// this is shows only by looking.
		var c account.CompanyID
		if err := find(t, account.Unknown(), func(row scan) error { return row(&c) },
			`select company from accounts where id = $1`, id); err != nil {
			return err
		}
		if c != "" {
			if _, err := lockCompany(t, c); err != nil {
				return err
			}
		}
		a, err = changeAccount(t, id, change)
		return err
	})
	return a, taken(err, emailTaken())
}

// lockAccount loads an account that nobody else changes until the transaction ends.
func lockAccount(t tx, id account.ID) (*account.Account, error) {
	var a account.Account
	err := find(t, account.Unknown(), func(row scan) error { return row(accountDest(&a)...) },
		selectAccount+`a.id = $1`+t.lock(" for update"), id)
	return &a, err
}

// changeAccount runs change on an account and its profile, and saves them.
func changeAccount(t tx, id account.ID, change func(*account.Account, *account.Profile) error) (*account.Account, error) {
	a, err := lockAccount(t, id)
	if err != nil {
		return nil, err
	}
	p, err := profile(t.query, id)
	if err != nil {
		return nil, err
	}
	before, said := *a, *p
	if err := change(a, p); err != nil {
		return nil, err
	}
	saveAccount(t, &before, a)
	if a.State == account.Erased {
		eraseAccount(t, id)
	} else if *p != said {
		saveProfile(t, id, p)
	}
	return a, nil
}

func saveAccount(t tx, before, a *account.Account) {
	if *a == *before {
		return
	}
	t.exec(`
		update accounts set email = $1, verified = $2, name = $3, password = $4, must_change = $5, state = $6, epoch = $7,
			plan = $8, paid_until = $9, company = $10, company_admin = $11, admin = $12, quota = $13
		where id = $14`,
		a.Email, a.Verified, a.Name, a.Password, a.MustChange, a.State, a.Epoch, a.Plan, a.PaidUntil, a.Company,
		a.CompanyAdmin, a.Admin, a.Quota, a.ID)
	count(t, before, a)
}

// eraseAccount removes what was the account's alone, which is bounded; what it sent
// has bytes, and is taken down by a job.
func eraseAccount(t tx, id account.ID) {
	t.exec(`delete from profiles where account = $1`, id)
	t.exec(`delete from key_calls where api_key in (select id from api_keys where account = $1)`, id)
	t.exec(`delete from api_keys where account = $1`, id)
	t.exec(`delete from daily_transfers where account = $1`, id)
	t.exec(`delete from webhook_messages where hook in (select id from webhooks where account = $1)`, id)
	t.exec(`delete from webhooks where account = $1`, id)
	t.exec(`delete from tickets where account = $1 and account <> ''`, id)
	endSessions(t, id, "")
	for _, book := range []string{
		`delete from contact_members where owner = $1`, `delete from contact_groups where owner = $1`,
		`delete from contacts where owner = $1`, `delete from contact_books where owner = $1`,
	} {
		t.exec(book, id)
	}
	insertJobs(t, []job.Job{{Kind: share.JobLeave, ID: string(id), RunAt: time.UnixMilli(1)}}) // long due
}

// ProfileOf implements account.Store.
func (d *DB) ProfileOf(ctx context.Context, id account.ID) (*account.Profile, error) {
	return profile(func(each func(scan) error, sql string, args ...any) error {
		return d.query(ctx, each, sql, args...)
	}, id)
}

func profile(query func(func(scan) error, string, ...any) error, id account.ID) (*account.Profile, error) {
	var p account.Profile
	err := query(func(row scan) error {
		return row(&p.Country, &p.City, &p.Zip, &p.Address, &p.Mobile, &p.Signature, &p.Subject, &p.Days, &p.Downloads,
			intoBool(&p.Newsletter), intoBool(&p.Notify), intoBool(&p.Confirmation), intoBool(&p.NotReceiving))
	}, `
		select country, city, zip, address, mobile, signature, subject, days, downloads, newsletter, notify, confirmation,
			not_receiving
		from profiles where account = $1`, id)
	return &p, err
}

func saveProfile(t tx, id account.ID, p *account.Profile) {
	t.exec(`
		insert into profiles (account, country, city, zip, address, mobile, signature, subject, days, downloads, newsletter,
			notify, confirmation, not_receiving)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		on conflict (account) do update set country = excluded.country, city = excluded.city, zip = excluded.zip,
			address = excluded.address, mobile = excluded.mobile, signature = excluded.signature,
			subject = excluded.subject, days = excluded.days, downloads = excluded.downloads,
			newsletter = excluded.newsletter, notify = excluded.notify, confirmation = excluded.confirmation,
			not_receiving = excluded.not_receiving`,
		id, p.Country, p.City, p.Zip, p.Address, p.Mobile, p.Signature, p.Subject, p.Days, p.Downloads, p.Newsletter,
		p.Notify, p.Confirmation, p.NotReceiving)
}

// setupToken is the name of the setting that holds the hash of the set-up token.
const setupToken = "setup_token"

// PutSetup implements account.Store.
func (d *DB) PutSetup(ctx context.Context, hash [sha256.Size]byte) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`
			insert into settings (name, value) values ($1, $2)
			on conflict (name) do update set value = excluded.value`, setupToken, hash[:])
		return nil
	})
}

// UseSetup implements account.Store.
func (d *DB) UseSetup(ctx context.Context, hash [sha256.Size]byte, a *account.Account) error {
	unknown := fault.New(fault.NotFound, "setup_unknown", "the set-up link is not, or no longer, good")
	err := d.write(ctx, func(t tx) error {
		t.must(unknown, `delete from settings where name = $1 and value = $2`, setupToken, hash[:])
		addAccount(t, a)
		return nil
	})
	return taken(err, emailTaken())
}
