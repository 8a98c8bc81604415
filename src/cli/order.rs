//! A build that a person orders by name on the command line: its source and properties, and what is
//! said when there is no such builder or worker.

use serde_json::Value as Json;

use super::failure::Failure;
use crate::base::text::nearest;
use crate::engine::input::BuildOrder;
use crate::model::config::{BuilderConfig, Config};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;

/// More builders than these are not listed to who names none of them.
const MANY: usize = 30;

/// The order of `NAME=VALUE` properties; `branch`, `revision`, `repository`, `project` and `codebase`
/// are those of its source.
///
/// # Errors
/// Which property has no name.
pub(super) fn of(builder: &str, why: &str, given: &[String]) -> Result<BuildOrder, Failure> {
    let (mut stamp, mut properties) = (Sourcestamp::default(), Properties::default());
    for text in given {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let text = format!("--property {text:?} has no name and value.");
            return Err(Failure::usage(text).hint("Write --property NAME=VALUE."));
        };
        let text = value.to_owned();
        match name {
            "branch" => stamp.branch = Some(text),
            "revision" => stamp.revision = Some(text),
            "repository" => stamp.repository = text,
            "project" => stamp.project = text,
            "codebase" => stamp.codebase = text,
            name => {
                let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
                properties.set(name, value, why);
            }
        }
    }
    Ok(BuildOrder {
        builder: builder.to_owned(),
        reason: why.to_owned(),
        sourcestamps: vec![stamp],
        properties,
    })
}

/// The builder of a name.
///
/// # Errors
/// There is none; perhaps one of nearly the same name.
pub(super) fn known_builder<'c>(
    config: &'c Config,
    name: &str,
) -> Result<&'c BuilderConfig, Failure> {
    if let Some(builder) = config.builder(name) {
        return Ok(builder);
    }
    let known: Vec<&str> = config.builders.iter().map(|b| b.name.as_str()).collect();
    let failure = unknown(format!("There is no builder {name:?}."), name, known.iter().copied());
    // Where no name is near, the few or some of the many show what they look like.
    Err(match (failure.hints.is_empty(), known.len()) {
        (false, _) => failure,
        (true, 0) => failure.hint("The configuration has none."),
        (true, ..=MANY) => failure.hint(format!("The builders are {}.", known.join(", "))),
        (true, n) => failure.hint(format!("There are {n}, such as {}.", known[0])),
    })
}

/// Looks whether a builder has a worker.
///
/// # Errors
/// There is no such builder, or it has no such worker.
pub(super) fn known_worker(config: &Config, builder: &str, name: &str) -> Result<(), Failure> {
    let workers = &known_builder(config, builder)?.workers;
    if workers.iter().any(|worker| worker == name) {
        return Ok(());
    }
    let message = format!("Builder {builder} has no worker {name:?}.");
    Err(unknown(message, name, workers.iter().map(String::as_str))
        .hint(format!("It has {}.", workers.join(", "))))
}

/// There is no such thing, but perhaps one of nearly the same name.
fn unknown<'a>(message: String, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let failure = Failure::usage(message);
    match nearest(name, known) {
        Some(near) => failure.hint(format!("Did you mean {near:?}?")),
        None => failure,
    }
}
