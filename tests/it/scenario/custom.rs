//! Schedulers, reporters and hooks that the configuration itself makes: told once, whatever happens
//! to the master meanwhile, and when one fails, nobody else is hurt.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;
use halide_ci::model::delivery::NewDelivery;
use serde_json::json;

use super::{FARM, World, all_steps, story};
use crate::sim::fake_github::Fault;
use crate::sim::hand::shell;
use crate::sim::payload;

/// The farm with `types` before its schedulers and `schedulers` beside them.
fn farm(types: &str, schedulers: &str) -> String {
    FARM.replace("c.schedulers = {", &format!("{types}\nc.schedulers = {{\n{schedulers}"))
}

/// Builds when a number of changes has come.
const GATHER: &str = r#"
local gather = ci.scheduler_type {
  name = "gather",
  options = { count = "integer" },
  on_change = function(scheduler, change)
    local waiting = scheduler.state.waiting or {}
    waiting[#waiting + 1] = change.id
    if #waiting >= scheduler.options.count then
      scheduler:build { changes = waiting, reason = "enough of " .. change.branch, properties = { n = #waiting } }
      waiting = {}
    end
    scheduler.state.waiting = ci.json.array(waiting)
  end,
}"#;

#[test]
fn a_scheduler_in_lua_remembers_over_restarts_and_reloads() {
    let config = farm(
        GATHER,
        r#"gather { name = "g", builders = { "linux" }, count = 3, change_filter = { branch = "release" } },"#,
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("release", "a1").await;
        world.settle().await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.push("release", "a2").await;
        world.settle().await;
        world.reload(&config.replace("enough of", "three of")).await.unwrap();
        assert_eq!(world.builds().await, [""; 0]);
        world.push("release", "a3").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        assert_eq!(world.rows("select reason from buildsets", 1).await, ["three of release"]);
        assert_eq!(world.int("select count(*) from buildset_changes").await, 3);
        let value = |name: &str| {
            format!("select value, source from build_properties where name = '{name}'")
        };
        assert_eq!(world.rows(&value("revision"), 2).await, ["\"a3\" Build"]);
        assert_eq!(world.rows(&value("n"), 2).await, ["3 Scheduler"]);
        let verdicts = world.rows("select verdicts from changes order by id", 1).await;
        assert!(verdicts[0].contains("it started nothing"), "{verdicts:?}");
        assert!(verdicts[2].contains("it started 1 buildset"), "{verdicts:?}");
        let state = world.rows("select state from scheduler_states", 1).await;
        assert_eq!(state, [r#"{"waiting":[]}"#]);
    });
}

/// Builds each change after asking somebody for ten seconds.
const SLOW: &str = r#"
local slow = ci.scheduler_type {
  name = "slow",
  on_change = function(scheduler, change)
    scheduler.state.calls = (scheduler.state.calls or 0) + 1
    ci.sleep(10)
    scheduler:build { reason = "first" }
  end,
}"#;

fn slow() -> String {
    farm(
        SLOW,
        r#"slow { name = "s", builders = { "linux" }, change_filter = { branch = "release" } },"#,
    )
}

#[test]
fn a_call_that_a_crash_cuts_off_is_made_again_and_builds_once() {
    story(&slow(), async |world: &mut World| {
        world.push("release", "a1").await;
        world.pass(5).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        let state = world.rows("select state from scheduler_states", 1).await;
        assert_eq!(state, [r#"{"calls":1}"#], "what was not committed was not remembered");
    });
}

#[test]
fn a_call_that_a_reload_overtakes_is_made_again_by_the_new_function() {
    story(&slow(), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.push("release", "a1").await;
        world.pass(5).await;
        world.reload(&slow().replace("first", "second")).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        assert_eq!(world.rows("select reason from buildsets", 1).await, ["second"]);
    });
}

#[test]
fn what_a_pull_request_that_is_closed_brought_is_not_told_any_more() {
    let config = farm(
        SLOW,
        r#"slow { name = "s", builders = { "linux" }, change_filter = { category = "pull" } },"#,
    );
    let config = config.replace("tree_stable_timer = 300", "tree_stable_timer = 30");
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.pull_request("opened", 7, "p1").await;
        world.pass(5).await;
        world.pull_request("closed", 7, "p1").await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
    });
}

/// Builds every so often.
const EVERY: &str = r#"
local every = ci.scheduler_type {
  name = "every",
  options = { seconds = "number" },
  on_timer = function(scheduler, now)
    if scheduler.state.began then scheduler:build { builders = "linux", properties = { at = now } } end
    scheduler.state.began = true
    return now + scheduler.options.seconds
  end,
}"#;

#[test]
fn a_timer_survives_restarts_and_reloads() {
    let config = farm(EVERY, r#"every { name = "e", builders = { "linux" }, seconds = 1000 },"#);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.pass(400).await;
        world.reload(&config.replace("seconds = 1000", "seconds = 500")).await.unwrap();
        world.pass(400).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        assert_eq!(world.builds().await, [""; 0]);
        world.pass(210).await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"], "the old timer held");
        world.pass(500).await;
        assert_eq!(world.builds().await.len(), 2, "and the new interval begins after it");
        let at = world.rows("select value from build_properties where name = 'at'", 1).await;
        let at: Vec<f64> = at.iter().map(|text| text.parse().unwrap()).collect();
        assert!((at[1] - at[0] - 500.0).abs() < 0.1, "{at:?}");
    });
}

#[test]
fn a_timer_that_asks_for_the_past_does_not_spin_and_one_that_fails_comes_back() {
    let config = farm(EVERY, r#"every { name = "e", builders = { "linux" }, seconds = 0 },"#);
    let broken = config.replace("scheduler.state.began = true", "error 'broken'");
    story(&broken, async |world: &mut World| {
        world.pass(100).await;
        let state = "select cast(failures as text), error from scheduler_states";
        let seen = world.rows(state, 2).await;
        assert!(seen[0].starts_with("2 master.lua:") && seen[0].ends_with("broken"), "{seen:?}");
        world.reload(&config.replace("scheduler:build {", "local _ = {")).await.unwrap();
        world.pass(150).await;
        assert_eq!(world.rows(state, 2).await, ["0 -"]);
        let calls = world.transcript().matches("wants 0 buildsets").count();
        assert!((60..=75).contains(&calls), "{calls} calls");
    });
}

#[test]
fn a_scheduler_that_fails_is_visible_and_hurts_nobody() {
    let types = format!("{GATHER}\n")
        .replace("local waiting = scheduler", "local waiting = scheduler.nothing");
    let config = farm(&types, r#"gather { name = "g", builders = { "linux" }, count = 1 },"#);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"], "of the other scheduler");
        let verdicts = world.rows("select verdicts from changes", 1).await;
        assert!(verdicts[0].contains("failed: master.lua:"), "{verdicts:?}");
        assert!(verdicts[0].contains("a scheduler has no field `nothing`"), "{verdicts:?}");
    });
}

#[test]
fn what_a_scheduler_asks_for_wrongly_is_said_at_its_line() {
    for (call, said) in [
        (
            "scheduler:build { builder = 'linux' }",
            "scheduler:build has no option `builder`. Did you mean `builders`?",
        ),
        (
            "scheduler:build { builders = 'windows' }",
            "the scheduler does not start the builder `windows`.",
        ),
        ("scheduler:build { changes = { 99 } }", "there is no change 99."),
        ("scheduler:build { changes = 'a1' }", "takes changes or their ids, not a string"),
        (
            "scheduler:build { sourcestamps = { brnch = 'x' } }",
            "has no option `brnch`. Did you mean `branch`?",
        ),
        (
            "scheduler:build { priority = 'high' }",
            "`priority` of scheduler:build must be an integer, not a string",
        ),
        ("scheduler:at 'noon'", "is a time in seconds since 1970"),
        ("scheduler.state = { f = print }", "scheduler.state must be plain data, not a function"),
        ("scheduler.name = 'x'", "`name` of a scheduler cannot be set here."),
        ("scheduler.options.count = 7", "options cannot be changed here."),
        (
            "local _ = scheduler.options.cuont",
            "there is no field `cuont` here. Did you mean `count`?",
        ),
    ] {
        let types = GATHER.replace("local waiting = scheduler.state.waiting or {}", call);
        let types = types.replace("waiting[#waiting + 1] = change.id", "local waiting = {}");
        let config = farm(&types, r#"gather { name = "g", builders = { "linux" }, count = 9 },"#);
        let config = config.replace("scheduler.state.waiting = ci.json.array(waiting)", "");
        let config = config.replace(r#"branch = "main""#, r#"branch = "never""#);
        story(&config, async |world: &mut World| {
            world.push("main", "a1").await;
            world.settle().await;
            let verdicts = world.rows("select verdicts from changes", 1).await;
            assert!(verdicts[0].contains(said), "{call}: {verdicts:?}");
            assert_eq!(world.int("select count(*) from buildsets").await, 0, "{call}");
        });
    }
}

#[test]
fn a_scheduler_is_told_of_buildsets_and_may_go_on_from_them() {
    let types = r#"
local after = ci.scheduler_type {
  name = "after",
  options = { upstream = "string" },
  on_buildset = function(scheduler, set)
    if set.scheduler ~= scheduler.options.upstream then return end
    if set.results == "success" then
      scheduler:build { reason = "after " .. set.builders[1].name, properties = { upstream = set.id } }
    else
      scheduler.state.refused = set.results
    end
  end,
}"#;
    let config =
        farm(types, r#"after { name = "a", builders = { "second" }, upstream = "main" },"#);
    let config = config.replace(r#"workers = { "w1", "w2" }"#, r#"workers = { "w1" }"#);
    let config = config.replace(
        "c.builders = {",
        "c.builders = { ci.builder { name = 'second', workers = { 'w2' }, factory = { \
         ci.steps.shell { command = { 'deploy' } } } },",
    );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect([
            shell("make").exits(2),
            shell("make clean"),
            shell("make"),
            shell("make test"),
            shell("make clean"),
        ]);
        world.connect("w2").await.expect([shell("deploy")]);
        world.push("main", "a1").await;
        world.pass(10).await;
        world.push("main", "a2").await;
        world.settle().await;
        let builds = world.builds().await;
        assert_eq!(builds, ["linux/1 w1 failure", "linux/2 w1 success", "second/1 w2 success"]);
        let sql = "select value from build_properties p join builds b on b.id = p.build_id \
                   where b.id = 3 and name = 'revision'";
        assert_eq!(world.rows(sql, 1).await, ["\"a2\""]);
        let state = world.rows("select state from scheduler_states", 1).await;
        assert_eq!(state, [r#"{"refused":"failure"}"#]);
    });
}

/// A reporter that sets commit statuses by hand.
fn reporting(send: &str) -> String {
    let types = format!(
        r#"
local by_hand = ci.reporter_type {{
  name = "by_hand",
  options = {{ token = "string" }},
  send = function(reporter, event)
    {send}
    for _, stamp in ipairs(event.sourcestamps) do
      local answer = ci.http.post("https://api.github.com/repos/" .. stamp.project .. "/statuses/" .. stamp.revision, {{
        headers = {{ authorization = "token " .. reporter.options.token }},
        json = {{
          state = event.kind == "build_started" and "pending" or event.results,
          description = event.builder .. " " .. (event.state_string or ""),
          context = reporter.name, target_url = event.url,
        }},
      }})
      if not answer.ok then error("GitHub answered " .. answer.status) end
    end
  end,
}}
c.reporters = {{ by_hand {{ name = "hand", token = "token-of-github", builders = {{ "linux" }} }} }}
return c"#
    );
    let farm = FARM.split("c.reporters = {").next().unwrap();
    format!("{farm}{types}")
}

#[test]
fn a_reporter_in_lua_outlives_outages_and_restarts_in_order() {
    story(&reporting(""), async |world: &mut World| {
        world.github.require_token("token-of-github");
        world.connect("w1").await.expect(all_steps());
        world.github.fault(Fault::Outage);
        world.push("main", "a1").await;
        world.pass(60).await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"], "it waits for nobody");
        let errors = world.rows("select kind, error from outbox where error is not null", 2).await;
        assert_eq!(errors.len(), 1, "the end waits for the beginning: {errors:?}");
        assert!(errors[0].contains("GitHub answered 500"), "{errors:?}");
        world.crash().await;
        world.start().await;
        world.connect("w1").await;
        world.github.fault(Fault::None);
        world.settle().await;
        let history = world.github.history(payload::REPOSITORY, "a1");
        let states: Vec<&str> = history.iter().map(|s| s.state.as_str()).collect();
        assert_eq!(states, ["pending", "success"]);
        assert_eq!(history[1].context, "hand");
        assert_eq!(history[1].target_url, "https://ci.example.org/builders/1/builds/1");
    });
}

#[test]
fn a_reporter_may_give_up_and_one_that_fails_for_a_day_is_given_up() {
    let give_up = r#"if event.kind == "build_started" then reporter:give_up("nobody asked") return end
    error("the secret-of-the-hook is wrong")"#;
    story(&reporting(give_up), async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        let rows = world.rows("select state, error from outbox order by id", 2).await;
        assert_eq!(rows[0], "failed nobody asked");
        assert!(rows[1].starts_with("failed Given up after a day and "), "{rows:?}");
        assert!(
            rows[1].contains("master.lua:") && !rows[1].contains("secret-of-the-hook"),
            "{rows:?}"
        );
    });
}

/// The farm with a hook `ops` that takes lists of branches.
fn hooked(read: &str) -> String {
    let types = format!(
        r#"
local ops = ci.hook_type {{
  name = "ops",
  options = {{ project = "string" }},
  read = function(hook, request) {read} end,
}}
c.www = {{ port = 0, change_hooks = {{ ops = ops {{ secret = "secret-of-ops", project = "halide/Halide" }} }} }}"#
    );
    FARM.replace("c.www = { port = 0,", &format!("{types}\nlocal _ = {{ port = 0,"))
}

fn ops(guid: &str, body: &serde_json::Value) -> NewDelivery {
    NewDelivery {
        dialect: "ops".to_owned(),
        guid: guid.to_owned(),
        event: "request".to_owned(),
        line: "ops".to_owned(),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: body.to_string().into_bytes(),
        head: None,
    }
}

#[test]
fn a_hook_in_lua_makes_changes_of_stored_deliveries() {
    let read = r#"
      if #request.json.branches == 0 then return hook:skip "nothing to do" end
      return ci.list.map(request.json.branches, function(branch)
        return { branch = branch, author = request.json.by, comments = hook.name, project = hook.options.project }
      end)"#;
    story(&hooked(read), async |world: &mut World| {
        world
            .engine()
            .deliver(ops("1", &json!({ "by": "me", "branches": ["main", "x"] })))
            .await
            .unwrap();
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect(all_steps());
        world.engine().deliver(ops("2", &json!({ "by": "me", "branches": [] }))).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        let changes = world.rows("select author, branch, comments, project from changes", 4).await;
        assert_eq!(changes, ["me main ops halide/Halide", "me x ops halide/Halide"]);
        let verdicts = world.rows("select state, verdict from deliveries order by id", 2).await;
        assert!(
            verdicts[0].starts_with("handled 2 changes from the function at master.lua:"),
            "{verdicts:?}"
        );
        assert_eq!(verdicts[1], "handled Skipped: nothing to do");
    });
}

#[test]
fn a_hook_that_fails_says_where_and_is_read_again_when_it_is_sent_again() {
    for (read, said) in [
        ("return request.json.nothing.more", "attempt to index a nil value"),
        ("return 'main'", "returns a list of changes (or nil for none), not a string"),
        ("return { branch = 'main' }", "returns a list of changes: { { revision = …, … } }"),
        ("return { { brnch = 'main' } }", "unknown field `brnch`"),
    ] {
        story(&hooked(read), async |world: &mut World| {
            world.engine().deliver(ops("1", &json!({}))).await.unwrap();
            world.settle().await;
            let verdict = world.rows("select state, verdict from deliveries", 2).await;
            assert!(verdict[0].starts_with("failed master.lua:"), "{verdict:?}");
            assert!(verdict[0].contains(said), "{verdict:?}");
            world.reload(&hooked("return { { branch = 'other' } }")).await.unwrap();
            world.engine().deliver(ops("1", &json!({}))).await.unwrap();
            world.settle().await;
            assert_eq!(world.int("select count(*) from changes").await, 1);
        });
    }
}

/// A farm of a thousand builders whose one step waits in several ways.
fn thousand(step: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
local wait = ci.step_type {{
  name = "wait",
  run = function(step) {step} end,
}}
c.builders = {{}}
for n = 1, 1000 do
  c.builders[n] = ci.builder {{ name = "b" .. n, workers = {{ "w1" }}, factory = {{ wait {{}} }} }}
end
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
return c"#
    )
}

async fn force_all(world: &World) {
    let force = Force { scheduler: "force".to_owned(), ..Force::default() };
    assert_eq!(world.engine().force(force).await.unwrap().requests.len(), 1000);
}

#[test]
fn a_thousand_steps_wait_at_once_on_one_state() {
    let step = r#"
      local out = ci.parallel {
        slept = function() ci.sleep(3600) return "slept" end,
        asked = function() return ci.http.get "https://api.github.com/nothing" end,
        own = coroutine.wrap(function() ci.sleep(1800) return step.build.properties.buildername end),
      }
      step:set_property("out", out.slept .. out.asked.status .. out.own)"#;
    let transcript = story(&thousand(step), async |world: &mut World| {
        world.connect("w1").await;
        force_all(world).await;
        world.pass(1800).await;
        assert_eq!(world.int("select count(*) from builds where complete_at is null").await, 1000);
        world.settle().await;
        assert_eq!(world.int("select count(*) from builds where results = 0").await, 1000);
        let out = world.rows("select value from build_properties where name = 'out'", 1).await;
        assert_eq!(out.len(), 1000);
        assert!(out.contains(&"\"slept404b777\"".to_owned()), "{:?}", &out[..3]);
        assert_eq!(world.github.requests().len(), 1000);
    });
    let last = transcript.lines().last().unwrap().trim_start().split(' ').next().unwrap();
    let last: f64 = last.parse().unwrap();
    assert!(last < 3700.0, "they waited one after the other: {last}");
}

#[test]
fn steps_that_wait_are_cancelled_at_once() {
    let step = r#"
      pcall(function() ci.parallel { function() ci.sleep(86400) end, function() ci.sleep(86400) end } end)
      ci.sleep(86400)"#;
    story(&thousand(step), async |world: &mut World| {
        world.connect("w1").await;
        force_all(world).await;
        world.pass(60).await;
        for build in 1..=1000 {
            let reason = "nobody waits for it".to_owned();
            world.engine().stop_build(BuildId(build), reason).await.unwrap();
        }
        world.pass(20).await;
        assert_eq!(world.int("select count(*) from builds where results = 6").await, 1000);
    });
}
