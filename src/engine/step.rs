//! The life of a step: its name, its condition, its locks, its options rendered just before it
//! runs, its function, its result. Whatever goes wrong in it ends this step, visibly, and nothing
//! else.

mod ending;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value as Json;
use tokio::sync::watch;

use self::ending::{finish, judge, note_problem};
use crate::base::id::StepId;
use crate::base::results::Results;
use crate::engine::attempt::Running;
use crate::engine::build_report::{Begin, BuildReport, Granted, StepChange};
use crate::engine::command::End;
use crate::engine::desk::{Desk, DeskError};
use crate::engine::ports::{Argument, ScriptError, StepRun, StepValue};
use crate::engine::render::{render, render_locks, text};
use crate::engine::retry::{self};
use crate::engine::serve::{Service, UnderWay};
use crate::engine::state::{Order, Stopped};
use crate::engine::words::{describe, suffixed};
use crate::model::build::BuildView;
use crate::model::config::{
    Condition, LockAccess, LockList, StepConfig, StepOption, check_step_name,
};
use crate::model::render::Renderable;
use crate::model::step::{ADDED, StepView};

/// How long a step's function may go on after it was stopped.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a step ended.
pub(super) enum StepEnd {
    /// With a result and what its page says.
    Finished { results: Results, text: String, stopped: Option<Stopped> },
    /// The whole attempt was given up.
    Abandoned,
}

/// What came of a step's function.
#[derive(Clone)]
enum Outcome {
    Returned(Option<Results>),
    Failed(ScriptError),
    /// What it needs could not be made; the function was not called.
    Unrendered(ScriptError),
    /// It has made no progress for this long.
    Silent(Duration),
    /// Its locks can never be had as long as the build holds others.
    Circle(Results, String),
    Stopped(Stopped),
    Abandoned,
}

impl Outcome {
    /// Whether no other attempt can follow.
    fn is_final(&self) -> bool {
        matches!(self, Self::Stopped(_) | Self::Abandoned | Self::Circle(..))
    }
}

/// Runs one step.
pub(super) async fn run(
    running: &mut Running,
    config: &StepConfig,
    place: usize,
    number: i64,
) -> StepEnd {
    let view = running.view();
    let name = match &config.name {
        None => Ok(config.kind.clone()),
        Some(name) => render_text(running, name, &view).await.and_then(checked_name),
    };
    let (name, broken_name) = match name {
        Ok(name) => (running.masker().text(&name), None),
        Err(error) => (config.kind.clone(), Some(error)),
    };
    let name = running.common.unique_name(&name);
    let description = describe(running, config, &view).await;
    let shown = suffixed(running, config, description.clone()).await;
    let started = {
        let begin = Begin {
            name: name.clone(),
            number,
            text: shown.clone(),
            place: (place < ADDED).then_some(place),
            group: config.group.as_ref().map(|group| running.masker().text(&group.name)),
        };
        running.ask(|answer| BuildReport::StepStarted { begin, answer }).await
    };
    let Ok(id) = started else { return StepEnd::Abandoned };

    let workdir = match config.options.get("workdir") {
        Some(StepOption::Value(workdir)) => render_text(running, workdir, &view).await,
        _ => render_text(running, &running.attempt.builder.workdir, &view).await,
    };
    let mut step = StepView { build: (*view).clone(), name, number, place, workdir: String::new() };
    let mut service = Service::new(running, id);
    let outcome = match (broken_name, workdir) {
        (Some(error), _) | (None, Err(error)) => (Outcome::Unrendered(error), 1),
        (None, Ok(workdir)) => {
            let info = &running.attempt.info;
            step.workdir = info.join(&[&running.attempt.builddir, &workdir]);
            match is_wanted(running, config, &step).await {
                Err(error) => (Outcome::Unrendered(error), 1),
                Ok(false) => (Outcome::Returned(Some(Results::Skipped)), 1),
                Ok(true) => match locks(running, config, id, &shown).await {
                    Some(outcome) => (outcome, 1),
                    None => attempts(running, config, &step, &mut service, &shown).await,
                },
            }
        }
    };
    finish(running, config, step, service, outcome, description).await
}

/// Whether the step runs at all.
async fn is_wanted(
    running: &Running,
    config: &StepConfig,
    step: &StepView,
) -> Result<bool, ScriptError> {
    let scripts = &running.attempt.generation.scripts;
    let answer = match &config.do_step_if {
        None => return Ok(true),
        Some(Condition::Value(value)) => {
            render(value, &Arc::new(step.build.clone()), scripts.as_ref()).await?
        }
        Some(Condition::Callback(callback)) => {
            scripts.call(callback, vec![Argument::Step(Arc::new(step.clone()))]).await?
        }
    };
    Ok(!answer.is_null() && answer != Json::Bool(false))
}

