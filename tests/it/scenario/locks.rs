//! Locks between builds.

use halide_ci::base::id::BuildId;

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
            force(world, sha, sha).await;
        }
        let at_once = "select count(*) from builds where complete_at is null";
        assert_eq!(world.int(at_once).await, 1);
        world.settle().await;
        assert_eq!(world.builds().await.len(), 3);
    });
}

#[test]
fn a_steps_locks_may_depend_on_its_build() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.worker_lock { name = "performance", max_count = 9 }
local f = ci.factory()"#,
        )
        .replace(
            r#"command = { "make" }"#,
            r#"command = { "make" }, locks = function(build)
    return { build.builder.data == "alone" and lock:access "exclusive" or { lock:access("counting", 2) } }
  end"#,
        )
        .replace(
            "c.builders = {",
            r#"c.builders = {
  ci.builder { name = "other", workers = { "w1" }, factory = f, data = "alone" },"#,
        )
        .replace(
            r#"name = "main", builders = { "linux" }"#,
            r#"name = "main", builders = { "linux", "other" }"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10)]);
        world.push("main", "a1").await;
        world.pass(5).await;
        assert_eq!(w1.running(), ["make"], "one of them is alone");
        let waits = "select count(*) from steps where state_string = 'waiting for locks'";
        assert_eq!(world.int(waits).await, 1);
        w1.obey();
        world.settle().await;
        let results = world.rows("select cast(results as text) from builds", 1).await;
        assert_eq!(results, ["0", "0"]);
    });
}

#[test]
fn a_builders_locks_may_depend_on_its_build_and_are_taken_once_it_has_a_worker() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.master_lock { name = "one at a time" }
local f = ci.factory()"#,
        )
        .replace(
            r#"workers = { "w1", "w2" }, factory = f"#,
            r#"workers = { "w1", "w2" }, factory = f, locks = function(build)
    return build.properties.reason ~= "free" and lock:access "exclusive"
  end"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let w2 = world.connect("w2").await;
        w1.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        w2.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        force(world, "a1", "one").await;
        force(world, "a2", "two").await;
        world.pass(5).await;
        assert_eq!(w1.running().len() + w2.running().len(), 1, "the other build waits");
        let waits = "select count(*) from builds where state_string = 'waiting for locks'";
        assert_eq!(world.int(waits).await, 1);
        world.settle().await;
        assert_eq!(world.builds().await.len(), 2);
        w1.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        w2.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        force(world, "a3", "free").await;
        force(world, "a4", "free").await;
        world.pass(5).await;
        assert_eq!(w1.running().len() + w2.running().len(), 2, "these want no lock");
        world.settle().await;
    });
}

#[test]
fn a_lock_that_nobody_can_get_ends_the_step_or_the_build_with_its_reason() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.master_lock { name = "one at a time" }
local f = ci.factory()"#,
        )
        .replace(
            r#"workers = { "w1", "w2" }, factory = f"#,
            r#"workers = { "w1", "w2" }, factory = f, locks = { lock:access "exclusive" }"#,
        )
        .replace(
            r#"command = { "make" }"#,
            r#"command = { "make" }, locks = function() return lock:access "counting" end"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make clean")]);
        force(world, "a1", "one").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let log = world.log(BuildId(1), "Build", "error").await.join("\n");
        assert!(log.contains("the build holds the lock \"one at a time\" already"), "{log}");
    });
    let config = config.replace(
        r#"locks = { lock:access "exclusive" }"#,
        r#"locks = function() return lock:access("counting", 2) end"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        force(world, "a1", "one").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let text = world.rows("select state_string from builds", 1).await;
        assert!(text[0].contains("has only 1: it would wait forever"), "{text:?}");
    });
}

#[test]
fn builds_that_wait_for_each_others_locks_are_told_apart() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local a, b = ci.master_lock { name = "a" }, ci.master_lock { name = "b" }
local function wants(lock)
  return {
    ci.steps.shell { name = "Build", command = { "make" } },
    ci.steps.shell { name = "Test", command = { "make", "test" }, locks = { lock:access "exclusive" } },
  }
