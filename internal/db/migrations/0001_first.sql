-- The schema, in SQLite's words; migrate.go says how it becomes PostgreSQL's.
--
-- Times are milliseconds since 1970, 0 for none. Primary keys are made by package
-- id and begin with the time, so that neighbours in time are neighbours on disk:
-- at a million rows random keys cost four times as much per commit. Public ids are
-- random and have an index of their own. There are no foreign keys: what belongs
-- together is written together, and on PostgreSQL they would lock the parent
-- against its own counters.

create table accounts (
	id         TEXT    not null primary key,
	email      TEXT    not null, -- lower case, or empty
	password   TEXT    not null,
	company    TEXT    not null,
	admin      INTEGER not null,
	quota      INTEGER not null, -- 0: no limit
	used       INTEGER not null, -- the sum of its shares' reserved
	created_at INTEGER not null
) STRICT, WITHOUT ROWID;
create unique index accounts_email on accounts (email) where email <> '';
create index accounts_admin on accounts (admin) where admin = 1;

create table api_keys (
	id          TEXT    not null primary key,
	account     TEXT    not null,
	name        TEXT    not null,
	hash        BLOB    not null unique,
	daily_limit INTEGER not null,
	epoch       INTEGER not null,
	created_at  INTEGER not null,
	revoked_at  INTEGER not null
) STRICT, WITHOUT ROWID;

-- Calls of keys that have a daily limit, on the last day they were used. Apart
-- from api_keys, so that counting writes a small row.
create table key_calls (
	api_key TEXT    not null primary key,
	day     INTEGER not null,
	calls   INTEGER not null
) STRICT, WITHOUT ROWID;

create table shares (
	key        TEXT    not null primary key,
	id         TEXT    not null unique,
	kind       INTEGER not null,
	account    TEXT    not null,
	room       TEXT    not null,
	state      INTEGER not null,
	code       TEXT    unique, -- null when it has none
	hash       TEXT    not null,
	name       TEXT    not null,
	message    TEXT    not null,
	sealed     INTEGER not null,
	files      INTEGER not null,
	open_files INTEGER not null,
	size       INTEGER not null,
	reserved   INTEGER not null, -- what it holds of its account's quota
	idle       INTEGER not null,
	created_at INTEGER not null,
	ready_at   INTEGER not null,
	expires_at INTEGER not null,
	version    INTEGER not null
) STRICT, WITHOUT ROWID;
-- The sweeps find what is due, and cost nothing when nothing is: 1 is open, 2
-- ready, 5 purged (package share).
create index shares_due on shares (expires_at) where state <= 2;
create index shares_purged on shares (expires_at) where state = 5;
create index shares_account on shares (account, key);

create table files (
	key          TEXT    not null primary key,
	home         TEXT    not null,
	id           TEXT    not null unique,
	name         TEXT    not null,
	local        TEXT    not null,
	size         INTEGER not null,
	chunk        INTEGER not null,
	upload       TEXT    not null,
	state        INTEGER not null,
	parts        INTEGER not null,
	loose        INTEGER not null,
	got          INTEGER not null,
	sum          INTEGER not null,
	suspect      INTEGER not null,
	created_at   INTEGER not null,
	completed_at INTEGER not null
) STRICT, WITHOUT ROWID;
create index files_home on files (home, key);

create table parts (
	file        TEXT    not null,
	number      INTEGER not null,
	blob        TEXT    not null, -- empty: the file's own, where the plan puts it
	off         INTEGER not null,
	len         INTEGER not null,
	crc         INTEGER not null,
	md5         BLOB,             -- null when nobody asked for it
	received_at INTEGER not null,
	primary key (file, number)
) STRICT, WITHOUT ROWID;
create index parts_blob on parts (blob) where blob <> '';

create table links (
	key   TEXT not null primary key,
	home  TEXT not null,
	id    TEXT not null,
	local TEXT not null,
	url   TEXT not null,
	title TEXT not null,
	meta  TEXT not null
) STRICT, WITHOUT ROWID;
create index links_home on links (home, key);

create table jobs (
	kind     TEXT    not null,
	id       TEXT    not null,
	due      INTEGER, -- when it may be claimed: while it is leased, the end of the lease; null when it is dead
	attempts INTEGER not null,
	cause    TEXT    not null,
	primary key (kind, id)
) STRICT, WITHOUT ROWID;
create index jobs_due on jobs (due);

create table settings (
	name  TEXT not null primary key,
	value BLOB not null
) STRICT, WITHOUT ROWID;

create table acme_cache (
	name  TEXT not null primary key,
	value BLOB not null
) STRICT, WITHOUT ROWID;
