//! What a reload of a large configuration costs: 120 builders of 40 steps, written out (a line for
//! each step) and made by loops. Loading, comparing, taking effect, and the longest time that the
//! engine answers nobody meanwhile. `cargo bench --bench reload`; with `-- --quick` fewer rounds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and takes the time"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use halide_ci::base::clock::Clock;
use halide_ci::base::random::Random;
use halide_ci::engine::ports::OnMaster;
use halide_ci::engine::recover::{self, Parts};
use halide_ci::engine::tasks::Tasks;
use halide_ci::engine::{Engine, Sabotage, preview};
use halide_ci::http;
use halide_ci::script::load::{LoadOptions, Loaded, Mount, load};
use halide_ci::server;
use halide_ci::store::{Store, StoreOptions};

const BUILDERS: usize = 120;
const STEPS: usize = 40;

fn main() {
    let rounds = if std::env::args().any(|a| a == "--quick") { 3 } else { 15 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (name, config) in [("written out", written_out as fn(&str) -> String), ("by loops", loops)]
    {
        runtime.block_on(bench(name, config, rounds));
    }
}

const HEAD: &str = r#"local ci = require "ci"
local c = ci.config()
local shell, git = ci.steps.shell, ci.steps.git
c.www = { port = 0 }
c.workers = {}
for n = 1, 40 do
  c.workers[n] = ci.worker { name = "worker-" .. n, password = "secret-of-worker-" .. n, max_builds = 4 }
end
local lock = ci.worker_lock { name = "performance", max_count = 9999 }
"#;

const TAIL: &str = r#"local names = {}
for _, builder in ipairs(c.builders) do names[#names + 1] = builder.name end
c.schedulers = {
  ci.schedulers.any_branch { name = "main", builders = names, change_filter = { branch = "main" }, tree_stable_timer = 60 },
  ci.schedulers.force { name = "force", builders = names },
}
return c
"#;

/// The configuration with a line for each step; `word` stands in the last step of each builder.
fn written_out(word: &str) -> String {
    let mut text = HEAD.to_owned();
    text += "c.builders = {\n";
    for b in 0..BUILDERS {
        let workers = (1..=4).map(|w| format!("\"worker-{}\"", (b + w * 7) % 40 + 1));
        let workers: Vec<String> = workers.collect();
        writeln!(
            text,
            "  ci.builder {{ name = \"builder-{b}\", workers = {{ {} }}, tags = {{ \"tag-{}\" }}, factory = {{",
            workers.join(", "),
            b % 6
        )
        .unwrap();
        text += "    git { repo = \"https://example.org/project.git\", branch = \"main\", mode = \"incremental\" },\n";
        for s in 1..STEPS - 1 {
            writeln!(
                text,
                "    shell {{ name = \"Step {s}\", command = {{ \"ninja\", \"-C\", ci.interpolate \"%(prop:builddir)s/build-{s}\", \"part-{b}-{s}\" }}, \
                 env = {{ TARGET = \"target-{b}\", LEVEL = \"{s}\" }}, timeout = 3600, locks = {{ lock:access \"counting\" }}, halt_on_failure = true }},"
            )
            .unwrap();
        }
        writeln!(
            text,
            "    shell {{ name = \"Last\", command = {{ \"echo\", \"{word}\" }}, do_step_if = function(step) return step.build.properties.branch ~= \"pages\" end }},\n  }} }},"
        )
        .unwrap();
    }
    text + "}\n" + TAIL
}

/// The same by loops.
fn loops(word: &str) -> String {
    let body = format!(
        r#"c.builders = {{}}
for b = 0, {last} do
  local steps = {{ git {{ repo = "https://example.org/project.git", branch = "main", mode = "incremental" }} }}
  for s = 1, {inner} do
    steps[#steps + 1] = shell {{ name = "Step " .. s,
      command = {{ "ninja", "-C", ci.interpolate("%(prop:builddir)s/build-" .. s), "part-" .. b .. "-" .. s }},
      env = {{ TARGET = "target-" .. b, LEVEL = tostring(s) }}, timeout = 3600,
      locks = {{ lock:access "counting" }}, halt_on_failure = true }}
  end
  steps[#steps + 1] = shell {{ name = "Last", command = {{ "echo", "{word}" }},
    do_step_if = function(step) return step.build.properties.branch ~= "pages" end }}
  local workers = {{}}
  for w = 1, 4 do workers[w] = "worker-" .. (b + w * 7) % 40 + 1 end
  c.builders[b + 1] = ci.builder {{ name = "builder-" .. b, workers = workers, tags = {{ "tag-" .. b % 6 }}, factory = steps }}
end
"#,
        last = BUILDERS - 1,
        inner = STEPS - 2,
    );
    format!("{HEAD}{body}{TAIL}")
}

