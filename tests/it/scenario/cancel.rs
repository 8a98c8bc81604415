//! Builds that nobody waits for any more: of an old change, of a buildset that failed.

use halide_ci::base::id::{BuildId, StepId};
use halide_ci::engine::Refusal;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;

/// The farm with a canceller.
fn with(canceller: &str) -> String {
    let farm = FARM.replace("tree_stable_timer = 300", "tree_stable_timer = nil");
    farm.replace("c.reporters = {", &format!("c.cancellers = {{ {canceller} }}\nc.reporters = {{"))
}

const OLD: &str = r#"ci.cancellers.old_builds { name = "old", filters = { { builders = { "linux" }, filter = { branch_re = "^refs/pull/" } } } }"#;

async fn reasons(world: &World) -> Vec<String> {
    world.rows("select state_string from builds where results = 6 order by id", 1).await
}

#[test]
fn superseded_builds_of_a_pull_request_are_cancelled_and_no_others() {
    story(&with(OLD), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        world.connect("w2").await.dawdle(20);
        w1.dawdle(50);
        world.pull_request("opened", 7, "p1").await;
        world.pull_request("opened", 8, "q1").await;
        world.push("main", "m1").await;
        world.pass(5).await;
        world.push("main", "m2").await;
        world.pull_request("synchronize", 7, "p2").await;
        world.settle().await;
        let reasons = reasons(world).await;
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(reasons[0].contains("of refs/pull/7/merge is newer (old)"), "{reasons:?}");
        let shown = |sha: &str| world.github.statuses("halide/Halide", sha)["ci/linux"].clone();
        assert_eq!(["p1", "q1", "m2", "p2"].map(shown), ["error", "success", "success", "success"]);
    });
}

