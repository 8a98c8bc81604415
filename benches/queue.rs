//! A hundred thousand waiting requests of two hundred builders on fifty workers: what a decision of
//! the queue costs, with and without the commit, how long a restart takes, how much memory it holds.
//! The engine is the real one; workers and Lua are stand-ins that cost nothing. `cargo bench --bench
//! queue`; with `-- --quick` a tenth of the requests, `-- --sync` with a database that waits for the
//! disk. The goals: 10 ms for a decision (p99), 3 s for a restart, 256 MiB.
//!
//! Three ways to look at the queue: every worker may build every builder; a lock that all builders
//! want alone, so that they stand in line; `prioritize_builders`, which is asked again each time.
//!
//! Figures on two cores, p99 in ms without and with the commit, and the memory of one process over
//! all three:
//!
//! ```text
//!                           plain        lock           prioritize_builders
//! a priority changes      0.0 / 0.1    0.4 / 0.5        0.2 / 1.9
//! a build ends, next      0.3 / 0.7    1.3 / 1.6        1.3 / 7.8 (two questions and answers)
//! a request is made       0.1 / 0.7    1.0 / 1.9        0.4 / 2.4
//! a restart               0.17 s       0.12 s           0.41 s
//! memory                  64 MiB       95 MiB           131 MiB
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and takes the time"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use halide_ci::base::clock::Clock;
use halide_ci::base::id::RequestId;
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;
use halide_ci::base::secret::Secret;
use halide_ci::engine::input::{Force, NewGeneration};
use halide_ci::engine::ports::OnMaster;
use halide_ci::engine::ports::{
    Argument, CommandEvent, Future, Link, ScriptError, Scripts, StepRun,
};
use halide_ci::engine::recover::{self, Parts};
use halide_ci::engine::tasks::Tasks;
use halide_ci::engine::{Engine, Generation, Sabotage};
use halide_ci::model::command::Command;
use halide_ci::model::config::{
    BuilderConfig, Callback, Condition, Config, Decisions, ForceScheduler, LockAccess, LockConfig,
    LockMode, SchedulerConfig, SchedulerKind, Site, WorkerConfig,
};
use halide_ci::model::delivery::{Delivery, Reading};
use halide_ci::model::event::Event;
use halide_ci::model::sourcestamp::Sourcestamp;
use halide_ci::model::worker::WorkerInfo;
use halide_ci::store::{Store, StoreOptions};
use serde_json::{Value as Json, json};
use tokio::sync::{Semaphore, mpsc};

const BUILDERS: usize = 200;
const WORKERS: usize = 50;
const SLOTS: u32 = 4;

/// Functions of the configuration: `do_build_if` returns when the bench lets a build end, and
/// `prioritize_builders` returns what it was given.
struct Gate(Semaphore);

/// The number of `do_build_if`.
const END: u32 = 0;

impl Scripts for Gate {
    fn call(
        &self,
        callback: &Callback,
        args: Vec<Argument>,
    ) -> Future<'_, Result<Json, ScriptError>> {
        let slot = callback.slot;
        Box::pin(async move {
            if slot == END {
                self.0.acquire().await.unwrap().forget();
                return Ok(Json::Bool(false));
            }
            let Some(Argument::List(builders)) = args.into_iter().next() else {
                return Ok(Json::Null);
            };
            let names = builders.iter().filter_map(|builder| match builder {
                Argument::Builder(view) => Some(json!({ "builder": view.name })),
                _ => None,
            });
            Ok(names.collect())
        })
    }
    fn run_step(&self, _: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        Box::pin(async { Ok(None) })
    }
    fn read_delivery(&self, _: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        Box::pin(async { Ok(Reading::default()) })
    }
}

/// A worker that is never asked for anything.
struct Idle;

impl Link for Idle {
    fn start(&self, _: u64, _: Command, _: mpsc::Sender<CommandEvent>) {}
    fn interrupt(&self, _: u64, _: &str) {}
    fn ping(&self) -> Future<'static, bool> {
        Box::pin(async { true })
    }
    fn shutdown(&self) {}
    fn close(&self, _: &str) {}
}

/// How the queue is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Locked,
    Prioritized,
}

fn function(slot: u32) -> Callback {
    Callback { slot, site: Site::default(), fingerprint: u64::from(slot) }
}

