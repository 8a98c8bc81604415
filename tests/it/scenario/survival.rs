//! What a reload leaves alone: timers, waiting requests, connections, locks, builds, and what waits
//! for something that was removed and may come back.

use halide_ci::base::id::BuildId;
use halide_ci::base::results::Results;
use halide_ci::engine::input::Force;
use halide_ci::model::sourcestamp::Sourcestamp;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

/// How long what was removed may come back.
const GRACE: u64 = 3600;

/// The farm with `from` replaced, which must be there.
fn farm(from: &str, to: &str) -> String {
    assert!(FARM.contains(from), "{from}");
    FARM.replace(from, to)
}

/// Without the scheduler of pull requests.
fn without_pulls() -> String {
    let text = farm(r#"ci.schedulers.any_branch { name = "pulls""#, "-- [[\n--");
    text.replace("                             tree_stable_timer = 300 },\n", "")
}

async fn force(world: &World, builder: &str, revision: &str) {
    let stamp = Sourcestamp { revision: Some(revision.to_owned()), ..Sourcestamp::default() };
    let force = Force {
        scheduler: "force".to_owned(),
        builders: vec![builder.to_owned()],
        reason: "to see".to_owned(),
        owner: "operator".to_owned(),
        sourcestamps: vec![stamp],
        ..Force::default()
    };
    world.engine().force(force).await.unwrap();
}

#[test]
fn a_tree_stable_timer_runs_on_and_follows_its_new_length() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.pull_request("opened", 7, "p1").await;
        world.pass(200).await;
        let reloaded = world.reload(&farm("return c", "c.title = 'T' return c")).await.unwrap();
        assert_eq!(reloaded.changes, ["~ title"]);
        world.pass(95).await;
        assert_eq!(world.builds().await.len(), 0);
        world.pass(10).await;
        assert_eq!(world.builds().await.len(), 1, "300 s after the change");
        // A timer that became shorter ends as if it had been so from the beginning.
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(100).await;
        world.reload(&farm("tree_stable_timer = 300", "tree_stable_timer = 90")).await.unwrap();
        world.pass(1).await;
        assert_eq!(world.builds().await.len(), 2);
        world.settle().await;
    });
}

#[test]
fn a_scheduler_that_comes_back_has_its_changes_and_its_timer() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.pull_request("opened", 7, "p1").await;
        world.pass(100).await;
        let reloaded = world.reload(&without_pulls()).await.unwrap();
        assert_eq!(reloaded.changes, ["- scheduler pulls"]);
        world.pass(100).await;
        world.reload(FARM).await.unwrap();
        world.pass(90).await;
        assert_eq!(world.builds().await.len(), 0);
        world.pass(15).await;
        assert_eq!(world.builds().await.len(), 1, "300 s after the change");
        // Its time comes while it is away: it builds when it is back.
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(10).await;
        world.reload(&without_pulls()).await.unwrap();
        world.pass(GRACE - 100).await;
        assert_eq!(world.builds().await.len(), 1);
        world.reload(FARM).await.unwrap();
        world.pass(1).await;
        assert_eq!(world.builds().await.len(), 2);
        world.settle().await;
    });
}

#[test]
fn changes_of_a_scheduler_that_stays_away_are_dropped_with_a_reason() {
    // Gone, and of a kind that holds no changes: neither will ever build them.
    let force = farm(
        r#"ci.schedulers.any_branch { name = "pulls", builders = { "linux" }, change_filter = { category = "pull" },
                             tree_stable_timer = 300 }"#,
        r#"ci.schedulers.force { name = "pulls", builders = { "linux" } }"#,
    );
    for other in [without_pulls(), force] {
        story(FARM, async |world: &mut World| {
            world.connect("w1").await.obey();
            world.pull_request("opened", 7, "p1").await;
            world.pass(10).await;
            world.reload(&other).await.unwrap();
            let held = "select count(*) from scheduler_changes";
            world.pass(GRACE - 5).await;
            assert_eq!(world.int(held).await, 1);
            world.pass(10).await;
            assert_eq!(world.int(held).await, 0);
            let verdict = world.rows("select json_extract(verdicts, '$.pulls') from changes", 1);
            assert_eq!(
                verdict.await,
                ["not built: the scheduler was removed from the configuration"]
            );
            world.reload(FARM).await.unwrap();
            world.settle().await;
            assert_eq!(world.builds().await.len(), 0);
        });
    }
}

