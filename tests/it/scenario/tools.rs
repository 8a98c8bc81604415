//! Steps that read what a command prints while it runs: warnings are counted, suppressed and kept.

use halide_ci::base::id::BuildId;

use super::{FARM, World, story};
use crate::sim::hand::shell;

/// The farm with this step, and the same once more.
fn farm(step: &str) -> String {
    let (head, rest) = FARM.split_once("f:add(").unwrap();
    let (_, tail) = rest.split_once("c.builders").unwrap();
    format!("{head}f:add({step})\nf:add(ci.steps.compile {{ name = 'Again' }})\nc.builders{tail}")
}

const OUTPUT: &str = "make[1]: Entering directory 'src'\n\
    a.c:7: warning: unused x\n\
    a.c:8: warning: deprecated y\n\
    b.c:30: Warning: sign\n\
    make[1]: Leaving directory 'src'\n\
    c.c:1: warning: unused z\n\
    no warnings here\n";

#[test]
fn a_build_counts_its_warnings_and_keeps_them() {
    story(&farm("ci.steps.compile { name = 'Build' }"), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("make all").prints(OUTPUT),
            shell("make all").prints("x: warning: y\n"),
        ]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"], "warnings alone do not count");
        let kept = world.log(BuildId(1), "Build", "warnings (4)").await;
        assert_eq!(
            kept[2..],
            ["stdio#L4: b.c:30: Warning: sign", "stdio#L6: c.c:1: warning: unused z"]
        );
        let of_steps = "select results, statistics from steps where number > 0";
        let of_steps = world.rows(of_steps, 2).await;
        assert_eq!(of_steps, [r#"1 {"warnings":4}"#, r#"1 {"warnings":1}"#]);
        let count = "select value from build_properties where name = 'warnings-count'";
        assert_eq!(world.rows(count, 1).await, ["5"]);
    });
}

#[test]
fn suppressed_warnings_do_not_count_and_too_many_are_a_failure() {
    let step = r#"ci.steps.warning_counting_shell { name = 'Build', command = { 'cc' },
      warning_pattern = "([^:]+):([0-9]+):.*[Ww]arning: (.*)", warning_extractor = "groups",
      suppression_list = { { text = "deprecated" }, { file = "src/b", first = 20, last = 30 },
                           { file = "c.c", first = 2 } }, max_warn_count = 1 }"#;
    story(&farm(step), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("cc").prints(OUTPUT), shell("make all")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 failure"]);
        let kept = world.log(BuildId(1), "Build", "warnings (2)").await;
        assert_eq!(
            kept,
            ["stdio#L2: a.c:7: warning: unused x", "stdio#L6: c.c:1: warning: unused z"]
        );
        let text = world.rows("select state_string from steps where number = 1", 1).await;
        assert!(text[0].starts_with("2 warnings, more than 1"), "{text:?}");
    });
}

#[test]
fn an_extractor_of_ones_own_names_the_place_and_a_command_that_fails_fails() {
    let step = r#"ci.steps.compile { name = 'Build', warning_extractor = function(line)
        return "made/" .. line:match "^%a", 5, "text of mine"
      end, suppression_list = { { file = "src/made/a", text = "^text of mine$", first = 5 } } }"#;
    story(&farm(step), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("make all").prints(OUTPUT).exits(2)]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 failure"]);
        let kept = world.log(BuildId(1), "Build", "warnings (2)").await;
        assert_eq!(kept, ["stdio#L4: b.c:30: Warning: sign", "stdio#L6: c.c:1: warning: unused z"]);
    });
}