fn config(way: Way) -> Config {
    let names: Vec<String> = (0..WORKERS).map(|n| format!("worker-{n}")).collect();
    let alone = LockAccess { lock: 0, mode: LockMode::Counting(1) };
    let builder = |n: usize| {
        let mut builder = BuilderConfig {
            workers: names.clone(),
            decisions: Decisions {
                do_build_if: Some(Condition::Callback(function(END))),
                ..Decisions::default()
            },
            ..BuilderConfig::new(&format!("builder-{n}"))
        };
        if way == Way::Locked {
            builder.locks.fixed.push(alone);
        }
        builder
    };
    let builders: Vec<BuilderConfig> = (0..BUILDERS).map(builder).collect();
    let forced: Vec<&str> = builders.iter().map(|b| b.name.as_str()).collect();
    let force = SchedulerKind::Force(ForceScheduler::plain("force"));
    let mut config = Config {
        schedulers: vec![SchedulerConfig::new("force", &forced, force)],
        workers: names
            .iter()
            .map(|name| WorkerConfig {
                max_builds: Some(SLOTS),
                ..WorkerConfig::new(name, Secret::new("x"))
            })
            .collect(),
        locks: vec![LockConfig {
            name: "license".to_owned(),
            // Fewer than the workers would build: the rest of the builders stands in line.
            max_count: 100,
            max_count_for_worker: std::collections::BTreeMap::new(),
            for_master: true,
        }],
        builders,
        ..Config::default()
    };
    if way == Way::Prioritized {
        config.decisions.prioritize_builders = Some(function(END + 1));
    }
    config
}

/// The time of each turn that looked at the queue, from its first input to before its commit.
#[derive(Default)]
struct Turns {
    began: Option<Instant>,
    took: Vec<f64>,
}

/// A master.
struct Master {
    engine: Engine,
    tasks: Tasks,
    gate: Arc<Gate>,
    turns: Arc<Mutex<Turns>>,
    /// From opening the database to the first answer.
    start: Duration,
}

impl Master {
    async fn start(dir: &Path, way: Way, durable: bool) -> Self {
        let began = Instant::now();
        let path = dir.join("state.sqlite");
        let opened = Store::open(&StoreOptions { path, durable, inline: false }).unwrap();
        let gate = Arc::new(Gate(Semaphore::new(0)));
        let scripts: Arc<dyn Scripts> = gate.clone();
        let generation = Generation::new(config(way), scripts);
        let turns: Arc<Mutex<Turns>> = Arc::default();
        let seen = turns.clone();
        let tasks = Tasks::new();
        let started = recover::start(Parts {
            opened,
            generation: NewGeneration { generation, files: Vec::new() },
            master_name: "bench".to_owned(),
            base_dir: None,
            on_master: OnMaster::Nobody,
            artifacts: None,
            clock: Clock::system(),
            random: Random::seeded(1),
            tasks: tasks.clone(),
            observer: Some(Arc::new(move |_, line| {
                let mut turns = seen.lock().unwrap();
                if line.starts_with("input") {
                    turns.began.get_or_insert_with(Instant::now);
                } else if line == "decided" {
                    let began = turns.began.take();
                    turns.took.extend(began.map(|began| began.elapsed().as_secs_f64() * 1e3));
                } else {
                    turns.began = None;
                }
            })),
            sabotage: Sabotage::default(),
        })
        .unwrap();
        let (beat, token) = (started.beat, tasks.token());
        tasks.spawn("beat", async move { beat.serve(token).await.unwrap() });
        let log_loop = started.log_loop;
        tasks.spawn("logs", async move { drop(log_loop.serve().await) });
        let engine = started.engine;
        // The first answer.
        drop(engine.why(RequestId(1)).await);
        Self { engine, tasks, gate, turns, start: began.elapsed() }
    }

    async fn attach(&self) {
        for n in 0..WORKERS {
            let info = WorkerInfo::default();
            self.engine.attach(format!("worker-{n}"), info, Arc::new(Idle)).await.unwrap();
        }
    }

    fn forget(&self) {
        *self.turns.lock().unwrap() = Turns::default();
    }

