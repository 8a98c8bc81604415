//! Steps that fail, builds that are stopped, secrets that are printed.

use halide_ci::base::id::BuildId;
use halide_ci::base::results::Results;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;
use crate::sim::payload::REPOSITORY;

#[test]
fn a_failing_step_fails_the_build_which_goes_on() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make"), shell("make test").exits(2), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 failure"]);
        let text = world.rows("select state_string from builds", 1).await;
        assert_eq!(text, ["failed 'make test' (failure)"]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "failure");
    });
}

#[test]
fn a_halting_step_ends_the_build_but_for_what_always_runs() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").exits(1), shell("make clean").exits(1)]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(
            world.steps(BuildId(1)).await,
            [
                "worker_preparation success worker w1 ready",
                "Build failure 'make' (failure)",
                "Clean failure 'make clean' (failure)"
            ]
        );
        assert_eq!(world.builds().await, ["linux/1 w1 failure"]);
    });
}

#[test]
fn a_stopped_build_ends_as_cancelled_and_cleans_up() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10_000), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.engine().stop_build(BuildId(1), "no longer needed".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled"]);
        let text = world.rows("select state_string from builds", 1).await;
        assert_eq!(text, ["cancelled (no longer needed) 'make' (cancelled)"]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "error");
    });
}

#[test]
fn a_cancelled_request_is_never_built_and_a_rebuild_makes_a_new_one() {
    story(FARM, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(5).await;
        let request = world.newest_request().await;
        world.engine().cancel(request, "a mistake".to_owned()).await.unwrap();
        let w1 = world.connect("w1").await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
        w1.expect(all_steps());
        w1.expect(all_steps());
        world.push("main", "a2").await;
        world.settle().await;
        world.engine().rebuild(BuildId(1), "operator".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success", "linux/2 w1 success"]);
        let revisions =
            "select value from build_properties where name = 'revision' order by build_id";
        assert_eq!(world.rows(revisions, 1).await, ["\"a2\"", "\"a2\""]);
    });
}

#[test]
fn a_secret_that_a_command_prints_is_not_stored() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        // In two pieces, as a pipe may cut it.
        w1.expect([
            shell("make").prints("token is token-of").prints("-github, really\n"),
            shell("make test"),
            shell("make clean"),
        ]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.log(BuildId(1), "Build", "stdio").await, ["token is *****, really"]);
    });
}

#[test]
fn a_property_that_the_build_does_not_have_is_named_with_the_step_that_needs_it() {
    let config = FARM.replace(r#"command = { "make" }"#, r#"command = ci.property "target""#);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let error = world.log(BuildId(1), "Build", "error").await.join("\n");
        assert!(error.contains("master.lua:11: option `command` of the step"), "{error}");
        assert!(error.contains("got nothing: the build has no property \"target\"."), "{error}");
    });
}

#[test]
fn a_function_that_takes_its_step_for_the_build_is_told_where_the_build_is() {
    let config = FARM.replace(
        r#"command = { "make" }"#,
        r#"command = { "make" }, do_step_if = function(build) return build.properties.x end"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let error = world.log(BuildId(1), "Build", "error").await.join("\n");
        assert!(error.contains("This is a step: it is in `step.build.properties`."), "{error}");
    });
}

#[test]
fn an_error_in_a_function_ends_its_step_as_exception_and_names_the_place() {
    let config = FARM.replace(
        r#"command = { "make" }"#,
        r#"command = { "make", function(build) return build.properties.nothing.more end }"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let error = world.log(BuildId(1), "Build", "error").await.join("\n");
        assert!(error.contains("master.lua:11"), "{error}");
        assert!(error.contains("option command"), "{error}");
    });
}

#[test]
fn a_stop_that_was_answered_holds_when_the_worker_is_lost() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10_000), shell("make clean").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.engine().stop_build(BuildId(1), "a mistake".to_owned()).await.unwrap();
        world.pass(5).await;
        world.cut("w1").await;
        world.connect("w2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled"]);
        assert_eq!(world.requests().await, [Some(Results::Cancelled)]);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "error");
    });
}

