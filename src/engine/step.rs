//! The life of a step: its name, its condition, its locks, its options rendered just before it
//! runs, its function, its result. Whatever goes wrong in it ends this step, visibly, and nothing
//! else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::base::id::StepId;
use crate::base::results::Results;
use crate::base::text::shorten;
use crate::engine::attempt::Running;
use crate::engine::build_report::{BuildReport, Granted};
use crate::engine::command::End;
use crate::engine::desk::{Desk, DeskError};
use crate::engine::ports::{Argument, ScriptError, StepRun, StepValue};
use crate::engine::render::{render, render_locks, text};
use crate::engine::serve::{Service, UnderWay};
use crate::engine::state::{Order, Stopped};
use crate::model::build::BuildView;
use crate::model::config::{
    Condition, LockAccess, LockList, StepConfig, StepOption, check_step_name,
};
use crate::model::log::{LogKind, Stream};
use crate::model::render::Renderable;
use crate::model::step::StepView;

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
enum Outcome {
    Returned(Option<Results>),
    Failed(ScriptError),
    /// Its locks can never be had as long as the build holds others.
    Circle(Results, String),
    Stopped(Stopped),
    Abandoned,
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
    let name = running.unique_name(&name);
    let description = describe(running, config, &view).await;
    let shown = suffixed(running, config, description.clone()).await;
    let started = {
        let (name, text) = (name.clone(), shown.clone());
        running.ask(|answer| BuildReport::StepStarted { name, number, text, answer }).await
    };
    let Ok(id) = started else { return StepEnd::Abandoned };

