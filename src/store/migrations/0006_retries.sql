-- How often a request was built without a verdict, other than because the master ended.
alter table buildrequests add column retries integer not null default 0;
