-- When a scheduler last built because its time had come; null = it never did.
alter table schedulers add column fired_at bigint;