end
local f = ci.factory()"#,
        )
        .replace(
            r#"ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f },"#,
            r#"ci.builder { name = "linux", workers = { "w1" }, factory = wants(b), locks = { a:access "exclusive" } },
  ci.builder { name = "other", workers = { "w2" }, factory = wants(a), locks = { b:access "exclusive" } },"#,
        )
        .replace(r#"builders = { "linux" }"#, r#"builders = { "linux", "other" }"#);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10), shell("make test")]);
        let w2 = world.connect("w2").await;
        w2.expect([shell("make").takes(20), shell("make"), shell("make test")]);
        world.push("main", "a1").await;
        world.settle().await;
        let builds = ["linux/1 w1 success", "other/1 w2 retry", "other/2 w2 success"];
        assert_eq!(world.builds().await, builds);
        let log = world.log(BuildId(2), "Test", "error").await;
        let circle = "locks make a circle: this build waits for the lock \"a\", which linux #1 holds; \
                      linux #1 waits for the lock \"b\", which this build holds";
        assert_eq!(log, [circle]);
        let text = world.rows("select state_string from builds where results = 5", 1).await;
        assert!(text[0].contains(circle), "{text:?}");
    });
}

/// A parent that takes the lock `a` and waits for the builder `child`, and other builders.
fn family(builders: &str) -> String {
    FARM.replace(
        "local f = ci.factory()",
        r#"local a, b = ci.master_lock { name = "a" }, ci.master_lock { name = "b" }
local function step(...)
  return ci.steps.shell { name = "Test", command = { "make", "test" }, locks = { ... } }
end
local child = ci.schedulers.triggerable { name = "child", builders = { "child" } }
local parent = { ci.steps.shell { name = "Build", command = { "make" } },
                 ci.steps.trigger { schedulers = { child }, wait_for_finish = true } }
local f = ci.factory()"#,
    )
    .replace(
        r#"ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f },"#,
        &format!(
            r#"ci.builder {{ name = "linux", workers = {{ "w1" }}, factory = parent, locks = {{ a:access "exclusive" }} }},
               {builders}"#
        ),
    )
    .replace("c.schedulers = {", "c.schedulers = { child,")
}

#[test]
fn a_build_whose_parent_keeps_the_lock_of_its_builder_is_not_begun() {
    let child = r#"ci.builder { name = "child", workers = { "w2" }, factory = f, locks = { a:access "counting" } },"#;
    story(&family(child), async |world: &mut World| {
        world.connect("w1").await.expect([shell("make")]);
        world.connect("w2").await;
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        let log = world.log(BuildId(1), "trigger", "error").await.join("\n");
        let told = "nothing is triggered: builder \"child\" needs the lock \"a\", which linux #1 keeps \
                    until what it waits for has ended";
        assert!(log.contains(told), "{log}");
    });
}

#[test]
fn a_step_whose_lock_the_parent_keeps_ends_and_says_so() {
    let child = r#"ci.builder { name = "child", workers = { "w2" }, factory = { step(a:access "exclusive") } },"#;
    story(&family(child), async |world: &mut World| {
        world.connect("w1").await.expect([shell("make")]);
        world.connect("w2").await;
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception", "child/1 w2 exception"]);
        let log = world.log(BuildId(2), "Test", "error").await;
        let circle = "locks make a circle: this build waits for the lock \"a\", which linux #1 holds; \
                      linux #1 waits for this build, which it has triggered";
        assert_eq!(log, [circle]);
    });
}

