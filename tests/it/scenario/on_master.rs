//! Programs of the master's own machine among a build's steps: stopped, lost in a crash, failing – and never
//! the worker's fault.

use halide_ci::base::id::BuildId;

use super::logs::{farm, force};
use super::{World, story};
use crate::sim::hand::shell;

const STEPS: &str = r#"
      ci.steps.shell { name = "make", command = "make" },
      ci.steps.master_shell_command { name = "publish", command = { "publish", "all" } },
      ci.steps.master_shell_command { name = "tidy", command = "tidy", always_run = true }"#;

const STATES: &str = "select name || ': ' || state_string || ' ' || coalesce(fault, '-') from steps \
                      where number > 0 order by id";

#[test]
fn a_stop_reaches_the_program_and_what_always_runs_still_does() {
    let transcript = story(&farm("", STEPS), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("make"),
            shell("on the master: publish all").takes(3600).prints("half\n"),
            shell("on the master: tidy"),
        ]);
        force(world).await;
        world.pass(5).await;
        assert_eq!(hand.running(), ["on the master: publish all"]);
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 cancelled"]);
        assert_eq!(world.log(BuildId(1), "publish", "stdio").await, ["half"]);
    });
    assert!(transcript.contains("on the master: tidy"), "{transcript}");
}

#[test]
fn a_crash_begins_the_build_anew() {
    story(&farm("", STEPS), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("make"), shell("on the master: publish all").takes(3600)]);
        force(world).await;
        world.pass(5).await;
        world.crash().await;
        world.start().await;
        let hand = world.connect("w1").await;
        let all = ["make", "on the master: publish all", "on the master: tidy"];
        hand.expect(all.map(shell));
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 retry", "b/2 w1 success"]);
    });
}

#[test]
fn what_fails_there_is_not_the_workers_fault() {
    story(&farm("", STEPS), async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([
            shell("make"),
            shell("on the master: publish all").breaks("the master has no directory x"),
            shell("on the master: tidy").exits(3),
            shell("make"),
            shell("on the master: publish all"),
            shell("on the master: tidy"),
        ]);
        force(world).await;
        let states = world.rows(STATES, 1).await;
        assert!(states[1].contains("the master has no directory x"), "{states:?}");
        assert!(states[1].ends_with(" configuration"), "{states:?}");
        assert_eq!(states[2], "tidy: 'tidy' (failure) -");
        // The worker is trusted as before.
        force(world).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 exception", "b/2 w1 success"]);
        let quarantined = "select count(*) from workers where quarantined_until is not null";
        assert_eq!(world.int(quarantined).await, 0);
    });
}
