package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
)

// Certs keeps certificates, keys and challenges of an ACME authority, for all
// nodes. Its methods have the shape of autocert.Cache; only what is missing is a
// fault, as everywhere here.
type Certs struct{ d *DB }

// Certs gives the store of certificates.
func (d *DB) Certs() Certs { return Certs{d} }

// Get gives the data of the name: NotFound "cert_unknown".
func (c Certs) Get(ctx context.Context, name string) (data []byte, err error) {
	err = c.d.find(ctx, fault.New(fault.NotFound, "cert_unknown", "no such certificate"),
		func(row scan) error { return row(&data) }, `select value from acme_cache where name = $1`, name)
	return data, err
}

// Put stores data under the name, whatever was there.
func (c Certs) Put(ctx context.Context, name string, data []byte) error {
	return c.d.write(ctx, func(t tx) error {
		t.exec(`
			insert into acme_cache (name, value) values ($1, $2)
			on conflict (name) do update set value = excluded.value`, name, data)
		return nil
	})
}

// Delete removes the name. One that is not there is no error.
func (c Certs) Delete(ctx context.Context, name string) error {
	return c.d.write(ctx, func(t tx) error {
		t.exec(`delete from acme_cache where name = $1`, name)
		return nil
	})
}
