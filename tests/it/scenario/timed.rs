//! Schedulers that build by the clock and by another's success, through restarts and reloads; the
//! simulated clock begins on a Thursday, at the beginning of 2026.

use halide_ci::engine::input::Force;

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;

/// The farm with other schedulers.
fn farm(schedulers: &str) -> String {
    let (head, rest) = FARM.split_once("c.schedulers = {").unwrap();
    let (_, tail) = rest.split_once("\n}\n").unwrap();
    format!("{head}c.schedulers = {{\n{schedulers}\n}}\n{tail}")
}

const MADE: &str =
    "select cast(submitted_at / 1000000 - 1767225600 as text), reason from buildsets order by id";

/// The revisions that buildsets are made of.
const BUILT: &str = "select t.revision from buildset_sourcestamps b \
    join sourcestamps t on t.id = b.sourcestamp_id";

#[test]
fn a_nightly_scheduler_builds_at_its_hour_and_a_restart_makes_up_for_what_was_missed() {
    let config = farm(
        r#"ci.schedulers.nightly { name = "night", builders = { "linux" }, hour = 3, timezone = "UTC",
           branch = "main", properties = { nightly = true }, codebases = { halide = { repository = "r" } } }"#,
    );
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.obey();
        world.pass(3 * 3600 - 10).await;
        assert_eq!(world.builds().await, [""; 0]);
        world.pass(20).await;
        let reason = "The nightly scheduler named 'night' triggered this build";
        assert_eq!(world.rows(MADE, 2).await, [format!("10800 {reason}")]);
        let stamp = "select branch, codebase, repository from sourcestamps";
        assert_eq!(world.rows(stamp, 3).await, ["main halide r"]);
        let nightly = "select value from build_properties where name = 'nightly'";
        assert_eq!(world.rows(nightly, 1).await, ["true"]);
        world.crash().await;
        world.pass(2 * 24 * 3600).await;
        world.start().await;
        world.pass(5).await;
        assert_eq!(
            world.rows(MADE, 2).await.len(),
            2,
            "two nights were missed, one is made up for"
        );
        world.pass(24 * 3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 3);
    });
}

#[test]
fn a_reload_keeps_the_time_and_other_hours_are_counted_from_now() {
    let at = |hour: u32| {
        farm(&format!(
            "ci.schedulers.nightly {{ name = 'n', builders = {{ 'linux' }}, hour = {hour}, timezone = 'UTC' }}"
        ))
    };
    story(&at(4), async |world: &mut World| {
        world.pass(3 * 3600).await;
        world.reload(&at(4).replace("Build", "Make")).await.unwrap();
        world.pass(3600 + 5).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 1);
        // Two o'clock has passed today, but nobody wanted it then.
        let told = world.reload(&at(2)).await.unwrap();
        assert!(told.changes.iter().any(|line| line.contains("scheduler n: hour")), "{told:?}");
        world.pass(3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 1);
        world.pass(24 * 3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 2);
    });
}

#[test]
fn a_periodic_scheduler_begins_at_once_and_does_not_drift() {
    let config =
        farm("ci.schedulers.periodic { name = 'p', builders = { 'linux' }, period = 600 }");
    story(&config, async |world: &mut World| {
        world.pass(1500).await;
        let first = |lines: Vec<String>| {
            let at = |line: &String| line.split(' ').next().unwrap().parse::<i64>().unwrap();
            lines.iter().map(at).collect::<Vec<_>>()
        };
        assert_eq!(first(world.rows(MADE, 2).await), [0, 600, 1200]);
        world.stop().await;
        world.start().await;
        world.pass(400).await;
        assert_eq!(first(world.rows(MADE, 2).await), [0, 600, 1200, 1800]);
    });
}

#[test]
fn with_only_if_changed_a_build_has_the_changes_since_the_last_time() {
    let config = farm(
        "ci.schedulers.nightly { name = 'n', builders = { 'linux' }, hour = { 1, 2, 3, 4 }, timezone = 'UTC',
         only_if_changed = true, branch = 'main', force_at_hour = 4,
         file_is_important = function(change) return change.revision ~= 'a1' end }",
    );
    story(&config, async |world: &mut World| {
        world.push("main", "a1").await;
        world.push("other", "b1").await;
        world.pass(3600 + 60).await;
        assert_eq!(world.rows(MADE, 2).await, [""; 0], "nothing important has changed");
        world.push("main", "a2").await;
        world.pass(3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 1);
        assert_eq!(world.int("select count(*) from buildset_changes").await, 2);
        assert_eq!(world.rows(BUILT, 1).await, ["a2"]);
        world.pass(3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 1, "nothing has changed since");
        world.pass(3600).await;
        assert_eq!(world.rows(MADE, 2).await.len(), 2, "at four it builds anyway");
    });
}

