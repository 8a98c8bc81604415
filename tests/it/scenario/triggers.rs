//! Builds that start builds: which ones, of which source, with which properties, and what the step
//! that started them says of it.

use halide_ci::base::id::{BuildId, RequestId};
use halide_ci::engine::input::Force;

use super::{World, story};
use crate::sim::hand::shell;

/// A builder `all` on w1 that triggers `linux` on w2 and `mac` on w3; `trigger` are options of its
/// step.
pub(super) fn farm(trigger: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.url = "https://ci.example.org/"
c.workers = {{
  ci.worker {{ name = "w1", password = "secret-of-w1", max_builds = 1 }},
  ci.worker {{ name = "w2", password = "secret-of-w2", max_builds = 1 }},
  ci.worker {{ name = "w3", password = "secret-of-w3", max_builds = 1 }},
}}
local function one(name, worker, ...)
  return ci.builder {{ name = name, workers = {{ worker }}, factory = {{ ... }} }}
end
local unix = ci.schedulers.triggerable {{ name = "unix", builders = {{ "linux" }}, properties = {{ a = 1, b = 1 }} }}
local apple = ci.schedulers.triggerable {{ name = "apple", builders = {{ "mac" }}, priority = 3, reason = "for apples" }}
c.builders = {{
  one("all", "w1", ci.steps.trigger {{ {trigger} }}, ci.steps.shell {{ command = "after" }}),
  one("linux", "w2", ci.steps.shell {{ command = "linux" }}),
  one("mac", "w3", ci.steps.shell {{ command = "mac" }}),
}}
c.schedulers = {{
  ci.schedulers.any_branch {{ name = "main", builders = {{ "all" }}, priority = 7 }},
  ci.schedulers.force {{ name = "force", builders = {{ "all" }} }},
  unix, apple,
}}
c.www = {{ port = 0, change_hooks = {{ github = ci.hooks.github {{ secret = "secret-of-the-hook" }} }} }}
return c"#
    )
}

pub(super) const BOTH: &str = "schedulers = { unix, 'apple' }, wait_for_finish = true";

/// Builder, relationship, whether somebody waits, priority and reason of what was triggered.
const CHILDREN: &str = "select d.name, s.parent_relationship, cast(q.waited_for as text), cast(q.priority as text), \
    s.reason from buildsets s join buildrequests q on q.buildset_id = s.id join builders d on d.id = q.builder_id \
    where s.parent_build_id is not null order by q.id";

/// The links of the step that triggers, in the newest build of `all`.
pub(super) async fn links(world: &World) -> Vec<String> {
    let urls = "select t.urls from steps t join builds b on b.id = t.build_id join builders d on d.id = b.builder_id \
        where t.name = 'trigger' and d.name = 'all' order by t.id desc limit 1";
    let urls = world.rows(urls, 1).await.concat();
    let list: Vec<serde_json::Value> = serde_json::from_str(&urls).unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    list.iter().map(|l| format!("{} {}", text(&l["name"]), text(&l["url"]))).collect()
}

pub(super) async fn trigger_step(world: &World, build: i64) -> String {
    let steps = world.steps(BuildId(build)).await;
    steps.into_iter().find(|step| step.starts_with("trigger ")).unwrap_or_default()
}

