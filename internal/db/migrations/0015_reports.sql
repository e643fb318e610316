-- What people report of links (package report).

create table reports (
	key     TEXT not null primary key,
	at      INTEGER not null,
	home    TEXT not null,
	path    TEXT not null,
	title   TEXT not null,
	kind    TEXT not null,
	text    TEXT not null,
	sender  TEXT not null,
	outcome TEXT not null -- empty: it waits
) STRICT, WITHOUT ROWID;
create index reports_home on reports (home, outcome);
