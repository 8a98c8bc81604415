//! Steps in groups, steps that run at the same time, and steps that other steps add.

use halide_ci::base::id::BuildId;

use super::logs::{farm, force};
use super::{World, story};
use crate::sim::hand::shell;

const STEPS: &str = "select coalesce(step_group || ' / ', '') || name || ' ' || coalesce(place, '-') \
                     || ' ' || coalesce(results, 'runs') from steps where number > 0 order by build_id, number";

#[test]
fn steps_of_a_group_carry_its_name_and_its_flags_unless_they_say_their_own() {
    let steps = r#"
      ci.step_group { name = "Test", flunk_on_failure = false, halt_on_failure = true, steps = {
        ci.steps.shell { name = "one", command = "one", halt_on_failure = false },
        ci.step_group { name = "slow", warn_on_failure = true, steps = { ci.steps.shell { name = "two", command = "two" } } },
        ci.steps.shell { name = "three", command = "three" },
      } },
      ci.steps.shell { name = "always", command = "always", always_run = true }"#;
    story(&farm("", steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("one").exits(1), shell("two").exits(1), shell("always")]);
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 warnings"]);
        assert_eq!(
            world.rows(STEPS, 1).await,
            ["Test / one 0 2", "Test / slow / two 1 2", "always 3 0"]
        );
    });
}

const PARALLEL: &str = r#"
      ci.step_group { name = "Test", parallel = true, steps = {
        ci.steps.shell { name = "unit", command = "unit", halt_on_failure = true },
        own { name = "lint" },
        ci.steps.shell { name = "docs", command = "docs", do_step_if = false },
      } },
      ci.steps.shell { name = "after", command = ci.interpolate "after %(prop:from)s" },
      ci.steps.shell { name = "always", command = "always", always_run = true }"#;
const LINT: &str = r#"
  step:run { command = "lint" }
  step:set_property("from", "lint")
  step:set_statistic("warnings", 2)"#;

#[test]
fn steps_of_a_parallel_group_run_at_the_same_time_and_the_worst_result_counts() {
    let transcript = story(&farm(LINT, PARALLEL), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("unit").takes(60).prints("u\n"),
            shell("lint").takes(50).prints("l\n"),
            shell("after lint"),
            shell("always"),
        ]);
        force(world).await;
        assert_eq!(hand.running(), ["unit", "lint"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success"]);
        assert_eq!(
            world.rows(STEPS, 1).await,
            ["Test / unit 0 0", "Test / lint 1 0", "Test / docs 2 3", "after 3 0", "always 4 0"]
        );
        assert_eq!(world.log(BuildId(1), "unit", "stdio").await, ["u"]);
        assert_eq!(world.log(BuildId(1), "lint", "stdio").await, ["l"]);
    });
    let last = transcript.lines().last().unwrap().trim_start().split(' ').next().unwrap();
    assert!(last.parse::<f64>().unwrap() < 70.0, "one after the other: {last}");
}

#[test]
fn a_failure_in_a_parallel_group_ends_the_build_when_all_have_ended_and_a_stop_ends_all() {
    story(&farm(LINT, PARALLEL), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("unit").exits(1), shell("lint").takes(50), shell("always")]);
        force(world).await;
        assert_eq!(hand.running(), ["lint"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 failure"]);
        hand.expect([shell("unit").takes(9999), shell("lint").takes(9999)]);
        force(world).await;
        assert_eq!(hand.running(), ["unit", "lint"]);
        world.engine().stop_build(BuildId(2), "enough".to_owned()).await.unwrap();
        hand.expect([shell("always")]);
        world.pass(10).await;
        assert_eq!(world.builds().await[1], "b/2 w1 cancelled");
        // One step alone is stopped as ever.
        hand.expect([shell("unit").takes(9999), shell("lint").takes(20)]);
        force(world).await;
        let unit = world.int("select max(id) from steps where name = 'unit'").await;
        let unit = halide_ci::base::id::StepId(unit);
        world.engine().stop_step(unit, "only this".to_owned()).await.unwrap();
        world.pass(5).await;
        assert_eq!(hand.running(), ["lint"]);
        hand.expect([shell("always")]);
        world.settle().await;
        assert_eq!(world.builds().await[2], "b/3 w1 failure");
    });
}

