//! Tests that commands report: read from their output or from files, stored, compared with the build
//! before of the same branch, forgotten when the step is tried again, kept over a restart.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;

use super::{World, story};
use crate::sim::hand::shell;

fn farm(step: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
c.builders = {{ ci.builder {{ name = "b", workers = {{ "w1" }}, factory = {{ {step} }} }} }}
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
return c"#
    )
}

async fn force(world: &World) {
    let force = Force { scheduler: "force".to_owned(), ..Force::default() };
    world.engine().force(force).await.unwrap();
    world.pass(1).await;
    world.settle().await;
}

const STATE: &str = "select state_string from steps where number = 1 order by id";

#[test]
fn a_build_says_what_fails_newly_and_what_is_fixed_also_after_a_crash() {
    let config = farm(r#"ci.steps.shell { name = "go", command = "go", test_results = "tap" }"#);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("go").prints("ok 1 - a\nnot ok 2 - b\n").exits(1),
            shell("go").prints("not ok 1 - a\r\nok 2 - b\nnot ok 3 - c # SKIP x\nok 4 - d\n"),
        ]);
        force(world).await;
        force(world).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect([shell("go").prints("not ok 1 - a\nnot ok 2 - b")]);
        force(world).await;
        assert_eq!(
            world.rows(STATE, 1).await,
            [
                "go: 1 of 2 tests failed (failure)",
                "go: 1 of 3 tests failed (1 new), 1 fixed",
                "go: 2 of 2 tests failed (1 new)",
            ]
        );
        // What a command says of itself counts, not its tests.
        assert_eq!(world.builds().await, ["b/1 w1 failure", "b/2 w1 success", "b/3 w1 success"]);
        let names = world.rows("select name from test_names order by id", 1).await;
        assert_eq!(names, ["a", "b", "d"]);
        let history = "select group_concat(value, '') from (select r.value from test_results r join test_names n on \
             n.id = r.test_name_id where n.name = 'b' order by r.id)";
        assert_eq!(world.rows(history, 1).await, ["010"]);
    });
}

#[test]
fn reports_are_files_and_what_is_wrong_with_them_is_told() {
    let step = r#"ci.steps.shell { name = "t", command = "mvn", test_results = {
        format = "junit", paths = { "out/*.xml", "none/*.xml" }, fail_on_failed_tests = true } }"#;
    story(&farm(step), async |world: &mut World| {
        let dir = "/w/w1/b/build";
        let report =
            "<testsuite><testcase name='x' time='0.5'><failure>no</failure></testcase></testsuite>";
        world.connect("w1").await.expect([
            shell("mvn"),
            shell(&format!("glob {dir}/out/*.xml")).finds(&["/o/a.xml", "/o/b.xml"]),
            shell("upload /o/a.xml").holds(report),
            shell("upload /o/b.xml").holds("<testsuite><testcase name='y'/>"),
            shell(&format!("glob {dir}/none/*.xml")),
        ]);
        force(world).await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        assert_eq!(world.rows(STATE, 1).await, ["t: 1 of 2 tests failed (failure)"]);
        assert_eq!(
            world.log(BuildId(1), "t", "test results").await,
            [
                "/o/b.xml: line 1: the document ends too early.",
                "no file is found by \"none/*.xml\".",
            ]
        );
        let stored = "select n.name || ' ' || r.value || ' ' || coalesce(r.duration_ns, '') || ' ' || \
             coalesce(r.message, '') from test_results r join test_names n on n.id = r.test_name_id order by r.id";
        assert_eq!(world.rows(stored, 1).await, ["x 0 500000000 no", "y 1  "]);
        let counted = "select statistics from steps where number = 1";
        assert_eq!(
            world.rows(counted, 1).await,
            [r#"{"tests-failed":1,"tests-passed":1,"tests-skipped":0,"tests-total":2}"#]
        );
    });
}

#[test]
fn only_the_last_attempt_of_a_step_counts() {
    let step = r#"ci.steps.shell { name = "go", command = "go", test_results = "tap", retry = { max = 2 } }"#;
    story(&farm(step), async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("go").prints("not ok 1 - a\nok 2 - b\n").exits(1),
            shell("go").prints("ok 1 - a\nok 2 - b\n"),
        ]);
        force(world).await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        assert_eq!(world.int("select count(*) from test_results where passed = 0").await, 0);
        let counts = "select tests_passed || '/' || tests_failed from test_result_sets";
        assert_eq!(world.rows(counts, 1).await, ["2/0"]);
    });
}

#[test]
fn a_step_stores_results_of_its_own() {
    let step = r#"ci.step_type { name = "own", run = function(step)
        local speed = step:add_test_result_set("runtime", "performance", "second")
        step:add_test_result(speed, 1.5, { test_name = "blur" })
        local unit = step:add_test_result_set("unit", "pass_fail", "boolean")
        step:add_test_result(unit, true, { test_name = "ok", test_code_path = "a/b.py", line = 12, duration = 0.001 })
        step:add_test_result(unit, "0", { test_code_path = "a/b.py", message = "secret-of-w1" })
      end } {}"#;
    story(&farm(step), async |world: &mut World| {
        world.connect("w1").await;
        force(world).await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let sets = "select description || ' ' || coalesce(tests_passed, '-') || ' ' || coalesce(tests_failed, '-') \
             from test_result_sets order by id";
        assert_eq!(world.rows(sets, 1).await, ["runtime - -", "unit 1 1"]);
        let stored = "select set_id || ' ' || value || ' ' || coalesce(line, '') || ' ' || coalesce(duration_ns, '') \
             || ' ' || coalesce(p.path, '') from test_results r left join test_code_paths p on \
             p.id = r.code_path_id order by r.id";
        assert_eq!(
            world.rows(stored, 1).await,
            ["1 1.5   ", "2 1 12 1000000 a/b.py", "2 0   a/b.py"]
        );
    });
}

#[test]
fn the_report_that_pytest_writes_is_read() {
    let config = farm(r#"ci.steps.pytest { name = "py", junit = "r.xml" }"#);
    let report =
        r#"<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>"#;
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("python3 -m pytest --junit-xml=r.xml").exits(1),
            shell("glob /w/w1/b/build/r.xml").finds(&["/w/w1/b/build/r.xml"]),
            shell("upload /w/w1/b/build/r.xml").holds(report),
        ]);
        force(world).await;
        assert_eq!(world.rows(STATE, 1).await, ["py: 1 of 2 tests failed (failure)"]);
        let names = world.rows("select name from test_names order by id", 1).await;
        assert_eq!(names, ["a", "b"]);
    });
}