#[test]
fn a_step_triggers_schedulers_and_waits_for_the_worst_of_their_builds() {
    story(&farm(BOTH), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux").takes(30)]);
        world.connect("w3").await.expect([shell("mac").takes(60).exits(1)]);
        world.push("main", "a1").await;
        world.pass(10).await;
        assert_eq!(world.builds().await.len(), 3, "both run while the parent waits");
        assert_eq!(
            links(world).await,
            [
                "unix #2 https://ci.example.org/buildrequests/2",
                "apple #3 https://ci.example.org/buildrequests/3"
            ]
        );
        world.pass(25).await;
        let state = "select state_string from steps where name = 'trigger'";
        assert_eq!(world.rows(state, 1).await, ["triggered unix, apple, 1 success"]);
        world.settle().await;
        assert_eq!(
            world.builds().await,
            ["all/1 w1 failure", "linux/1 w2 success", "mac/1 w3 failure"]
        );
        assert_eq!(
            trigger_step(world, 1).await,
            "trigger failure triggered unix, apple, 1 success, 1 failure (failure)"
        );
        assert_eq!(
            links(world).await[2..],
            [
                "success: linux #1 https://ci.example.org/builders/2/builds/1",
                "failure: mac #1 https://ci.example.org/builders/3/builds/1"
            ]
        );
        let unix = "The triggerable scheduler named 'unix' triggered this build";
        assert_eq!(
            world.rows(CHILDREN, 5).await,
            [
                format!("linux Triggered from 1 7 {unix}"),
                "mac Triggered from 1 3 for apples".to_owned()
            ]
        );
        // The same source, and the changes that come with it.
        let revisions = "select t.revision, cast(c.change_id as text) from buildsets s \
            join buildset_sourcestamps b on b.buildset_id = s.id join sourcestamps t on t.id = b.sourcestamp_id \
            join buildset_changes c on c.buildset_id = s.id order by s.id";
        assert_eq!(world.rows(revisions, 2).await, ["a1 1", "a1 1", "a1 1"]);
    });
}

#[test]
fn what_is_unimportant_does_not_count_and_nobody_waits_unless_it_is_wanted() {
    let unimportant = format!("{BOTH}, unimportant_schedulers = {{ apple }}");
    story(&farm(&unimportant), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux")]);
        world.connect("w3").await.expect([shell("mac").exits(1)]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await[0], "all/1 w1 success");
    });
    let at_once = "schedulers = 'unix', parent_relationship = 'Packages of'";
    story(&farm(at_once), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.push("main", "a1").await;
        world.pass(10).await;
        assert_eq!(world.builds().await, ["all/1 w1 success"]);
        let unix = "The triggerable scheduler named 'unix' triggered this build";
        assert_eq!(world.rows(CHILDREN, 5).await, [format!("linux Packages of 0 7 {unix}")]);
        world.connect("w2").await.expect([shell("linux").exits(1)]);
        world.settle().await;
        assert_eq!(world.builds().await, ["all/1 w1 success", "linux/1 w2 failure"]);
    });
}

#[test]
fn properties_go_along_over_those_of_the_scheduler() {
    let with = "schedulers = unix, set_properties = { b = 2, c = { 1, ci.property 'branch' }, reason = 'a good one' }, \
        copy_properties = { 'revision', 'no_such' }";
    story(&farm(with), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux")]);
        world.push("main", "a1").await;
        world.settle().await;
        let of_child = "select p.name, p.value, p.source from build_properties p join builds b on b.id = p.build_id \
            where b.builder_id = 2 and p.name in ('a', 'b', 'c', 'no_such', 'reason', 'scheduler') order by p.name";
        assert_eq!(
            world.rows(of_child, 3).await,
            [
                "a 1 Scheduler",
                "b 2 Trigger",
                r#"c [1,"main"] Trigger"#,
                r#"reason "a good one" Trigger"#,
                r#"scheduler "unix" Scheduler"#
            ]
        );
        let set = "select reason from buildsets where id = 2";
        assert_eq!(world.rows(set, 1).await, ["a good one"]);
        let copied = "select json_extract(properties, '$.revision') from buildsets where id = 2";
        assert_eq!(world.rows(copied, 1).await, [r#"["a1","Trigger"]"#]);
    });
}

/// Branch, revision and repository of the buildset that was triggered.
fn source(trigger: &str, schedulers: (&str, &str)) -> Vec<String> {
    let mut out = Vec::new();
    let config = farm(trigger).replace(schedulers.0, schedulers.1).replace(
        r#"one("all", "w1", "#,
        r#"one("all", "w1", ci.steps.set_property { property = "got_revision", value = "got1" }, "#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux")]);
        world.push("main", "a1").await;
        world.settle().await;
        let of_child = "select t.branch, t.revision, t.repository, t.codebase, (select count(*) from buildset_changes c \
            where c.buildset_id = b.buildset_id) from buildset_sourcestamps b join sourcestamps t on t.id = b.sourcestamp_id \
            where b.buildset_id = 2 order by t.codebase";
        out = world.rows(of_child, 5).await;
    });
    out
}

