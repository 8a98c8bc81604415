//! Functions of the configuration that decide what is wanted at all: which requests a change makes,
//! with which priority, which of them give way, and whether a build does anything.

use halide_ci::base::id::BuildId;
use halide_ci::base::results::Results;

use super::deciding::{built, force, notes, shop};
use super::{World, story};
use crate::sim::hand::shell;

#[test]
fn a_function_says_which_requests_give_way() {
    let collapse = "collapse_requests = function(builder, older, newer)
      return older:can_be_collapsed(newer) and older.properties.n % 2 == newer.properties.n % 2
    end";
    story(&shop(&[("a", collapse)]), async |world: &mut World| {
        for n in [1, 2, 3, 4, 5] {
            force(world, "a", n).await;
        }
        world.pass(1).await;
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(built(world).await, ["a4", "a5"]);
        let why = "select ended_because from buildrequests where results = 3 order by id";
        assert_eq!(
            world.rows(why, 1).await,
            ["request 3 takes its place", "request 4 takes its place", "request 5 takes its place"]
        );
    });
}

#[test]
fn the_configuration_says_for_all_builders_whether_requests_give_way() {
    let own = "collapse_requests = true";
    let config = shop(&[("a", own), ("c", "c.collapse_requests = function() error('boom') end")])
        .replace(
            "if options.collapse_requests == nil then options.collapse_requests = false end",
            "",
        );
    story(&config, async |world: &mut World| {
        for builder in ["a", "b"] {
            force(world, builder, 1).await;
            force(world, builder, 2).await;
        }
        world.pass(1).await;
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(built(world).await, ["a2", "b2"], "where it fails, the engine's rule holds");
        let said = notes(world).await;
        assert!(said[3].contains("collapse_requests failed: master.lua:27: boom"), "{said:?}");
        assert_eq!(said[1], "- -");
    });
}

#[test]
fn a_build_that_is_not_wanted_is_skipped_before_its_worker_hears_of_it() {
    let config = shop(&[
        ("a", "do_build_if = function(build) ci.sleep(1) return build.properties.n ~= 1 end"),
        ("b", "do_build_if = ci.property 'wanted'"),
        ("c", "do_build_if = function(build) error('who knows') end"),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make a")]);
        for (builder, n) in [("a", 1), ("a", 2), ("b", 1), ("c", 1)] {
            force(world, builder, n).await;
        }
        world.settle().await;
        assert_eq!(
            world.builds().await,
            ["a/1 w1 skipped", "a/2 w1 success", "b/1 w1 skipped", "c/1 w1 exception"]
        );
        let texts = world.rows("select state_string from builds order by id", 1).await;
        assert_eq!(texts[0], "build skipped");
        assert_eq!(texts[3], "do_build_if failed: master.lua:20: who knows");
        assert_eq!(world.requests().await[0], Some(Results::Skipped));
    });
}

#[test]
fn a_build_can_be_stopped_while_its_function_thinks() {
    let config = shop(&[("a", "do_build_if = function(build) ci.sleep(3600) return true end")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        force(world, "a", 1).await;
        world.pass(5).await;
        world.engine().stop_build(BuildId(1), "a whim".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["a/1 w1 cancelled"]);
    });
}

#[test]
fn a_scheduler_asks_for_its_builders_and_their_priority() {
    let config = shop(&[(
        "schedulers",
        r#"ci.schedulers.any_branch { name = "main", change_filter = { branch = "main" },
             builders = function(context)
               assert(context.changes[1].branch == "main" and context.sourcestamps[1].branch == "main")
               ci.sleep(1)
               return { context.files[1] and c.builders[2], "c", false }
             end,
             priority = function(builders, changes)
               return builders[2].data.importance * 10 + #changes
             end },"#,
    )]);
    story(&config, async |world: &mut World| {
        world.push("main", "a1").await;
        world.settle().await;
        let sql = "select d.name || ' ' || q.priority from buildrequests q \
             join builders d on d.id = q.builder_id order by q.id";
        assert_eq!(world.rows(sql, 1).await, ["b 31", "c 31"]);
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(world.builds().await.len(), 2);
    });
}

