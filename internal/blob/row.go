package blob

import (
	"bytes"
	"context"
	"strings"
)

// Small content lives beside its row, in the database: a file of its own would
// cost more system calls and syncs than its bytes do (docs/decisions/0005). To
// readers it is a blob like any other, under an id that no store of blobs makes.

const rowPrefix = "row:"

// Row gives the id under which the content is read that lies beside the row with
// this key.
func Row(key string) ID { return ID(rowPrefix + key) }

// RowKey gives the key that Row was given; ok is false for the id of any other blob.
func (id ID) RowKey() (key string, ok bool) { return strings.CutPrefix(string(id), rowPrefix) }

// Rows gives what lies beside rows. NotFound "blob_missing" when nothing does.
type Rows interface {
	RowBytes(ctx context.Context, key string) ([]byte, error)
}

// WithRows gives a Store that is s, and opens the content beside rows too. That
// comes and goes with its row: Remove has nothing to do for it.
func WithRows(s Store, r Rows) Store { return withRows{s, r} }

type withRows struct {
	Store
	rows Rows
}

func (s withRows) Open(ctx context.Context, id ID) (Reader, error) {
	key, ok := id.RowKey()
	if !ok {
		return s.Store.Open(ctx, id)
	}
	b, err := s.rows.RowBytes(ctx, key)
	if err != nil {
		return nil, err
	}
	return rowReader{bytes.NewReader(b)}, nil
}

func (s withRows) Remove(ctx context.Context, id ID) error {
	if _, ok := id.RowKey(); ok {
		return nil
	}
	return s.Store.Remove(ctx, id)
}

type rowReader struct{ *bytes.Reader }

func (rowReader) Close() error { return nil }
