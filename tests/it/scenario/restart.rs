//! Stops and crashes of the master.

use halide_ci::base::results::Results;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

#[test]
fn a_build_that_a_restart_ends_is_built_again_once() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.stop().await;
        world.start().await;
        assert_eq!(world.builds().await, ["linux/1 w1 retry"]);
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 retry", "linux/2 w1 success"]);
        assert_eq!(world.requests().await, [Some(Results::Success)]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "success");
    });
}

#[test]
fn a_crash_in_the_middle_of_a_build_loses_nothing() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make").prints("half\n").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.crash().await;
        world.start().await;
        let open = "select (select count(*) from logs where complete = 0) \
             + (select count(*) from steps where complete_at is null)";
        assert_eq!(world.int(open).await, 0, "nothing stays open");
        let log = world.log(halide_ci::base::id::BuildId(1), "Build", "stdio").await;
        assert_eq!(log, ["half"]);
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 retry", "linux/2 w1 success"]);
    });
}

/// An acknowledged push, a crash before anything was made of it. Also told by the sabotage tests.
pub(super) async fn crash_after_acknowledgement(world: &mut World) {
    let acknowledged = world.push("main", "a1").await;
    assert!(matches!(acknowledged, halide_ci::engine::input::Delivered::New(_)));
    world.crash().await;
    world.start().await;
    world.connect("w1").await.expect(all_steps());
    world.settle().await;
    assert_eq!(world.builds().await, ["linux/1 w1 success"]);
}

#[test]
fn an_acknowledged_push_survives_a_crash_right_after_the_answer() {
    story(FARM, crash_after_acknowledgement);
}

#[test]
fn a_tree_stable_timer_survives_a_crash() {
    story(FARM, async |world: &mut World| {
        world.pull_request("opened", 7, "p1").await;
        world.pass(200).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect(all_steps());
        world.pass(90).await;
        assert_eq!(world.builds().await, [""; 0]);
        world.pass(20).await;
        assert_eq!(
            world.builds().await.len(),
            1,
            "300 s after the change, whatever happened since"
        );
        world.settle().await;
    });
}

#[test]
fn recovering_twice_changes_nothing_more() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.crash().await;
        world.start().await;
        let state =
            "select id, cast(results as text), state_string, cast(complete_at as text) from builds";
        let once = world.rows(&state.replace("id,", "cast(id as text),"), 4).await;
        world.crash().await;
        world.start().await;
        assert_eq!(world.rows(&state.replace("id,", "cast(id as text),"), 4).await, once);
        assert_eq!(world.requests().await, [None]);
        world.connect("w2").await.expect(all_steps());
        world.settle().await;
    });
}
