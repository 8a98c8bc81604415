-- Whose fault it is that a step did not do its work, in a word; null = nobody's, or its own.
alter table steps add column fault text;
-- The group of steps that it stands in; null = none.
alter table steps add column step_group text;
