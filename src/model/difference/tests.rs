//! Differences of small configurations, told in lines.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::config::{
    BranchScheduler, BuilderConfig, Callback, LockAccess, LockList, LockMode, SchedulerConfig,
    SchedulerKind, Site, StepConfig, StepFlags, StepOption, WorkerConfig,
};
use crate::model::render::Renderable;

fn site(line: u32) -> Site {
    Site { file: "master.lua".into(), line }
}

fn worker(name: &str, max_builds: u32, line: u32) -> WorkerConfig {
    WorkerConfig {
        max_builds: Some(max_builds),
        site: site(line),
        ..WorkerConfig::new(name, Secret::new("x"))
    }
}

fn step(name: &str, command: &str) -> Arc<StepConfig> {
    let constant = |text: &str| Renderable::Constant(json!(text));
    Arc::new(StepConfig {
        kind: "shell".to_owned(),
        name: (!name.is_empty()).then(|| constant(name)),
        run: Callback { slot: 0, site: site(0), fingerprint: 0 },
        options: BTreeMap::from([("command".to_owned(), StepOption::Value(constant(command)))]),
        flags: StepFlags::default(),
        do_step_if: None,
        retry: None,
        group: None,
        hide_step_if: None,
        locks: LockList::default(),
        description: None,
        description_done: None,
        description_suffix: None,
        site: site(1),
    })
}

fn builder(name: &str, steps: &[&str]) -> BuilderConfig {
    BuilderConfig {
        workers: vec!["a".to_owned()],
        steps: steps.iter().map(|s| step(s, s)).collect(),
        site: site(1),
        ..BuilderConfig::new(name)
    }
}

fn of_builders(builders: &[BuilderConfig]) -> Config {
    Config { builders: builders.to_vec(), ..Config::default() }
}

#[test]
fn what_came_went_and_changed_is_named_and_places_do_not_count() {
    let old = Config { workers: vec![worker("a", 1, 3), worker("b", 1, 4)], ..Config::default() };
    let new = Config {
        workers: vec![worker("b", 1, 9), worker("c", 1, 10)],
        title: "T".to_owned(),
        ..Config::default()
    };
    assert_eq!(lines(&old, &new), ["~ title", "+ worker c", "- worker a"]);
    let newer = Config { workers: vec![worker("b", 2, 9)], ..Config::default() };
    let older = Config { workers: vec![worker("b", 1, 1)], ..Config::default() };
    assert_eq!(lines(&older, &newer), ["~ worker b: max_builds"]);
    let password = WorkerConfig { password: Secret::new("y"), ..worker("b", 1, 1) };
    let secret = Config { workers: vec![password], ..Config::default() };
    assert_eq!(lines(&older, &secret), ["~ worker b: password"]);
}

#[test]
fn settings_name_their_options_and_what_waits_for_a_restart() {
    let old = Config::default();
    let mut new = Config::default();
    new.protocols.port += 1;
    new.limits.cpu_seconds = 2.0;
    new.properties = BTreeMap::from([("os".to_owned(), json!("linux"))]);
    let told = lines(&old, &new);
    let restart = "(port takes effect after a restart: halide-ci restart)";
    let wanted = [
        format!("~ protocols: port {restart}"),
        "~ properties: os".to_owned(),
        "~ limits: cpu_seconds".to_owned(),
    ];
    assert_eq!(told, wanted);
    let secrets = Config { secrets: vec![Secret::new("x")], ..Config::default() };
    assert_eq!(lines(&old, &secrets), ["~ secrets"]);
}

#[test]
fn a_scheduler_names_the_options_of_its_kind() {
    let scheduler = |timer| {
        let rules = BranchScheduler { tree_stable_timer: timer, ..BranchScheduler::default() };
        SchedulerConfig::new("s", &["b"], SchedulerKind::Branch(rules))
    };
    let of = |s: SchedulerConfig| Config { schedulers: vec![s], ..Config::default() };
    let changed = SchedulerConfig { builders: vec!["c".to_owned()], ..scheduler(Some(5.0)) };
    let told = lines(&of(scheduler(None)), &of(changed));
    assert_eq!(told, ["~ scheduler s: builders, tree_stable_timer"]);
}

#[test]
fn steps_are_told_by_number_name_and_option() {
    let told = |old: &[&str], new: &[&str]| {
        lines(&of_builders(&[builder("b", old)]), &of_builders(&[builder("b", new)]))
    };
    assert_eq!(told(&["x", "y"], &["x", "n", "y"]), [r#"~ builder b: new step 2 "n""#]);
    assert_eq!(told(&["x", "n", "y"], &["x", "y"]), [r#"~ builder b: without step 2 "n""#]);
    let moved = [r#"~ builder b: step 3 "x": moved, was step 1"#];
    assert_eq!(told(&["x", "y", "z"], &["y", "z", "x"]), moved);
    let mut changed = builder("b", &["x", "y"]);
    changed.steps[1] = step("y", "other");
    Arc::make_mut(&mut changed.steps[1]).flags.halt_on_failure = true;
    Arc::make_mut(&mut changed.steps[0]).name = Some(Renderable::Constant(json!("first")));
    changed.tags = vec!["t".to_owned()];
    let told = lines(&of_builders(&[builder("b", &["x", "y"])]), &of_builders(&[changed]));
    let wanted = [
        "~ builder b: tags",
        r#"~ builder b: step 1 "first": renamed, was "x""#,
        r#"~ builder b: step 2 "y": command, halt_on_failure"#,
    ];
    assert_eq!(told, wanted);
    let unnamed = |command| {
        let mut builder = builder("b", &[]);
        builder.steps = vec![step("", command)];
        of_builders(&[builder])
    };
    assert_eq!(lines(&unnamed("x"), &unnamed("y")), ["~ builder b: step 1 shell: command"]);
}

#[test]
fn what_many_builders_share_is_told_once() {
    let farm = |command: &str| {
        let names = ["a", "b", "c", "d", "e"];
        let builders = names.map(|name| BuilderConfig {
            steps: vec![step("Build", command)],
            ..builder(name, &[])
        });
        of_builders(&builders)
    };
    let told = lines(&farm("x"), &farm("y"));
    assert_eq!(told, [r#"~ builders a, b, c and 2 more: step 1 "Build": command"#]);
    let (mut old, new) = (farm("x"), farm("x"));
    old.builders.swap(0, 1);
    assert_eq!(lines(&old, &new), ["~ the order of the builders"]);
}

#[test]
fn locks_are_compared_by_name() {
    let lock = |name: &str| LockConfig {
        name: name.to_owned(),
        max_count: 1,
        max_count_for_worker: BTreeMap::new(),
        for_master: true,
    };
    let with = |locks: &[&str], index| {
        let access = LockAccess { lock: index, mode: LockMode::Exclusive };
        let builder = BuilderConfig {
            locks: LockList { fixed: vec![access], rendered: Vec::new() },
            ..builder("b", &["x"])
        };
        let locks = locks.iter().map(|name| lock(name)).collect();
        Config { locks, ..of_builders(&[builder]) }
    };
    let told = lines(&with(&["l"], 0), &with(&["new", "l"], 1));
    assert_eq!(told, ["+ lock new"]);
    let told = lines(&with(&["l"], 0), &with(&["m"], 0));
    assert_eq!(told, ["+ lock m", "- lock l", "~ builder b: locks"]);
}
