//! What a hook's `read` returned, as the reading of its delivery.

use serde_json::Value as Json;

use super::event;
use crate::base::text::count;
use crate::engine::ports::ScriptError;
use crate::model::config::Site;
use crate::model::delivery::Reading;

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