/// Takes the step's locks; an outcome when it was stopped while waiting.
async fn locks(
    running: &mut Running,
    config: &StepConfig,
    id: StepId,
    description: &str,
) -> Option<Outcome> {
    let locks = match wanted_locks(running, &config.locks).await {
        Ok(locks) if locks.is_empty() => return None,
        Ok(locks) => locks,
        Err(error) => return Some(Outcome::Unrendered(error)),
    };
    let mut orders = running.attempt.orders.clone();
    let step = Some(id);
    let wanted = running.ask(|answer| BuildReport::LocksWanted { locks, step, answer });
    let outcome = tokio::select! {
        biased;
        answer = wanted => match answer {
            Ok(Granted::AtOnce) => return None,
            Ok(Granted::Waited) => {
                let change = StepChange::Text(description.to_owned());
                running.tell(BuildReport::StepUpdated { step: id, change }).await;
                return None;
            }
            Ok(Granted::Never { results, why }) => Outcome::Circle(results, why),
            Err(_) => Outcome::Abandoned,
        },
        stopped = end_of_step(&mut orders, id) => stopped.map_or(Outcome::Abandoned, Outcome::Stopped),
    };
    running.attempt.orders = orders;
    Some(outcome)
}

/// All locks of a list, if they can ever be held together with what the build holds.
pub(super) async fn wanted_locks(
    running: &Running,
    list: &LockList,
) -> Result<Vec<LockAccess>, ScriptError> {
    let mut locks = list.fixed.clone();
    let attempt = &running.attempt;
    if !list.rendered.is_empty() {
        let scripts = attempt.generation.scripts.as_ref();
        locks.extend(render_locks(&list.rendered, &running.view(), scripts).await?);
    }
    let known = &attempt.generation.config.locks;
    match LockAccess::mistake(known, &locks, &attempt.held, &attempt.worker) {
        None => Ok(locks),
        Some(message) => Err(ScriptError { message, site: None, is_failure: false }),
    }
}

fn checked_name(name: String) -> Result<String, ScriptError> {
    match check_step_name(&name) {
        Ok(()) => Ok(name),
        Err(what) => {
            let message = format!("the step's name {what}; it rendered to {name:?}.");
            Err(ScriptError { message, site: None, is_failure: false })
        }
    }
}

/// Renders the options and runs the function, serving what it asks for.
async fn perform(
    running: &mut Running,
    config: &StepConfig,
    step: &StepView,
    service: &mut Service,
) -> Outcome {
    let options = match options(running, config, &Arc::new(step.build.clone())).await {
        Ok(options) => options,
        Err(error) => return Outcome::Unrendered(error),
    };
    let quiet = longest_silence(&options);
    let scripts = running.attempt.generation.scripts.clone();
    let (desk, mut asked) = Desk::new();
    let job = StepRun { run: config.run.clone(), view: step.clone(), options, desk };
    let mut function = scripts.run_step(job);
    let mut orders = running.attempt.orders.clone();
    let mut commands: FuturesUnordered<UnderWay> = FuturesUnordered::new();
    // Commands have a limit of their own, on the worker, and so do builds that are waited for.
    let silence = tokio::time::sleep(quiet.unwrap_or(Duration::MAX));
    tokio::pin!(silence);
    let mut outcome = loop {
        tokio::select! {
            biased;
            returned = &mut function => break match returned {
                Ok(results) => Outcome::Returned(results),
                Err(error) => Outcome::Failed(at_step(error, config)),
            },
            // Who asked may be gone.
            Some((answer, end)) = commands.next() => match end {
                End::Answered(answered) => {
                    service.note_answer(&answered);
                    let _ = answer.send(answered);
                }
                End::Abandoned => break Outcome::Abandoned,
                End::Stopped(stopped) => {
                    let _ = answer.send(Err(DeskError::Stopped));
                    break Outcome::Stopped(stopped);
                }
            },
            Some(wish) = asked.recv() => {
                let command = service.serve(running, &orders, wish, step).await;
                commands.extend(command);
            }
            () = &mut silence, if commands.is_empty() && quiet.is_some() => {
                break Outcome::Silent(quiet.unwrap_or_default());
            }
            stopped = end_of_step(&mut orders, service.id()) => {
                break stopped.map_or(Outcome::Abandoned, Outcome::Stopped);
            }
        }
        if let Some(quiet) = quiet {
            silence.as_mut().reset(tokio::time::Instant::now() + quiet);
        }
    };
    // Whatever is asked from now on is refused.
    drop(asked);
    if !matches!(outcome, Outcome::Abandoned) {
        if !matches!(outcome, Outcome::Stopped(_)) {
            service.end_commands();
        }
        outcome = last_commands(commands, outcome).await;
    }
    if let Outcome::Stopped(_) = &outcome {
        let _ = tokio::time::timeout(LAST_WORDS, &mut function).await;
    }
    drop(function);
    running.attempt.orders = orders;
    outcome
}

