-- The first schema. Shared subset of SQLite and PostgreSQL but for the id columns; times are
-- microseconds UTC, JSON is text, booleans are 0 and 1. Ids are never reused.

create table masters (
  id integer primary key autoincrement,
  name text not null unique,
  active integer not null,
  last_active bigint not null
);

-- One row per configuration that was loaded or refused.
create table generations (
  id integer primary key autoincrement,
  loaded_at bigint not null,
  state text not null,               -- active, retired, rejected
  error text,                        -- what refused it
  changes text                       -- what it changed against the one before, a line each
);
create table files (
  sha256 text primary key,
  content text not null
);
create table generation_files (
  generation_id bigint not null references generations (id),
  path text not null,
  sha256 text,                       -- null for secret files
  primary key (generation_id, path)
);

create table builders (
  id integer primary key autoincrement,
  name text not null unique,
  description text,
  tags text not null,                -- JSON list
  position bigint not null,          -- in the configuration; -1 = not configured any more
  next_number bigint not null        -- number of its next build
);

create table workers (
  id integer primary key autoincrement,
  name text not null unique,
  configured integer not null,
  info text not null,                -- JSON, what may be shown
  connected_since bigint,            -- null = away
  last_seen bigint,
  epoch bigint not null,             -- counts connections: the fence for what an old one says
  paused integer not null,
  pause_reason text,
  graceful integer not null
);
create table builder_workers (
  builder_id bigint not null references builders (id),
  worker_id bigint not null references workers (id),
  primary key (builder_id, worker_id)
);
create index builder_workers_by_worker on builder_workers (worker_id);

create table schedulers (
  id integer primary key autoincrement,
  name text not null unique,
  kind text not null,
  enabled integer not null,
  configured integer not null
);

create table deliveries (
  id integer primary key autoincrement,
  dialect text not null,
  guid text not null,
  event text not null,
  received_at bigint not null,
  headers text not null,             -- JSON
  line text not null,                -- what it is about: of one line, only one is read at a time
  body blob not null,
  state text not null,               -- stored, handled, failed
  verdict text,
  handled_at bigint,
  unique (dialect, guid)
);
create index deliveries_to_read on deliveries (id) where state = 'stored';

create table sourcestamps (
  id integer primary key autoincrement,
  sha256 text not null unique,       -- of all fields: equal ones share a row
  branch text,
  revision text,
  repository text not null,
  project text not null,
  codebase text not null,
  created_at bigint not null
);

create table changes (
  id integer primary key autoincrement,
  parent_id bigint references changes (id),
  sourcestamp_id bigint not null references sourcestamps (id),
  delivery_id bigint references deliveries (id),
  received_at bigint not null,
  author text not null,
  committer text,
  comments text not null,
  files text not null,               -- JSON list
  revision text,
  when_timestamp bigint not null,    -- microseconds
  branch text,
  category text,
  revlink text,
  properties text not null,          -- JSON map
  repository text not null,
  project text not null,
  codebase text not null,
  verdicts text not null             -- JSON: scheduler name -> what it made of the change
);
create index changes_by_line on changes (codebase, project, repository, branch, id);
create index changes_by_sourcestamp on changes (sourcestamp_id);

-- Changes that a scheduler has taken and not built yet: what its timers wait for.
create table scheduler_changes (
  scheduler_id bigint not null references schedulers (id),
  change_id bigint not null references changes (id),
  important integer not null,
  primary key (scheduler_id, change_id)
);

create table buildsets (
  id integer primary key autoincrement,
  scheduler_id bigint references schedulers (id),
  external_idstring text,
  reason text not null,
  submitted_at bigint not null,
  complete_at bigint,
  results bigint,
  parent_build_id bigint,
  parent_relationship text,
  rebuilt_build_id bigint,
  properties text not null           -- JSON: name -> [value, source]
);
create index buildsets_open on buildsets (id) where complete_at is null;
create index buildsets_rebuilt on buildsets (rebuilt_build_id) where rebuilt_build_id is not null;
create index buildsets_by_time on buildsets (submitted_at);
create index buildsets_by_parent on buildsets (parent_build_id) where parent_build_id is not null;
create table buildset_sourcestamps (
  buildset_id bigint not null references buildsets (id),
  sourcestamp_id bigint not null references sourcestamps (id),
  primary key (buildset_id, sourcestamp_id)
);
create index buildset_sourcestamps_by_stamp on buildset_sourcestamps (sourcestamp_id);
create table buildset_changes (
  buildset_id bigint not null references buildsets (id),
  change_id bigint not null references changes (id),
  primary key (buildset_id, change_id)
);
create index buildset_changes_by_change on buildset_changes (change_id);

