-- Damage of stored content, as far as it is known (package audit).

alter table files add column sha256 BLOB; -- of a complete file, once it was read; null: not yet
alter table files add column damaged_at INTEGER not null default 0; -- when damage was found; 0: none is known
create index files_damaged on files (key) where damaged_at <> 0;

-- While one of these lasts no blob is removed: a backup copies what its rows promise.
create table blob_holds (
	id    TEXT    not null primary key,
	until INTEGER not null
) STRICT, WITHOUT ROWID;
create index blob_holds_until on blob_holds (until);
