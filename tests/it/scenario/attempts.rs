//! Steps that are tried more than once, steps that make no progress, and whose fault it is.

use halide_ci::base::id::BuildId;

use super::logs::{farm, force};
use super::{World, story};
use crate::sim::hand::shell;

const STEPS: &str = "select name || ': ' || state_string || ' ' || coalesce(fault, '-') from steps \
                     where number > 0 order by number";
const LOGS: &str = "select l.name from logs l join steps s on s.id = l.step_id \
                    where s.number > 0 order by l.id";

#[test]
fn each_attempt_has_logs_of_its_own_and_the_last_one_counts() {
    let steps = r#"
      ci.steps.shell { name = "fetch", command = "fetch", retry = { max = 3, delay = 60 } },
      ci.steps.shell { name = "bad", command = "bad", retry = { max = 2 } }"#;
    let transcript = story(&farm("", steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("fetch").prints("one\n").exits(1),
            shell("fetch").prints("two\n").exits(1),
            shell("fetch").prints("three\n"),
            shell("bad").exits(7),
            shell("bad").exits(8),
        ]);
        force(world).await;
        let states = world.rows(STEPS, 1).await;
        assert_eq!(states, ["fetch: 'fetch' (failure; attempt 2 of 3 in 60 s) -"]);
        world.pass(59).await;
        assert_eq!(world.log(BuildId(1), "fetch", "stdio").await, ["one"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        assert_eq!(
            world.rows(STEPS, 1).await,
            ["fetch: 'fetch' (attempt 3 of 3) -", "bad: 'bad' (failure) (attempt 2 of 2) -"]
        );
        assert_eq!(
            world.rows(LOGS, 1).await,
            ["stdio", "stdio_attempt_2", "stdio_attempt_3", "stdio", "stdio_attempt_2"]
        );
        assert_eq!(world.log(BuildId(1), "fetch", "stdio_attempt_3").await, ["three"]);
    });
    let seconds = transcript.lines().last().unwrap().trim_start().split(' ').next().unwrap();
    assert!(seconds.parse::<f64>().unwrap() >= 120.0, "{transcript}");
}

#[test]
fn what_is_tried_again_is_said_by_results_or_a_function() {
    let run = r#"
  step:set_statistic("tries", 1)
  local r = step:run { command = "flaky" }
  step:set_property("rc", r.rc)
  return r.rc == 3 and "warnings" or r.results"#;
    let steps = r#"
      own { name = "warned", retry = { max = 9, on = { "warnings" } } },
      own { name = "asked", retry = { max = 9, on = function(results, step)
        return results == "failure" and step.build.properties.rc == 75 end } },
      own { name = "broken", retry = { max = 9, on = function() error "no idea" end } },
      own { name = "never", always_run = true, retry = { max = 9, on = { "exception" } } }"#;
    story(&farm(run, steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("flaky").exits(3),
            shell("flaky").exits(1),
            shell("flaky").exits(75),
            shell("flaky").exits(75),
            shell("flaky").exits(74),
            shell("flaky").exits(1),
            shell("flaky").exits(1),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 exception"]);
        let states = world.rows(STEPS, 1).await;
        assert_eq!(states[0], "warned: own (failure) (attempt 2 of 9) -");
        assert_eq!(states[1], "asked: own (failure) (attempt 3 of 9) -");
        assert!(states[2].contains("no idea (exception) configuration"), "{}", states[2]);
        assert_eq!(states[3], "never: own (failure) -");
        // Only the last attempt's numbers hold.
        let sum = world.rows("select sum(statistics ->> 'tries') from steps", 1).await;
        assert_eq!(sum, ["4"]);
    });
}

#[test]
fn what_the_worker_cannot_do_is_no_failure_of_the_build_and_is_tried_again() {
    let run = r#"
  step:run { command = "one" }
  step:make_directory "x"
  error "not reached""#;
    let steps = r#"
      own { name = "retried", retry = { max = 2 } },
      own { name = "given_up", always_run = true },
      ci.steps.shell { name = "wrong", always_run = true, command = function() error "no command" end, retry = { max = 5 } },
      ci.steps.shell { name = "slow", always_run = true, command = "slow" }"#;
    story(&farm(run, steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("one").breaks("the disk is full"),
            shell("one"),
            shell("mkdir x").breaks("no room"),
            shell("one").breaks("a directory is gone"),
            shell("slow").kills("timeout_without_output"),
        ]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 exception"]);
        let states = world.rows(STEPS, 1).await;
        assert!(
            states[0].ends_with(
                "mkdir: no room (exception: the worker could not do it) (attempt 2 of 2) worker"
            ),
            "{}",
            states[0]
        );
        assert!(
            states[1]
                .ends_with("a directory is gone (exception: the worker could not do it) worker")
        );
        assert!(states[2].contains("no command (exception) rendering"), "{}", states[2]);
        assert_eq!(states[3], "slow: 'slow' (failure: timed out) timeout");
        let error = world.log(BuildId(1), "retried", "error").await.join("\n");
        assert!(error.contains("the disk is full"), "{error}");
    });
}

#[test]
fn a_stop_ends_the_wait_for_the_next_attempt_and_a_crash_begins_anew() {
    let steps = r#"ci.steps.shell { command = "fetch", retry = { max = 3, delay = 3600 } }"#;
    story(&farm("", steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("fetch").exits(1)]);
        force(world).await;
        world.pass(10).await;
        world.crash().await;
        world.start().await;
        let hand = world.connect("w1").await;
        hand.expect([shell("fetch").exits(1)]);
        world.pass(10).await;
        assert_eq!(world.builds().await[1], "b/2 w1 running");
        world.engine().stop_build(BuildId(2), "enough".to_owned()).await.unwrap();
        world.pass(10).await;
        assert_eq!(world.builds().await, ["b/1 w1 retry", "b/2 w1 cancelled"]);
    });
}

#[test]
fn a_step_without_progress_ends_at_its_timeout() {
    let run = r#"
  step:run { command = "long" }
  for _ = 1, 3 do
    ci.sleep(50)
    step:set_summary "still here"
  end
  ci.sleep(86400)"#;
    let steps = r#"own { name = "one", timeout = 60 }, own { name = "two", timeout = ci.null, always_run = true }"#;
    let transcript = story(&farm(run, steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("long").takes(1000), shell("long")]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        assert_eq!(
            world.rows(STEPS, 1).await,
            ["one: still here (failure: timed out) timeout", "two: still here -"]
        );
        let error = world.log(BuildId(1), "one", "error").await;
        assert_eq!(error, ["no progress for 60 s, the step's `timeout`"]);
    });
    assert!(!transcript.contains("is told to stop"), "{transcript}");
}

#[test]
fn builds_that_are_waited_for_take_as_long_as_they_take() {
    let steps =
        r#"ci.steps.trigger { schedulers = { "more" }, wait_for_finish = true, timeout = 60 }"#;
    let config = farm("", steps).replace(
        "c.schedulers = {",
        r#"c.workers = { c.workers, ci.worker { name = "w2", password = "secret-of-w2" } }
c.builders = { c.builders, ci.builder { name = "long", workers = { "w2" }, factory = { ci.steps.shell { command = "long" } } } }
c.schedulers = { ci.schedulers.triggerable { name = "more", builders = { "long" } },"#,
    );
    let config = config.replace("builders = c.builders }", "builders = { \"b\" } }");
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        let hand = world.connect("w2").await;
        hand.expect([shell("long").takes(3600)]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success", "long/1 w2 success"]);
    });
}
