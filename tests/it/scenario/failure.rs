//! Steps that fail, builds that are stopped, secrets that are printed.

use halide_ci::base::id::BuildId;

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