#[test]
fn steps_at_the_same_time_wait_for_locks_of_their_own_and_survive_a_crash() {
    let steps = r#"
      ci.step_group { name = "Test", parallel = true, steps = {
        ci.steps.shell { name = "a", command = "a", locks = { lock:access "exclusive" } },
        ci.steps.shell { name = "b", command = "b", locks = { lock:access "exclusive" } },
        ci.steps.shell { name = "c", command = "c" },
      } }"#;
    let config = farm("", steps)
        .replace("local own", "local lock = ci.worker_lock { name = 'l' }\nlocal own");
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("a").takes(30), shell("c").takes(100)]);
        force(world).await;
        assert_eq!(hand.running(), ["a", "c"]);
        world.crash().await;
        world.start().await;
        let hand = world.connect("w1").await;
        hand.expect([shell("a").takes(30), shell("c").takes(100), shell("b").takes(30)]);
        world.pass(40).await;
        assert_eq!(hand.running(), ["c", "b"]);
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 retry", "b/2 w1 success"]);
    });
}

const ADDS: &str = r#"
  local names = ci.text.words(step:run { command = "list", collect = true }.stdout)
  for _, name in ipairs(names) do
    step:add_steps_after_current_step { ci.steps.shell {
      name = name,
      command = { "make", function(build) return name .. build.number end },
      data = { size = #name },
      hide_step_if = function(_, step) return step.data.size == 3 end,
    } }
  end
  step:add_steps_after_last_step(ci.step_group { name = "End", steps = { ci.steps.shell { name = "report", command = "report" } } })"#;

#[test]
fn steps_that_a_step_adds_run_next_or_at_the_end() {
    let steps = r#"own { name = "list" }, ci.steps.shell { name = "fixed", command = "fixed" }"#;
    story(&farm(ADDS, steps), async |world: &mut World| {
        let hand = world.connect("w1").await;
        for number in 1..=2 {
            hand.expect([
                shell("list").prints("one three\n"),
                shell(&format!("make one{number}")),
                shell(&format!("make three{number}")),
                shell("fixed"),
                shell("report"),
            ]);
            force(world).await;
            world.settle().await;
        }
        assert_eq!(world.builds().await, ["b/1 w1 success", "b/2 w1 success"]);
        let steps = world.rows(STEPS, 1).await;
        assert_eq!(
            steps[..5],
            ["list 0 0", "one - 0", "three - 0", "fixed 1 0", "End / report - 0"]
        );
        let hidden =
            world.rows("select name from steps where hidden = 1 and build_id = 2", 1).await;
        assert_eq!(hidden, ["one"]);
    });
}

#[test]
fn wrong_steps_that_are_added_end_the_step_with_their_line() {
    for (added, said) in [
        (
            "{ ci.steps.shell { comand = 'x' } }",
            "unknown option `comand` of step \"shell\". Did you mean `command`?",
        ),
        ("{ ci.steps.shell { command = {}, timeout = -1 } }", "must be a number of seconds"),
        ("{ 'make' }", "item 1 of the steps is a string"),
        (
            "{ ci.steps.shell { command = 'x', locks = { ci.worker_lock { name = 'l' }:access 'counting' } } }",
            "lock",
        ),
        ("print", "item 1 of the steps is a function"),
    ] {
        let run = format!("step:add_steps_after_current_step({added})");
        story(&farm(&run, "own {}"), async |world: &mut World| {
            world.connect("w1").await;
            force(world).await;
            world.settle().await;
            assert_eq!(world.builds().await, ["b/1 w1 exception"], "{added}");
            let error = world.log(BuildId(1), "own", "error").await.join("\n");
            assert!(error.contains(said) && error.contains("master.lua:5"), "{added}: {error}");
        });
    }
}

#[test]
fn a_step_that_adds_itself_for_ever_can_be_stopped() {
    let run = "ci.sleep(1) step:add_steps_after_current_step { own {} }";
    let config = farm(run, "own {}").replace("local own = ci", "local own\nown = ci");
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        force(world).await;
        world.pass(20).await;
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 cancelled"]);
        assert!(world.int("select count(*) from steps").await > 10);
    });
}