#[test]
fn a_waiting_request_is_built_as_its_builder_is_then() {
    story(FARM, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(5).await;
        let next = farm(r#"command = { "make", "test" }"#, r#"command = { "make", "check" }"#);
        let reloaded = world.reload(&next).await.unwrap();
        assert_eq!(reloaded.changes, ["~ builder linux: step 2 \"Test\": command"]);
        let w1 = world.connect("w1").await;
        w1.expect([shell("make"), shell("make check"), shell("make clean")]);
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn requests_of_a_builder_that_stays_away_are_cancelled_with_a_reason() {
    // The reporter names its builders, and so cannot name the one that is gone.
    let reports = |builder: &str| {
        farm(
            "ci.reporters.github_status {",
            &format!(
                "ci.reporters.github_status {{ builders = {{ {builder:?} }}, pending = 'Waits.',"
            ),
        )
    };
    story(&reports("linux"), async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(5).await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "pending");
        let renamed = reports("linux").replace("\"linux\"", "\"gnu\"");
        let reloaded = world.reload(&renamed).await.unwrap();
        let some = ["+ builder gnu", "- builder linux"];
        assert!(some.iter().all(|l| reloaded.changes.contains(&(*l).to_owned())), "{reloaded:?}");
        world.connect("w1").await.obey();
        world.push("main", "a2").await;
        world.pass(GRACE - 10).await;
        assert_eq!(world.requests().await, [None, Some(Results::Success)]);
        assert_eq!(world.builds().await, ["gnu/1 w1 success"]);
        world.pass(20).await;
        assert_eq!(world.requests().await, [Some(Results::Cancelled), Some(Results::Success)]);
        let why = world.rows("select ended_because from buildrequests where id = 1", 1).await;
        assert_eq!(why, ["linux was removed from the configuration"]);
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "error");
        // It comes back later, and begins afresh.
        world.reload(&reports("linux")).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await.len(), 1);
    });
}

#[test]
fn a_restart_begins_the_grace_anew() {
    story(FARM, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(5).await;
        world.reload(&FARM.replace("\"linux\"", "\"gnu\"")).await.unwrap();
        world.pass(GRACE / 2).await;
        world.crash().await;
        world.start().await;
        world.pass(GRACE - 10).await;
        assert_eq!(world.requests().await, [None]);
        world.pass(20).await;
        assert_eq!(world.requests().await, [Some(Results::Cancelled)]);
    });
}

#[test]
fn a_build_of_a_removed_builder_ends_as_it_began_and_its_retry_waits() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect(all_steps().map(|step| step.takes(100)));
        world.push("main", "a1").await;
        world.push("dev", "unrelated").await;
        world.pass(5).await;
        world.reload(&FARM.replace("\"linux\"", "\"gnu\"")).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "success");
        // One whose worker is lost meanwhile waits for its builder.
        world.reload(FARM).await.unwrap();
        w1.expect([shell("make").takes(100)]);
        world.push("main", "a2").await;
        world.pass(5).await;
        world.reload(&FARM.replace("\"linux\"", "\"gnu\"")).await.unwrap();
        world.cut("w1").await;
        world.connect("w2").await.obey();
        world.pass(60).await;
        assert_eq!(world.builds().await, ["linux/1 w1 success", "linux/2 w1 retry"]);
        world.reload(FARM).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await[2..], ["linux/3 w2 success"]);
    });
}

