//! Schedulers: important files, one timer for several branches, force.

use halide_ci::engine::Refusal;
use halide_ci::engine::input::Force;

use super::{FARM, Setting, World, all_steps, story};

#[test]
fn an_unimportant_change_starts_nothing() {
    let config = FARM.replace(
        r#"name = "main","#,
        r#"name = "main", file_is_important = function(change) return change.comments ~= "A change" end,"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
        let verdicts = world.rows("select verdicts from changes", 1).await;
        assert!(verdicts[0].contains("unimportant"), "{verdicts:?}");
    });
}

#[test]
fn a_filter_that_raises_refuses_its_change_and_nothing_else() {
    let config = FARM.replace(
        "change_filter = { branch = \"main\" }",
        "change_filter = { branch = \"main\", filter = function(change) return change.nothing.more end }",
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        world.push("main", "a1").await;
        world.settle().await;
        let verdicts = world.rows("select verdicts from changes", 1).await;
        assert!(verdicts[0].contains("its filter failed: "), "{verdicts:?}");
        assert!(verdicts[0].contains("master.lua:18"), "{verdicts:?}");
    });
}

#[test]
fn a_single_branch_scheduler_gathers_changes_into_one_build() {
    let config = FARM.replace(
        r#"ci.schedulers.any_branch { name = "main","#,
        r#"ci.schedulers.single_branch { name = "main", tree_stable_timer = 60,"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.push("main", "a1").await;
        world.pass(30).await;
        world.push("main", "a2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        let revision = "select value from build_properties where name = 'revision'";
        assert_eq!(world.rows(revision, 1).await, ["\"a2\""]);
        assert_eq!(world.int("select count(*) from buildset_changes").await, 2);
    });
}

#[test]
fn forcing_checks_what_it_is_given() {
    story(FARM, async |world: &mut World| {
        let force = |scheduler: &str, builder: &str| Force {
            scheduler: scheduler.to_owned(),
            builders: vec![builder.to_owned()],
            owner: "operator".to_owned(),
            reason: "to see".to_owned(),
            ..Force::default()
        };
        let engine = world.engine();
        assert!(matches!(engine.force(force("nobody", "linux")).await, Err(Refusal::Missing(_))));
        assert!(matches!(engine.force(force("main", "linux")).await, Err(Refusal::Invalid(_))));
        assert!(matches!(engine.force(force("force", "windows")).await, Err(Refusal::Invalid(_))));
        world.connect("w1").await.expect(all_steps());
        let started = engine.force(force("force", "linux")).await.unwrap();
        assert_eq!(started.requests.len(), 1);
        world.settle().await;
        let reason = world.rows("select reason from buildsets", 1).await;
        assert_eq!(reason, ["A build was forced by 'operator': to see"]);
    });
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    let tell = |seed| {
        Setting { seed, ..Setting::new(FARM) }.tell(async |world: &mut World| {
            world.connect("w1").await.obey();
            world.connect("w2").await.obey();
            for sha in ["a1", "a2", "a3", "a4", "a5", "a6"] {
                world.push("main", sha).await;
            }
            world.pull_request("opened", 7, "p1").await;
            world.settle().await;
        })
    };
    let first = tell(7);
    assert_eq!(first, tell(7));
    assert!(first.lines().count() > 50);
}
