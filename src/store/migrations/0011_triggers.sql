-- Builds that start builds: the step that did, and what schedulers repeat at their times.
alter table buildsets add column parent_step text;  -- its name in the parent build; null = no step did
create table scheduler_triggers (
  scheduler_id bigint primary key references schedulers (id),
  sourcestamps text not null,        -- JSON list
  changes text not null,             -- JSON list of ids
  properties text not null,          -- JSON: name -> [value, source], over the scheduler's own
  priority bigint not null,
  parent_build_id bigint not null,
  parent_relationship text not null,
  parent_step text not null
);