/// How long the step may make no progress; none = for ever. A rendered option of the wrong type is
/// found where the function gets it.
fn longest_silence(options: &BTreeMap<String, StepValue>) -> Option<Duration> {
    let Some(StepValue::Json(timeout)) = options.get("timeout") else { return None };
    // None at all is none, as workers read it.
    Duration::try_from_secs_f64(timeout.as_f64()?).ok().filter(|limit| !limit.is_zero())
}

/// Waits for an order that ends the step; none = the attempt is over.
async fn end_of_step(orders: &mut watch::Receiver<Order>, id: StepId) -> Option<Stopped> {
    loop {
        match Running::next_order(orders).await.for_step(id) {
            Ok(None) => {}
            Ok(Some(stopped)) => return Some(stopped),
            Err(()) => return None,
        }
    }
}

/// Waits for the commands that are being stopped, and tells who waits for them.
async fn last_commands(mut commands: FuturesUnordered<UnderWay>, mut outcome: Outcome) -> Outcome {
    while let Some((answer, end)) = commands.next().await {
        match end {
            End::Abandoned => return Outcome::Abandoned,
            End::Stopped(stopped) => outcome = Outcome::Stopped(stopped),
            End::Answered(_) => {}
        }
        let _ = answer.send(Err(DeskError::Stopped));
    }
    outcome
}

/// An error that has no place is the step's.
fn at_step(error: ScriptError, config: &StepConfig) -> ScriptError {
    // What a step says of its own failure needs none.
    let site = error.site.or_else(|| (!error.is_failure).then(|| config.site.clone()));
    ScriptError { site, ..error }
}

async fn options(
    running: &Running,
    config: &StepConfig,
    view: &Arc<BuildView>,
) -> Result<BTreeMap<String, StepValue>, ScriptError> {
    let scripts = &running.attempt.generation.scripts;
    let mut out = BTreeMap::new();
    for (name, option) in &config.options {
        let value = match option {
            StepOption::Function(callback) => StepValue::Function(callback.clone()),
            StepOption::Value(value) => {
                let rendered = render(value, view, scripts.as_ref()).await.map_err(|error| {
                    let message = format!("option {name}: {}", error.message);
                    at_step(ScriptError { message, ..error }, config)
                })?;
                match value {
                    Renderable::Property { name, .. } if rendered.is_null() => {
                        StepValue::Unset(name.clone())
                    }
                    _ => StepValue::Json(rendered),
                }
            }
        };
        out.insert(name.clone(), value);
    }
    Ok(out)
}

/// Runs the step, as often as its `retry` wants.
async fn attempts(
    running: &mut Running,
    config: &StepConfig,
    step: &StepView,
    service: &mut Service,
    shown: &str,
) -> (Outcome, u32) {
    let mut attempt = 1;
    loop {
        let outcome = perform(running, config, step, service).await;
        let (Some(retry), false) = (&config.retry, outcome.is_final()) else {
            return (outcome, attempt);
        };
        if attempt >= retry.max {
            return (outcome, attempt);
        }
        let Some((ended, _)) = judge(running, step, service, outcome.clone()) else {
            return (outcome, attempt);
        };
        match retry::is_wanted(running, retry, step, &ended).await {
            Ok(true) => {}
            Ok(false) => return (outcome, attempt),
            Err(error) => return (Outcome::Failed(at_step(error, config)), attempt),
        }
        note_problem(service, ended.problem.as_deref()).await;
        let text = retry::waiting(shown, retry, &ended, attempt);
        let change = StepChange::Text(running.masker().text(&text));
        running.tell(BuildReport::StepUpdated { step: service.id(), change }).await;
        let mut orders = running.attempt.orders.clone();
        let stopped = tokio::select! {
            biased;
            stopped = end_of_step(&mut orders, service.id()) => {
                Some(stopped.map_or(Outcome::Abandoned, Outcome::Stopped))
            }
            () = tokio::time::sleep(retry::delay(retry)) => None,
        };
        running.attempt.orders = orders;
        if let Some(stopped) = stopped {
            return (stopped, attempt);
        }
        attempt += 1;
        service.remove_temporary(running, &step.name).await;
        service.begin_attempt(running, attempt).await;
        let change = StepChange::Text(format!("{shown} (attempt {attempt} of {})", retry.max));
        running.tell(BuildReport::StepUpdated { step: service.id(), change }).await;
    }
}

async fn render_text(
    running: &Running,
    value: &Renderable,
    view: &Arc<BuildView>,
) -> Result<String, ScriptError> {
    text(&render(value, view, running.attempt.generation.scripts.as_ref()).await?)
}
