//! What a change that a scheduler has taken still waits for. Plain data; `engine::holds` finds it,
//! pages, the data API and the command line show it beside the scheduler's verdict.

use std::fmt;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::base::clock::Timestamp;
use crate::model::why::as_seconds;

/// A scheduler that holds a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The scheduler's name.
    pub scheduler: String,
    /// What it waits for.
    pub waits: Hold,
}

/// What a scheduler waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Hold {
    /// The line of development is quiet.
    Stable {
        /// When it is, unless another change comes.
        #[serde(serialize_with = "as_seconds")]
        until: Timestamp,
    },
    /// Its time comes.
    Time {
        /// When it does.
        #[serde(serialize_with = "as_seconds")]
        until: Timestamp,
    },
    /// A change that is important.
    Important,
    /// Functions of the configuration answer.
    Asked,
    /// Somebody switches the scheduler on.
    Off,
    /// The configuration has the scheduler again.
    Removed,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stable { until } => write!(f, "waits until {until} for the tree to be stable"),
            Self::Time { until } => write!(f, "waits until {until}, its next time"),
            Self::Important => f.write_str("waits for an important change"),
            Self::Asked => f.write_str("asks functions of the configuration"),
            Self::Off => f.write_str("is off; it goes on when it is switched on"),
            Self::Removed => {
                f.write_str("is not in the configuration any more; it has an hour to come back")
            }
        }
    }
}

/// The verdicts of a change as the data API gives them: each with the scheduler, its words, and, if
/// the scheduler still holds the change, what it `waits` for.
#[must_use]
pub fn verdicts<'v>(
    verdicts: impl IntoIterator<Item = (&'v String, &'v String)>,
    held: &[Held],
) -> Json {
    let list = verdicts.into_iter().map(|(scheduler, verdict)| {
        let held = held.iter().find(|held| held.scheduler == *scheduler);
        let waits = held.map(|held| {
            let mut waits = serde_json::to_value(&held.waits).unwrap_or_default();
            waits["text"] = Json::from(held.waits.to_string());
            waits
        });
        json!({ "scheduler": scheduler, "verdict": verdict, "waits": waits })
    });
    json!({ "meta": {}, "verdicts": Json::from_iter(list) })
}
