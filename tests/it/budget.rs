//! Attacks on what Lua may spend, at every place where the engine calls a function of the
//! configuration: each ends with an error that names a line, the thread that asked is never held up,
//! and the state answers the next call. Attacks while a file loads are in `src/script/load.rs`.

#![allow(clippy::disallowed_methods, reason = "what is late is late by the machine's own clock")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::id::DeliveryId;
use halide_ci::base::results::Results;
use halide_ci::engine::desk::Desk;
use halide_ci::engine::ports::{Argument, ScriptError, StepRun};
use halide_ci::http;
use halide_ci::model::build::BuildView;
use halide_ci::model::config::{Callback, Site};
use halide_ci::model::delivery::{Delivery, NewDelivery};
use halide_ci::model::step::StepView;
use halide_ci::script::load::{LoadOptions, Loaded, Mount, load};
use serde_json::{Value as Json, json};

use crate::sim::payload;

const ATTACKS: &str = include_str!("budget/attacks.lua");
const ANSWERS: &str = include_str!("budget/answers.lua");
const PLACES: &str = include_str!("budget/places.lua");
/// What each place of [`PLACES`] contains.
const PLACE: &str = "return attack()";
/// The longest that the thread that asks may be held up.
const STALL: Duration = Duration::from_millis(50);

/// The texts of a file, each under a line with its name.
fn texts(file: &'static str) -> Vec<(&'static str, &'static str)> {
    let named = file.split("\n---- ").skip(1);
    named.map(|part| part.split_once('\n').unwrap()).collect()
}

async fn loaded(attack: &str) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("master.lua");
    std::fs::write(&file, PLACES.replace("--[[attack]]", attack)).unwrap();
    let (base_dir, clock) = (dir.path().to_owned(), Clock::system());
    let options = LoadOptions {
        file,
        base_dir,
        clock,
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    load(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn call(loaded: &Loaded, slot: u32, argument: Argument) -> Result<Json, ScriptError> {
    let callback =
        Callback { slot, site: Site { file: "place.lua".into(), line: 1 }, fingerprint: 0 };
    loaded.scripts.call(&callback, vec![argument]).await
}

/// The attacks of each sort that are tried at every place; the others are tried at [`FEW`] functions,
/// a step and the deliveries, because the way to a function matters little for what it then does.
const EVERYWHERE: [&str; 7] = [
    "an endless loop",
    "recursion without an end",
    "a pcall that swallows the overrun",
    "coroutines that swallow the overrun",
    "a text of a terabyte",
    "a pattern that tries everything",
    "a text that doubles",
];
const FEW: usize = 4;

/// The functions by number: one that only says that it is healthy, and one for every place.
#[derive(Clone)]
struct Places {
    healthy: u32,
    others: Vec<u32>,
}

async fn places() -> Places {
    let loaded = loaded("return 1").await;
    let mut places = Places { healthy: u32::MAX, others: Vec::new() };
    // The shipped step's own functions, `run` and then `check`.
    let run = loaded.config.builders[0].steps[1].run.slot;
    let shipped = [run, run + 1];
    for slot in 0..1000 {
        match call(&loaded, slot, Argument::Json(json!({ "state": {}, "now": 1 }))).await {
            Ok(answer) if answer == "healthy" => places.healthy = slot,
            Err(error) if error.message.contains("no such function") => break,
            _ if shipped.contains(&slot) => {}
            _ => places.others.push(slot),
        }
    }
    let functions = PLACES.lines().filter(|line| line.contains(PLACE)).count();
    assert_eq!(places.others.len(), functions, "a place has no function");
    places
}

/// Looks how late a thread is that wants to sleep for a millisecond.
struct Late {
    stop: Arc<AtomicBool>,
    worst: Arc<AtomicU64>,
}

impl Late {
    fn tell(worst: &AtomicU64, since: Instant) {
        let late = since.elapsed().saturating_sub(Duration::from_millis(1));
        worst.fetch_max(u64::try_from(late.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// On a thread of its own: what the machine itself is late.
    fn machine() -> Self {
        let late = Self { stop: Arc::default(), worst: Arc::default() };
        let (stop, worst) = (late.stop.clone(), late.worst.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let since = Instant::now();
                std::thread::sleep(Duration::from_millis(1));
                Self::tell(&worst, since);
            }
        });
        late
    }

    /// On the runtime that asks.
    fn core() -> Self {
        let late = Self { stop: Arc::default(), worst: Arc::default() };
        let (stop, worst) = (late.stop.clone(), late.worst.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let since = Instant::now();
                tokio::time::sleep(Duration::from_millis(1)).await;
                Self::tell(&worst, since);
            }
        });
        late
    }

    fn take(&self) -> Duration {
        Duration::from_micros(self.worst.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn delivery(event: &str, body: &Json) -> Delivery {
    let what = NewDelivery {
        dialect: "github".to_owned(),
        guid: "1".to_owned(),
        event: event.to_owned(),
        line: String::new(),
        headers: BTreeMap::new(),
        body: body.to_string().into_bytes(),
        head: None,
    };
    Delivery { id: DeliveryId(1), received_at: Timestamp::from_secs(1), what }
}

/// What `text` makes of each place, with what it returns rendered again for a build if `is_rendered`; the state is asked after each whether it is well.
async fn attack(
    text: &str,
    places: &Places,
    others: &[u32],
    is_rendered: bool,
    mut told: impl FnMut(String, Result<Json, ScriptError>),
) {
    let loaded = loaded(text).await;
    let healthy = async |place: &str| {
        let answer =
            call(&loaded, places.healthy, Argument::Json(json!({ "state": {}, "now": 1 }))).await;
        assert!(answer.as_ref().is_ok_and(|a| a == "healthy"), "after {place}: {answer:?}");
    };
    for &slot in others {
        let place = format!("function {slot}");
        let argument = Argument::Json(json!({ "state": {}, "now": 1 }));
        told(place.clone(), call(&loaded, slot, argument).await);
        if is_rendered {
            let build = Argument::Build(Arc::new(BuildView::default()));
            told(place.clone(), call(&loaded, slot, build).await);
        }
        healthy(&place).await;
    }
    let (desk, _asked) = Desk::new();
    let run = loaded.config.builders[0].steps[0].run.clone();
    let step = StepRun { run, view: StepView::default(), options: BTreeMap::new(), desk };
    let ended = loaded.scripts.run_step(step).await;
    told("a step".to_owned(), ended.map(|results| json!(results.map(Results::word))));
    healthy("a step").await;
    for (event, body) in [
        ("push", payload::push("main", "a1", "text")),
        ("pull_request", payload::pull_request("opened", 1, "a1")),
        ("issues", json!({ "action": "opened", "repository": { "full_name": "a/b" } })),
    ] {
        let read = loaded.scripts.read_delivery(delivery(event, &body)).await;
        told(format!("a delivery, {event}"), read.map(|reading| json!(reading.verdict)));
        healthy(event).await;
    }
}

/// Runs the texts one after the other on a runtime with one thread, as the engine asks on its own.
fn on_a_runtime(
    texts: &[(&str, &str)],
    is_rendered: bool,
    check: impl Fn(&str, &str, Result<Json, ScriptError>),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (machine, core) = (Late::machine(), Late::core());
        let places = places().await;
        for (name, text) in texts {
            let everywhere = is_rendered || EVERYWHERE.contains(name);
            let others = if everywhere { &places.others } else { &places.others[..FEW] };
            // On a machine that is busy with other things a second look is fair.
            let mut held = Vec::new();
            while held.len() < 3 {
                machine.take();
                core.take();
                let told = |place: String, answer| check(name, &place, answer);
                attack(text, &places, others, is_rendered, told).await;
                let (of_machine, of_core) = (machine.take(), core.take());
                held.push(of_core);
                if of_core < STALL + of_machine {
                    break;
                }
            }
            assert!(held.len() < 3, "{name} held the engine up: {held:?}");
        }
    });
}

/// On two threads: each waits mostly for Lua.
fn run(
    file: &'static str,
    is_rendered: bool,
    check: impl Fn(&str, &str, Result<Json, ScriptError>) + Sync,
) {
    let texts = texts(file);
    let (one, two) = texts.split_at(texts.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| on_a_runtime(one, is_rendered, &check));
        on_a_runtime(two, is_rendered, &check);
        other.join().unwrap();
    });
}

