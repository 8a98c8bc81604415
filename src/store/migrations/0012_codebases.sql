-- The newest source of each codebase that a scheduler has seen, for `create_absolute_source_stamps`.
create table scheduler_codebases (
  scheduler_id bigint not null references schedulers (id),
  codebase text not null,
  change_id bigint not null,         -- the change that brought it
  branch text,
  revision text,
  repository text not null,
  project text not null,
  primary key (scheduler_id, codebase)
);
