//! What functions see that decide about builds: builders, workers and requests as they stood when
//! the question was put. The objects themselves stay in Lua; these are their live values.

use std::sync::Arc;

use crate::base::clock::Timestamp;
use crate::model::change::Change;
use crate::model::property::Properties;
use crate::model::request::Request;
use crate::model::worker::WorkerInfo;

/// A builder and its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuilderView {
    /// Its name.
    pub name: String,
    /// How many requests wait for it.
    pub pending: usize,
    /// When the oldest of them was made.
    pub oldest_request_at: Option<Timestamp>,
    /// The highest of their priorities.
    pub highest_priority: Option<i64>,
    /// How many of its builds run.
    pub running: usize,
    /// When the newest of its builds ended.
    pub newest_complete_at: Option<Timestamp>,
}

/// A worker that could build.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// What it said about itself.
    pub info: Arc<WorkerInfo>,
    /// How many builds run on it.
    pub running: usize,
}

/// A request that waits.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// As the engine holds it.
    pub request: Request,
    /// The builder's name.
    pub builder: String,
    /// Why it was made.
    pub reason: String,
    /// Properties of its changes and of its buildset.
    pub properties: Properties,
    /// The changes it was made of, oldest first.
    pub changes: Vec<Change>,
}
