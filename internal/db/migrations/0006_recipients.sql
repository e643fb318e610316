-- Transfers that are open to later files, whom they are for, and what was fetched
-- of them (packages upload and transfer).

alter table files add column ident TEXT not null default ''; -- names the file to a client's later requests; empty: nothing does
alter table files add column planned INTEGER not null default 0; -- announced number of parts; 0: the size tells
alter table files add column want_md5 BLOB; -- of the whole file, as its client says; null: not said
alter table files add column received_at INTEGER not null default 0;
alter table files add column downloads INTEGER not null default 0;
create unique index files_ident on files (home, ident) where ident <> '';

alter table shares add column locked INTEGER not null default 0;
alter table shares add column blocked INTEGER not null default 0;
alter table shares add column cancelled INTEGER not null default 0;
alter table shares add column purging INTEGER not null default 0;
alter table shares add column max_size INTEGER not null default 0; -- 0: no limit
alter table shares add column max_downloads INTEGER not null default 0; -- 0: no limit
-- What follows is read where a transfer is looked at, and not with every part.
alter table shares add column track TEXT not null default ''; -- the common link's id
alter table shares add column sender TEXT not null default ''; -- an address
alter table shares add column password TEXT not null default '';
alter table shares add column notify INTEGER not null default 0;
alter table shares add column confirm INTEGER not null default 0;
alter table shares add column days INTEGER not null default 0; -- -1: for ever
alter table shares add column source TEXT not null default '';
alter table shares add column announced INTEGER not null default 0;
alter table shares add column recipients INTEGER not null default 0; -- how many it has
alter table shares add column undelivered INTEGER not null default 0; -- how many of them could not be reached
alter table shares add column downloads INTEGER not null default 0; -- files and archives that were fetched whole
alter table shares add column claimed INTEGER not null default 0; -- of max_downloads
alter table shares add column noticed INTEGER not null default 0; -- notices that were sent to the sender
create unique index shares_track on shares (track) where track <> '';

create table recipients (
	key          TEXT    not null primary key,
	home         TEXT    not null,
	address      TEXT    not null,
	track        TEXT    not null unique, -- the own link's id
	note         TEXT    not null, -- a message for this one
	sent_at      INTEGER not null, -- when its letter was called for; 0: not yet
	delivered_at INTEGER not null,
	problem      TEXT    not null, -- why it could not be delivered
	downloads    INTEGER not null
) STRICT, WITHOUT ROWID;
-- Once for each address, so that nobody is written to twice.
create unique index recipients_home on recipients (home, address);
create index recipients_unsent on recipients (home, key) where sent_at = 0;
create index recipients_inbox on recipients (address, sent_at, key) where sent_at > 0;

-- What was fetched: one row for each holder and item until it is whole, then a new one.
create table downloads (
	key       TEXT    not null primary key,
	home      TEXT    not null,
	item      TEXT    not null, -- a file's key; empty: all as an archive
	holder    TEXT    not null, -- whose, as a hash; empty: forgotten
	recipient TEXT    not null, -- its key; empty: by the common link
	at        INTEGER not null, -- when it was begun
	bytes     INTEGER not null,
	spans     TEXT    not null, -- which bytes, while not all are there
	whole_at  INTEGER not null, -- 0: not all of it has arrived
	address   TEXT    not null, -- shortened; empty: forgotten
	agent     TEXT    not null
) STRICT, WITHOUT ROWID;
create index downloads_home on downloads (home, key);
create unique index downloads_open on downloads (home, item, holder) where whole_at = 0 and holder <> '';
create index downloads_whole on downloads (home, item, holder, whole_at) where whole_at > 0;
create index downloads_address on downloads (at) where holder <> '';

-- Downloads that were promised, of transfers that have a limit of them.
create table claims (
	home   TEXT    not null,
	holder TEXT    not null,
	at     INTEGER not null,
	until  INTEGER not null,
	live   INTEGER not null, -- answers under way
	bytes  INTEGER not null, -- that arrived
	used   INTEGER not null, -- something arrived whole: it does not return
	primary key (home, holder)
) STRICT, WITHOUT ROWID;
create index claims_until on claims (until);

-- Passwords that were tried at one link from one address.
create table password_tries (
	home    TEXT    not null,
	address TEXT    not null,
	since   INTEGER not null,
	tries   INTEGER not null,
	primary key (home, address)
) STRICT, WITHOUT ROWID;
create index password_tries_since on password_tries (since);
