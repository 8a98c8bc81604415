//! What a call of a scripted scheduler led to: plain data, so that builds, memory and timer take
//! effect in one commit or not at all.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::base::id::ChangeId;
use crate::model::sourcestamp::Sourcestamp;

/// Everything a call wants.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Buildsets, in order.
    #[serde(default)]
    pub builds: Vec<PlannedBuild>,
    /// What the scheduler remembers from now on.
    #[serde(default)]
    pub state: Json,
    /// What becomes of its timer; absent = it stays as it is.
    #[serde(default)]
    pub timer: Option<PlannedTimer>,
}

/// A timer that is set or switched off.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTimer {
    /// When, in seconds since the epoch; none = never.
    #[serde(default)]
    pub at: Option<f64>,
}

/// A buildset that a call wants.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlannedBuild {
    /// Builders; none = all of the scheduler's.
    pub builders: Option<Vec<String>>,
    /// Changes that it is made of; the newest of each codebase gives the source.
    pub changes: Vec<ChangeId>,
    /// The source where no change gives it, one for each codebase.
    pub sourcestamps: Vec<Sourcestamp>,
    /// Why; none = the scheduler's reason.
    pub reason: Option<String>,
    /// Properties, besides the scheduler's own.
    pub properties: BTreeMap<String, Json>,
    /// Higher goes first.
    pub priority: i64,
}