#[test]
fn a_cancel_that_was_answered_holds_when_the_master_dies() {
    story(FARM, async |world: &mut World| {
        world
            .connect("w1")
            .await
            .expect([shell("make").takes(10_000), shell("make clean").takes(50)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        let request = world.newest_request().await;
        world.engine().cancel(request, "a mistake".to_owned()).await.unwrap();
        world.pass(1).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 cancelled"]);
        assert_eq!(world.requests().await, [Some(Results::Cancelled)]);
        assert_eq!(world.int("select count(*) from buildsets where complete_at is null").await, 0);
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "error");
    });
}

#[test]
fn a_request_that_is_cancelled_between_attempts_does_not_stay_pending_on_github() {
    story(FARM, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        world.cut("w1").await;
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "pending");
        let request = world.newest_request().await;
        world.engine().cancel(request, "nobody builds it".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.github.statuses(REPOSITORY, "a1")["ci/linux"], "error");
    });
}

#[test]
fn a_rebuild_of_an_old_commit_does_not_take_the_place_of_the_newest() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect(all_steps());
        world.push("main", "old").await;
        world.settle().await;
        world.cut("w1").await;
        world.push("main", "new").await;
        world.pass(2).await;
        world.engine().rebuild(BuildId(1), "operator".to_owned()).await.unwrap();
        world.connect("w2").await.obey();
        world.settle().await;
        let revisions =
            "select value from build_properties where name = 'revision' order by build_id";
        assert_eq!(world.rows(revisions, 1).await, ["\"old\"", "\"new\"", "\"old\""]);
    });
}

#[test]
fn a_secret_in_a_property_is_used_and_not_shown() {
    let config = FARM.replace(
        r#"f:add(ci.steps.shell { name = "Test", command = { "make", "test" } })"#,
        r#"f:add(ci.steps.set_property { property = "key", value = "key is token-of-github" })
f:add(ci.steps.shell { name = ci.interpolate "Test %(prop:key)s", command = { "use", ci.property "key" } })"#,
    );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make"), shell("use key is token-of-github"), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        let key = "select value from build_properties where name = 'key'";
        assert_eq!(world.rows(key, 1).await, ["\"key is *****\""]);
        let steps = world.steps(BuildId(1)).await.join("\n");
        assert!(
            !steps.contains("token-of-github") && steps.contains("Test key is *****"),
            "{steps}"
        );
        let asked = world.rows("select request from commands", 1).await.join("\n");
        assert!(!asked.contains("token-of-github"), "{asked}");
    });
}

#[test]
fn a_build_that_takes_down_each_of_its_workers_is_not_tried_for_ever() {
    story(FARM, async |world: &mut World| {
        for attempt in 1..=4 {
            let w1 = world.connect("w1").await;
            w1.expect([shell("make").takes(100)]);
            if attempt == 1 {
                world.push("main", "a1").await;
            }
            world.pass(1).await;
            assert_eq!(w1.running(), ["make"], "attempt {attempt}");
            world.cut("w1").await;
        }
        let w1 = world.connect("w1").await;
        w1.obey();
        world.settle().await;
        let ends = ["linux/1 w1 retry", "linux/2 w1 retry", "linux/3 w1 retry"];
        assert_eq!(world.builds().await[..3], ends);
        assert_eq!(world.builds().await[3..], ["linux/4 w1 exception"]);
        assert_eq!(world.requests().await, [Some(Results::Exception)]);
        let said = world.rows("select state_string from builds where number = 4", 1).await;
        assert_eq!(said, ["exception: the worker was lost; not tried again after 3 retries"]);
    });
}

#[test]
fn restarts_of_the_master_are_no_retries() {
    story(FARM, async |world: &mut World| {
        for restart in 1..=5 {
            let w1 = world.connect("w1").await;
            w1.expect([shell("make").takes(100)]);
            if restart == 1 {
                world.push("main", "a1").await;
            }
            world.pass(1).await;
            match restart % 2 {
                0 => world.crash().await,
                _ => world.stop().await,
            }
            world.start().await;
        }
        let w1 = world.connect("w1").await;
        w1.obey();
        world.settle().await;
        assert_eq!(world.requests().await, [Some(Results::Success)]);
    });
}
