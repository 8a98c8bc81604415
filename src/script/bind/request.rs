//! What a hook's `read` returned, as the reading of its delivery.

use serde_json::Value as Json;

use super::event;
use crate::base::text::count;
use crate::engine::ports::ScriptError;
use crate::model::change::NewChange;
use crate::model::config::Site;
use crate::model::delivery::{Delivery, Reading};

/// The reading; `site` is where the function stands.
///
/// # Errors
/// What is wrong with a change.
pub(in crate::script) fn reading(answer: Json, site: &Site) -> Result<Reading, ScriptError> {
    let fail =
        |message: String| ScriptError { message, site: Some(site.clone()), is_failure: false };
    let Json::Object(mut answer) = answer else {
        return Err(fail("`read` returned nothing that could be understood.".to_owned()));
    };
    if let Some(Json::String(reason)) = answer.remove("skipped") {
        return Ok(Reading { verdict: format!("Skipped: {reason}"), ..Reading::default() });
    }
    let changes = match answer.remove("changes") {
        Some(Json::Array(changes)) => changes,
        _ => Vec::new(),
    };
    let changes: Vec<_> =
        changes.into_iter().map(event::change).collect::<Result<_, _>>().map_err(fail)?;
    let verdict = format!("{} from the function at {site}.", count(changes.len(), "change"));
    Ok(Reading { changes, cancels: Vec::new(), verdict })
}

/// The change that was posted to the hook `base`.
///
/// # Errors
/// When the row cannot be read.
pub(in crate::script) fn posted(delivery: &Delivery) -> Result<NewChange, ScriptError> {
    serde_json::from_slice(&delivery.what.body).map_err(|error| ScriptError {
        message: format!("the stored change cannot be read: {error}."),
        site: None,
        is_failure: false,
    })
}

/// A posted change as functions get it: they may alter and return it.
pub(in crate::script) fn shown(change: &NewChange) -> Json {
    serde_json::to_value(change).unwrap_or_default()
}

/// The changes that `on_event` made of a posted one: one, a list, or none.
///
/// # Errors
/// What is wrong with a change.
pub(in crate::script) fn of_posted(answer: Json, site: &Site) -> Result<Reading, ScriptError> {
    let changes = match answer {
        Json::Null | Json::Bool(false) => Vec::new(),
        Json::Array(changes) => changes,
        Json::Object(map) if map.is_empty() => Vec::new(),
        change => vec![change],
    };
    let changes = changes.into_iter().map(event::change).collect::<Result<Vec<_>, _>>();
    let changes = changes.map_err(|message| ScriptError {
        message,
        site: Some(site.clone()),
        is_failure: false,
    })?;
    let verdict = format!("{} from the function at {site}.", count(changes.len(), "change"));
    Ok(Reading { changes, cancels: Vec::new(), verdict })
}