    let workdir = match config.options.get("workdir") {
        Some(StepOption::Value(workdir)) => render_text(running, workdir, &view).await,
        _ => render_text(running, &running.attempt.builder.workdir, &view).await,
    };
    let mut step = StepView { build: (*view).clone(), name, number, place, workdir: String::new() };
    let mut service = Service::new(running, id);
    let outcome = match (broken_name, workdir) {
        (Some(error), _) | (None, Err(error)) => Outcome::Failed(error),
        (None, Ok(workdir)) => {
            let info = &running.attempt.info;
            step.workdir = info.join(&[&running.attempt.builddir, &workdir]);
            match is_wanted(running, config, &step).await {
                Err(error) => Outcome::Failed(error),
                Ok(false) => Outcome::Returned(Some(Results::Skipped)),
                Ok(true) => match locks(running, config, id, &shown).await {
                    Some(outcome) => outcome,
                    None => perform(running, config, &step, &mut service).await,
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
        Err(error) => return Some(Outcome::Failed(error)),
    };
    let mut orders = running.attempt.orders.clone();
    let step = Some(id);
    let wanted = running.ask(|answer| BuildReport::LocksWanted { locks, step, answer });
    let outcome = tokio::select! {
        biased;
        answer = wanted => match answer {
            Ok(Granted::AtOnce) => return None,
            Ok(Granted::Waited) => {
                let text = Some(description.to_owned());
                running.tell(BuildReport::StepUpdated { step: id, text, urls: None }).await;
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
        Err(error) => return Outcome::Failed(error),
    };
    let scripts = running.attempt.generation.scripts.clone();
    let (desk, mut asked) = Desk::new();
    let job = StepRun { run: config.run.clone(), view: step.clone(), options, desk };
    let mut function = scripts.run_step(job);
    let mut orders = running.attempt.orders.clone();
    let mut commands: FuturesUnordered<UnderWay> = FuturesUnordered::new();
    let mut outcome = loop {
        tokio::select! {
            biased;
            returned = &mut function => break match returned {
                Ok(results) => Outcome::Returned(results),
                Err(error) => Outcome::Failed(at_step(error, config)),
            },
            // Who asked may be gone.
            Some((answer, end)) = commands.next() => match end {
                End::Answered(answered) => { let _ = answer.send(answered); }
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
            stopped = end_of_step(&mut orders, service.id()) => {
                break stopped.map_or(Outcome::Abandoned, Outcome::Stopped);
            }
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

/// Records the end of a step: its last words, its logs, its result.
async fn finish(
    running: &mut Running,
    config: &StepConfig,
    step: StepView,
    service: Service,
    outcome: Outcome,
    description: String,
) -> StepEnd {
    let stopped = match &outcome {
        Outcome::Stopped(stopped) => Some(stopped.clone()),
        _ => None,
    };
    let (results, problem) = match outcome {
        Outcome::Abandoned => {
            service.close_logs().await;
            return StepEnd::Abandoned;
        }
        Outcome::Returned(results) => (results.unwrap_or(Results::Success), None),
        Outcome::Failed(error) if error.is_failure => (Results::Failure, Some(error.message)),
        Outcome::Failed(error) => {
            let site = format!("builder {:?}, step {:?}", running.attempt.builder.name, step.name);
            (Results::Exception, Some(format!("{site}: {error}")))
        }
        Outcome::Circle(results, why) => (results, Some(why)),
        Outcome::Stopped(Stopped { reason, ends_build, .. }) => {
            let results = if ends_build { Results::Cancelled } else { Results::Failure };
            (results, Some(format!("stopped: {reason}")))
        }
    };
    if let Some(problem) = &problem {
        let text = format!("{problem}\n");
        service.write_log("error", LogKind::Text, Stream::Stderr, &text).await;
    }
    service.close_logs().await;
    let done = match &config.description_done {
        Some(text) => render_words(running, text, &running.view()).await.ok(),
        None => None,
    };
    let first_line = problem.as_deref().and_then(|p| p.lines().next());
    let first_line = first_line.map(|line| shorten(&running.masker().text(line), 200));
    let text = done.or(service.summary()).unwrap_or_else(|| match (results, first_line) {
        (Results::Success | Results::Warnings | Results::Skipped, _) | (_, None) => description,
        (Results::Cancelled, Some(_)) => description,
        (_, Some(line)) => format!("{description}: {line}"),
    });
    let text = suffixed(running, config, text).await;
    let text = match results {
        Results::Success => text,
        _ => format!("{text} ({})", results.word()),
    };
    let text = running.masker().text(&text);
    let hidden = is_hidden(running, config, &step, results).await;
    let report =
        BuildReport::StepFinished { step: service.id(), results, text: text.clone(), hidden };
    running.tell(report).await;
    StepEnd::Finished { results, text, stopped }
}

async fn is_hidden(
    running: &Running,
    config: &StepConfig,
    step: &StepView,
    results: Results,
) -> bool {
    let scripts = &running.attempt.generation.scripts;
    let answer = match &config.hide_step_if {
        None => return false,
        Some(Condition::Value(value)) => render(value, &running.view(), scripts.as_ref()).await,
        Some(Condition::Callback(callback)) => {
            // With what the step itself has set.
            let step = StepView { build: (*running.view()).clone(), ..step.clone() };
            let args = vec![Argument::Json(results.word().into()), Argument::Step(Arc::new(step))];
            scripts.call(callback, args).await
        }
    };
    match answer {
        Ok(answer) => !answer.is_null() && answer != Json::Bool(false),
        Err(error) => {
            // A step that cannot be hidden is shown.
            tracing::error!(step = step.name, %error, "hide_step_if failed");
            false
        }
    }
}

/// What the page says while the step runs: its description, its command, or its kind.
async fn describe(running: &Running, config: &StepConfig, view: &Arc<BuildView>) -> String {
    if let Some(description) = &config.description {
        let text = render_words(running, description, view).await;
        return text.map_or_else(|_| config.kind.clone(), |text| running.masker().text(&text));
    }
    let Some(StepOption::Value(command)) = config.options.get("command") else {
        return config.kind.clone();
    };
    let scripts = running.attempt.generation.scripts.as_ref();
    let words: Vec<String> = match render(command, view, scripts).await {
        Ok(Json::String(line)) => line.split_whitespace().map(str::to_owned).collect(),
        Ok(Json::Array(items)) => items.iter().filter_map(|i| text(i).ok()).collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let shown = match &words[..] {
        [] => return config.kind.clone(),
        [one] => format!("'{one}'"),
        [one, two] => format!("'{one} {two}'"),
        [one, two, ..] => format!("'{one} {two} ...'"),
    };
    shorten(&running.masker().text(&shown), 100)
}

/// A text or a list of words.
async fn render_words(
    running: &Running,
    value: &Renderable,
    view: &Arc<BuildView>,
) -> Result<String, ScriptError> {
    match render(value, view, running.attempt.generation.scripts.as_ref()).await? {
        Json::Array(words) => {
            let words: Vec<String> = words.iter().map(text).collect::<Result<_, _>>()?;
            Ok(words.join(" "))
        }
        other => text(&other),
    }
}

/// What is said of a step, with its `description_suffix`.
async fn suffixed(running: &Running, config: &StepConfig, text: String) -> String {
    let Some(suffix) = &config.description_suffix else { return text };
    match render_words(running, suffix, &running.view()).await {
        Ok(suffix) if !suffix.is_empty() => {
            format!("{text} {}", running.masker().text(&suffix))
        }
        // A description that cannot be made is left out, as ever.
        Ok(_) | Err(_) => text,
    }
}

async fn render_text(
    running: &Running,
    value: &Renderable,
    view: &Arc<BuildView>,
) -> Result<String, ScriptError> {
    text(&render(value, view, running.attempt.generation.scripts.as_ref()).await?)
}
