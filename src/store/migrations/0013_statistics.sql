-- What a step has counted: a JSON map of names and numbers; null = nothing.
alter table steps add column statistics text;
