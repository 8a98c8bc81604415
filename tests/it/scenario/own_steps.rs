//! Steps that the configuration itself makes: several commands at once, files of the worker, and the
//! example of the reference, from its check to the logs it writes.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;

use super::{FARM, World, story};
use crate::sim::hand::shell;

/// A farm of one builder whose step does `run`.
fn farm(run: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
local own = ci.step_type {{
  name = "own",
  run = function(step)
{run}
  end,
}}
c.builders = {{ ci.builder {{ name = "b", workers = {{ "w1" }}, factory = {{ own {{}} }} }} }}
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
return c"#
    )
}

async fn force(world: &World) {
    let force = Force { scheduler: "force".to_owned(), ..Force::default() };
    world.engine().force(force).await.unwrap();
    world.pass(1).await;
}

const TWO: &str = r#"
    local out = ci.parallel {
      unit = function() return step:run { command = "unit", collect = true }.stdout end,
      lint = function() return step:run { command = "lint", collect = true }.stdout end,
      docs = function() return step:run { command = "docs", log = "docs" }.rc end,
    }
    step:set_property("out", { out.unit, out.lint, out.docs })
    return step:run { command = "last" }.results"#;

#[test]
fn commands_of_one_step_run_at_the_same_time_with_logs_of_their_own() {
    let transcript = story(&farm(TWO), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("docs").takes(50).prints("D\n"),
            shell("lint").takes(60).prints("L\n"),
            shell("unit").takes(40).prints("U\n"),
            shell("last").prints("end\n"),
        ]);
        force(world).await;
        assert_eq!(hand.running(), ["docs", "lint", "unit"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let out = world.rows("select value from build_properties where name = 'out'", 1).await;
        assert_eq!(out, [r#"["U\n","L\n",0]"#]);
        // The names that are free again go on in the logs that there are.
        assert_eq!(world.log(BuildId(1), "own", "stdio").await, ["L", "end"]);
        assert_eq!(world.log(BuildId(1), "own", "stdio_2").await, ["U"]);
        assert_eq!(world.log(BuildId(1), "own", "docs").await, ["D"]);
        assert_eq!(world.int("select count(*) from commands where state = 'complete'").await, 4);
    });
    let last = transcript.lines().last().unwrap().trim_start().split(' ').next().unwrap();
    assert!(last.parse::<f64>().unwrap() < 70.0, "one after the other: {last}");
}

#[test]
fn the_first_error_stops_the_commands_beside_it() {
    for long in [
        "function() step:run { command = \"long\" } end",
        "coroutine.wrap(function() step:run { command = \"long\" } end)",
    ] {
        let run = format!("ci.parallel {{ {long}, function() ci.sleep(5) error \"enough\" end }}");
        let transcript = story(&farm(&run), async |world: &mut World| {
            let hand = world.connect("w1").await;
            hand.expect([shell("long").takes(86_400).prints("begun\n")]);
            force(world).await;
            assert_eq!(hand.running(), ["long"]);
            world.pass(10).await;
            assert_eq!(hand.running(), [""; 0]);
            assert_eq!(world.builds().await, ["b/1 w1 exception"]);
            assert_eq!(world.log(BuildId(1), "own", "stdio").await, ["begun"]);
            let error = world.log(BuildId(1), "own", "error").await.join("\n");
            assert!(error.contains("master.lua:7: enough"), "{error}");
        });
        assert!(transcript.contains("told to stop: the step does not wait for it any more"));
    }
}

#[test]
fn an_error_that_is_caught_stops_them_too_and_the_step_goes_on() {
    let run = r#"
    pcall(ci.parallel, { function() step:run { command = "long" } end, function() error "enough" end })
    step:run { command = "next" }"#;
    story(&farm(run), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("long").takes(86_400), shell("next").takes(30).prints("x\n")]);
        force(world).await;
        assert_eq!(hand.running(), ["next"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
    });
}

