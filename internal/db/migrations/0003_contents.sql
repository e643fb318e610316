-- The contents of small files lie beside their rows (docs/decisions/0005).

alter table files add column small INTEGER not null default 0;

create table contents (
	file  TEXT not null primary key, -- its key
	bytes BLOB not null
) STRICT, WITHOUT ROWID;
