-- The first schema of the log file: bytes of logs in frames, apart from the state so that the
-- state stays small and old logs can be dropped.

create table frames (
  log_id bigint not null,
  seq bigint not null,
  first_line bigint not null,        -- display lines that ended before it
  open_line text,                    -- the stream of a line that began before it and goes on
  first_byte bigint not null,        -- offset in the raw log
  lines bigint not null,             -- display lines that end in it
  bytes bigint not null,             -- raw length
  time bigint not null,
  data blob not null,               -- zstd of segments: letter, length (u32 LE), bytes
  primary key (log_id, seq)
) without rowid;
create index frames_by_line on frames (log_id, first_line, seq);
create index frames_by_byte on frames (log_id, first_byte, seq);
