-- What free keys of the S3 door stand for (package object).

create table objects (
	account    TEXT    not null,
	room       TEXT    not null,
	key        TEXT    not null,
	share      TEXT    not null, -- its public id
	file       TEXT    not null, -- its public id
	size       INTEGER not null,
	etag       TEXT    not null,
	written_at INTEGER not null,
	primary key (account, room, key)
) STRICT, WITHOUT ROWID;
create index objects_share on objects (share);
