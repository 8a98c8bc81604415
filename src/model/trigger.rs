//! What a step triggers: which schedulers, of which source, with which properties; and what came of
//! it. Plain data between the step's function, its desk and the engine.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::base::id::{BuildId, BuildsetId, RequestId};
use crate::base::results::Results;
use crate::model::sourcestamp::Sourcestamp;

/// What a step wants to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerWish {
    /// The schedulers, in order.
    pub parts: Vec<TriggerPart>,
    /// What is built.
    pub source: TriggerSource,
    /// Whether the step waits for the results.
    pub is_waited_for: bool,
    /// What the new builds are to this one, in words.
    pub relationship: String,
}

/// One scheduler of a wish.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerPart {
    /// Its name.
    pub scheduler: String,
    /// Properties of its builds (source `Trigger`), over the scheduler's own.
    pub properties: BTreeMap<String, Json>,
}

/// Which source is built.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerSource {
    /// That of the build, at the revisions it was given or, with `updated`, those that it got.
    OfBuild {
        /// `got_revision` counts.
        updated: bool,
    },
    /// What the scheduler declares, at the newest revision.
    Latest,
    /// These; what they leave open is the scheduler's.
    Given(Vec<Sourcestamp>),
}

/// What was started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triggered {
    /// The requests, in the order of the wish's parts.
    pub requests: Vec<TriggeredRequest>,
    /// Schedulers that are switched off: they started nothing.
    pub switched_off: Vec<String>,
}

/// A request that a step has started.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggeredRequest {
    /// Which part of the wish it is of, from 0.
    pub part: usize,
    /// The builder's name.
    pub builder: String,
    /// Row id.
    pub request: RequestId,
    /// Its buildset.
    pub buildset: BuildsetId,
    /// Its page.
    pub url: String,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestEnd {
    /// Its result.
    pub results: Results,
    /// The attempts at it, in order.
    pub builds: Vec<EndedBuild>,
}

/// An attempt at a request.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedBuild {
    /// Row id.
    pub id: BuildId,
    /// The builder's name.
    pub builder: String,
    /// Its number.
    pub number: i64,
    /// How it ended.
    pub results: Option<Results>,
    /// Its page.
    pub url: String,
}
