-- Workers that get no work for a while because their builds went wrong there.
alter table workers add column quarantined_until bigint;     -- null = it is not
alter table workers add column quarantine_reason text;
alter table workers add column quarantine_failures integer not null default 0;  -- in a row
-- What waits, in the order in which it is built: pages show its beginning, however much waits.
create index buildrequests_by_turn on buildrequests (priority desc, id)
  where complete_at is null and claimed_at is null;
-- The newest buildset of a scheduler.
create index buildsets_by_scheduler on buildsets (scheduler_id, id) where scheduler_id is not null;
