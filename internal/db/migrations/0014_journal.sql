-- What administrators did (package journal).

create table journal (
	key     TEXT    not null primary key,
	at      INTEGER not null,
	by_whom TEXT    not null,
	act     TEXT    not null,
	about   TEXT    not null,
	outcome TEXT    not null -- empty: begun, and not known
) STRICT, WITHOUT ROWID;
