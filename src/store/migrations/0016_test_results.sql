-- Sets of test results, and the results. Names and code paths stand once for each builder, so that the
-- history of one test is one look into an index.
create table test_result_sets (
  id integer primary key autoincrement,
  builder_id bigint not null references builders (id),
  build_id bigint not null references builds (id),
  step_id bigint not null references steps (id),
  description text not null,
  category text not null,
  value_unit text not null,
  tests_passed bigint,               -- null = it is no matter of passing
  tests_failed bigint
);
create index test_result_sets_by_builder on test_result_sets (builder_id, id);
create index test_result_sets_by_build on test_result_sets (build_id, id);
create index test_result_sets_by_step on test_result_sets (step_id);
create table test_names (
  id integer primary key autoincrement,
  builder_id bigint not null references builders (id),
  name text not null,
  unique (builder_id, name)
);
create table test_code_paths (
  id integer primary key autoincrement,
  builder_id bigint not null references builders (id),
  path text not null,
  unique (builder_id, path)
);
create table test_results (
  id integer primary key autoincrement,
  set_id bigint not null references test_result_sets (id),
  test_name_id bigint references test_names (id),
  code_path_id bigint references test_code_paths (id),
  line bigint,
  duration_ns bigint,
  value text not null,
  passed integer,                    -- null = it is no matter of passing
  message text
);
create index test_results_by_set on test_results (set_id, id);
create index test_results_by_name on test_results (test_name_id, id) where test_name_id is not null;
create index test_results_failed on test_results (set_id, id) where passed = 0;
