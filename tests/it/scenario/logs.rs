//! What steps say while they run: lines that a function sees as they come, files that are read along,
//! numbers that are counted.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;

use super::{World, story};
use crate::sim::hand::shell;

/// A farm of one builder with these steps; `own` is a step type that does `run`.
pub(super) fn farm(run: &str, steps: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
local own = ci.step_type {{ name = "own", run = function(step)
{run}
end }}
c.builders = {{ ci.builder {{ name = "b", workers = {{ "w1" }}, factory = {{ {steps} }} }} }}
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
return c"#
    )
}

pub(super) async fn force(world: &World) {
    let force = Force { scheduler: "force".to_owned(), ..Force::default() };
    world.engine().force(force).await.unwrap();
    world.pass(1).await;
}

const COUNT: &str = r#"
  local seen, words = 0, {}
  local r = step:run { command = "make", log = "make", on_line = function(line, stream)
    seen = seen + 1
    words[#words + 1] = stream .. ":" .. line
    if line:find "warning" then
      step:set_statistic("warnings", step:statistic("warnings", 0) + 1)
      step:add_log("warnings"):stdout(line .. "\n")
    end
  end }
  step:set_property("seen", seen)
  step:set_property("words", words)
  step:set_property("sum", step:sum_statistic("warnings", 0))
  step:set_property("none", step:statistic("nothing", -1))
  return r.results"#;

#[test]
fn a_function_sees_each_line_as_it_comes_and_numbers_are_summed_over_the_build() {
    let steps = r#"own { name = "one" }, own { name = "two" },
      ci.steps.shell { command = "report", do_step_if = function(step) return step.build.statistics.warnings == 3 end },
      filtered {},
      ci.steps.shell { command = "never", do_step_if = function(step) return (step.build.statistics.errors or 0) > 0 end }"#;
    let filtered = r#"local filtered = ci.step_type { name = "filtered", run = function(step)
  local lines = {}
  step:run { command = "list", line_filter = "^[0-9].*[o4]$", on_line = function(line) lines[#lines + 1] = line end }
  step:set_property("lines", lines)
end }
c.builders"#;
    let config = farm(COUNT, steps).replacen("c.builders", filtered, 1);
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("make").prints("a warn").prints("ing: 1\nb\r\n\nwarning").prints(": 2"),
            shell("make").prints("warning: 3\n"),
            shell("report"),
            shell("list").prints("one\n2 two\r\nthree\n4").prints("4\n"),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let sql = "select value from build_properties where name in \
                   ('none', 'seen', 'sum', 'words') order by name";
        assert_eq!(
            world.rows(sql, 1).await,
            ["-1", "1", "3", r#"["stdout:warning: 3"]"#],
            "the second step's"
        );
        let counted = world.rows("select statistics from steps where number > 0", 1).await;
        assert_eq!(counted[..2], [r#"{"warnings":2}"#, r#"{"warnings":1}"#]);
        let lines = world.rows("select value from build_properties where name = 'lines'", 1).await;
        assert_eq!(lines, [r#"["2 two","44"]"#]);
        let warnings = world.log(BuildId(1), "one", "warnings").await;
        assert_eq!(warnings, ["a warning: 1", "warning: 2"]);
        assert_eq!(
            world.log(BuildId(1), "one", "make").await,
            ["a warning: 1", "b", "", "warning: 2"]
        );
    });
}

#[test]
fn a_function_knows_where_in_the_log_its_lines_are() {
    let body = r#"
  local at = {}
  local function note(line, _, number) at[#at + 1] = (number or "-") .. " " .. line end
  step:run { command = "make", on_line = note }
  step:run { command = "more", on_line = note, line_filter = "[eo]rror|four" }
  step:set_property("at", at)
  step:add_log("all"):stdout(table.concat(at, "\n"))"#;
    story(&farm(body, "own { name = \"one\" }"), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            // Standard error comes between the beginning of a line and its end.
            shell("make")
                .heads("make\n in dir x\n")
                .prints("a\nbe")
                .complains("oops\n")
                .prints("gun\nc\r\n"),
            shell("more")
                .heads("more\n")
                .prints("one\nerror\ntwo\nthr")
                .prints("ee\nfour\n")
                .complains("orror"),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let log = world.log(BuildId(1), "one", "stdio").await;
        let told = world.log(BuildId(1), "one", "all").await;
        let expected = ["3 a", "5 oops", "4 begun", "7 c", "10 error", "13 four", "14 orror"];
        assert_eq!(told, expected);
        for told in told {
            let (number, line) = told.split_once(' ').unwrap();
            let there = &log[number.parse::<usize>().unwrap() - 1];
            // The page shows a line that was interrupted in two parts.
            assert!(line.starts_with(there.as_str()) && !there.is_empty(), "{told}: {log:?}");
        }
    });
}

#[test]
fn what_a_log_that_is_too_long_leaves_out_has_no_number() {
    let body = r#"
  local at = {}
  step:run { command = "make", on_line = function(line, _, number) at[#at + 1] = (number or "-") .. " " .. line end }
  step:set_property("at", at)"#;
    let config = farm(body, "own { name = \"one\" }").replacen(
        "c.builders",
        "c.log_max_size = 10\nc.builders",
        1,
    );
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("make").prints("one\ntwo\n").prints("three\n").prints("four\n")]);
        force(world).await;
        world.settle().await;
        let told = world.rows("select value from build_properties where name = 'at'", 1).await;
        assert_eq!(told, [r#"["1 one","2 two","- three","- four"]"#]);
    });
}

#[test]
fn an_error_of_the_function_stops_the_command_and_ends_the_step_with_its_line() {
    let run = r#"
  step:run { command = "make", on_line = function(line)
    if line:find "bad" then error("this line is bad: " .. line) end
  end }"#;
    let transcript = story(&farm(run, "own {}"), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("make").prints("good\n").prints("bad 7\nmore\n").takes(86_400)]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 exception"]);
        let error = world.log(BuildId(1), "own", "error").await.join("\n");
        assert!(error.contains("master.lua:7: this line is bad: bad 7"), "{error}");
        assert_eq!(world.log(BuildId(1), "own", "stdio").await, ["good", "bad 7", "more"]);
    });
    assert!(transcript.contains("is told to stop"), "{transcript}");
}

#[test]
fn a_function_that_never_ends_is_ended_and_one_that_waits_slows_only_its_command() {
    let run = r#"
  local waited = 0
  step:run { command = "slow", on_line = function() ci.sleep(1) waited = waited + 1 end }
  step:set_property("waited", waited)
  step:run { command = "make", on_line = function() while true do end end }"#;
    let config =
        farm(run, "own {}").replace("c.workers", "c.limits = { cpu_seconds = 0.05 }\nc.workers");
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("slow").prints("1\n2\n").prints("3\n"),
            shell("make").prints("1\n").takes(86_400),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 exception"]);
        let waited =
            world.rows("select value from build_properties where name = 'waited'", 1).await;
        assert_eq!(waited, ["3"]);
        let error = world.log(BuildId(1), "own", "error").await.join("\n");
        assert!(error.contains("computed for more than 0.05 s"), "{error}");
    });
}

#[test]
fn files_of_a_command_are_logs_beside_its_own_and_lazy_ones_appear_with_their_first_bytes() {
    let steps = r#"
      ci.steps.shell { name = "all", command = "make", logfiles = { test = "out/test.log", empty = { filename = "x", follow = true } } },
      ci.steps.shell { name = "lazy", command = "make", lazylogfiles = true, logfiles = { test = ci.interpolate "%(prop:buildername)s.log", empty = "x" } }"#;
    story(&farm("", steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        let make = shell("make").prints("m\n").logs("test", "t 1\n").logs("test", "t 2\n");
        hand.expect([make.clone(), make]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        let sql = "select s.name || '/' || l.name || ' ' || l.num_lines || ' ' || l.complete \
                   from logs l join steps s on s.id = l.step_id where s.number > 0 order by l.id";
        assert_eq!(
            world.rows(sql, 1).await,
            ["all/stdio 1 1", "all/empty 0 1", "all/test 2 1", "lazy/stdio 1 1", "lazy/test 2 1"]
        );
        assert_eq!(world.log(BuildId(1), "lazy", "test").await, ["t 1", "t 2"]);
    });
}
