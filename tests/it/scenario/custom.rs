//! Schedulers, reporters and hooks that the configuration itself makes.

use halide_ci::model::delivery::NewDelivery;

use super::{FARM, World, story};
use crate::sim::hand::shell;

/// The farm with `types` before its schedulers and `schedulers` beside them.
fn farm(types: &str, schedulers: &str) -> String {
    FARM.replace("c.schedulers = {", &format!("{types}\nc.schedulers = {{\n{schedulers}"))
}

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
        let value = |name: &str| format!("select value, source from build_properties where name = '{name}'");
        assert_eq!(world.rows(&value("revision"), 2).await, ["\"a3\" Build"]);
        assert_eq!(world.rows(&value("n"), 2).await, ["3 Scheduler"]);
        let verdicts = world.rows("select verdicts from changes order by id", 1).await;
        assert!(verdicts[0].contains("it started nothing"), "{verdicts:?}");
        assert!(verdicts[2].contains("it started 1 buildset"), "{verdicts:?}");
        let state = world.rows("select state from scheduler_states", 1).await;
        assert_eq!(state, [r#"{"waiting":[]}"#]);
    });
}
