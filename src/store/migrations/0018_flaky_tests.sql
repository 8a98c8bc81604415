-- Tests that failed and passed when they were run again.
alter table test_results add column flaky integer not null default 0;
alter table test_result_sets add column tests_flaky bigint not null default 0;
create index test_results_flaky on test_results (set_id, id) where flaky = 1;
