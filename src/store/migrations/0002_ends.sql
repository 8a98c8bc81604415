-- The newest builds by their end and by their result, read from an index however long the history is.
create index builds_by_end on builds (complete_at);
create index builds_by_result on builds (results, id);
drop index builds_failed;
