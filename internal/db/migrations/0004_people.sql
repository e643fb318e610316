-- People: plans, companies, sessions, what was sent to them by letter, and whom
-- the operator has blocked.

create table plans (
	id             TEXT    not null primary key,
	name           TEXT    not null,
	transfer_bytes INTEGER not null, -- this and what follows: 0 is no limit
	days           INTEGER not null,
	storage        INTEGER not null,
	recipients     INTEGER not null,
	daily          INTEGER not null, -- transfers a day
	downloads      INTEGER not null,
	contacts       INTEGER not null,
	users          INTEGER not null,
	calls          INTEGER not null, -- a day, of each API key
	grace          INTEGER not null,
	permanent      INTEGER not null,
	api            INTEGER not null,
	company        INTEGER not null,
	accounts       INTEGER not null, -- how many accounts have it
	companies      INTEGER not null, -- how many companies give it to new users
	for_new        INTEGER not null,
	for_sign_up    INTEGER not null
) STRICT, WITHOUT ROWID;
create unique index plans_for_new on plans (for_new) where for_new = 1;
create unique index plans_for_sign_up on plans (for_sign_up) where for_sign_up = 1;

insert into plans (id, name, transfer_bytes, days, storage, recipients, daily, downloads, contacts, users, calls, grace,
	permanent, api, company, accounts, companies, for_new, for_sign_up)
values
	('free',       'Free',         5368709120,  7,             0,   3,   2,   50,   20,  1,      0,          0, 0, 0, 0, 0, 0, 0, 1),
	('trial',      'Trial',      268435456000, 30, 1099511627776,  50,  20, 1000, 1000,  5,   1000,          0, 0, 1, 1, 0, 0, 0, 0),
	('basic',      'Basic',        5368709120, 14,  107374182400,  10,  10,  200,  200,  1,      0,  604800000, 0, 0, 0, 0, 0, 0, 0),
	('personal',   'Personal',     5368709120, 30,  214748364800,  25,  50, 1000, 1000,  1,   1000,  604800000, 0, 1, 0, 0, 0, 0, 0),
	('pro',        'Pro',        268435456000, 30, 1099511627776, 100, 500,    0, 5000,  1,  10000,  604800000, 0, 1, 0, 0, 0, 0, 0),
	('business',   'Business',              0, 90, 1099511627776, 500,   0,    0,    0,  0, 100000, 1209600000, 1, 1, 1, 0, 0, 0, 0),
	('enterprise', 'Enterprise',            0,  0,             0,   0,   0,    0,    0,  0,      0, 2592000000, 1, 1, 1, 0, 0, 1, 0);

create table companies (
	id                TEXT    not null primary key,
	name              TEXT    not null unique,
	domain            TEXT    unique, -- null when it has claimed none
	website           TEXT    not null,
	contact_person    TEXT    not null,
	contact_phone     TEXT    not null,
	contact_email     TEXT    not null,
	street            TEXT    not null,
	post_address      TEXT    not null,
	post_number       TEXT    not null,
	country           TEXT    not null,
	color1            TEXT    not null,
	color2            TEXT    not null,
	confirmation_page TEXT    not null,
	email_template    TEXT    not null,
	upload_text       TEXT    not null,
	receiver          TEXT    not null,
	receivers         TEXT    not null,
	invoice_reference TEXT    not null,
	invoice_email     TEXT    not null,
	invoice_by_email  INTEGER not null,
	own_people_only   INTEGER not null,
	plan              TEXT    not null, -- of new users; empty: that of the admin who adds them
	licences          INTEGER not null, -- 0: as many users as its plan has
	users             INTEGER not null,
	admins            INTEGER not null, -- those that are active
	paid_until        INTEGER not null,
	created_at        INTEGER not null,
	version           INTEGER not null
) STRICT, WITHOUT ROWID;

