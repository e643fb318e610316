package db

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// CreateKey implements account.Store.
func (d *DB) CreateKey(ctx context.Context, k *account.APIKey) error {
	none := fault.New(fault.Conflict, "no_api_access", "the account is disabled, or its plan has no API access")
	return d.write(ctx, func(t tx) error {
		t.must(none, `
			insert into api_keys (id, account, name, hash, scopes, daily_limit, epoch, created_at, expires_at, revoked_at, owner_epoch)
			select $1, a.id, $3, $4, $5, $6, $7, $8, $9, 0, a.epoch
			from accounts a left join plans p on p.id = a.plan
			where a.id = $2 and a.state = 0 and (p.id is null or p.api = 1)`,
			k.ID, k.Account, k.Name, k.Hash[:], k.Scopes, k.DailyLimit, k.Epoch, k.CreatedAt, k.ExpiresAt)
		return nil
	})
}

const keyColumns = `k.id, k.account, k.name, k.hash, k.scopes, k.daily_limit, k.epoch, k.created_at, k.expires_at`

func keyDest(k *account.APIKey) []any {
	return []any{
		&k.ID, &k.Account, &k.Name, intoBytes(k.Hash[:]), &k.Scopes, &k.DailyLimit, &k.Epoch, intoTime(&k.CreatedAt),
		intoTime(&k.ExpiresAt),
	}
}

// fromKeysInForce is where keys are that can be used, but for the clock.
const fromKeysInForce = `
	from api_keys k join accounts a on a.id = k.account left join plans p on p.id = a.plan
	where k.revoked_at = 0 and k.owner_epoch = a.epoch and a.state = 0 and (p.id is null or p.api = 1) and `

const selectKey = `select ` + keyColumns + `, p.calls ` + fromKeysInForce

// KeyByHash implements account.Store.
func (d *DB) KeyByHash(ctx context.Context, hash [sha256.Size]byte) (*account.APIKey, error) {
	return d.apiKey(ctx, selectKey+`k.hash = $1`, hash[:])
}

// KeyByID implements account.Store.
func (d *DB) KeyByID(ctx context.Context, id account.KeyID) (*account.APIKey, error) {
	return d.apiKey(ctx, selectKey+`k.id = $1`, id)
}

func (d *DB) apiKey(ctx context.Context, sql string, arg any) (*account.APIKey, error) {
	var k account.APIKey
	err := d.find(ctx, keyUnknown(), func(row scan) error {
		return row(append(keyDest(&k), intoNumber(&k.PlanLimit))...)
	}, sql, arg)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

func keyUnknown() error { return fault.New(fault.NotFound, "key_unknown", "no such key") }

// KeysOf implements account.Store.
func (d *DB) KeysOf(ctx context.Context, owner account.ID, after account.KeyID, n int) (keys []*account.APIKey, err error) {
	err = d.query(ctx, func(row scan) error {
		k := &account.APIKey{}
		keys = append(keys, k)
		return row(keyDest(k)...)
	}, `
		select `+keyColumns+` from api_keys k
		where k.account = $1 and k.id > $2 and k.revoked_at = 0 order by k.id limit $3 + 0`, owner, after, n)
	return keys, err
}

// RotateKey implements account.Store.
func (d *DB) RotateKey(ctx context.Context, owner account.ID, id account.KeyID, hash [sha256.Size]byte) error {
	return d.write(ctx, func(t tx) error {
		t.must(keyUnknown(), `
			update api_keys set hash = $1, epoch = epoch + 1
			where id = $2 and (account = $3 or $3 = '') and id in (select k.id `+fromKeysInForce+`k.id = $2)`,
			hash[:], id, owner)
		return nil
	})
}

// DeleteKey implements account.Store.
func (d *DB) DeleteKey(ctx context.Context, owner account.ID, id account.KeyID, now time.Time) error {
	return d.write(ctx, func(t tx) error {
		t.must(keyUnknown(), `
			update api_keys set revoked_at = $1 where id = $2 and (account = $3 or $3 = '') and revoked_at = 0`, now, id, owner)
		t.exec(`delete from key_calls where api_key = $1`, id)
		return nil
	})
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