#[test]
fn a_dependent_scheduler_builds_the_same_source_when_its_upstream_is_good() {
    let config = farm(
        r#"ci.schedulers.any_branch { name = "main", builders = { "linux" }, change_filter = { branch = "main" } },
           ci.schedulers.dependent { name = "after", builders = { "linux" }, upstream = "main", reason = "it is good",
                                     priority = 7 }"#,
    );
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        hand.expect([shell("make").exits(2), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.rows(MADE, 2).await.len(), 1, "a failure starts nothing");
        let twice = [all_steps(), all_steps()].into_iter().flatten();
        hand.expect(twice);
        world.push("main", "a2").await;
        world.settle().await;
        assert_eq!(world.builds().await.len(), 3);
        let last = "select s.reason, t.revision, cast(r.priority as text), \
            (select cast(count(*) as text) from buildset_changes c where c.buildset_id = s.id) from buildsets s \
            join buildrequests r on r.buildset_id = s.id \
            join buildset_sourcestamps b on b.buildset_id = s.id \
            join sourcestamps t on t.id = b.sourcestamp_id order by s.id desc limit 1";
        assert_eq!(world.rows(last, 4).await, ["it is good a2 7 1"]);
    });
}

#[test]
fn declared_codebases_are_all_built_and_no_others() {
    let config = farm(
        r#"ci.schedulers.any_branch { name = "main", builders = { "linux" }, priority = 3, codebases = {
             [""] = {}, llvm = { repository = "https://llvm.example", branch = "release" } } },
           ci.schedulers.any_branch { name = "other", builders = { "linux" }, codebases = { "x" } }"#,
    );
    story(&config, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(60).await;
        let stamps = "select codebase, branch, repository, cast(revision is null as text) from sourcestamps order by codebase";
        let stamps = world.rows(stamps, 4).await;
        assert_eq!(stamps.len(), 2, "{stamps:?}");
        assert!(stamps[1].starts_with("llvm release https://llvm.example 1"), "{stamps:?}");
        assert_eq!(world.int("select priority from buildrequests").await, 3);
        let verdicts = world.rows("select verdicts from changes", 1).await;
        assert!(verdicts[0].contains("is none of its codebases"), "{verdicts:?}");
    });
}

#[test]
fn a_codebase_without_a_change_is_built_as_the_scheduler_last_saw_it() {
    let config = farm(
        r#"ci.schedulers.any_branch { name = "main", builders = { "linux" }, only_important = true, codebases = {
             [""] = {}, llvm = { branch = "release" }, extra = { branch = "stable" } },
             create_absolute_source_stamps = true }"#,
    )
    .replace(
        "c.www = {",
        "c.codebase_generator = function(change) return change.branch == 'llvm' and 'llvm' or '' end\nc.www = {",
    );
    story(&config, async |world: &mut World| {
        world.push("llvm", "l1").await;
        world.pass(60).await;
        world.push("llvm", "l2").await;
        world.pass(60).await;
        world.crash().await;
        world.start().await;
        world.push("main", "a1").await;
        world.pass(60).await;
        let stamps = "select t.codebase, t.branch, coalesce(t.revision, 'newest') from sourcestamps t \
             join buildset_sourcestamps b on b.sourcestamp_id = t.id \
             where b.buildset_id = (select max(id) from buildsets) order by t.codebase";
        let stamps = world.rows(stamps, 3).await;
        assert_eq!(stamps, [" main a1", "extra stable newest", "llvm llvm l2"]);
    });
}

#[test]
fn the_reason_of_a_forced_build_is_in_the_configurations_words() {
    let config = farm(
        "ci.schedulers.force { name = 'force', builders = { 'linux' }, reason_string = '%(reason)s (%(owner)s), 100%%' }",
    );
    story(&config, async |world: &mut World| {
        let force = Force {
            scheduler: "force".to_owned(),
            owner: "ann %(reason)s".to_owned(),
            reason: "why".to_owned(),
            ..Force::default()
        };
        world.engine().force(force).await.unwrap();
        let reason = world.rows("select reason from buildsets", 1).await;
        assert_eq!(reason, ["why (ann %(reason)s), 100%"]);
    });
}
