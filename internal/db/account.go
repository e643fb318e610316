package db

import (
	"context"
	"crypto/sha256"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// CreateAccount implements account.Store.
func (d *DB) CreateAccount(ctx context.Context, a *account.Account) error {
	err := d.write(ctx, func(t tx) error {
		insertAccount(t, a, "")
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

func insertAccount(t tx, a *account.Account, onConflict string) {
	t.exec(`
		insert into accounts (id, email, password, company, admin, quota, used, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) `+onConflict,
		a.ID, a.Email, a.Password, a.Company, a.Admin, a.Quota, a.Used, a.CreatedAt)
}

func emailTaken() error {
	return fault.New(fault.Conflict, "email_taken", "there is an account with this address")
}

// AccountByEmail implements account.Store.
func (d *DB) AccountByEmail(ctx context.Context, email string) (*account.Account, error) {
	var a account.Account
	err := d.find(ctx, fault.New(fault.NotFound, "account_unknown", "no such account"), func(row scan) error {
		return row(&a.ID, &a.Email, &a.Password, &a.Company, intoBool(&a.Admin), &a.Quota, &a.Used, intoTime(&a.CreatedAt))
	}, `
		select id, email, password, company, admin, quota, used, created_at
		from accounts where email = $1 and email <> ''`, email)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// HasAdmin implements account.Store.
func (d *DB) HasAdmin(ctx context.Context) (has bool, err error) {
	err = d.query(ctx, func(row scan) error {
		has = true
		return nil
	}, `select id from accounts where admin = 1 limit 1`)
	return has, err
}

// CreateKey implements account.Store.
func (d *DB) CreateKey(ctx context.Context, k *account.APIKey) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`
			insert into api_keys (id, account, name, hash, daily_limit, epoch, created_at, revoked_at)
			values ($1, $2, $3, $4, $5, $6, $7, 0)`,
			k.ID, k.Account, k.Name, k.Hash[:], k.DailyLimit, k.Epoch, k.CreatedAt)
		return nil
	})
}

const selectKey = `select id, account, name, hash, daily_limit, epoch, created_at from api_keys where revoked_at = 0 and `

// KeyByHash implements account.Store.
func (d *DB) KeyByHash(ctx context.Context, hash [sha256.Size]byte) (*account.APIKey, error) {
	return d.apiKey(ctx, selectKey+`hash = $1`, hash[:])
}

// KeyByID implements account.Store.
func (d *DB) KeyByID(ctx context.Context, id account.KeyID) (*account.APIKey, error) {
	return d.apiKey(ctx, selectKey+`id = $1`, id)
}

func (d *DB) apiKey(ctx context.Context, sql string, arg any) (*account.APIKey, error) {
	var k account.APIKey
	err := d.find(ctx, fault.New(fault.NotFound, "key_unknown", "no such key"), func(row scan) error {
		return row(&k.ID, &k.Account, &k.Name, intoBytes(k.Hash[:]), &k.DailyLimit, &k.Epoch, intoTime(&k.CreatedAt))
	}, sql, arg)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// CountCall implements account.Store. Nodes whose clocks differ around midnight
// count on the later day: going back would give the key a fresh one each time.
func (d *DB) CountCall(ctx context.Context, id account.KeyID, day int64, limit int) error {
	used := fault.New(fault.Throttled, "daily_limit", "the calls of the day are used up")
	return d.write(ctx, func(t tx) error {
		t.must(used, `
			insert into key_calls (api_key, day, calls) values ($1, $2, 1)
			on conflict (api_key) do update set
				calls = case when excluded.day > key_calls.day then 1 else key_calls.calls + 1 end,
				day   = case when excluded.day > key_calls.day then excluded.day else key_calls.day end
			where excluded.day > key_calls.day or key_calls.calls < $3`, id, day, limit)
		return nil
	})
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
		insertAccount(t, a, "")
		return nil
	})
	return taken(err, emailTaken())
}
