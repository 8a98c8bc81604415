//! Tests that commands report: read from their output or from files, stored, compared with the build
//! before of the same branch, forgotten when the step is tried again, kept over a restart.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;
use halide_ci::model::sourcestamp::Sourcestamp;

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
            [
                r#"{"tests-failed":1,"tests-passed":1,"tests-skipped":0,"tests-total":2,"tests-warnings":0}"#
            ]
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

/// The story of tests that are run again: the commands, what they print, and their exit codes.
fn again(options: &str, runs: &[(&str, &str, i64)], check: impl AsyncFnOnce(&mut World)) {
    let step = format!(
        r#"ci.steps.shell {{ name = "t", command = "t", test_results = "tap", {options},
        retry_command = function(names) return {{ "t", "--only", names }} end }}"#
    );
    story(&farm(&step), async |world: &mut World| {
        let expected = runs.iter().map(|(line, said, rc)| shell(line).prints(said).exits(*rc));
        world.connect("w1").await.expect(expected);
        force(world).await;
        check(world).await;
    });
}

const FLAKY: &str = "select n.name || ' ' || r.value || ' ' || r.flaky || ' ' || coalesce(r.message, '') \
     from test_results r join test_names n on n.id = r.test_name_id order by n.name";

#[test]
fn a_test_that_passes_when_it_is_run_again_is_flaky() {
    let first = "ok 1 - a\nnot ok 2 - b\n# why b\nnot ok 3 - c\n";
    let runs = [
        ("t", first, 1),
        ("t --only b c", "not ok 1 - b\n# again\nok 2 - c\n", 1),
        ("t --only b", "ok 1 - b\n", 0),
    ];
    again("retry_failed_tests = 3", &runs, async |world| {
        assert_eq!(world.builds().await, ["b/1 w1 success"], "warnings alone do not count");
        assert_eq!(world.rows(STATE, 1).await, ["t: 3 tests passed, 2 flaky (warnings)"]);
        assert_eq!(world.rows(FLAKY, 1).await, ["a 1 0 ", "b 1 1 again", "c 1 1 "]);
        let asked = world.rows("select request from commands order by seq", 1).await;
        let asked: Vec<&str> = asked.iter().map(|r| r.split("\"what\":").nth(1).unwrap()).collect();
        assert_eq!(asked, ["\"t\"}", "\"t --only b c\"}", "\"t --only b\"}"]);
        let logs = world.rows("select name from logs where step_id = 2 order by id", 1).await;
        assert_eq!(logs, ["stdio", "stdio_retry_1", "stdio_retry_2"]);
        let statistics = world.rows("select statistics from steps where number = 1", 1).await;
        assert_eq!(
            statistics,
            [
                r#"{"tests-failed":0,"tests-passed":3,"tests-skipped":0,"tests-total":3,"tests-warnings":2}"#
            ]
        );
        let sets = "select tests_passed, tests_failed, tests_flaky from test_result_sets";
        assert_eq!(world.rows(sets, 3).await, ["3 0 2"]);
    });
}

#[test]
fn a_test_that_fails_each_time_or_is_not_run_again_fails() {
    let first = "not ok 1 - a\nnot ok 2 - b\nok 3 - c\n";
    again(
        "retry_failed_tests = 1",
        &[("t", first, 1), ("t --only a b", "ok 1 - a\n", 0)],
        async |world| {
            assert_eq!(world.builds().await, ["b/1 w1 failure"]);
            assert_eq!(world.rows(STATE, 1).await, ["t: 1 of 3 tests failed, 1 flaky (failure)"]);
        },
    );
    let still = [("t", first, 1), ("t --only a b", "not ok 1 - a\nnot ok 2 - b\n", 3)];
    again("retry_failed_tests = 1", &still, async |world| {
        assert_eq!(world.rows(STATE, 1).await, ["t: 2 of 3 tests failed (failure)"]);
    });
    // The command fails for another reason.
    let other = [("t", first, 1), ("t --only a b", "ok 1 - a\nok 2 - b\n", 9)];
    again("retry_failed_tests = 1", &other, async |world| {
        assert_eq!(world.rows(STATE, 1).await, ["t: 3 tests passed, 2 flaky (failure)"]);
    });
}

#[test]
fn many_failed_tests_or_none_are_not_run_again() {
    let options = "retry_failed_tests = { max = 2, at_most = 1 }";
    let first = "not ok 1 - a\nnot ok 2 - b\nok 3 - c\n";
    again(options, &[("t", first, 1)], async |world| {
        let told = ["t: 2 of 3 tests failed, too many to run again (failure)"];
        assert_eq!(world.rows(STATE, 1).await, told);
    });
    again(options, &[("t", "ok 1 - a\n", 1)], async |world| {
        assert_eq!(world.rows(STATE, 1).await, ["t: 1 test passed (failure)"]);
    });
}

