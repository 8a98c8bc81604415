//! `retry` of a step: whether it is tried once more in its build, and the wait before. The step's row
//! is one; each attempt has logs of its own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::base::results::Results;
use crate::engine::attempt::Running;
use crate::engine::ports::{Argument, ScriptError};
use crate::engine::returned::is_true;
use crate::model::config::{Retry, RetryOn};
use crate::model::step::{Fault, StepView};

/// How one attempt ended.
pub(super) struct Ended {
    pub(super) results: Results,
    /// Why, for people.
    pub(super) problem: Option<String>,
    pub(super) fault: Option<Fault>,
}

/// Whether another attempt may mend it.
///
/// # Errors
/// What the configuration's function raised.
pub(super) async fn is_wanted(
    running: &Running,
    retry: &Retry,
    step: &StepView,
    ended: &Ended,
) -> Result<bool, ScriptError> {
    let results = ended.results;
    match &retry.on {
        // An error in the configuration stays one.
        None => Ok(match results {
            Results::Failure => true,
            Results::Exception => ended.fault == Some(Fault::Worker),
            _ => false,
        }),
        Some(RetryOn::Results(wanted)) => Ok(wanted.contains(&results)),
        Some(RetryOn::Callback(callback)) => {
            let scripts = &running.attempt.generation.scripts;
            // With what the step itself has set.
            let step = StepView { build: (*running.view()).clone(), ..step.clone() };
            let args = vec![Argument::Json(results.word().into()), Argument::Step(Arc::new(step))];
            scripts.call(callback, args).await.map(|answer: Json| is_true(&answer))
        }
    }
}

/// What the page says while the step waits for its next attempt.
pub(super) fn waiting(description: &str, retry: &Retry, ended: &Ended, attempt: u32) -> String {
    let (word, next) = (ended.results.word(), attempt + 1);
    let wait = match retry.delay {
        0.0 => String::new(),
        delay => format!(" in {delay} s"),
    };
    format!("{description} ({word}; attempt {next} of {}{wait})", retry.max)
}

/// How long it waits.
pub(super) fn delay(retry: &Retry) -> Duration {
    Duration::try_from_secs_f64(retry.delay).unwrap_or_default()
}
