//! What GitHub did not tell: heads that no delivery told of are found, and built once, whether the
//! delivery comes late, came before, or never comes.

use halide_ci::engine::input::Delivered;

use super::{FARM, World, story};
use crate::sim::fake_github::Fault;
use crate::sim::payload::{self, REPOSITORY};

fn farm() -> String {
    FARM.replace(
        "secret = \"secret-of-the-hook\"",
        "secret = \"secret-of-the-hook\", token = \"token\"",
    )
    .replace("tree_stable_timer = 300", "tree_stable_timer = 1")
}

const CHANGES: &str = "select branch, revision from changes order by id";
/// Longer than from one question to the next.
const A_WHILE: u64 = 310;

/// A story that begins when one push was received and GitHub was asked once.
fn watched(told: impl AsyncFnOnce(&mut World)) -> String {
    story(&farm(), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("main", "a0").await;
        world.pass(A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["main a0"]);
        told(world).await;
        world.settle().await;
    })
}

#[test]
fn heads_of_which_nobody_told_are_built_once() {
    watched(async |world: &mut World| {
        world.silent_push("main", "a1");
        world.silent_push("main", "a2");
        world.silent_pull_request("opened", 7, "p1");
        world.pass(A_WHILE).await;
        let found = ["refs/pull/7/merge p1", "main a2"];
        assert_eq!(world.rows(CHANGES, 2).await[1..], found);
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.pass(3 * A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await[1..], found, "once");
        let shape = "select author, project, repository, files, category, comments from changes where id > 1";
        assert_eq!(
            world.rows(shape, 6).await,
            [
                "contributor halide/Halide https://github.com/halide/Halide [\"src/IR.cpp\"] pull GitHub \
                 Pull Request #7 (1 commit)\nSimplify",
                "A. Contributor <a@example.org> halide/Halide https://github.com/halide/Halide \
                 [\"src/IR.cpp\"] - A change",
            ]
        );
    });
}

#[test]
fn a_delivery_that_comes_late_is_no_news_and_the_next_one_is() {
    watched(async |world: &mut World| {
        world.silent_push("main", "a1");
        world.silent_pull_request("opened", 7, "p1");
        world.pass(A_WHILE).await;
        for (event, body) in [
            ("push", payload::push("main", "a1", "A change")),
            ("pull_request", payload::pull_request("opened", 7, "p1")),
        ] {
            let late = world.deliver(&format!("late {event}"), event, &body).await.unwrap();
            assert!(matches!(late, Delivered::Duplicate(_)), "{late:?}");
        }
        let verdict = "select verdict from deliveries where guid = 'late push'";
        let told = ["This head was found by reconciliation before."];
        assert_eq!(world.rows(verdict, 1).await, told);
        world.push("main", "a2").await;
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(3 * A_WHILE).await;
        let all = ["main a0", "refs/pull/7/merge p1", "main a1", "main a2", "refs/pull/7/merge p2"];
        assert_eq!(world.rows(CHANGES, 2).await, all);
    });
}

#[test]
fn an_outage_loses_no_head_and_the_end_of_it_is_noticed() {
    watched(async |world: &mut World| {
        world.github.fault(Fault::Outage);
        for n in 0..150 {
            world.silent_push(&format!("topic{n}"), &format!("t{n}"));
            world.silent_pull_request("opened", n + 1, &format!("p{n}"));
        }
        world.pass(3600).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 1);
        world.github.fault(Fault::None);
        world.pass(120).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 301);
        world.pass(A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 301);
        world.settle().await;
    });
}

#[test]
fn a_pull_request_that_was_closed_unheard_is_cancelled_and_may_come_back() {
    watched(async |world: &mut World| {
        world.cut("w1").await;
        world.pull_request("opened", 7, "p1").await;
        world.pass(10).await;
        world.silent_pull_request("closed", 7, "p1");
        world.pass(A_WHILE).await;
        let results = world.rows("select cast(results as text) from buildrequests", 1).await;
        assert_eq!(results, ["0", "6"], "the pull request's is cancelled");
        world.silent_pull_request("reopened", 7, "p1");
        world.github.branch(REPOSITORY, "main", None);
        world.pass(A_WHILE).await;
        let all = ["main a0", "refs/pull/7/merge p1", "refs/pull/7/merge p1"];
        assert_eq!(world.rows(CHANGES, 2).await, all, "reopened, it is built again");
        // A branch that was deleted unheard and made again is built again.
        world.push("main", "a0").await;
        world.pass(2 * A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await[3..], ["main a0"]);
        world.connect("w1").await.obey();
    });
}

#[test]
fn what_a_repository_had_before_the_first_question_is_nobodys_news() {
    story(&farm(), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.silent_push("old", "o1");
        world.silent_pull_request("opened", 3, "p3");
        world.push("main", "a0").await;
        world.pass(3 * A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["main a0"]);
        // Its delivery was only slow.
        let body = payload::push("old", "o1", "A change");
        let slow = world.deliver("slow", "push", &body).await.unwrap();
        assert!(matches!(slow, Delivered::New(_)), "{slow:?}");
        world.silent_push("old", "o2");
        world.pass(A_WHILE).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["main a0", "old o1", "old o2"]);
        world.settle().await;
    });
}

#[test]
fn without_a_token_or_with_false_nothing_is_asked() {
    for config in
        [FARM.to_owned(), farm().replace("token = \"token\"", "token = \"t\", reconcile = false")]
    {
        story(&config, async |world: &mut World| {
            world.connect("w1").await.obey();
            world.push("main", "a0").await;
            world.silent_push("main", "a1");
            world.pass(3600).await;
            assert_eq!(world.rows(CHANGES, 2).await, ["main a0"]);
            world.settle().await;
        });
    }
}