#[test]
fn the_source_is_that_of_the_build_or_what_is_said() {
    let repository = "https://github.com/halide/Halide";
    let cases = [
        ("", format!("main got1 {repository}  1")),
        ("update_sourcestamp = false", format!("main a1 {repository}  1")),
        ("always_use_latest = true", "- -   0".to_owned()),
        ("sourcestamp = { branch = 'b', revision = 'r' }", "b r   0".to_owned()),
        ("sourcestamps = { { branch = ci.property 'branch' } }", "main -   0".to_owned()),
    ];
    for (option, expected) in cases {
        let rows = source(&format!("schedulers = unix, {option}"), ("", ""));
        assert_eq!(rows, [expected], "{option}");
    }
    let codebases = "builders = { \"linux\" }, codebases = { [\"\"] = { repository = \"R\", branch = \"B\" }, llvm = { branch = \"L\" } }";
    let declared = ("builders = { \"linux\" }", codebases);
    for (option, expected) in [
        ("", [format!("main got1 {repository}  1"), "L -  llvm 1".to_owned()]),
        ("always_use_latest = true", ["B - R  0".to_owned(), "L -  llvm 0".to_owned()]),
        ("sourcestamp = { revision = 'r' }", ["B r R  0".to_owned(), "L -  llvm 0".to_owned()]),
    ] {
        let rows = source(&format!("schedulers = unix, {option}"), declared);
        assert_eq!(rows, expected, "{option}");
    }
}

#[test]
fn one_scheduler_may_be_triggered_several_times_by_a_step_of_ones_own() {
    let own = r#"ci.step_type { name = "own", run = function(step)
        local done = step:trigger {
          schedulers = {
            { name = "unix", properties = { part = 1 } },
            { name = "unix", properties = { part = 2 }, unimportant = true },
            step.build.number > 9 and "apple",
          },
          wait_for_finish = true, set_properties = { part = 0, all = true },
        }
        step:set_property("done", done)
        return done.results
      end } {}"#;
    let config = farm("schedulers = unix").replace("ci.steps.trigger { schedulers = unix }", own);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w2").await.expect([shell("linux"), shell("linux").exits(1)]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(
            world.builds().await,
            ["all/1 w1 success", "linux/1 w2 success", "linux/2 w2 failure"]
        );
        let done = "select value from build_properties where name = 'done'";
        let done: serde_json::Value =
            serde_json::from_str(&world.rows(done, 1).await.concat()).unwrap();
        assert_eq!(
            done,
            serde_json::json!({ "results": "success", "requests": [
                { "scheduler": "unix", "builder": "linux", "request": 2, "buildset": 2, "unimportant": false,
                  "results": "success", "build": 2, "number": 1,
                  "url": "https://ci.example.org/builders/2/builds/1" },
                { "scheduler": "unix", "builder": "linux", "request": 3, "buildset": 3, "unimportant": true,
                  "results": "failure", "build": 3, "number": 2,
                  "url": "https://ci.example.org/builders/2/builds/2" },
            ] })
        );
        let parts = "select p.name, p.value from build_properties p where p.name in ('part', 'all') order by p.build_id, p.name";
        assert_eq!(world.rows(parts, 2).await, ["all true", "part 1", "all true", "part 2"]);
    });
}

#[test]
fn what_cannot_be_triggered_is_said_and_starts_nothing() {
    let wrong = [
        (
            "schedulers = function() return { 'unix', 'main', 'nix' } end",
            "nothing is triggered: \"main\" is of the kind any_branch, there is no scheduler \"nix\"; only \
             ci.schedulers.triggerable and nightly_triggerable can be triggered",
        ),
        ("schedulers = ci.property 'none'", "expected a list of schedulers or a scheduler"),
        (
            "schedulers = unix, sourcestamp = { brunch = 'main' }",
            "a sourcestamp has no `brunch`. Did you mean `branch`?",
        ),
    ];
    for (option, said) in wrong {
        story(&farm(option), async |world: &mut World| {
            world.connect("w1").await;
            world.push("main", "a1").await;
            world.settle().await;
            assert_eq!(world.builds().await, ["all/1 w1 exception"]);
            let error = world.log(BuildId(1), "trigger", "error").await.join("\n");
            assert!(error.contains(said), "{error}");
            assert_eq!(world.int("select count(*) from buildsets").await, 1);
        });
    }
}

