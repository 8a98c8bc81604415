-- What looks for changes by itself, and how far it has looked.

create table change_sources (
  id integer primary key autoincrement,
  name text not null unique,
  kind text not null,
  configured integer not null,
  subject text not null,             -- what it looks at: heads of something else mean nothing
  seen integer not null,             -- whether it has looked at all: the first look makes no changes
  wanted bigint not null,            -- how often somebody wants it to look at once
  polled_at bigint,                  -- the end of the last look; null = never
  error text                         -- why the last look failed; null = it did not
);
create table source_heads (
  source_id bigint not null references change_sources (id),
  name text not null,                -- a ref, or the number of a pull request
  revision text not null,
  primary key (source_id, name)
);
