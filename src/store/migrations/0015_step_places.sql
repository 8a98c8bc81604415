-- A step's position in its builder's factory, from 0; null = it was added while the build ran.
alter table steps add column place integer;
