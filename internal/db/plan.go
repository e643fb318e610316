package db

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
)

const selectPlan = `
	select id, name, transfer_bytes, days, storage, recipients, daily, downloads, contacts, users, calls, grace, permanent,
		api, company, accounts, companies, for_new, for_sign_up
	from plans where `

func planDest(p *plan.Plan) []any {
	return []any{
		&p.ID, &p.Name, &p.TransferBytes, &p.Days, &p.Storage, &p.Recipients, &p.Daily, &p.Downloads, &p.Contacts, &p.Users,
		&p.Calls, intoDuration(&p.Grace), intoBool(&p.Permanent), intoBool(&p.API), intoBool(&p.Company), &p.Accounts,
		&p.Companies, intoBool(&p.ForNew), intoBool(&p.ForSignUp),
	}
}

func planUnknown() error { return fault.New(fault.NotFound, "plan_unknown", "no such plan") }

// Plan implements plan.Store.
func (d *DB) Plan(ctx context.Context, id plan.ID) (*plan.Plan, error) {
	var p plan.Plan
	err := d.find(ctx, planUnknown(), func(row scan) error { return row(planDest(&p)...) }, selectPlan+`id = $1`, id)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Plans implements plan.Store.
func (d *DB) Plans(ctx context.Context, after plan.ID, n int) (all []*plan.Plan, err error) {
	err = d.query(ctx, func(row scan) error {
		p := &plan.Plan{}
		all = append(all, p)
		return row(planDest(p)...)
	}, selectPlan+`id > $1 order by id limit $2 + 0`, after, n)
	return all, err
}

// DefaultPlan implements account.Store.
func (d *DB) DefaultPlan(ctx context.Context, signUp bool) (id string, err error) {
	sql := `select id from plans where for_new = 1`
	if signUp {
		sql = `select id from plans where for_sign_up = 1`
	}
	err = d.query(ctx, func(row scan) error { return row(&id) }, sql)
	return id, err
}

// UpdatePlan implements plan.Store.
func (d *DB) UpdatePlan(ctx context.Context, id plan.ID, change func(*plan.Plan) error) (p *plan.Plan, err error) {
	err = d.write(ctx, func(t tx) error {
		p = &plan.Plan{ID: id}
		err := t.query(func(row scan) error { return row(planDest(p)...) }, selectPlan+`id = $1`+t.lock(" for update"), id)
		if err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		t.exec(`
			insert into plans (id, name, transfer_bytes, days, storage, recipients, daily, downloads, contacts, users, calls,
				grace, permanent, api, company, accounts, companies, for_new, for_sign_up)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, 0, 0, 0)
			on conflict (id) do update set name = excluded.name, transfer_bytes = excluded.transfer_bytes,
				days = excluded.days, storage = excluded.storage, recipients = excluded.recipients, daily = excluded.daily,
				downloads = excluded.downloads, contacts = excluded.contacts, users = excluded.users, calls = excluded.calls,
				grace = excluded.grace, permanent = excluded.permanent, api = excluded.api, company = excluded.company`,
			id, p.Name, p.TransferBytes, p.Days, p.Storage, p.Recipients, p.Daily, p.Downloads, p.Contacts, p.Users, p.Calls,
			p.Grace, p.Permanent, p.API, p.Company)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// SetDefaultPlan implements plan.Store.
func (d *DB) SetDefaultPlan(ctx context.Context, id plan.ID, u plan.Use) error {
	off, on := `update plans set for_new = 0 where for_new = 1`, `update plans set for_new = 1 where id = $1`
	if u == plan.SignUp {
		off, on = `update plans set for_sign_up = 0 where for_sign_up = 1`, `update plans set for_sign_up = 1 where id = $1`
	}
	return d.write(ctx, func(t tx) error {
		t.exec(off)
		t.must(planUnknown(), on, id)
		return nil
	})
}

// DeletePlan implements plan.Store.
func (d *DB) DeletePlan(ctx context.Context, id plan.ID) error {
	return d.write(ctx, func(t tx) error {
		err := find(t, planUnknown(), func(scan) error { return nil }, `select id from plans where id = $1`+t.lock(" for update"), id)
		if err != nil {
			return err
		}
		t.must(fault.New(fault.Conflict, "plan_in_use", "accounts or companies have the plan, or new ones would get it"), `
			delete from plans
			where id = $1 and accounts = 0 and companies = 0 and for_new = 0 and for_sign_up = 0`, id)
		return nil
	})
}
