//! Workers that are lost, come back, and speak too late.

use halide_ci::base::id::BuildId;
use halide_ci::base::results::Results;
use halide_ci::engine::build_report::BuildReport;
use halide_ci::engine::input::Input;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

#[test]
fn a_build_on_a_lost_worker_is_tried_again_on_another() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.cut("w1").await;
        world.pass(5).await;
        assert_eq!(world.builds().await, ["linux/1 w1 retry"]);
        world.connect("w2").await.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 retry", "linux/2 w2 success"]);
        assert_eq!(world.requests().await, [Some(Results::Success)]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "success");
    });
}

/// A result that is still on its way when its worker is given up. Also told by the sabotage tests.
pub(super) async fn late_result(world: &mut World) {
    world.connect("w1").await.expect([shell("make").takes(100)]);
    world.push("main", "a1").await;
    world.pass(5).await;
    world.connect("w2").await.expect([shell("make").takes(50).exits(2), shell("make clean")]);
    world.cut("w1").await;
    let (build, results, text) = (BuildId(1), Results::Success, "build successful".to_owned());
    let late =
        |answer| Input::Build { build, report: BuildReport::Finished { results, text, answer } };
    // What it is answered does not matter; what it does, does.
    let _ = world.engine().ask(late).await;
    world.settle().await;
    let completions = world.transcript().matches("event RequestCompleted").count();
    assert_eq!(completions, 1, "one request has one result");
    assert_eq!(world.builds().await, ["linux/1 w1 retry", "linux/2 w2 failure"]);
    assert_eq!(world.requests().await, [Some(Results::Failure)]);
}

#[test]
fn a_result_that_comes_after_its_worker_was_given_up_is_refused() {
    story(FARM, late_result);
}

#[test]
fn a_worker_that_connects_anew_replaces_its_old_connection() {
    story(FARM, async |world: &mut World| {
        let old = world.connect("w1").await;
        old.expect([shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        let new = world.connect("w1").await;
        new.expect(all_steps());
        world.settle().await;
        assert!(old.is_closed());
        assert_eq!(world.builds().await, ["linux/1 w1 retry", "linux/2 w1 success"]);
    });
}
