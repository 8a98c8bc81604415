//! Why a request waits: told for each thing that can be in the way, and never wrongly.

use halide_ci::base::id::{ChangeId, RequestId, SchedulerId};
use halide_ci::engine::Refusal;
use halide_ci::model::why::Why;

use super::{FARM, World, story};
use crate::scenario::locks::force;
use crate::sim::hand::shell;

/// What request `id` waits for, in words; what is being built is told first.
pub(super) async fn why(world: &World, id: i64) -> Vec<String> {
    match world.engine().why(RequestId(id)).await {
        Ok(why) => {
            let build = match &why {
                Why::Building { build, .. } => Some(format!("{build} runs")),
                Why::Waiting { .. } => None,
            };
            build.into_iter().chain(why.reasons().iter().map(ToString::to_string)).collect()
        }
        Err(refusal) => vec![refusal.to_string()],
    }
}

#[test]
fn workers_that_are_away_or_busy_and_requests_that_come_first_are_told() {
    story(FARM, async |world: &mut World| {
        force(world, "a1", "a1").await;
        assert_eq!(
            why(world, 1).await,
            ["worker w1 is not connected", "worker w2 is not connected"]
        );
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10)]);
        world.pass(1).await;
        assert_eq!(why(world, 1).await, ["linux #1 runs"]);
        force(world, "a2", "a2").await;
        force(world, "a3", "a3").await;
        let about_workers =
            ["worker w1 builds this builder's linux #1 already", "worker w2 is not connected"];
        assert_eq!(why(world, 2).await, about_workers);
        let third = why(world, 3).await;
        assert_eq!(third[0], "request 2 of the same builder comes first");
        assert_eq!(third[1..], about_workers);
        w1.obey();
        world.settle().await;
        assert_eq!(why(world, 1).await, ["Request 1 waits for nothing: it is complete."]);
        let unknown = world.engine().why(RequestId(99)).await;
        assert_eq!(unknown, Err(Refusal::Missing("There is no request 99.".to_owned())));
    });
}

/// [`FARM`] with a second builder on `w1`, which forces start too; each `(from, to)` is replaced.
fn two_builders(changes: &[(&str, &str)]) -> String {
    let other = r#"c.builders = {
  ci.builder { name = "other", workers = { "w1" }, factory = f },"#;
    let forced = r#"force { name = "force", builders = { "linux", "other" }"#;
    let config = FARM
        .replace("c.builders = {", other)
        .replace(r#"force { name = "force", builders = { "linux" }"#, forced);
    changes.iter().fold(config, |config, (from, to)| {
        assert!(config.contains(from), "{from}");
        config.replace(from, to)
    })
}

#[test]
fn a_full_worker_names_what_it_builds() {
    let config = two_builders(&[("max_builds = 2", "max_builds = 1")]);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10)]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        let (first, second) = (why(world, 1).await, why(world, 2).await);
        let runs = usize::from(first[0].ends_with("other #1 runs"));
        let waits = [second, first][runs].clone();
        let named = ["linux #1", "other #1"][runs];
        let full = format!("worker w1 builds {named} and takes at most 1 build at once");
        assert_eq!(waits[0], full);
        w1.obey();
        world.settle().await;
    });
}

#[test]
fn who_holds_a_lock_is_told_to_requests_and_to_steps() {
    let lock = (
        "local f = ci.factory()",
        "local lock = ci.master_lock { name = 'alone' }\nlocal f = ci.factory()",
    );
    let of_builders = ("factory = f }", "factory = f, locks = { lock:access 'exclusive' } }");
    story(&two_builders(&[lock, of_builders]), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10)]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        let told = [why(world, 1).await, why(world, 2).await];
        let waits = told.iter().find(|lines| !lines[0].ends_with("runs")).unwrap();
        let holder = told.iter().find_map(|lines| lines[0].strip_suffix(" runs")).unwrap();
        assert_eq!(waits[0], format!("{holder} holds the lock \"alone\""));
        w1.obey();
        world.settle().await;
    });
    let of_step =
        (r#"command = { "make" }"#, r#"command = { "make" }, locks = { lock:access "exclusive" }"#);
    story(&two_builders(&[lock, of_step]), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10)]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        let mut told = [why(world, 1).await, why(world, 2).await];
        told.sort_by_key(Vec::len);
        let holder = told[0][0].strip_suffix(" runs").unwrap();
        assert_eq!(told[1][1..], [format!("{holder} holds the lock \"alone\"")]);
        w1.obey();
        world.settle().await;
    });
}

