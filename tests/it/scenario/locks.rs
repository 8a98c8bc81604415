//! Locks between builds.

use super::{FARM, World, story};
use crate::sim::hand::shell;

#[test]
fn an_exclusive_step_waits_for_the_counting_ones_and_holds_up_those_behind_it() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.worker_lock { name = "performance", max_count = 9 }
local f = ci.factory()"#,
        )
        .replace(
            r#"command = { "make" }"#,
            r#"command = { "make" }, locks = { lock:access "counting" }"#,
        )
        .replace(
            r#"command = { "make", "test" }"#,
            r#"command = { "make", "test" }, locks = { lock:access "exclusive" }"#,
        )
        .replace(
            "c.builders = {",
            r#"c.builders = {
  ci.builder { name = "other", workers = { "w1" }, factory = f },"#,
        )
        .replace(
            r#"name = "main", builders = { "linux" }"#,
            r#"name = "main", builders = { "linux", "other" }"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10), shell("make").takes(100)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        assert_eq!(w1.running(), ["make", "make"], "counting holders share");
        world.pass(10).await;
        assert_eq!(w1.running(), ["make"], "the exclusive step waits for the other build");
        let waits = "select count(*) from steps where state_string = 'waiting for locks'";
        assert_eq!(world.int(waits).await, 1);
        w1.obey();
        world.settle().await;
        let results = world.rows("select cast(results as text) from builds", 1).await;
        assert_eq!(results, ["0", "0"]);
        assert!(world.int("select sum(locks_duration) from builds").await > 80_000_000);
    });
}

#[test]
fn a_build_does_not_start_where_its_builders_lock_is_taken() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.master_lock { name = "one at a time" }
local f = ci.factory()"#,
        )
        .replace(
            r#"workers = { "w1", "w2" }, factory = f"#,
            r#"workers = { "w1", "w2" }, factory = f, locks = { lock:access "exclusive" }"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let w2 = world.connect("w2").await;
        w1.obey();
        w2.obey();
        for sha in ["a1", "a2", "a3"] {
            let force = halide_ci::engine::input::Force {
                scheduler: "force".to_owned(),
                reason: sha.to_owned(),
                owner: "operator".to_owned(),
                sourcestamps: vec![halide_ci::model::sourcestamp::Sourcestamp {
                    revision: Some(sha.to_owned()),
                    ..Default::default()
                }],
                ..Default::default()
            };
            world.engine().force(force).await.unwrap();
        }
        let at_once = "select count(*) from builds where complete_at is null";
        assert_eq!(world.int(at_once).await, 1);
        world.settle().await;
        assert_eq!(world.builds().await.len(), 3);
    });
}