/// Whether `error` names the line that failed, or that of the function where no line did: memory
/// may end between two of them.
fn is_placed(error: &str) -> bool {
    error.contains("master.lua:") || error.contains("place.lua:1")
}

#[test]
fn every_attack_fails_at_every_place_with_its_line_and_holds_nobody_up() {
    let names: Vec<&str> = texts(ATTACKS).iter().map(|(name, _)| *name).collect();
    assert!(names.len() >= 70 && EVERYWHERE.iter().all(|name| names.contains(name)));
    run(ATTACKS, false, |name, place, answer| {
        let error = match answer {
            Ok(answer) => panic!("{name} in {place} gave {answer}"),
            Err(error) => error.to_string(),
        };
        assert!(is_placed(&error), "{name} in {place}: {error}");
        assert!(!error.contains("ci/strict/"), "{name} in {place}: {error}");
        assert!(error.len() < 10_000, "{name} in {place}: an error of {} bytes", error.len());
    });
}

/// The largest answer that the engine may have to deal with.
const LARGEST: usize = (64 + 16) << 20;

fn size(answer: &Json) -> usize {
    match answer {
        Json::Array(items) => items.iter().map(size).sum::<usize>() + 1,
        Json::Object(items) => items.iter().map(|(key, item)| key.len() + size(item)).sum(),
        Json::String(text) => text.len(),
        _ => 8,
    }
}

#[test]
fn costly_answers_are_refused_or_of_no_consequence() {
    run(ANSWERS, true, |name, place, answer| match answer {
        Ok(answer) => {
            let bytes = size(&answer);
            assert!(bytes <= LARGEST, "{name} in {place}: an answer of {bytes} bytes");
        }
        Err(error) => {
            let error = error.to_string();
            assert!(is_placed(&error), "{name} in {place}: {error}");
        }
    });
}

/// Functions that are called while the configuration loads, which `src/script/load.rs` attacks, and
/// those of options that are refused because the engine lacks them, and those that steps call
/// themselves as a part of `run`: `extract`, `retry_command`,
/// `warning_extractor`, and `on_line`, which `scenario/logs.rs` attacks.
const NOT_CALLED: [&str; 12] = [
    "check",
    "extract",
    "lookup",
    "on_line",
    "on_merge_request",
    "rename",
    "render",
    "retry_command",
    "review",
    "start",
    "summary",
    "warning_extractor",
];

#[test]
fn every_option_that_takes_a_function_is_a_place() {
    let meta = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua/ci/meta");
    for file in std::fs::read_dir(meta).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.contains("fun(")) {
            let Some(field) = line.strip_prefix("---@field ") else { continue };
            let name = field.split([' ', '?']).next().unwrap();
            let is_place = PLACES.lines().any(|place| {
                let place = place.trim_start();
                let option = place.strip_prefix("c.").unwrap_or(place);
                place.contains(PLACE) && option.starts_with(&format!("{name} ="))
            });
            assert!(is_place || NOT_CALLED.contains(&name), "no attack on {line}");
        }
    }
}
