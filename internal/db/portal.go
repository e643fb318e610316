package db

import (
	"context"
	"strings"

	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/inbox"
)

const selectPortal = `
	select key, id, company, owner, name, text, addresses, version, created_at, deleted_at from portals where `

// scanPortal reads a row of selectPortal. No address has a space.
func scanPortal(row scan, p *inbox.Portal) error {
	var to string
	err := row(&p.Key, &p.ID, &p.Company, &p.Owner, &p.Name, &p.Text, &to, &p.Version, intoTime(&p.CreatedAt), intoTime(&p.DeletedAt))
	p.To = strings.Fields(to)
	return err
}

func portalTaken(err error) error {
	return taken(err, fault.New(fault.Conflict, "portal_exists", "the company has a portal of this name"))
}

// CreatePortal implements inbox.Store.
func (d *DB) CreatePortal(ctx context.Context, p *inbox.Portal, most int) error {
	err := d.write(ctx, func(t tx) error {
		if _, err := lockCompany(t, p.Company); err != nil {
			return err
		}
		t.exec(`
			insert into portals (key, id, company, owner, name, text, addresses, version, created_at, deleted_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			p.Key, p.ID, p.Company, p.Owner, p.Name, p.Text, strings.Join(p.To, " "), p.Version, p.CreatedAt, p.DeletedAt)
		// The company is locked, so nobody else adds one meanwhile.
		t.must(fault.New(fault.Conflict, "portals_limit", "a company has at most %d portals", most), `
			update companies set version = version
			where id = $1 and (select count(*) from portals where company = $1) <= $2 + 0`, p.Company, most)
		return nil
	})
	return portalTaken(err)
}

// Portal implements inbox.Store.
func (d *DB) Portal(ctx context.Context, id inbox.ID) (*inbox.Portal, error) {
	p := &inbox.Portal{}
	err := d.find(ctx, inbox.Unknown(), func(row scan) error { return scanPortal(row, p) }, selectPortal+`id = $1`, id)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Portals implements inbox.Store.
func (d *DB) Portals(ctx context.Context, c company.ID) (all []*inbox.Portal, err error) {
	err = d.query(ctx, func(row scan) error {
		p := &inbox.Portal{}
		all = append(all, p)
		return scanPortal(row, p)
	}, selectPortal+`company = $1 order by key`, c)
	return all, err
}

// UpdatePortal implements inbox.Store.
func (d *DB) UpdatePortal(ctx context.Context, id inbox.ID, change func(*inbox.Portal) error) (*inbox.Portal, error) {
	var p *inbox.Portal
	err := d.write(ctx, func(t tx) error {
		p = &inbox.Portal{}
		err := find(t, inbox.Unknown(), func(row scan) error { return scanPortal(row, p) }, selectPortal+`id = $1`+t.lock(" for update"), id)
		if err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		p.Version++
		t.exec(`update portals set name = $1, text = $2, addresses = $3, version = $4, deleted_at = $5 where id = $6`,
			p.Name, p.Text, strings.Join(p.To, " "), p.Version, p.DeletedAt, id)
		return nil
	})
	if err != nil {
		return nil, portalTaken(err)
	}
	return p, nil
}