#[test]
fn a_stop_stops_every_command_and_keeps_what_they_said() {
    let run = r#"
    ci.parallel { function() step:run { command = "one" } end, function() step:run { command = "two" } end }
    step:run { command = "never" }"#;
    story(&farm(run), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("one").takes(86_400).prints("1\n"),
            shell("two").takes(86_400).prints("2\n"),
        ]);
        force(world).await;
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.pass(10).await;
        assert_eq!(hand.running(), [""; 0]);
        assert_eq!(world.builds().await, ["b/1 w1 cancelled"]);
        assert_eq!(world.log(BuildId(1), "own", "stdio").await, ["1"]);
        assert_eq!(world.log(BuildId(1), "own", "stdio_2").await, ["2"]);
    });
}

#[test]
fn a_worker_that_is_lost_takes_all_of_its_commands_along() {
    let run = r#"
    ci.parallel { function() step:run { command = "one" } end, function() step:run { command = "two" } end }"#;
    story(&farm(run), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("one").takes(86_400), shell("two").takes(86_400)]);
        force(world).await;
        world.cut("w1").await;
        world.pass(1).await;
        world.connect("w1").await.expect([shell("one"), shell("two").takes(5)]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 retry", "b/2 w1 success"]);
    });
}

#[test]
fn files_of_the_worker_are_read_written_and_copied() {
    let run = r#"
    local text = step:read_file "in/report.txt"
    step:write_file("out/copy.txt", text:upper() .. ("x"):rep(20), "0644")
    step:copy_directory("out", "/else/out")
    local ok, err = pcall(step.read_file, step, "in/large", 15)
    step:set_property("large", { ok, err })
    return step:run { command = "done" }.results"#;
    story(&farm(run), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("upload in/report.txt").holds("a report of some length"),
            shell("download out/copy.txt"),
            shell("cpdir out /else/out"),
            shell("upload in/large").holds("sixteen bytes ....."),
            shell("done"),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(hand.written(), ["A REPORT OF SOME LENGTHxxxxxxxxxxxxxxxxxxxx"]);
        let large = world.rows("select value from build_properties where name = 'large'", 1).await;
        assert_eq!(
            large,
            [r#"[false,"master.lua:11: upload_file: the file has more than 15 bytes"]"#]
        );
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
    });
}

#[test]
fn misuse_of_files_names_the_line_and_what_is_right() {
    for (call, said) in [
        ("step:read_file('f', '1k')", "reads at most a number of bytes up to 16 MiB, not a string"),
        ("step:read_file('f', 1 << 40)", "reads at most a number of bytes up to 16 MiB"),
        ("step:read_file('f', -1)", "reads at most a number of bytes up to 16 MiB"),
        ("step:read_file()", "expected"),
        ("step:write_file('f')", "step:write_file takes a path and a text, not nil"),
        ("step:write_file('f', {})", "step:write_file takes a path and a text, not a table"),
        ("step:write_file('f', 'x', 644)", "`mode` is a string of octal digits"),
        (
            "step:write_file('f', 'x', '9')",
            "`mode` must be octal digits such as \"0644\", not \"9\"",
        ),
        ("step:copy_directory('f')", "expected"),
        ("step:run { command = 'x', log = {} }", "`log` of step:run must be a log's name, not {}."),
        (
            "step:run { command = 'x', collect = 1 }",
            "`collect` of step:run must be true or false, not 1.",
        ),
        ("step:run { comand = 'x' }", "Did you mean `command`?"),
        (
            "step:run_on_master { command = 'x', test_results = 'junit:x' }",
            "`test_results` in files is for commands of workers.",
        ),
        (
            "step:run { command = 'x', test_results = 'junit' }",
            "in the format \"junit\" needs files",
        ),
        (
            "step:run { command = 'x', line_filter = 'a' }",
            "`line_filter` of step:run says nothing without `on_line`.",
        ),
        (
            "step:run { command = 'x', line_filter = '(', on_line = print }",
            "`line_filter` of step:run is not a regular expression: unclosed group.",
        ),
        (
            "local part = {}; part.name = part; step:trigger { schedulers = { part } }",
            "the `name` of an entry of `schedulers` is a scheduler or its name.",
        ),
        ("step:run 'make'", "step:run takes a table, not a string"),
        ("step:run { command = {} }", "`command` is text or a list, not {}"),
        ("step:remove_directory(7)", "takes a path or a list"),
        ("step:add_log('x', 'json')", "is not a kind of log"),
        ("step:set_property('p', print)", "a property must be plain data, not a function"),
        ("step:nothing()", "nothing"),
        ("step.run { command = 'x' }", "step"),
    ] {
        story(&farm(call), async |world: &mut World| {
            world.connect("w1").await;
            force(world).await;
            world.settle().await;
            let error = world.log(BuildId(1), "own", "error").await.join("\n");
            assert!(error.contains(said) && error.contains("master.lua:7: "), "{call}: {error}");
        });
    }
}