    async fn end(self) {
        self.tasks.kill();
        drop(self.engine);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    fn say(&self, what: &str, mut millis: Vec<f64>) {
        let mut decided = std::mem::take(&mut self.turns.lock().unwrap().took);
        println!(
            "  {what:32} p50 {:7.3} p99 {:7.3} ms; with the commit p50 {:7.3} p99 {:7.3} ms",
            percentile(&mut decided, 50.0),
            percentile(&mut decided, 99.0),
            percentile(&mut millis, 50.0),
            percentile(&mut millis, 99.0),
        );
    }
}

fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * p / 100.0).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Fills the queue; returns how long it took.
async fn fill(engine: &Engine, sets: usize) -> Duration {
    let began = Instant::now();
    for n in 0..sets {
        force(engine, n, Vec::new()).await;
    }
    began.elapsed()
}

async fn force(engine: &Engine, n: usize, builders: Vec<String>) {
    let force = Force {
        scheduler: "force".to_owned(),
        builders,
        owner: "bench".to_owned(),
        sourcestamps: vec![Sourcestamp {
            branch: Some(format!("branch-{}", n % 50)),
            revision: Some(format!("{n:040x}")),
            repository: "https://example.org/repository.git".to_owned(),
            ..Sourcestamp::default()
        }],
        priority: (n % 5) as i64,
        ..Force::default()
    };
    engine.force(force).await.unwrap();
}

async fn timed(f: impl std::future::Future<Output = ()>) -> f64 {
    let began = Instant::now();
    f.await;
    began.elapsed().as_secs_f64() * 1e3
}

async fn measure(way: Way, name: &str, sets: usize, rounds: usize, durable: bool) {
    let dir = tempfile::tempdir().unwrap();
    let master = Master::start(dir.path(), way, durable).await;
    let took = fill(&master.engine, sets).await;
    println!(
        "{name}: {} requests, made in {:.1} s ({:.0} a second)",
        sets * BUILDERS,
        took.as_secs_f64(),
        (sets * BUILDERS) as f64 / took.as_secs_f64()
    );
    let mut events = master.engine.subscribe();
    master.attach().await;
    master.forget();

    let mut millis = Vec::new();
    for n in 0..rounds {
        let request = RequestId((n * 37 % (sets * BUILDERS)) as i64 + 1);
        // One that has been built already has no place in the queue.
        let priority = (n % 5) as i64;
        millis
            .push(timed(async { drop(master.engine.set_priority(request, priority).await) }).await);
    }
    master.say("a priority changes, nobody free", millis);

    let mut millis = Vec::new();
    for _ in 0..rounds {
        while events.try_recv().is_ok() {}
        let began = Instant::now();
        master.gate.0.add_permits(1);
        loop {
            if let Ok(Event::BuildStarted { .. }) = events.recv().await {
                break;
            }
        }
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    master.say("a build ends, the next begins", millis);

    let mut millis = Vec::new();
    for n in 0..rounds {
        let builder = format!("builder-{}", n % BUILDERS);
        millis.push(timed(force(&master.engine, sets + n, vec![builder])).await);
    }
    master.say("a request is made", millis);

    let mut millis = Vec::new();
    let last = (sets * BUILDERS) as i64;
    for _ in 0..rounds.div_ceil(10) {
        let shown = (last - 49..=last).map(RequestId).collect();
        millis.push(timed(async { drop(master.engine.whys(shown).await.unwrap()) }).await);
    }
    println!("  why fifty of them wait           p50 {:7.3} ms", percentile(&mut millis, 50.0));
    println!("  memory                           {:7.1} MiB", memory());
    master.end().await;

    let again = Master::start(dir.path(), way, durable).await;
    let mut events = again.engine.subscribe();
    let began = Instant::now();
    again.attach().await;
    while !matches!(events.recv().await, Ok(Event::BuildStarted { .. }) | Err(_)) {}
    println!(
        "  a restart                        {:7.3} s, {} workers and their builds {:.3} s, {:.1} MiB",
        again.start.as_secs_f64(),
        WORKERS,
        began.elapsed().as_secs_f64(),
        memory()
    );
    again.end().await;
}

/// Resident memory, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

fn main() {
    let has = |flag: &str| std::env::args().any(|arg| arg == flag);
    let (sets, rounds) = if has("--quick") { (50, 100) } else { (500, 1000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (way, name) in [
        (Way::Plain, "every worker builds everything"),
        (Way::Locked, "a lock that fewer get than want it"),
        (Way::Prioritized, "prioritize_builders"),
    ] {
        runtime.block_on(measure(way, name, sets, rounds, has("--sync")));
    }
}
