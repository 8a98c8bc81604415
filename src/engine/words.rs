//! What a step's page says of it: while it runs, between its attempts, and at the end. Words that
//! cannot be made are left out; no step fails for its description.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::results::Results;
use crate::base::text::shorten;
use crate::engine::attempt::Running;
use crate::engine::ports::ScriptError;
use crate::engine::render::{render, text};
use crate::model::build::BuildView;
use crate::model::config::{StepConfig, StepOption};
use crate::model::render::Renderable;
use crate::model::step::Fault;

/// What the page says while the step runs: its description, its command, or its kind.
pub(super) async fn describe(
    running: &Running,
    config: &StepConfig,
    view: &Arc<BuildView>,
) -> String {
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

/// How a step ended, as its last words know it.
pub(super) struct Told<'a> {
    pub(super) results: Results,
    pub(super) fault: Option<Fault>,
    pub(super) problem: Option<&'a str>,
    /// What the step itself wants to be said.
    pub(super) summary: Option<String>,
    /// Which attempt it was, of how many; none = there is only one.
    pub(super) attempt: Option<(u32, u32)>,
}

/// What the page says of a step that has ended; `description` is what it said before.
pub(super) async fn last(
    running: &Running,
    config: &StepConfig,
    told: Told<'_>,
    description: String,
) -> String {
    let Told { results, fault, problem, summary, attempt } = told;
    let done = match &config.description_done {
        Some(text) => render_words(running, text, &running.view()).await.ok(),
        None => None,
    };
    let first_line = problem.and_then(|p| p.lines().next());
    let first_line = first_line.map(|line| shorten(&running.masker().text(line), 200));
    let text = done.or(summary).unwrap_or_else(|| match (results, first_line) {
        (Results::Success | Results::Warnings | Results::Skipped, _) | (_, None) => description,
        (Results::Cancelled, Some(_)) => description,
        (_, Some(line)) => format!("{description}: {line}"),
    });
    let mut text = suffixed(running, config, text).await;
    let words = fault.and_then(Fault::words);
    match (results, words) {
        (Results::Success, _) => {}
        (results, Some(words)) => text.push_str(&format!(" ({}: {words})", results.word())),
        (results, None) => text.push_str(&format!(" ({})", results.word())),
    }
    if let Some((attempt, of)) = attempt {
        text.push_str(&format!(" (attempt {attempt} of {of})"));
    }
    running.masker().text(&text)
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
pub(super) async fn suffixed(running: &Running, config: &StepConfig, text: String) -> String {
    let Some(suffix) = &config.description_suffix else { return text };
    match render_words(running, suffix, &running.view()).await {
        Ok(suffix) if !suffix.is_empty() => {
            format!("{text} {}", running.masker().text(&suffix))
        }
        // A description that cannot be made is left out, as ever.
        Ok(_) | Err(_) => text,
    }
}
