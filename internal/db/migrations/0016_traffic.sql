-- Bytes that came in, went out and are kept, by the day (package traffic).

create table traffic (
	day    INTEGER not null primary key, -- since 1970, UTC
	taken  INTEGER not null,
	given  INTEGER not null,
	stored INTEGER not null
) STRICT, WITHOUT ROWID;
