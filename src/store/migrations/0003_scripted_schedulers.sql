-- Schedulers that are written in Lua: what each of them remembers, and what it has not been told.

create table scheduler_states (
  scheduler_id bigint primary key references schedulers (id),
  state text not null,               -- JSON, as its functions left it
  next_at bigint,                    -- when it wants to be called; null = never
  failures bigint not null,          -- how often its timer has failed in a row
  error text                         -- what failed last; null = the last call went well
);
create table scheduler_events (
  id integer primary key autoincrement,
  scheduler_id bigint not null references schedulers (id),
  change_id bigint references changes (id),
  buildset_id bigint references buildsets (id)
);
create index scheduler_events_by_scheduler on scheduler_events (scheduler_id, id);