#[test]
fn a_reporter_ends_what_it_began_to_tell() {
    let other = r#"ci.builder { name = "other", workers = { "w1" }, factory = f },
  ci.builder { name = "linux""#;
    let two = farm(r#"ci.builder { name = "linux""#, other)
        .replace(r#"name = "force", builders = {"#, r#"name = "force", builders = { "other", "#);
    story(&two, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps().map(|step| step.takes(10)));
        world.push("main", "a1").await;
        world.pass(5).await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "pending");
        let narrow = two.replace("github_status {", "github_status { builders = { \"other\" },");
        world.reload(&narrow).await.unwrap();
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "success");
        world.connect("w1").await.obey();
        world.push("main", "a2").await;
        world.settle().await;
        assert!(world.github.statuses(REPOSITORY, "a2").is_empty(), "it is told of no new one");
    });
}

#[test]
fn only_workers_that_changed_are_touched() {
    story(FARM, async |world: &mut World| {
        let (w1, w2) = (world.connect("w1").await, world.connect("w2").await);
        w1.obey();
        // Numbers and properties take effect without a new connection.
        let next = farm(
            r#"password = "secret-of-w1", max_builds = 2"#,
            r#"password = "secret-of-w1", max_builds = 1, properties = { os = "linux" }"#,
        );
        let reloaded = world.reload(&next).await.unwrap();
        assert_eq!(reloaded.changes, ["~ worker w1: max_builds, properties"]);
        assert!(!w1.is_closed() && !w2.is_closed());
        let next = next.replace(r#"{ "w1", "w2" }"#, r#"{ "w1" }"#);
        world.reload(&next).await.unwrap();
        world.push("main", "a1").await;
        world.settle().await;
        let os = world.rows("select value from build_properties where name = 'os'", 1).await;
        assert_eq!(os, [r#""linux""#]);
        // Another password must be proved, by one that builds after its build.
        let secret = |n: u8| next.replace("secret-of-w", &format!("{n}-other-secret-of-w"));
        w1.expect(all_steps().map(|step| step.takes(10)));
        world.push("main", "a2").await;
        world.pass(5).await;
        let reloaded = world.reload(&secret(1)).await.unwrap();
        assert_eq!(reloaded.changes, ["~ worker w1: password", "~ worker w2: password"]);
        assert!(!w1.is_closed() && w2.is_closed());
        world.settle().await;
        assert!(w1.is_closed(), "its build has ended");
        assert_eq!(world.builds().await, ["linux/1 w1 success", "linux/2 w1 success"]);
    });
}

#[test]
fn a_worker_that_is_removed_and_comes_back_while_it_builds_stays() {
    story(FARM, async |world: &mut World| {
        let w2 = world.connect("w2").await;
        let without =
            farm(r#"ci.worker { name = "w2", password = "secret-of-w2", max_builds = 2 },"#, "")
                .replace(r#", "w2" }"#, " }");
        w2.expect(all_steps().map(|step| step.takes(10)));
        world.push("main", "a1").await;
        world.pass(5).await;
        let reloaded = world.reload(&without).await.unwrap();
        assert_eq!(reloaded.changes, ["- worker w2", "~ builder linux: workers"]);
        world.pass(2).await;
        world.reload(FARM).await.unwrap();
        world.settle().await;
        assert!(!w2.is_closed());
        w2.obey();
        world.push("main", "a2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w2 success", "linux/2 w2 success"]);
    });
}

#[test]
fn held_locks_are_held_across_generations_by_their_names() {
    let locked = |head: &str| {
        farm("local f = ci.factory()", &format!("{head}\nlocal f = ci.factory()"))
            .replace(r#"command = { "make" }"#, r#"command = { "make" }, locks = { one:access "exclusive" }"#)
            .replace("c.builders = {", "c.builders = {\n  ci.builder { name = \"other\", workers = { \"w1\" }, factory = f },")
            .replace(r#"name = "force", builders = {"#, r#"name = "force", builders = { "other", "#)
    };
    let before = locked(r#"local one = ci.master_lock { name = "one" }"#);
    // Another lock stands before it now, so that its place is another.
    let after = locked(
        r#"local zero = ci.master_lock { name = "zero" }
local one = ci.master_lock { name = "one" }"#,
    )
    .replace("factory = f }", "factory = f, locks = { zero:access \"counting\" } }");
    story(&before, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100)]).obey();
        force(world, "linux", "a1").await;
        world.pass(1).await;
        // One waits with the old configuration, and one with the new.
        force(world, "other", "a2").await;
        world.pass(1).await;
        world.reload(&after).await.unwrap();
        world.connect("w2").await.obey();
        force(world, "linux", "a3").await;
        world.pass(50).await;
        assert_eq!(w1.running(), ["make"]);
        let waits = "select count(*) from steps where state_string = 'waiting for locks'";
        assert_eq!(world.int(waits).await, 2);
        // The lock goes away while it is held and wished for.
        world.reload(FARM).await.unwrap();
        world.pass(10).await;
        assert_eq!(world.int(waits).await, 2);
        world.settle().await;
        let mut builds = world.builds().await;
        builds.sort();
        assert_eq!(builds, ["linux/1 w1 success", "linux/2 w2 success", "other/1 w1 success"]);
        let order =
            "select cast(id as text) from steps where name = 'Build' order by locks_acquired_at";
        let order = world.rows(order, 1).await;
        assert_eq!(order.len(), 3);
        assert!(order.is_sorted_by_key(|id| id.parse::<i64>().unwrap()), "{order:?}");
    });
}

#[test]
fn a_step_that_waits_for_a_lock_is_not_forgotten_by_a_wider_one() {
    let locked = |max: u32| {
        let lock = format!(r#"local few = ci.master_lock {{ name = "few", max_count = {max} }}"#);
        farm("local f = ci.factory()", &format!("{lock}\nlocal f = ci.factory()")).replace(
            r#"workers = { "w1", "w2" }, factory = f"#,
            r#"workers = { "w1", "w2" }, factory = f, locks = { few:access "counting" }"#,
        )
    };
    story(&locked(1), async |world: &mut World| {
        let (w1, w2) = (world.connect("w1").await, world.connect("w2").await);
        w1.dawdle(100);
        w2.dawdle(100);
        force(world, "linux", "a1").await;
        force(world, "linux", "a2").await;
        world.pass(5).await;
        assert_eq!(world.builds().await.len(), 1);
        let reloaded = world.reload(&locked(2)).await.unwrap();
        assert_eq!(reloaded.changes, ["~ lock few: max_count"]);
        world.pass(1).await;
        assert_eq!(world.builds().await.len(), 2, "there is room for another now");
        world.settle().await;
        assert_eq!(world.requests().await, [Some(Results::Success); 2]);
    });
}

#[test]
fn numbers_and_switches_stay() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("main", "a1").await;
        world.settle().await;
        world.reload(&FARM.replace("\"linux\"", "\"gnu\"")).await.unwrap();
        world.push("main", "a2").await;
        world.settle().await;
        world.reload(FARM).await.unwrap();
        world.push("main", "a3").await;
        world.settle().await;
        let builds = ["linux/1 w1 success", "gnu/1 w1 success", "linux/2 w1 success"];
        assert_eq!(world.builds().await, builds, "a builder's numbers go on");
        assert_eq!(world.steps(BuildId(3)).await.len(), 4);
    });
}

#[test]
fn a_scheduler_of_ones_own_is_told_when_it_comes_back_soon() {
    let slow = farm(
        "c.schedulers = {",
        r#"local slow = ci.scheduler_type {
  name = "slow",
  on_change = function(scheduler) ci.sleep(10) scheduler:build {} end,
}
c.schedulers = {
  slow { name = "s", builders = { "linux" }, change_filter = { branch = "release" } },"#,
    );
    for (away, builds) in [(GRACE - 100, 1), (GRACE + 100, 0)] {
        story(&slow, async |world: &mut World| {
            world.connect("w1").await.obey();
            world.push("release", "a1").await;
            world.pass(5).await;
            world.reload(FARM).await.unwrap();
            world.pass(away).await;
            assert_eq!(world.builds().await.len(), 0);
            world.reload(&slow).await.unwrap();
            world.pass(20).await;
            assert_eq!(world.builds().await.len(), builds, "after {away} s");
            world.settle().await;
        });
    }
}
