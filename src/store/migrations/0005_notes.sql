-- What is said beside a waiting request by functions of the configuration.
alter table buildrequests add column held_by text;  -- who says no to it now; null = nobody
alter table buildrequests add column trouble text;  -- what failed while it was decided about
