package db

import (
	"context"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
)

const companyColumns = `id, name, domain, website, contact_person, contact_phone, contact_email, street, post_address,
	post_number, country, color1, color2, confirmation_page, email_template, upload_text, receiver, receivers,
	invoice_reference, invoice_email, invoice_by_email, own_people_only, plan, licences, paid_until, users, admins, version,
	created_at`

const selectCompany = `select ` + companyColumns + ` from companies where `

// companyDest gives where companyColumns go.
func companyDest(c *company.Company) []any {
	return []any{
		&c.ID, &c.Name, intoText(&c.Domain), &c.Website, &c.ContactPerson, &c.ContactPhone, &c.ContactEmail, &c.Street,
		&c.PostAddress, &c.PostNumber, &c.Country, &c.Color1, &c.Color2, &c.ConfirmationPage, &c.EmailTemplate, &c.UploadText,
		&c.Receiver, &c.Receivers, &c.InvoiceReference, &c.InvoiceEmail, intoBool(&c.InvoiceByEmail),
		intoBool(&c.OwnPeopleOnly), &c.Plan, &c.Licences, intoTime(&c.PaidUntil), &c.Users, &c.Admins, &c.Version,
		intoTime(&c.CreatedAt),
	}
}

func companyUnknown() error { return fault.New(fault.NotFound, "company_unknown", "no such company") }

// companyTaken tells which of a company's names is in use: both engines name the
// column in what they say of it.
func companyTaken(err error) error {
	if err == nil || !strings.Contains(err.Error(), "companies") {
		return taken(err, emailTaken())
	}
	if strings.Contains(err.Error(), "domain") {
		return taken(err, fault.New(fault.Conflict, "domain_taken", "another company has the domain"))
	}
	return taken(err, fault.New(fault.Conflict, "company_exists", "there is a company of this name"))
}

// CreateCompany implements company.Store.
func (d *DB) CreateCompany(ctx context.Context, c *company.Company) error {
	err := d.write(ctx, func(t tx) error {
		insertCompany(t, c, "")
		countCompanyPlan(t, "", c.Plan)
		return nil
	})
	return companyTaken(err)
}

func insertCompany(t tx, c *company.Company, onConflict string) {
	t.exec(`
		insert into companies (id, name, domain, website, contact_person, contact_phone, contact_email, street, post_address,
			post_number, country, color1, color2, confirmation_page, email_template, upload_text, receiver, receivers,
			invoice_reference, invoice_email, invoice_by_email, own_people_only, plan, licences, paid_until, users, admins,
			version, created_at)
		values ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
			$22, $23, $24, $25, 0, 0, 0, $26) `+onConflict,
		c.ID, c.Name, c.Domain, c.Website, c.ContactPerson, c.ContactPhone, c.ContactEmail, c.Street, c.PostAddress,
		c.PostNumber, c.Country, c.Color1, c.Color2, c.ConfirmationPage, c.EmailTemplate, c.UploadText, c.Receiver,
		c.Receivers, c.InvoiceReference, c.InvoiceEmail, c.InvoiceByEmail, c.OwnPeopleOnly, c.Plan, c.Licences,
		c.PaidUntil, c.CreatedAt)
}

// countCompanyPlan keeps in step what counts the companies of a plan.
func countCompanyPlan(t tx, before, after string) {
	if before == after {
		return
	}
	if before != "" {
		t.exec(`update plans set companies = companies - 1 where id = $1`, before)
	}
	if after != "" {
		t.must(planUnknown(), `update plans set companies = companies + 1 where id = $1`, after)
	}
}

// CreateMember implements company.Store.
func (d *DB) CreateMember(ctx context.Context, fresh *company.Company, a *account.Account) error {
	err := d.write(ctx, func(t tx) error {
		insertCompany(t, fresh, "on conflict (name) do nothing")
		c, err := findCompany(t, `name = $1`, fresh.Name)
		if err != nil {
			return err
		}
		a.Company, a.CompanyAdmin = c.ID, c.Users == 0
		addAccount(t, a)
		return nil
	})
	return companyTaken(err)
}

// lockCompany loads a company that nobody else changes until the transaction ends.
func lockCompany(t tx, id company.ID) (*company.Company, error) { return findCompany(t, `id = $1`, id) }

func findCompany(t tx, by string, name any) (*company.Company, error) {
	var c company.Company
	err := find(t, companyUnknown(), func(row scan) error { return row(companyDest(&c)...) },
		selectCompany+by+t.lock(" for update"), name)
	return &c, err
}

// Company implements company.Store.
func (d *DB) Company(ctx context.Context, id company.ID) (*company.Company, error) {
	return d.company(ctx, selectCompany+`id = $1`, id)
}

// CompanyByName implements company.Store.
func (d *DB) CompanyByName(ctx context.Context, name string) (*company.Company, error) {
	return d.company(ctx, selectCompany+`name = $1`, name)
}

