-- What people are shown of their sessions: when one was used, and where it began.

alter table sessions add column used_at INTEGER not null default 0; -- to the hour; 0: not known
alter table sessions add column address TEXT not null default ''; -- shortened, and forgotten before the session is
alter table sessions add column agent TEXT not null default '';

create index sessions_page on sessions (account, id);
drop index sessions_account;
create index sessions_address on sessions (created_at) where address <> '';
