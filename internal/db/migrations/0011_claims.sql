-- A holder may have several claims, and each knows what is under way under it: a holder
-- told by an address alone may be many people.

create table claims_now (
	key     TEXT    not null primary key,
	home    TEXT    not null,
	holder  TEXT    not null,
	at      INTEGER not null,
	until   INTEGER not null,
	bytes   INTEGER not null, -- that arrived
	used    INTEGER not null, -- something arrived whole: it does not return
	answers TEXT    not null  -- under way, one on a line
) STRICT, WITHOUT ROWID;
insert into claims_now (key, home, holder, at, until, bytes, used, answers)
	select holder, home, holder, at, until, bytes, used, '' from claims;
drop table claims;
alter table claims_now rename to claims;
create index claims_holder on claims (home, holder, key);
create index claims_until on claims (until);

alter table downloads add column claim TEXT not null default ''; -- under which it came
update downloads set claim = holder where exists (
	select 1 from claims c where c.home = downloads.home and c.holder = downloads.holder and c.at <= downloads.at
);
drop index downloads_open;
create unique index downloads_open on downloads (home, item, holder, claim) where whole_at = 0 and holder <> '';
drop index downloads_whole;
create index downloads_whole on downloads (home, item, holder, claim) where whole_at > 0;