create table buildrequests (
  id integer primary key autoincrement,
  buildset_id bigint not null references buildsets (id),
  builder_id bigint not null references builders (id),
  priority bigint not null,
  submitted_at bigint not null,
  waited_for integer not null,
  attempts bigint not null,
  claimed_at bigint,                 -- null = nobody builds it
  claimed_by_master_id bigint references masters (id),
  build_id bigint,                   -- the current attempt
  complete_at bigint,
  results bigint,
  ended_because text                 -- of requests that ended without a build
);
create index buildrequests_open on buildrequests (builder_id, claimed_at, id) where complete_at is null;
create index buildrequests_pending on buildrequests (claimed_at, submitted_at) where complete_at is null;
create index buildrequests_unfinished on buildrequests (id) where complete_at is null;
create index buildrequests_by_set on buildrequests (buildset_id);
create index buildrequests_by_time on buildrequests (submitted_at);
create index buildrequests_by_builder on buildrequests (builder_id, id);

create table builds (
  id integer primary key autoincrement,
  number bigint not null,
  builder_id bigint not null references builders (id),
  request_id bigint not null references buildrequests (id),
  worker_id bigint not null references workers (id),
  master_id bigint not null references masters (id),
  generation_id bigint not null references generations (id),
  attempt bigint not null,
  started_at bigint not null,
  complete_at bigint,
  locks_duration bigint not null,    -- microseconds spent waiting for locks
  state_string text not null,
  results bigint,
  stop_reason text,                  -- somebody wants it stopped
  unique (builder_id, number)
);
create index builds_open on builds (id) where complete_at is null;
create index builds_by_request on builds (request_id);
create index builds_by_worker on builds (worker_id, id);
create index builds_by_start on builds (started_at);
create index builds_by_number on builds (number);
create index builds_failed on builds (id) where results in (2, 4);
create table build_properties (
  build_id bigint not null references builds (id),
  name text not null,
  value text not null,               -- JSON
  source text not null,
  primary key (build_id, name)
);

create table steps (
  id integer primary key autoincrement,
  build_id bigint not null references builds (id),
  number bigint not null,
  name text not null,
  started_at bigint,
  locks_acquired_at bigint,
  complete_at bigint,
  results bigint,
  state_string text not null,
  urls text not null,                -- JSON list of {name, url}
  hidden integer not null,
  unique (build_id, number)
);

create table logs (
  id integer primary key autoincrement,
  step_id bigint not null references steps (id),
  name text not null,
  slug text not null,
  kind text not null,                -- s, t, h
  complete integer not null,
  num_lines bigint not null,
  num_bytes bigint not null,
  unique (step_id, slug)
);
create index logs_open on logs (id) where complete = 0;

-- Each request of a step to its worker.
create table commands (
  id integer primary key autoincrement,
  step_id bigint not null references steps (id),
  seq bigint not null,
  epoch bigint not null,             -- the worker's connection it was sent on
  request text not null,             -- JSON, secrets left out
  state text not null,               -- sent, complete, lost
  answer text,                       -- JSON
  unique (step_id, seq)
);

-- What must leave: written in the transaction of what it tells.
create table outbox (
  id integer primary key autoincrement,
  reporter text not null,
  kind text not null,                -- request_added, build_started, build_finished
  request_id bigint not null references buildrequests (id),
  build_id bigint references builds (id),
  results bigint,
  created_at bigint not null,
  due_at bigint not null,
  attempts bigint not null,
  state text not null,               -- waiting, sent, superseded, failed
  message text,                      -- JSON, once it has been composed
  error text
);
create index outbox_waiting on outbox (due_at) where state = 'waiting';
create index outbox_by_request on outbox (request_id);
create index outbox_by_build on outbox (build_id);

create table sessions (
  sha256 text primary key,           -- of the cookie's token
  username text not null,
  created_at bigint not null,
  last_used_at bigint not null
);
