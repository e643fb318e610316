-- Webhooks: where accounts want to be told what happens (package hook).

create table webhooks (
	id           TEXT    not null primary key,
	account      TEXT    not null,
	url          TEXT    not null,
	events       TEXT    not null, -- separated by spaces; empty: all
	active       INTEGER not null,
	generation   INTEGER not null, -- of its secret
	former_until INTEGER not null,
	created_at   INTEGER not null
) STRICT, WITHOUT ROWID;
create index webhooks_account on webhooks (account, id);

create table webhook_messages (
	key      TEXT    not null primary key,
	hook     TEXT    not null,
	id       TEXT    not null,
	event    TEXT    not null,
	at       INTEGER not null,
	body     TEXT    not null,
	attempts INTEGER not null,
	status   INTEGER not null, -- of the last answer; 0: there was none
	problem  TEXT    not null,
	next_at  INTEGER not null, -- 0: it is not tried again
	done_at  INTEGER not null  -- 0: nobody has taken it
) STRICT, WITHOUT ROWID;
create unique index webhook_messages_hook on webhook_messages (hook, id);
create index webhook_messages_page on webhook_messages (hook, key);
create index webhook_messages_old on webhook_messages (hook, at);
