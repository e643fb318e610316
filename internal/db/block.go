package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/fault"
)

// PutBlock implements block.Store.
func (d *DB) PutBlock(ctx context.Context, b block.Block) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`
			insert into blocks (pattern, reason, created_at) values ($1, $2, $3)
			on conflict (pattern) do update set reason = excluded.reason`, b.Pattern, b.Reason, b.CreatedAt)
		return nil
	})
}

// DropBlock implements block.Store.
func (d *DB) DropBlock(ctx context.Context, pattern string) error {
	return d.write(ctx, func(t tx) error {
		t.must(fault.New(fault.NotFound, "block_unknown", "it is not on the list"), `delete from blocks where pattern = $1`, pattern)
		return nil
	})
}

// Blocks implements block.Store.
func (d *DB) Blocks(ctx context.Context, after string, n int) (all []block.Block, err error) {
	err = d.query(ctx, func(row scan) error {
		all = append(all, block.Block{})
		b := &all[len(all)-1]
		return row(&b.Pattern, &b.Reason, intoTime(&b.CreatedAt))
	}, `select pattern, reason, created_at from blocks where pattern > $1 order by pattern limit $2 + 0`, after, n)
	return all, err
}

// AnyBlocked implements block.Store.
func (d *DB) AnyBlocked(ctx context.Context, names []string) (blocked bool, err error) {
	args := make([]any, block.Depth) // always as many, so that it is one statement
	for i := range args {
		args[i] = ""
		if i < len(names) {
			args[i] = names[i]
		}
	}
	err = d.query(ctx, func(scan) error {
		blocked = true
		return nil
	}, `select pattern from blocks where pattern in ($1, $2, $3, $4, $5, $6, $7, $8)`, args...)
	return blocked, err
}