#[test]
fn what_waits_is_cancelled_too_and_a_crash_changes_nothing() {
    let config = with(OLD).replace("tree_stable_timer = nil", "tree_stable_timer = 60");
    story(&config, async |world: &mut World| {
        world.pull_request("opened", 7, "p1").await;
        world.pass(70).await;
        assert_eq!(world.requests().await, [None]);
        // The newer one waits for quiet; the older one is not worth a worker any more.
        world.pull_request("synchronize", 7, "p2").await;
        world.pass(1).await;
        world.crash().await;
        world.start().await;
        let ended = world.rows("select ended_because from buildrequests", 1).await;
        assert_eq!(ended, ["change 2 of refs/pull/7/merge is newer (old)"]);
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn a_change_that_nobody_takes_cancels_nothing() {
    let config = with(OLD).replace(
        r#"change_filter = { category = "pull" }"#,
        r#"change_filter = { category = "pull", filter = function(change) return change.revision ~= "p2" end }"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.dawdle(50);
        world.pull_request("opened", 7, "p1").await;
        world.pass(5).await;
        world.pull_request("synchronize", 7, "p2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn functions_may_say_what_is_old() {
    let canceller = r#"ci.cancellers.old_builds {
      name = "old",
      filters = { { filter = { filter = function(stamp) return stamp.project == "halide/Halide" end } } },
      branch_key = function(stamp) return (stamp.branch:gsub("^refs/pull/%d+/", "")) end,
    }"#;
    story(&with(canceller), async |world: &mut World| {
        world.connect("w1").await.dawdle(50);
        world.pull_request("opened", 7, "p1").await;
        world.pass(5).await;
        // By its function, all pull requests are one branch.
        world.pull_request("opened", 8, "q1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled", "linux/2 w1 success"]);
    });
    let broken =
        canceller.replace("return stamp.project ==", "error('no') return stamp.project ==");
    story(&with(&broken), async |world: &mut World| {
        world.connect("w1").await.dawdle(50);
        world.connect("w2").await.dawdle(50);
        world.pull_request("opened", 7, "p1").await;
        world.pull_request("synchronize", 7, "p2").await;
        world.settle().await;
        assert!(
            !world.builds().await.iter().any(|b| b.contains("cancelled")),
            "a filter that fails"
        );
    });
}

/// Three builders of one buildset, and a canceller.
fn three(canceller: &str) -> String {
    with(canceller)
        .replace(
            "c.builders = {",
            r#"c.builders = {
  ci.builder { name = "mac", workers = { "w1" }, factory = f },
  ci.builder { name = "docs", workers = { "w1" }, factory = f },"#,
        )
        .replace(r#"workers = { "w1", "w2" }, factory = f"#, r#"workers = { "w2" }, factory = f"#)
        .replace(
            r#"name = "main", builders = { "linux" }"#,
            r#"name = "main", builders = { "linux", "mac", "docs" }"#,
        )
        .replace(
            r#"name = "w1", password = "secret-of-w1", max_builds = 2"#,
            r#"name = "w1", password = "secret-of-w1", max_builds = 1"#,
        )
}

async fn fail_linux(world: &mut World) {
    let w2 = world.connect("w2").await;
    w2.expect([shell("make").takes(5).exits(2), shell("make clean")]);
    world.connect("w1").await.dawdle(50);
    world.push("main", "a1").await;
    world.settle().await;
}

async fn results(world: &World) -> Vec<String> {
    let sql = "select b.name, r.results from buildrequests r \
               join builders b on b.id = r.builder_id order by b.name";
    world.rows(sql, 2).await
}

#[test]
fn one_failure_cancels_the_rest_of_its_buildset() {
    let all = r#"ci.cancellers.failing_buildsets { name = "stop", filters = { { builders = { "linux" } } } }"#;
    story(&three(all), async |world: &mut World| {
        fail_linux(world).await;
        assert_eq!(results(world).await, ["docs 6", "linux 2", "mac 6"]);
        let ended = "select ended_because from buildrequests where ended_because is not null";
        let ended = world.rows(ended, 1).await;
        assert_eq!(ended, ["another build of the same buildset failed (stop)"]);
        let set = world.rows("select results from buildsets", 1).await;
        assert_eq!(set, ["6"], "the worst of them");
    });
    let some = all.replace(r#"{ "linux" } }"#, r#"{ "linux" }, builders_to_cancel = { "docs" } }"#);
    story(&three(&some), async |world: &mut World| {
        fail_linux(world).await;
        assert_eq!(results(world).await, ["docs 6", "linux 2", "mac 0"]);
    });
    let other =
        all.replace(r#"{ "linux" } }"#, r#"{ "linux" }, filter = { branch = "release" } }"#);
    story(&three(&other), async |world: &mut World| {
        fail_linux(world).await;
        assert_eq!(results(world).await, ["docs 0", "linux 2", "mac 0"]);
    });
}

#[test]
fn a_function_says_whether_a_failure_cancels_the_rest_and_is_asked_again_after_a_crash() {
    let asks = r#"ci.cancellers.failing_buildsets { name = "stop", filters = { {
      builders = { "linux" }, filter = { branch = function(branch) ci.sleep(20) return branch == "main" end },
    } } }"#;
    story(&three(asks), async |world: &mut World| {
        fail_linux(world).await;
        assert_eq!(results(world).await, ["docs 6", "linux 2", "mac 6"]);
    });
    story(&three(asks), async |world: &mut World| {
        let w2 = world.connect("w2").await;
        w2.expect([shell("make").takes(5).exits(2), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(10).await;
        assert_eq!(results(world).await, ["docs -", "linux 2", "mac -"]);
        world.crash().await;
        world.start().await;
        world.pass(30).await;
        assert_eq!(results(world).await, ["docs 6", "linux 2", "mac 6"]);
    });
}

#[test]
fn a_whole_buildset_is_stopped_at_once() {
    story(&three(""), async |world: &mut World| {
        world.connect("w1").await.dawdle(50);
        world.connect("w2").await.dawdle(50);
        world.push("main", "a1").await;
        world.pass(5).await;
        let set = halide_ci::base::id::BuildsetId(1);
        world.engine().cancel_buildset(set, "not needed".to_owned()).await.unwrap();
        world.settle().await;
        let of_first = "select b.name, r.results from buildrequests r \
             join builders b on b.id = r.builder_id where r.buildset_id = 1 order by b.name";
        assert_eq!(world.rows(of_first, 2).await, ["docs 6", "linux 6", "mac 6"]);
        let set = halide_ci::base::id::BuildsetId(9);
        let refused = world.engine().cancel_buildset(set, "x".to_owned()).await;
        assert_eq!(refused, Err(Refusal::Missing("There is no buildset 9.".to_owned())));
    });
}

#[test]
fn a_step_can_be_stopped_alone_and_its_flags_say_what_becomes_of_the_build() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make"), shell("make test").takes(1_000), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(5).await;
        let open = "select id from steps where complete_at is null";
        let step = StepId(world.int(open).await);
        world.engine().stop_step(step, "it hangs".to_owned()).await.unwrap();
        world.settle().await;
        let steps = world.steps(BuildId(1)).await;
        assert_eq!(steps[2], "Test failure 'make test': stopped: it hangs (failure)");
        assert!(steps[3].starts_with("Clean success"), "{steps:?}");
        assert_eq!(world.builds().await, ["linux/1 w1 failure"]);
        let again = world.engine().stop_step(step, "x".to_owned()).await;
        assert_eq!(again, Err(Refusal::Invalid(format!("Step {step} does not run."))));
        let none = world.engine().stop_step(StepId(99), "x".to_owned()).await;
        assert_eq!(none, Err(Refusal::Missing("There is no step 99.".to_owned())));
    });
}

#[test]
fn a_stopped_build_is_final_even_if_its_worker_never_answers() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100_000)]);
        w1.ignore_interrupts();
        world.push("main", "a1").await;
        world.pass(5).await;
        world.engine().stop_build(BuildId(1), "a whim".to_owned()).await.unwrap();
        world.pass(20).await;
        // Nothing more is asked of it, not even the step that always runs.
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled"]);
        world.settle().await;
    });
}
