-- Messages of generators, of buildsets and of workers. The outbox is made anew, because a row need
-- not be about a request any more.
create table messages (
  id integer primary key autoincrement,
  reporter text not null,
  generator bigint,                  -- position in the reporter's list; null = its own words
  kind text not null,                -- request_added, build_started, build_finished, buildset_finished,
                                     -- worker_missing, worker_returned
  request_id bigint references buildrequests (id),
  build_id bigint references builds (id),
  worker_id bigint references workers (id),
  results bigint,
  previous bigint,                   -- how the builder's build before ended
  since bigint,                      -- since when the worker is or was away
  created_at bigint not null,
  due_at bigint not null,
  attempts bigint not null,
  state text not null,               -- waiting, sent, superseded, failed
  message text,                      -- JSON, once it has been composed
  error text
);
insert into messages (id, reporter, kind, request_id, build_id, results, created_at, due_at, attempts, state, message, error)
  select id, reporter, kind, request_id, build_id, results, created_at, due_at, attempts, state, message, error from outbox;
drop table outbox;
alter table messages rename to outbox;
create index outbox_waiting on outbox (due_at) where state = 'waiting';
create index outbox_by_request on outbox (request_id);
create index outbox_by_build on outbox (build_id);

-- Since when a worker is away, and whether that was told; null = it is connected.
alter table workers add column away_since bigint;
alter table workers add column missing_told integer not null default 0;
