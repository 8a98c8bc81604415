-- Files that builds have left at the master. The bytes are in the artifacts' directory under their hash.
create table artifacts (
  id integer primary key autoincrement,
  builder_id bigint not null references builders (id),
  build_id bigint not null references builds (id),
  step text not null,                -- the step that kept it: a rule of a number of builds counts by it
  name text not null,                -- as downloads call it; parts end at '/'
  size bigint not null,
  sha256 text not null,              -- 64 hexadecimal digits
  created_at bigint not null,
  branch text,                       -- of the build's source; null = the usual one
  is_proposal bigint not null,       -- 1 = of a pull request or a patch: never the latest success, unless its branch is asked for
  keep_builds bigint,                -- gone when so many newer builds have kept one; null = not counted
  per_branch bigint not null,        -- 1 = only newer builds of the same branch count
  expires_at bigint,                 -- gone then; null = no time
  unique (build_id, name)
);
create index artifacts_by_builder on artifacts (builder_id, build_id);
create index artifacts_by_hash on artifacts (sha256);
create index artifacts_by_time on artifacts (expires_at) where expires_at is not null;
create index artifacts_by_rule on artifacts (id) where keep_builds is not null;