#[test]
fn a_buildset_whose_builders_are_unknown_is_not_made_and_the_change_says_so() {
    let scheduler = |builders: &str| {
        let text = format!(
            r#"ci.schedulers.any_branch {{ name = "main", builders = function(context) {builders} end }},"#
        );
        shop(&[("schedulers", &text)])
    };
    for (builders, expected) in [
        (
            r#"return { "aa" }"#,
            "failed: builders (master.lua:24) returned the builder \\\"aa\\\", which it cannot choose \
             (did it mean \\\"a\\\"?)",
        ),
        ("return 7", "failed: builders (master.lua:24) returned 7 among builders; it must"),
        ("error 'no'", "failed: builders failed: master.lua:24: no"),
        ("return {}", "taken; the function at master.lua:24 chose no builder"),
        ("ci.sleep(60)", "failed: builders (master.lua:24) has not answered for 10 s"),
    ] {
        story(&scheduler(builders), async |world: &mut World| {
            world.connect("w1").await;
            world.push("main", "a1").await;
            world.settle().await;
            world.pass(15).await;
            world.settle().await;
            let verdicts = world.rows("select verdicts from changes", 1).await;
            assert!(verdicts[0].contains(expected), "{verdicts:?} lacks {expected}");
            assert_eq!(world.int("select count(*) from buildsets").await, 0);
        });
    }
}

#[test]
fn a_time_that_is_due_waits_for_its_builders_over_a_crash() {
    let config = shop(&[(
        "schedulers",
        r#"ci.schedulers.periodic { name = "hourly", period = 3600, priority = function(builders) return 7 end,
             builders = function(context)
               assert(#context.changes == 0 and #context.sourcestamps == 1)
               ci.sleep(5)
               return ci.list.map(c.builders, function(b) return b.name ~= "b" and b end)
             end },"#,
    )]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.pass(2).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.pass(60).await;
        assert_eq!(world.builds().await, ["a/1 w1 success", "c/1 w1 success"]);
        world.pass(3_600).await;
        assert_eq!(world.builds().await.len(), 4, "and an hour later again, once");
        assert_eq!(world.int("select min(priority) from buildrequests").await, 7);
    });
}

#[test]
fn a_dependent_scheduler_asks_for_its_builders_over_a_crash_and_a_reload() {
    let config = |dependent: &str| {
        let schedulers = format!(
            r#"ci.schedulers.any_branch {{ name = "main", builders = {{ "a" }} }},
               ci.schedulers.dependent {{ name = "then", upstream = "main", {dependent} }},"#
        );
        shop(&[("schedulers", &schedulers)])
    };
    let asking = config(
        r#"builders = function(context)
             assert(context.changes[1].revision == "a1" and context.sourcestamps[1].revision == "a1")
             ci.sleep(5)
             return "b"
           end"#,
    );
    let tell = |reloaded: Option<String>, expected: &str| {
        story(&asking, async |world: &mut World| {
            world.connect("w1").await.obey();
            world.push("main", "a1").await;
            world.pass(2).await;
            assert_eq!(world.builds().await, ["a/1 w1 success"]);
            world.crash().await;
            world.start().await;
            world.connect("w1").await.obey();
            if let Some(config) = reloaded {
                world.pass(1).await;
                world.reload(&config).await.unwrap();
            }
            world.pass(10).await;
            world.settle().await;
            assert_eq!(world.builds().await, ["a/1 w1 success", expected]);
            assert_eq!(world.int("select count(*) from scheduler_events").await, 0);
        });
    };
    tell(None, "b/1 w1 success");
    tell(Some(config(r#"builders = { "c" }"#)), "c/1 w1 success");
}

#[test]
fn changes_wait_for_their_builders_over_a_crash_and_a_reload() {
    let scheduler = |seconds: u32, builder: &str| {
        let text = format!(
            r#"ci.schedulers.any_branch {{ name = "main", builders = function() ci.sleep({seconds}) return "{builder}" end }},"#
        );
        shop(&[("schedulers", &text)])
    };
    story(&scheduler(5, "a"), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("main", "a1").await;
        world.push("main", "a2").await;
        world.pass(1).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.pass(1).await;
        world.reload(&scheduler(1, "b")).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["b/1 w1 success", "b/2 w1 success"]);
    });
}

#[test]
fn a_function_names_the_codebase_of_a_change_that_has_none() {
    let config = shop(&[
        ("schedulers", r#"ci.schedulers.any_branch { name = "main", builders = { "a" } },"#),
        (
            "c",
            r#"c.codebase_generator = function(change)
                 ci.sleep(1)
                 if change.branch == "odd" then return 7 end
                 return change.repository:match "[^/]+$"
               end"#,
        ),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("main", "a1").await;
        world.settle().await;
        let codebases = world.rows("select codebase from changes", 1).await;
        let repository = world.rows("select repository from changes", 1).await;
        assert!(
            repository[0].ends_with(&codebases[0]) && !codebases[0].is_empty(),
            "{codebases:?}"
        );
        world.push("odd", "a2").await;
        world.settle().await;
        let verdict = "select verdict from deliveries where state = 'failed'";
        assert_eq!(
            world.rows(verdict, 1).await,
            ["master.lua:27: codebase_generator must return a string, not 7."]
        );
    });
}