/// Milliseconds of one kind, over the rounds.
#[derive(Default)]
struct Figures(Vec<f64>);

impl Figures {
    fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e3);
    }

    fn print(&mut self, what: &str) {
        self.0.sort_by(f64::total_cmp);
        let (best, p50, worst) = (self.0[0], self.0[self.0.len() / 2], self.0[self.0.len() - 1]);
        println!("  {what:<34} p50 {p50:8.1} ms, best {best:.1} ms, worst {worst:.1} ms");
    }
}

async fn loaded(dir: &Path, text: &str) -> Loaded {
    let file = dir.join("master.lua");
    std::fs::write(&file, text).unwrap();
    let (clock, base_dir) = (Clock::system(), dir.to_owned());
    let http = http::Client::new();
    let options = LoadOptions {
        file,
        base_dir,
        clock,
        http,
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    load(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn bench(name: &str, config: fn(&str) -> String, rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    println!("{BUILDERS} builders of {STEPS} steps, {name} ({} KB):", config("0").len() / 1000);
    let engine = start(dir.path(), loaded(dir.path(), &config("0")).await);
    let [mut load, mut computing, mut compare, mut swap, mut all, mut silence] =
        std::array::from_fn(|_| Figures::default());
    for round in 1..=rounds {
        let text = config(&round.to_string());
        let (began, computed) = (Instant::now(), computed_so_far());
        let new = loaded(dir.path(), &text).await;
        load.add(began.elapsed());
        computing.add(computed_so_far().saturating_sub(computed));

        let at = Instant::now();
        let told = preview(&engine.generation().config, &new.config).unwrap();
        compare.add(at.elapsed());
        assert_eq!(told.changes.len(), 1, "{:?}", told.changes);

        let longest = Arc::new(AtomicBool::new(false));
        let prober = tokio::spawn(probe(engine.clone(), longest.clone()));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let at = Instant::now();
        engine.activate(server::new_generation(new)).await.unwrap();
        swap.add(at.elapsed());
        all.add(Duration::from_secs_f64(load.0[round - 1] / 1e3) + at.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
        longest.store(true, Ordering::Relaxed);
        silence.add(prober.await.unwrap());
    }
    load.print("load");
    computing.print("  of that computing, all threads");
    compare.print("compare (in what follows)");
    swap.print("compare, take effect, commit");
    all.print("reload");
    silence.print("longest silence of the engine");
}

/// What the process has computed, which other processes do not disturb.
fn computed_so_far() -> Duration {
    let spec = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spec.tv_sec.try_into().unwrap(), spec.tv_nsec.try_into().unwrap())
}

/// Asks the engine for something small again and again; the longest time that an answer took.
async fn probe(engine: Engine, ended: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !ended.load(Ordering::Relaxed) {
        let at = Instant::now();
        engine.worker_link("worker-1".to_owned()).await.unwrap();
        longest = longest.max(at.elapsed());
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    longest
}

fn start(dir: &Path, first: Loaded) -> Engine {
    let path = dir.join("state.sqlite");
    let tasks = Tasks::new();
    let parts = Parts {
        opened: Store::open(&StoreOptions { path, durable: true, inline: false }).unwrap(),
        generation: server::new_generation(first),
        master_name: "bench".to_owned(),
        base_dir: Some(dir.to_owned()),
        on_master: OnMaster::Nobody,
        artifacts: None,
        clock: Clock::system(),
        random: Random::system(),
        tasks: tasks.clone(),
        observer: None,
        sabotage: Sabotage::default(),
    };
    let started = recover::start(parts).unwrap();
    let token = tasks.token();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(started.beat.serve(token)).unwrap();
    });
    started.engine
}