#[test]
fn functions_that_say_no_and_builders_that_are_gone_are_told() {
    let no = ("factory = f }", "factory = f, can_start_build = function() return false end }");
    story(&two_builders(&[no]), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        force(world, "a1", "a1").await;
        world.pass(1).await;
        let told = why(world, 1).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("no from can_start_build (master.lua:"), "{told:?}");
        w1.obey();
        let gone = two_builders(&[("{ \"linux\", \"other\" }", "{ \"linux\" }")]);
        let at = gone.find("  ci.builder { name = \"other\"").unwrap();
        let end = at + gone[at..].find('\n').unwrap();
        world.reload(&gone.replace(&gone[at..end], "")).await.unwrap();
        let told = [why(world, 1).await, why(world, 2).await].concat();
        let gone = "the configuration has no builder \"other\" any more".to_owned();
        assert!(told.contains(&gone), "{told:?}");
        world.settle().await;
    });
}

/// What holds the change `id`, a line for each scheduler.
async fn held(world: &World, id: i64) -> Vec<String> {
    let held = world.engine().holds(vec![ChangeId(id)]).await.unwrap().remove(0);
    held.iter().map(|held| format!("{} {}", held.scheduler, held.waits)).collect()
}

#[test]
fn a_change_says_until_when_its_schedulers_wait() {
    let night = r#"ci.schedulers.nightly { name = "night", builders = { "linux" }, hour = 3, timezone = "UTC",
      only_if_changed = true },
  ci.schedulers.force"#;
    let config = FARM.replace("ci.schedulers.force", night);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.obey();
        world.pull_request("opened", 7, "p1").await;
        world.pass(10).await;
        let told = [
            "pulls waits until 2026-01-01 00:05:00 UTC for the tree to be stable",
            "night waits until 2026-01-01 03:00:00 UTC, its next time",
        ];
        assert_eq!(held(world, 1).await, told);
        let json = world.engine().verdicts(ChangeId(1)).await.unwrap();
        let verdicts = json["verdicts"].as_array().unwrap();
        let of = |name: &str| verdicts.iter().find(|v| v["scheduler"] == name).unwrap();
        assert_eq!(of("pulls")["waits"]["kind"], "stable");
        assert_eq!(of("pulls")["waits"]["until"], 1_767_225_900);
        assert_eq!(of("pulls")["verdict"], "taken");
        assert_eq!(of("main")["waits"], serde_json::Value::Null);
        world.crash().await;
        world.start().await;
        assert_eq!(held(world, 1).await, told, "a restart changes nothing of it");
        world.engine().switch_scheduler(SchedulerId(2), false).await.unwrap();
        assert_eq!(held(world, 1).await[0], "pulls is off; it goes on when it is switched on");
        world.engine().switch_scheduler(SchedulerId(2), true).await.unwrap();
        world.reload(&FARM.replace(r#"name = "pulls""#, r#"name = "other""#)).await.unwrap();
        let gone = "is not in the configuration any more; it has an hour to come back";
        assert_eq!(held(world, 1).await, [format!("pulls {gone}"), format!("night {gone}")]);
        world.reload(&config).await.unwrap();
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(held(world, 1).await, [""; 0]);
        let unknown = world.engine().verdicts(ChangeId(9)).await;
        assert_eq!(unknown, Err(Refusal::Missing("There is no change 9.".to_owned())));
    });
}
