-- The outbox (package letter): one row for each letter that was ever written, so that
-- none is written twice. What a letter says is sealed, because its link is a secret,
-- and forgotten some time after its end, with the address.

create table outbox (
	id         TEXT    not null primary key,
	kind       TEXT    not null,
	about      TEXT    not null,
	address    TEXT    not null,
	state      INTEGER not null, -- 1 waiting, 2 sent, 3 failed, 4 held
	round      INTEGER not null,
	attempts   INTEGER not null,
	cause      TEXT    not null,
	sealed     BLOB,             -- null when it is forgotten
	created_at INTEGER not null,
	queued_at  INTEGER not null,
	busy_until INTEGER not null,
	ended_at   INTEGER not null,
	until      INTEGER not null,
	unique (kind, about)
) STRICT, WITHOUT ROWID;
create index outbox_state on outbox (state, id);
create index outbox_ended on outbox (ended_at) where ended_at > 0 and sealed is not null;