/// The step of the reference.
const CTEST: &str = r#"
local ctest = ci.step_type {
  name = "ctest",
  options = { labels = "string[]?", preset = "string?", build_config = "string?", jobs = "integer?" },
  check = function(o) return (o.preset == nil) ~= (o.build_config == nil), "give one of preset and build_config" end,
  run = function(step, o)
    pcall(step.remove_directory, step, step.workdir .. "/Testing")
    local r = step:run { command = { "ctest", o.jobs and { "--parallel", o.jobs },
                                     o.labels and { "--label-regex", table.concat(o.labels, "|") } }, timeout = 3600 }
    local reports = step:glob(step.workdir .. "/Testing/*/*.xml")
    if #reports ~= 1 then step:fail "expected one report" end
    local xml, failed = ci.xml.parse(step:read_file(reports[1])), 0
    for test in xml:each "Site/Testing/Test[@Status='failed']" do
      local log = step:add_log(test:text "Name")
      log:stdout(test:text "Results/Measurement/Value")
      failed = failed + 1
    end
    step:set_summary(failed .. " tests failed")
    return r.results
  end,
}
"#;

fn testing(step: &str) -> String {
    farm("").replacen("c.builders", &format!("{CTEST}\nc.builders"), 1).replace("own {}", step)
}

const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Site Name="w1"><Testing><TestList><Test>./good</Test></TestList>
<Test Status="passed"><Name>good</Name></Test>
<Test Status="failed"><Name>bad_test</Name><Results>
  <NamedMeasurement type="text/string" name="Exit Code"><Value>Failed</Value></NamedMeasurement>
  <Measurement><Value>1 &lt; 2
assertion failed</Value></Measurement></Results></Test></Testing></Site>"#;

