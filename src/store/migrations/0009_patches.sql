-- What is changed in a source before it is built: somebody's working tree.
create table patches (
  id integer primary key autoincrement,
  level bigint not null,             -- parts of its paths that are left out
  subdir text not null,              -- where it is applied; empty = at the source's root
  shown text not null,               -- JSON, for the data API
  body blob not null,
  created_at bigint not null
);
alter table sourcestamps add column patch_id bigint references patches (id);