#[test]
fn a_command_that_cannot_be_made_is_an_error_with_its_line() {
    for (body, what) in [
        ("return 7", "`command` is text or a list, not 7."),
        ("error 'no idea'", "master.lua:5: no idea"),
        ("while true do end", "master.lua:5: computed for more than 0.2 s"),
    ] {
        let step = format!(
            r#"ci.steps.shell {{ name = "t", command = "t", test_results = "tap", retry_failed_tests = 1,
            retry_command = function(names) {body} end }}"#
        );
        let config = farm(&step).replace("return c", "c.limits = { cpu_seconds = 0.2 }\nreturn c");
        story(&config, async |world: &mut World| {
            world.connect("w1").await.expect([shell("t").prints("not ok 1 - a\n").exits(1)]);
            force(world).await;
            let told = world.log(BuildId(1), "t", "error").await.join("\n");
            assert!(told.contains(what), "{told}");
        });
    }
}

#[test]
fn how_tests_are_run_again_is_for_the_step_to_say() {
    let step = r#"ci.steps.make { name = "t", test_results = "tap", retry_failed_tests = 2 }"#;
    story(&farm(step), async |world: &mut World| {
        world.connect("w1").await;
        force(world).await;
        let text = world.log(BuildId(1), "t", "error").await;
        assert!(text[0].contains("`retry_failed_tests` needs `retry_command`"), "{text:?}");
    });
}

#[test]
fn what_alternates_on_one_revision_is_flaky_and_builds_say_what_their_tests_did() {
    let config = farm(r#"ci.steps.shell { name = "go", command = "go", test_results = "tap" }"#);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("go").prints("ok 1 - a\nnot ok 2 - b\nok 3 - c\n").exits(1),
            shell("go").prints("ok 1 - a\nok 2 - b\nnot ok 3 - c\n"),
            shell("go").prints("not ok 1 - a\nok 2 - b\nok 3 - c\n").exits(1),
            // Without a revision nobody knows what was built.
            shell("go").prints("ok 1 - a\nok 2 - d\n"),
            shell("go").prints("not ok 1 - a\nnot ok 2 - d\n"),
        ]);
        for revision in [Some("r1"), Some("r1"), Some("r2"), None, None] {
            let stamp =
                Sourcestamp { revision: revision.map(str::to_owned), ..Sourcestamp::default() };
            let force = Force {
                scheduler: "force".to_owned(),
                sourcestamps: vec![stamp],
                ..Force::default()
            };
            world.engine().force(force).await.unwrap();
            world.pass(1).await;
            world.settle().await;
        }
        let read = |conn: &halide_ci::store::Conn<'_>| {
            halide_ci::store::views::test_results::unsteady(conn, 1, 50, 10)
        };
        let found = world.engine().store().read(read).await.unwrap();
        let told: Vec<_> =
            found.iter().map(|t| (t.name.as_str(), t.retried, t.alternated, t.last)).collect();
        assert_eq!(told, [("b", 0, 1, 1), ("c", 0, 1, 2)]);
        assert_eq!(
            world.rows("select state_string from builds order by id", 1).await,
            [
                "failed go: 1 of 3 tests failed (failure)",
                "build successful: 1 of 3 tests failed",
                "failed go: 1 of 3 tests failed (1 new), 1 fixed (failure)",
                "build successful: 2 tests passed",
                "build successful: 2 of 2 tests failed",
            ]
        );
    });
}

#[test]
fn subunit_and_perl_are_read_from_what_they_print() {
    let steps = r#"ci.steps.subunit_shell_command { name = "s", command = "s", flunk_on_failure = false },
      ci.steps.subunit_shell_command { name = "none", command = "none", failure_on_no_tests = true, flunk_on_failure = false },
      ci.steps.perl_module_test { name = "p" }"#;
    story(&farm(steps), async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("s").prints("noise\ntest: a\nsuccess: a\nfailure: b [\nwhy\n]\nskip: c\n"),
            shell("none").prints("nothing\n"),
            shell("prove --lib lib --recurse --verbose t")
                .prints("t/a.t ..\n1..2\nok 1 - x\nnot ok 2 - y\nDubious\n")
                .exits(1),
        ]);
        force(world).await;
        let states = "select state_string from steps where number > 0 order by id";
        assert_eq!(
            world.rows(states, 1).await,
            [
                "s: 1 of 2 tests failed",
                "testing: no tests were reported (failure)",
                "p: 1 of 2 tests failed (failure)",
            ]
        );
    });
}
