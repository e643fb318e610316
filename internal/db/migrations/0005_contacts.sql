-- Address books (package contact). The owner comes first in every key, so that a
-- book lies together on disk, and nothing is found without its owner.

-- One row for each account that has, or had, contacts: counters for the limits, and
-- what PostgreSQL locks while a book changes.
create table contact_books (
	owner    TEXT    not null primary key,
	contacts INTEGER not null,
	lists    INTEGER not null, -- its groups
	members  INTEGER not null  -- over all groups
) STRICT, WITHOUT ROWID;

create table contacts (
	owner  TEXT not null,
	id     TEXT not null,
	name   TEXT not null,
	email  TEXT not null, -- lower case
	mobile TEXT not null,
	primary key (owner, id)
) STRICT, WITHOUT ROWID;
create unique index contacts_email on contacts (owner, email);

create table contact_groups (
	owner   TEXT    not null,
	id      TEXT    not null,
	name    TEXT    not null,
	folded  TEXT    not null, -- the name, as it is compared
	members INTEGER not null,
	primary key (owner, id)
) STRICT, WITHOUT ROWID;
create unique index contact_groups_name on contact_groups (owner, folded);

create table contact_members (
	owner   TEXT not null,
	list    TEXT not null, -- the group
	contact TEXT not null,
	primary key (owner, list, contact)
) STRICT, WITHOUT ROWID;
create unique index contact_members_contact on contact_members (owner, contact, list);