#[test]
fn a_stranger_in_a_circle_with_a_family_is_tried_again() {
    let others = r#"ci.builder { name = "child", workers = { "w2" }, factory = {
        ci.steps.shell { name = "Build", command = { "make" } }, step(b:access "exclusive") } },
      ci.builder { name = "other", workers = { "w2" }, locks = { b:access "exclusive" }, factory = {
        ci.steps.shell { name = "Build", command = { "make" } }, step(a:access "exclusive") } },"#;
    let config = family(others).replace(
        r#"ci.schedulers.any_branch { name = "main", builders = { "linux" }"#,
        r#"ci.schedulers.any_branch { name = "main", builders = { "linux", "other" }"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("make")]);
        let w2 = world.connect("w2").await;
        w2.expect([shell("make").takes(10), shell("make").takes(20), shell("make test")]);
        w2.expect([shell("make"), shell("make test")]);
        world.push("main", "a1").await;
        world.settle().await;
        let builds =
            ["linux/1 w1 success", "other/1 w2 retry", "child/1 w2 success", "other/2 w2 success"];
        assert_eq!(world.builds().await, builds);
    });
}

#[test]
fn a_build_that_wants_a_lock_alone_is_not_starved_by_those_who_share_it() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.worker_lock { name = "llvm", max_count = 9 }
local f = ci.factory()"#,
        )
        .replace(
            r#"ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f },"#,
            r#"ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f, locks = { lock:access "counting" } },
  ci.builder { name = "next", workers = { "w1", "w2" }, factory = f, locks = { lock:access "counting" } },
  ci.builder { name = "llvm", workers = { "w1", "w2" }, factory = f, locks = { lock:access "exclusive" } },"#,
        )
        .replace(
            r#"ci.schedulers.force { name = "force", builders = { "linux" } },"#,
            r#"ci.schedulers.force { name = "force", builders = { "linux" } },
  ci.schedulers.force { name = "next", builders = { "next" } },
  ci.schedulers.force { name = "llvm", builders = { "llvm" } },"#,
        );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.dawdle(10);
        world.connect("w2").await.dawdle(10);
        let mut ended = 0;
        for n in 0..40 {
            // Two builders in turn, so that each worker always holds the lock once at least.
            force_at(world, ["force", "next"][n % 2], &format!("a{n}"), "stream").await;
            if n == 10 {
                force_at(world, "llvm", "b1", "alone").await;
            }
            world.pass(10).await;
            let of_llvm = "select count(*) from builds u join builders b on b.id = u.builder_id \
                 where b.name = 'llvm' and u.complete_at is not null";
            ended += world.int(of_llvm).await;
        }
        assert!(ended > 10, "it had its turn long before the stream ended: {ended}");
        world.settle().await;
    });
}

#[test]
fn an_access_that_counts_nothing_waits_for_nobody() {
    let config = FARM
        .replace(
            "local f = ci.factory()",
            r#"local lock = ci.master_lock { name = "one" }
local f = ci.factory()"#,
        )
        .replace(
            r#"command = { "make" }"#,
            r#"command = { "make" }, locks = function(build)
    return { build.properties.reason == "free" and lock:access("counting", 0) or lock:access "exclusive" }
  end"#,
        );
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let w2 = world.connect("w2").await;
        w1.dawdle(10);
        w2.dawdle(10);
        force(world, "a1", "alone").await;
        force(world, "a2", "free").await;
        world.pass(5).await;
        assert_eq!(w1.running().len() + w2.running().len(), 2);
        world.settle().await;
    });
}

/// Forces a build of `revision` on `linux`.
pub(super) async fn force(world: &World, revision: &str, reason: &str) {
    force_at(world, "force", revision, reason).await;
}

/// Forces what `scheduler` builds.
pub(super) async fn force_at(world: &World, scheduler: &str, revision: &str, reason: &str) {
    let force = halide_ci::engine::input::Force {
        scheduler: scheduler.to_owned(),
        reason: reason.to_owned(),
        owner: "operator".to_owned(),
        sourcestamps: vec![halide_ci::model::sourcestamp::Sourcestamp {
            revision: Some(revision.to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    world.engine().force(force).await.unwrap();
}
