//! Builds that wait for builds, through restarts, lost workers and stops: nothing is built twice, and
//! nothing that nobody waits for any more.

use halide_ci::base::id::{BuildId, RequestId};
use halide_ci::engine::input::Input;

use super::triggers::{BOTH, farm, links, trigger_step};
use super::why::why;
use super::{World, story};
use crate::sim::hand::shell;

/// Why requests ended without a build.
async fn ended_because(world: &World) -> Vec<String> {
    let why = "select ended_because from buildrequests where ended_because is not null order by id";
    world.rows(why, 1).await
}

#[test]
fn a_restart_doubles_nothing_the_new_attempt_takes_over_what_the_old_one_triggered() {
    for is_polite in [true, false] {
        story(&farm(BOTH), async |world: &mut World| {
            world.connect("w1").await;
            world.connect("w2").await.expect([shell("linux").takes(30)]);
            world.connect("w3").await.expect([shell("mac").takes(900)]);
            world.push("main", "a1").await;
            world.pass(60).await;
            if is_polite {
                world.stop().await;
            } else {
                world.crash().await;
            }
            world.start().await;
            // Not even if the children come first.
            world.connect("w3").await.expect([shell("mac").takes(900)]);
            world.pass(10).await;
            world.connect("w1").await.expect([shell("after")]);
            world.settle().await;
            assert_eq!(
                world.builds().await,
                [
                    "all/1 w1 retry",
                    "linux/1 w2 success",
                    "mac/1 w3 retry",
                    "mac/2 w3 success",
                    "all/2 w1 success"
                ]
            );
            let sets = "select cast(s.parent_build_id as text), cast(s.results as text) from buildsets s order by id";
            assert_eq!(world.rows(sets, 2).await, ["- 0", "5 0", "5 0"]);
            assert_eq!(
                trigger_step(world, 5).await,
                "trigger success triggered unix, apple, 2 success"
            );
            let links = links(world).await;
            let texts: Vec<&str> = links.iter().map(|l| l.rsplit_once(' ').unwrap().0).collect();
            assert_eq!(
                texts,
                ["unix #2", "apple #3", "success: linux #1", "retry: mac #1", "success: mac #2"]
            );
        });
    }
}

#[test]
fn what_the_new_attempt_does_not_want_any_more_is_cancelled() {
    // The second attempt asks for other properties.
    let with = "schedulers = { unix, apple }, wait_for_finish = true, \
        set_properties = function(build) return { of = build.number > 1 and 'again' or 'first' } end";
    story(&farm(with), async |world: &mut World| {
        world.connect("w1").await;
        let w2 = world.connect("w2").await;
        w2.expect([shell("linux").takes(900), shell("linux")]);
        world.push("main", "a1").await;
        world.pass(60).await;
        world.cut("w1").await;
        world.pass(60).await;
        assert_eq!(w2.running(), ["linux"], "the child goes on meanwhile");
        world.connect("w1").await.expect([shell("after")]);
        world.pass(10).await;
        world.connect("w3").await.expect([shell("mac")]);
        world.settle().await;
        assert_eq!(
            world.builds().await,
            [
                "all/1 w1 retry",
                "linux/1 w2 cancelled",
                "all/2 w1 success",
                "linux/2 w2 success",
                "mac/1 w3 success"
            ]
        );
        assert_eq!(
            ended_because(world).await,
            ["all #2 wants something else since it was tried again"]
        );
    });
}

#[test]
fn a_lost_worker_of_the_parent_or_of_a_child_ends_no_wait() {
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await.expect([shell("linux").takes(500)]);
        world.connect("w3").await.expect([shell("mac").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        // The child loses its worker: its request is tried again, and counts once.
        world.cut("w2").await;
        world.pass(10).await;
        world.connect("w2").await.expect([shell("linux").takes(100)]);
        world.pass(10).await;
        // The parent loses its own: its children go on.
        world.cut("w1").await;
        world.pass(200).await;
        assert_eq!(
            world.builds().await,
            ["all/1 w1 retry", "linux/1 w2 retry", "mac/1 w3 running", "linux/2 w2 success"]
        );
        world.connect("w1").await.expect([shell("after")]);
        world.settle().await;
        assert_eq!(world.builds().await[4], "all/2 w1 success");
        assert_eq!(world.builds().await.len(), 5);
        assert_eq!(
            trigger_step(world, 5).await,
            "trigger success triggered unix, apple, 2 success"
        );
        assert_eq!(world.requests().await.len(), 3);
    });
}

