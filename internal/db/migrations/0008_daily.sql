-- Transfers that were handed in by accounts whose plan allows so many a day (package
-- transfer). Apart from the accounts, so that counting never waits for their quota.

create table daily_transfers (
	account TEXT    not null,
	day     INTEGER not null, -- since 1970, UTC
	made    INTEGER not null,
	primary key (account, day)
) STRICT, WITHOUT ROWID;
create index daily_transfers_day on daily_transfers (day);