// CompanyByDomain implements company.Store.
func (d *DB) CompanyByDomain(ctx context.Context, domain string) (*company.Company, error) {
	return d.company(ctx, selectCompany+`domain = $1`, domain)
}

func (d *DB) company(ctx context.Context, sql string, arg any) (*company.Company, error) {
	var c company.Company
	err := d.find(ctx, companyUnknown(), func(row scan) error { return row(companyDest(&c)...) }, sql, arg)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// Companies implements company.Store.
func (d *DB) Companies(ctx context.Context, after company.ID, n int) (all []*company.Company, err error) {
	err = d.query(ctx, func(row scan) error {
		c := &company.Company{}
		all = append(all, c)
		return row(companyDest(c)...)
	}, selectCompany+`id > $1 order by id limit $2 + 0`, after, n)
	return all, err
}

// UsersOf implements company.Store.
func (d *DB) UsersOf(ctx context.Context, id company.ID, after account.ID, n int) ([]*account.Account, error) {
	return d.accounts(ctx, selectAccount+`a.company = $1 and a.company <> '' and a.id > $2 order by a.id limit $3 + 0`, id, after, n)
}

// UpdateCompany implements company.Store.
func (d *DB) UpdateCompany(
	ctx context.Context, id company.ID, who account.ID, change func(*company.Company, *account.Account) error,
) (c *company.Company, err error) {
	err = d.write(ctx, func(t tx) error {
		c, err = changeCompany(t, id, who, change)
		return err
	})
	if err != nil {
		return nil, companyTaken(err)
	}
	return c, nil
}

// changeCompany runs change on the company and on who asks for it, and saves the company.
func changeCompany(t tx, id company.ID, who account.ID, change func(*company.Company, *account.Account) error) (*company.Company, error) {
	c, err := lockCompany(t, id)
	if err != nil {
		return nil, err
	}
	var asks *account.Account
	if who != "" {
		if asks, err = lockAccount(t, who); err != nil {
			return nil, err
		}
	}
	before := *c
	if err := change(c, asks); err != nil {
		return nil, err
	}
	if *c == before {
		return c, nil
	}
	c.Version++
	countCompanyPlan(t, before.Plan, c.Plan)
	t.exec(`
		update companies set name = $1, domain = nullif($2, ''), website = $3, contact_person = $4, contact_phone = $5,
			contact_email = $6, street = $7, post_address = $8, post_number = $9, country = $10, color1 = $11, color2 = $12,
			confirmation_page = $13, email_template = $14, upload_text = $15, receiver = $16, receivers = $17,
			invoice_reference = $18, invoice_email = $19, invoice_by_email = $20, own_people_only = $21, plan = $22,
			licences = $23, paid_until = $24, version = $25
		where id = $26`,
		c.Name, c.Domain, c.Website, c.ContactPerson, c.ContactPhone, c.ContactEmail, c.Street, c.PostAddress, c.PostNumber,
		c.Country, c.Color1, c.Color2, c.ConfirmationPage, c.EmailTemplate, c.UploadText, c.Receiver, c.Receivers,
		c.InvoiceReference, c.InvoiceEmail, c.InvoiceByEmail, c.OwnPeopleOnly, c.Plan, c.Licences, c.PaidUntil, c.Version, id)
	return c, nil
}

// AddUser implements company.Store.
func (d *DB) AddUser(
	ctx context.Context, id company.ID, who account.ID, a *account.Account, p *account.Profile,
	may func(*company.Company, *account.Account) error,
) error {
	err := d.write(ctx, func(t tx) error {
		if _, err := changeCompany(t, id, who, may); err != nil {
			return err
		}
		a.Company = id
		addAccount(t, a)
		if *p != (account.Profile{}) {
			saveProfile(t, a.ID, p)
		}
		return nil
	})
	return companyTaken(err)
}

// UpdateUser implements company.Store.
func (d *DB) UpdateUser(
	ctx context.Context, id company.ID, who, user account.ID,
	change func(c *company.Company, who, user *account.Account, p *account.Profile) error,
) (a *account.Account, err error) {
	err = d.write(ctx, func(t tx) error {
		c, err := lockCompany(t, id) // from here on nobody else changes any of its people
		if err != nil {
			return err
		}
		var asks *account.Account
		if who != "" && who != user {
			if asks, err = lockAccount(t, who); err != nil {
				return err
			}
		}
		a, err = changeAccount(t, user, func(user *account.Account, p *account.Profile) error {
			if user.Company != id {
				return account.Unknown()
			}
			if who == user.ID {
				asks = user
			}
			return change(c, asks, user, p)
		})
		return err
	})
	if err != nil {
		return nil, companyTaken(err)
	}
	return a, nil
}