#[test]
fn a_retry_does_not_start_again_what_nobody_waits_for() {
    story(&farm("schedulers = { unix, apple }"), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after").takes(100)]);
        world.connect("w2").await.expect([shell("linux")]);
        world.push("main", "a1").await;
        world.pass(30).await;
        world.cut("w1").await;
        world.connect("w1").await.expect([shell("after")]);
        world.pass(30).await;
        world.connect("w3").await.expect([shell("mac")]);
        world.settle().await;
        assert_eq!(
            world.builds().await,
            ["all/1 w1 retry", "linux/1 w2 success", "all/2 w1 success", "mac/1 w3 success"]
        );
    });
}

#[test]
fn a_parent_that_is_stopped_or_cancelled_takes_with_it_what_it_waits_for() {
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await;
        let w2 = world.connect("w2").await;
        w2.expect([shell("linux").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.pass(1).await;
        assert_eq!(w2.running(), [""; 0]);
        world.settle().await;
        assert_eq!(world.builds().await, ["all/1 w1 cancelled", "linux/1 w2 cancelled"]);
        assert_eq!(ended_because(world).await, ["the step of all #1 that waits for it has ended"]);
        assert_eq!(world.requests().await.iter().filter(|r| r.is_none()).count(), 0);
    });
    // While the parent waits to be tried again.
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await.expect([shell("linux").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        world.cut("w1").await;
        world.engine().cancel(RequestId(1), "enough".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["all/1 w1 retry", "linux/1 w2 cancelled"]);
        assert_eq!(ended_because(world).await, ["enough", "the build that waits for it has ended"]);
    });
    // Others are not its business.
    story(&farm("schedulers = { unix, apple }"), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after").takes(900)]);
        world.connect("w2").await.expect([shell("linux").takes(900)]);
        world.connect("w3").await.expect([shell("mac").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(
            world.builds().await,
            ["all/1 w1 cancelled", "linux/1 w2 success", "mac/1 w3 success"]
        );
    });
}

#[test]
fn a_crash_right_after_a_stop_leaves_no_orphans() {
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await.expect([shell("linux").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        world.cut("w2").await;
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.crash().await;
        world.start().await;
        world.settle().await;
        let open = "select count(*) from buildrequests where complete_at is null";
        assert_eq!(world.int(open).await, 0);
        assert_eq!(world.builds().await, ["all/1 w1 cancelled", "linux/1 w2 retry"]);
    });
}

#[test]
fn a_step_that_is_stopped_alone_waits_no_more_and_its_build_goes_on() {
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux").takes(900)]);
        world.push("main", "a1").await;
        world.pass(60).await;
        let step = world.int("select id from steps where name = 'trigger'").await;
        let step = halide_ci::base::id::StepId(step);
        world.engine().stop_step(step, "enough".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["all/1 w1 failure", "linux/1 w2 cancelled"]);
        assert_eq!(ended_because(world).await.len(), 1, "mac never began");
    });
}

#[test]
fn children_that_are_waited_for_give_way_to_no_other_request() {
    let farm = |trigger: &str| {
        farm(trigger)
            .replace(
                "name = name, workers",
                "name = name, collapse_requests = name ~= 'all', workers",
            )
            .replace("secret-of-w1\", max_builds = 1", "secret-of-w1\", max_builds = 2")
    };
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after"), shell("after")]);
        world.push("main", "a1").await;
        world.pass(10).await;
        // Somebody else triggers the same builders with something newer, and waits for nothing.
        world.reload(&farm("schedulers = { unix, apple }")).await.unwrap();
        world.push("main", "a2").await;
        world.pass(10).await;
        world.connect("w2").await.expect([shell("linux"), shell("linux")]);
        world.connect("w3").await.expect([shell("mac"), shell("mac")]);
        world.settle().await;
        assert_eq!(world.builds().await.len(), 6);
        assert_eq!(ended_because(world).await, [""; 0]);
    });
}

#[test]
fn a_master_that_drains_starts_what_its_last_builds_wait_for_and_nothing_else() {
    story(&farm(BOTH), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.push("main", "a1").await;
        world.pass(10).await;
        world.push("main", "a2").await;
        let engine = world.engine();
        let drained = async { engine.ask(|answer| Input::DrainRequested { answer }).await };
        let rest = async {
            world.pass(10).await;
            let child = why(world, 2).await;
            assert_eq!(child, ["worker w2 is not connected"], "nothing about the end");
            assert_eq!(why(world, 4).await[0], "the master is stopping and hands out no new work");
            world.connect("w2").await.expect([shell("linux").takes(30)]);
            world.connect("w3").await.expect([shell("mac").takes(60)]);
        };
        let (drained, ()) = tokio::join!(drained, rest);
        drained.unwrap();
        assert_eq!(
            world.builds().await,
            ["all/1 w1 success", "linux/1 w2 success", "mac/1 w3 success"]
        );
    });
}
