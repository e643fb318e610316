-- Transfers whose files can be fetched while they come in.

alter table shares add column live INTEGER not null default 0;
