//! The hook `base`: one change in each request, as JSON, as a form or in the address. The names are
//! Buildbot's; a name that is not known is refused, so that a slip of the sender is not lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::Verified;
use crate::api::spec;
use crate::model::change::NewChange;
use crate::model::config::BaseHook;
use crate::model::delivery::NewDelivery;
use crate::web::call::{Call, Problem};

/// Older names, and what they are now.
const OLDER: [(&str, &str); 2] = [("who", "author"), ("when", "when_timestamp")];
/// Fields that a form holds as JSON.
const STRUCTURED: [&str; 2] = ["files", "properties"];

/// Makes a delivery of a request whose sender is known; `fresh` is an id for one that has none.
///
/// # Errors
/// 400 with what the sender got wrong.
pub(super) fn read(call: &Call, body: &[u8], fresh: String) -> Result<Verified, Problem> {
    let change = change(fields(call, body)?)?;
    let guid = match call.header("idempotency-key") {
        Some(key) if key.len() > 200 => {
            return Err(Problem::invalid("The header Idempotency-Key is longer than 200 bytes."));
        }
        Some(key) if !key.is_empty() => key.to_owned(),
        _ => fresh,
    };
    let branch = change.branch.as_deref().unwrap_or_default();
    let delivery = NewDelivery {
        dialect: BaseHook::DIALECT.to_owned(),
        guid,
        event: "change".to_owned(),
        line: format!("{} {} {branch}", change.repository, change.project),
        headers: BTreeMap::new(),
        body: serde_json::to_vec(&change).unwrap_or_default(),
        head: None,
    };
    Ok(Verified { delivery, answer: "1 change found".to_owned() })
}

/// What the request says, wherever it says it.
fn fields(call: &Call, body: &[u8]) -> Result<Map<String, Json>, Problem> {
    let mut out = Map::new();
    let mut pairs = spec::pairs(call.query()).map_err(Problem::from)?;
    match call.content_type().as_str() {
        "application/json" => match serde_json::from_slice(body) {
            Ok(Json::Object(map)) => out = map,
            Ok(_) => return Err(Problem::invalid("The body is not a JSON object.")),
            Err(error) => return Err(Problem::invalid(format!("The body is not JSON: {error}."))),
        },
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(body);
            let text = text.map_err(|_| Problem::invalid("The form is not UTF-8."))?;
            pairs.extend(spec::pairs(text).map_err(Problem::from)?);
        }
        _ if body.is_empty() => {}
        other => {
            return Err(Problem::invalid(format!(
                "Unknown content type '{other}': use application/json or \
                 application/x-www-form-urlencoded."
            )));
        }
    }
    for (name, text) in pairs {
        let value = match STRUCTURED.contains(&name.as_str()) {
            true => serde_json::from_str(&text).map_err(|error| {
                Problem::invalid(format!("The field {name} is not JSON: {error}."))
            })?,
            false => Json::from(text),
        };
        // The first of several counts, as in Buildbot.
        out.entry(name).or_insert(value);
    }
    Ok(out)
}

fn change(mut fields: Map<String, Json>) -> Result<NewChange, Problem> {
    for (older, name) in OLDER {
        if let Some(value) = fields.remove(older) {
            fields.entry(name).or_insert(value);
        }
    }
    // Text that is absent, null and empty are the same.
    fields.retain(|_, value| !value.is_null() && *value != "");
    if let Some(when) = fields.get_mut("when_timestamp") {
        *when = seconds(when).ok_or_else(|| {
            Problem::invalid("The field when_timestamp must be seconds since 1970.")
        })?;
    }
    if fields.is_empty() {
        return Err(Problem::invalid(
            "The request describes no change; say at least author, revision or branch.",
        ));
    }
    serde_json::from_value(Json::Object(fields))
        .map_err(|error| Problem::invalid(format!("The change cannot be read: {error}.")))
}

/// Whole seconds of a number, or of a text that is one.
fn seconds(value: &Json) -> Option<Json> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // Far beyond any calendar, and still exact as a number of this kind.
    let fits = number.is_finite() && number.abs() < 1e11;
    #[expect(clippy::cast_possible_truncation, reason = "it was checked to fit")]
    fits.then(|| Json::from(number.floor() as i64))
}
