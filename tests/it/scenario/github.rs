//! From a webhook to a status.

use halide_ci::base::id::BuildId;
use halide_ci::base::results::Results;
use halide_ci::engine::input::Delivered;

use super::{FARM, World, all_steps, story};
use crate::sim::fake_github::Fault;
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

#[test]
fn a_push_is_built_and_its_status_posted() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").prints("compiling\n"), shell("make test"), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        assert_eq!(
            world.steps(BuildId(1)).await,
            [
                "worker_preparation success worker w1 ready",
                "Build success 'make'",
                "Test success 'make test'",
                "Clean success 'make clean'"
            ]
        );
        assert_eq!(world.log(BuildId(1), "Build", "stdio").await, ["compiling"]);
        let history = world.github.history(REPOSITORY, "a1");
        let states: Vec<_> = history.iter().map(|s| (&*s.state, &*s.description)).collect();
        assert_eq!(states.last(), Some(&("success", "Build done.")));
        assert_eq!(history[0].context, "ci/linux");
        assert!(history[0].target_url.starts_with("https://ci.example.org/"));
    });
}

#[test]
fn a_push_to_another_branch_builds_nothing_and_says_why() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await;
        world.push("feature", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
        let verdicts = world.rows("select verdicts from changes", 1).await;
        assert!(
            verdicts[0].contains(r#"refused: branch is \"feature\", not \"main\""#),
            "{verdicts:?}"
        );
    });
}

#[test]
fn a_pull_request_waits_for_quiet_and_is_built_once_at_its_newest_commit() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        world.pull_request("opened", 7, "p1").await;
        world.pass(200).await;
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(200).await;
        assert_eq!(
            world.builds().await,
            [""; 0],
            "200 s after the second push it is not quiet yet"
        );
        w1.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        assert_eq!(world.github.statuses(REPOSITORY, "p2")["ci/linux"], "success");
        assert!(world.github.statuses(REPOSITORY, "p1").is_empty());
        let files = world.rows("select files from changes where revision = 'p2'", 1).await;
        assert_eq!(files, [r#"["src/IR.cpp"]"#], "the file list was fetched");
    });
}

#[test]
fn a_newer_request_of_a_pull_request_takes_the_place_of_a_waiting_one() {
    story(FARM, async |world: &mut World| {
        world.pull_request("opened", 7, "p1").await;
        world.pass(301).await;
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(301).await;
        assert_eq!(world.requests().await, [Some(Results::Skipped), None]);
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn closing_a_pull_request_cancels_what_runs_and_what_waits() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10_000), shell("make clean")]);
        world.pull_request("opened", 7, "p1").await;
        world.pass(301).await;
        assert_eq!(w1.running(), ["make"]);
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(10).await;
        world.pull_request("closed", 7, "p2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled"]);
        assert_eq!(world.requests().await, [Some(Results::Cancelled)], "p2 was not even queued");
        assert_eq!(world.github.statuses(REPOSITORY, "p1")["ci/linux"], "error");
    });
}

/// One delivery, three times. Also told by the sabotage tests.
pub(super) async fn repeated_delivery(world: &mut World) {
    world.connect("w1").await.expect(all_steps());
    world.github.commit(REPOSITORY, "a1", "A change");
    let body = crate::sim::payload::push("main", "a1", "A change");
    let first = world.deliver("same", "push", &body).await.unwrap();
    let again = world.deliver("same", "push", &body).await.unwrap();
    assert!(matches!((first, again), (Delivered::New(a), Delivered::Duplicate(b)) if a == b));
    world.settle().await;
    let late = world.deliver("same", "push", &body).await.unwrap();
    assert!(matches!(late, Delivered::Duplicate(_)));
    world.settle().await;
    assert_eq!(world.builds().await, ["linux/1 w1 success"]);
}

#[test]
fn a_delivery_that_comes_twice_is_built_once() {
    story(FARM, repeated_delivery);
}

#[test]
fn an_hour_without_github_loses_no_status() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        world.github.fault(Fault::Outage);
        for (n, sha) in ["a1", "a2", "a3"].into_iter().enumerate() {
            world.push("main", sha).await;
            world.pass(60 * (n as u64 + 1)).await;
        }
        world.pass(3600).await;
        assert!(world.github.history(REPOSITORY, "a1").is_empty());
        world.github.fault(Fault::None);
        world.settle().await;
        for sha in ["a1", "a2", "a3"] {
            assert_eq!(world.github.statuses(REPOSITORY, sha)["ci/linux"], "success", "{sha}");
            assert_eq!(world.github.history(REPOSITORY, sha).len(), 1, "only the newest is sent");
        }
    });
}

#[test]
fn an_outage_in_the_middle_ends_with_the_state_of_the_database() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100).exits(2), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(5).await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "pending");
        world.github.fault(Fault::Busy(600));
        world.pass(1000).await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "pending");
        world.github.fault(Fault::ReplyLost);
        world.pass(1000).await;
        world.github.fault(Fault::None);
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "failure");
    });
}

#[test]
fn a_delivery_that_failed_can_be_delivered_again() {
    let hook = |body: &str| {
        FARM.replace(
            r#"secret = "secret-of-the-hook""#,
            &format!(
                r#"secret = "secret-of-the-hook", on_push = function(event, default) {body} end"#
            ),
        )
    };
    story(&hook("return default(event.nothing.more)"), async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.github.commit(REPOSITORY, "a1", "A change");
        let body = crate::sim::payload::push("main", "a1", "A change");
        let first = world.deliver("same", "push", &body).await.unwrap();
        world.settle().await;
        let state = "select state, verdict from deliveries";
        let failed = world.rows(state, 2).await;
        assert!(failed[0].starts_with("failed ") && failed[0].contains("master.lua"), "{failed:?}");
        world.reload(&hook("return default(event)")).await.unwrap();
        let again = world.deliver("same", "push", &body).await.unwrap();
        assert_eq!(first, again, "it is the same delivery, and it is read again");
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn events_of_one_pull_request_stay_in_order_when_github_is_slow() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await;
        world.github.fault(Fault::Hang);
        world.github.commit(REPOSITORY, "p1", "A change");
        let line = |number: i64| format!("{REPOSITORY}#{number}");
        let opened = crate::sim::payload::pull_request("opened", 7, "p1");
        let closed = crate::sim::payload::pull_request("closed", 7, "p1");
        world.deliver_about("one", "pull_request", &line(7), &opened).await;
        world.pass(5).await;
        world.deliver_about("two", "pull_request", &line(7), &closed).await;
        world.pass(5).await;
        let states = "select state from deliveries order by id";
        assert_eq!(
            world.rows(states, 1).await,
            ["stored", "stored"],
            "the second waits for the first"
        );
        let other = crate::sim::payload::push("feature", "a1", "A change");
        world.deliver_about("three", "push", "elsewhere", &other).await;
        world.pass(1).await;
        assert_eq!(world.rows(states, 1).await, ["stored", "stored", "handled"], "others overtake");
        world.github.fault(Fault::None);
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0], "it was closed after it was opened");
    });
}