#[test]
fn the_example_of_the_reference_writes_a_log_for_each_test_that_failed() {
    let config =
        testing(r#"ctest { labels = { "fast", "unit" }, build_config = "Release", jobs = 4 }"#);
    story(&config, async |world: &mut World| {
        let dir = "/w/w1/b/build/Testing";
        let report = format!("{dir}/20260301-1200/Test.xml");
        world.connect("w1").await.expect([
            // That it cannot be removed does not matter.
            shell(&format!("rmdir {dir}")).exits(1),
            shell("ctest --parallel 4 --label-regex fast|unit").prints("1 of 2 failed\n").exits(8),
            shell(&format!("glob {dir}/*/*.xml")).finds(&[&report]),
            shell(&format!("upload {report}")).holds(REPORT),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        assert_eq!(world.log(BuildId(1), "ctest", "stdio").await, ["1 of 2 failed"]);
        assert_eq!(world.log(BuildId(1), "ctest", "bad_test").await, ["1 < 2", "assertion failed"]);
        let steps = world.rows("select state_string from steps where name = 'ctest'", 1).await;
        assert_eq!(steps, ["1 tests failed (failure)"]);
    });
}

#[test]
fn a_step_that_fails_says_why_and_is_no_exception() {
    story(&testing(r#"ctest { preset = "x" }"#), async |world: &mut World| {
        let dir = "/w/w1/b/build/Testing";
        world.connect("w1").await.expect([
            shell(&format!("rmdir {dir}")),
            shell("ctest"),
            shell(&format!("glob {dir}/*/*.xml")),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        assert_eq!(world.log(BuildId(1), "ctest", "error").await, ["expected one report"]);
    });
}

#[test]
fn what_a_step_or_its_log_does_not_have_is_said_with_the_nearest_name() {
    let run = r#"
    local log = step:add_log "told"
    local function told(f) log:stdout(select(2, pcall(f)) .. "\n") end
    told(function() step:set_statistic("warnings", "3") end)
    told(function() step:add_test_result(7, true, { test_name = "a" }) end)
    told(function() step:add_test_result(7, {}, { test_name = "a" }) end)
    told(function() step:run { command = "x", on_line = 7 } end)
    told(function() step:runCommand { command = "x" } end)
    told(function() step:path_exist "x" end)
    told(function() return step.workdirs end)
    told(function() log:stdot "x" end)"#;
    story(&farm(run), async |world: &mut World| {
        world.connect("w1").await;
        force(world).await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let place = "master.lua:";
        let told: Vec<String> = world
            .log(BuildId(1), "own", "told")
            .await
            .iter()
            .map(|line| line.rsplit_once(place).map_or(line.clone(), |(_, rest)| rest.to_owned()))
            .map(|line| line.split_once(": ").map_or(line.clone(), |(_, rest)| rest.to_owned()))
            .collect();
        assert_eq!(
            told,
            [
                "step:set_statistic takes a name and a number, not a string.",
                "this step has opened no set 7 of test results.",
                "a test result is text, a number, true or false, not a table.",
                "`on_line` of step:run must be a function, not an integer.",
                "a step has no `runCommand`. Buildbot's `runCommand` is `run` here.",
                "a step has no `path_exist`. Did you mean `path_exists`?",
                "a step has no `workdirs`. Did you mean `workdir`?",
                "a log has no `stdot`. Did you mean `stdout`?",
            ]
        );
    });
}

#[test]
fn a_key_does_not_outlive_its_step_however_that_ends() {
    let own = |ends: &str| {
        FARM.replace(
            "local f = ci.factory()",
            &format!(
                "local own = ci.step_type {{ name = 'own', run = function(step)
                   step:write_temporary_file(step.build.builddir .. '/key', 'K')
                   {ends}
                 end }}
                 local f = ci.factory()"
            ),
        )
        .replace(
            "f:add(ci.steps.shell { name = \"Build\"",
            "f:add(own {}) f:add(ci.steps.shell { name = \"Build\"",
        )
    };
    for (ends, text) in [
        ("", "own"),
        ("error 'broken'", "broken"),
        ("step:fail 'no'", "no"),
        ("step:run { command = { 'sleep' } }", "stopped"),
    ] {
        let transcript = story(&own(ends), async |world: &mut World| {
            let hand = world.connect("w1").await;
            hand.dawdle(5);
            world.push("main", "a1").await;
            if text == "stopped" {
                world.pass(8).await;
                world.engine().stop_build(BuildId(1), "a whim".to_owned()).await.unwrap();
            }
            world.settle().await;
        });
        let of = |words: &str| transcript.lines().filter(|line| line.contains(words)).count();
        assert_eq!((of("gets \"rmfile"), of("gets \"download")), (1, 1), "{ends}: {transcript}");
    }
}

#[test]
fn a_file_of_the_master_comes_to_the_worker_and_none_from_outside_does() {
    let config = FARM.replace(
        "f:add(ci.steps.shell { name = \"Build\"",
        r#"for _, source in ipairs { "data/a.txt", "../b.txt", "gone", "data" } do
  f:add(ci.steps.file_download { name = "Get " .. source, mastersrc = source, workerdest = "a.txt", halt_on_failure = false })
end
f:add(ci.steps.file_download { name = "Get little", mastersrc = "data/a.txt", workerdest = "x", max_size = 5, halt_on_failure = false })
f:add(ci.steps.shell { name = "Build""#,
    );
    story(&config, async |world: &mut World| {
        let data = world.dir().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("a.txt"), "twenty-five bytes of text").unwrap();
        let hand = world.connect("w1").await;
        hand.obey();
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(hand.written(), ["twenty-five bytes of text"]);
        let steps = "select name, results from steps where name like 'Get%'";
        let failed = ["../b.txt", "gone", "data", "little"];
        let expected: Vec<String> = failed.iter().map(|name| format!("Get {name} 2")).collect();
        let steps = world.rows(steps, 2).await;
        assert_eq!((steps[0].as_str(), &steps[1..]), ("Get data/a.txt 0", expected.as_slice()));
        for (name, text) in failed.iter().zip([
            "../b.txt must not contain `..`.",
            "gone cannot be read: ",
            "data is not a file",
            "has 25 bytes, more than 5",
        ]) {
            let error = world.log(BuildId(1), &format!("Get {name}"), "error").await;
            assert!(error[0].contains(text), "{error:?}: {text}");
        }
    });
}
