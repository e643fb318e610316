package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/account"
)

// Used gives what an account has reserved, to tests from outside.
func Used(ctx context.Context, d *DB, a account.ID) (n int64, err error) {
	err = d.query(ctx, func(row scan) error { return row(&n) }, `select used from accounts where id = $1`, a)
	return n, err
}