#[test]
fn a_scheduler_that_is_switched_off_starts_nothing_and_holds_nobody_up() {
    story(&farm(BOTH), async |world: &mut World| {
        let off = |conn: &halide_ci::store::Conn<'_>| {
            let sql = "update schedulers set enabled = 0 where name = 'unix'";
            conn.execute(sql, halide_ci::params![])
        };
        world.engine().write(off).await.unwrap();
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect([shell("after")]);
        world.connect("w3").await.expect([shell("mac")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["all/1 w1 success", "mac/1 w3 success"]);
        assert_eq!(
            trigger_step(world, 1).await,
            "trigger success triggered unix, apple, 1 success; switched off: unix"
        );
    });
}

#[test]
fn a_nightly_triggerable_builds_what_was_triggered_last_when_its_hour_comes() {
    let nightly = |hour: u32| {
        format!(
            "local unix = ci.schedulers.nightly_triggerable {{ name = \"unix\", hour = {hour}, timezone = \"UTC\","
        )
    };
    let farm = |hour: u32| {
        let with = "schedulers = unix, wait_for_finish = true, copy_properties = { 'revision' }";
        farm(with)
            .replace("local unix = ci.schedulers.triggerable { name = \"unix\",", &nightly(hour))
    };
    let night = "select cast(submitted_at / 1000000 - 1767225600 as text), parent_relationship, \
        cast(parent_build_id as text), json_extract(properties, '$.revision[0]'), reason from buildsets \
        where parent_build_id is not null order by id";
    story(&farm(3), async |world: &mut World| {
        world.connect("w1").await.expect([shell("after"), shell("after")]);
        world.pass(86_400).await;
        assert_eq!(world.rows(night, 5).await, [""; 0], "nothing was triggered");
        world.push("main", "a1").await;
        world.pass(60).await;
        world.push("main", "a2").await;
        world.pass(60).await;
        assert_eq!(world.builds().await, ["all/1 w1 success", "all/2 w1 success"]);
        assert_eq!(trigger_step(world, 2).await, "trigger success triggered unix");
        // It is kept over restarts and reloads.
        world.crash().await;
        world.start().await;
        world
            .reload(&farm(3).replace("\"linux\" }, prop", "\"linux\" }, priority = 9, prop"))
            .await
            .unwrap();
        world.connect("w2").await.expect([shell("linux")]);
        world.pass(2 * 86_400).await;
        let reason = "The nightly_triggerable scheduler named 'unix' triggered this build";
        let at = 86_400 + 3 * 3600;
        assert_eq!(
            world.rows(night, 5).await,
            [format!("{at} Triggered from 2 a2 {reason}")],
            "the newest, and once"
        );
        assert_eq!(world.builds().await.len(), 3);
        let revision = "select t.revision from buildset_sourcestamps b join sourcestamps t on t.id = b.sourcestamp_id \
            where b.buildset_id = 3";
        assert_eq!(world.rows(revision, 1).await, ["a2"]);
    });
}

#[test]
fn a_parent_on_the_worker_that_its_child_needs_is_named_by_why() {
    let config = farm(BOTH).replace("one(\"linux\", \"w2\"", "one(\"linux\", \"w1\"");
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        world
            .engine()
            .force(Force { scheduler: "force".to_owned(), ..Force::default() })
            .await
            .unwrap();
        world.pass(10).await;
        let why = world.engine().why(RequestId(2)).await.unwrap();
        let said: Vec<String> = why.reasons().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["worker w1 builds all #1 and takes at most 1 build at once"]);
        world.engine().stop_build(BuildId(1), "enough".to_owned()).await.unwrap();
        world.settle().await;
    });
}
