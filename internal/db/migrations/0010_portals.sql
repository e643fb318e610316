-- Portals: where anybody may send to a company (package inbox).

create table portals (
	key        TEXT    not null primary key,
	id         TEXT    not null unique,
	company    TEXT    not null references companies (id),
	owner      TEXT    not null, -- an account, perhaps of somebody who has left
	name       TEXT    not null,
	text       TEXT    not null,
	addresses  TEXT    not null, -- separated by spaces
	version    INTEGER not null,
	created_at INTEGER not null,
	deleted_at INTEGER not null  -- 0: it is there
) STRICT, WITHOUT ROWID;
create unique index portals_name on portals (company, name) where deleted_at = 0;
create index portals_company on portals (company, key);

alter table shares add column portal TEXT not null default ''; -- by which the transfer came in
