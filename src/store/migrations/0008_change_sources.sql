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
-- What forges have told us of heads, and what we found ourselves when they did not.
create table received_heads (
  name text not null,                -- owner/name#7, owner/name refs/heads/main
  revision text not null,            -- empty = the pull request is closed, the branch deleted
  received_at bigint not null,
  found integer not null,            -- nobody told us: a delivery that comes late is no news
  primary key (name, revision)
);
create table reconciled_repositories (
  name text primary key              -- what it had when we first looked was nobody's news
);
