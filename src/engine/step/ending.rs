//! The end of a step: its result and whose fault it is, its last words, its logs. Apart from its life,
//! which ends in many ways, each of them here.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Outcome, StepEnd};
use crate::base::results::Results;
use crate::engine::attempt::Running;
use crate::engine::build_report::{BuildReport, Ending};
use crate::engine::ports::Argument;
use crate::engine::render::render;
use crate::engine::retry::Ended;
use crate::engine::serve::Service;
use crate::engine::state::Stopped;
use crate::engine::words::{self, Told};
use crate::model::config::{Condition, StepConfig};
use crate::model::log::{LogKind, Stream};
use crate::model::step::{Fault, StepView};

/// How an attempt ended, in results and words; none = the build's attempt is over.
pub(super) fn judge(
    running: &Running,
    step: &StepView,
    service: &Service,
    outcome: Outcome,
) -> Option<(Ended, Option<Stopped>)> {
    let site = || format!("builder {:?}, step {:?}", running.attempt.builder.name, step.name);
    let mut stopped = None;
    let (results, fault, problem) = match outcome {
        Outcome::Abandoned => return None,
        Outcome::Returned(results) => {
            let results = results.unwrap_or(Results::Success);
            let fault = service.killed().filter(|_| results == Results::Failure);
            (results, fault, None)
        }
        Outcome::Failed(error) if error.is_failure => {
            (Results::Failure, service.killed(), Some(error.message))
        }
        Outcome::Failed(error) => {
            let fault = service.fault_of(&error.message);
            (Results::Exception, Some(fault), Some(format!("{}: {error}", site())))
        }
        Outcome::Unrendered(error) => {
            let problem = format!("{}: {error}", site());
            (Results::Exception, Some(Fault::Rendering), Some(problem))
        }
        Outcome::Silent(limit) => {
            let seconds = limit.as_secs_f64();
            let problem = format!("no progress for {seconds} s, the step's `timeout`");
            (Results::Failure, Some(Fault::Timeout), Some(problem))
        }
        Outcome::Circle(results, why) => (results, None, Some(why)),
        Outcome::Stopped(stop) => {
            let results = if stop.ends_build { Results::Cancelled } else { Results::Failure };
            let problem = format!("stopped: {}", stop.reason);
            stopped = Some(stop);
            (results, None, Some(problem))
        }
    };
    Some((Ended { results, problem, fault }, stopped))
}

/// Writes what went wrong where people look for it.
pub(super) async fn note_problem(service: &Service, problem: Option<&str>) {
    if let Some(problem) = problem {
        let text = format!("{problem}\n");
        service.write_log("error", LogKind::Text, Stream::Stderr, &text).await;
    }
}

/// Records the end of a step: its last words, its logs, its result.
pub(super) async fn finish(
    running: &mut Running,
    config: &StepConfig,
    step: StepView,
    mut service: Service,
    (outcome, attempt): (Outcome, u32),
    description: String,
) -> StepEnd {
    let is_mute = matches!(&outcome, Outcome::Stopped(Stopped { is_mute: true, .. }));
    if !is_mute && !matches!(outcome, Outcome::Abandoned) {
        service.remove_temporary(running, &step.name).await;
    }
    let Some((ended, stopped)) = judge(running, &step, &service, outcome) else {
        service.close_logs().await;
        return StepEnd::Abandoned;
    };
    let Ended { results, problem, fault } = ended;
    note_problem(&service, problem.as_deref()).await;
    service.close_logs().await;
    let attempts = config.retry.as_ref().map(|retry| (attempt, retry.max));
    let told = Told {
        results,
        fault,
        problem: problem.as_deref(),
        summary: service.summary(),
        attempt: attempts.filter(|_| attempt > 1),
    };
    let text = words::last(running, config, told, description).await;
    let hidden = is_hidden(running, config, &step, results).await;
    let ending = Ending { results, text: text.clone(), hidden, fault };
    running.tell(BuildReport::StepFinished { step: service.id(), ending }).await;
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