alter table accounts add column name TEXT not null default '';
alter table accounts add column state INTEGER not null default 0; -- 0 active, 1 disabled, 2 erased (package account)
alter table accounts add column verified INTEGER not null default 1; -- who is here was let in by the operator
alter table accounts add column must_change INTEGER not null default 0;
alter table accounts add column plan TEXT not null default ''; -- empty: none, and so no limits
alter table accounts add column paid_until INTEGER not null default 0;
alter table accounts add column company_admin INTEGER not null default 0;
alter table accounts add column epoch INTEGER not null default 0;

-- Companies were names. Each becomes a row, called by the id of the first of its
-- people, who is its admin.
insert into companies (id, name, website, contact_person, contact_phone, contact_email, street, post_address,
	post_number, country, color1, color2, confirmation_page, email_template, upload_text, receiver, receivers,
	invoice_reference, invoice_email, invoice_by_email, own_people_only, plan, licences, users, admins, paid_until,
	created_at, version)
select min(id), company, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 0, 0, '', 0, count(*), 1, 0,
	min(created_at), 0
from accounts where company <> '' group by company;
update accounts set company_admin = 1 where id in (select id from companies);
update accounts set company = (select c.id from companies c where c.name = accounts.company) where company <> '';
create index accounts_company on accounts (company, id) where company <> '';

-- Apart from accounts, so that counting bytes writes a small row.
create table profiles (
	account       TEXT    not null primary key,
	country       TEXT    not null,
	city          TEXT    not null,
	zip           TEXT    not null,
	address       TEXT    not null,
	mobile        TEXT    not null,
	signature     TEXT    not null,
	subject       TEXT    not null,
	days          INTEGER not null,
	downloads     INTEGER not null,
	newsletter    INTEGER not null,
	notify        INTEGER not null,
	confirmation  INTEGER not null,
	not_receiving INTEGER not null
) STRICT, WITHOUT ROWID;

alter table api_keys add column scopes INTEGER not null default 0; -- bits; 0: all
alter table api_keys add column owner_epoch INTEGER not null default 0; -- it dies with it
alter table api_keys add column expires_at INTEGER not null default 0;
create index api_keys_account on api_keys (account, id);

-- A session is what one login began; all its tokens end with it.
create table sessions (
	id         TEXT    not null primary key,
	account    TEXT    not null,
	epoch      INTEGER not null, -- the account's; it dies with it
	created_at INTEGER not null,
	expires_at INTEGER not null
) STRICT, WITHOUT ROWID;
create index sessions_account on sessions (account);
create index sessions_due on sessions (expires_at);

create table tokens (
	key        TEXT    not null primary key,
	session    TEXT    not null,
	kind       INTEGER not null, -- 1 login, 2 refresh (package session)
	hash       BLOB    not null unique,
	expires_at INTEGER not null,
	used_at    INTEGER not null -- a refresh token that was used is kept, to know it again
) STRICT, WITHOUT ROWID;
create index tokens_session on tokens (session);
create index tokens_due on tokens (expires_at);

-- A ticket is what a letter lets its reader do, once.
create table tickets (
	id         TEXT    not null primary key,
	kind       INTEGER not null, -- 1 register, 2 verify, 3 reset (package session)
	account    TEXT    not null, -- empty for register
	epoch      INTEGER not null, -- the account's; it dies with it
	email      TEXT    not null,
	name       TEXT    not null,
	password   TEXT    not null, -- of an account to be made
	hash       BLOB    not null unique,
	created_at INTEGER not null,
	expires_at INTEGER not null
) STRICT, WITHOUT ROWID;
create index tickets_account on tickets (account) where account <> '';
create index tickets_due on tickets (expires_at);

-- Tries that are counted before anything is compared, such as passwords. The name is
-- a hash: who tries from where is nobody's to read.
create table tries (
	name       BLOB    not null primary key,
	tried      INTEGER not null,
	expires_at INTEGER not null
) STRICT, WITHOUT ROWID;
create index tries_due on tries (expires_at);

create table blocks (
	pattern    TEXT    not null primary key, -- an address, or a domain with all below it
	reason     TEXT    not null,
	created_at INTEGER not null
) STRICT, WITHOUT ROWID;
