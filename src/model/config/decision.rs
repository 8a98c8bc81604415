//! What a configuration's functions may decide instead of the engine: who builds next, where, and
//! whether at all. Kept together because the engine asks them all in the same way, and what nobody
//! wrote costs nothing.

use serde::{Serialize, Serializer};

use super::{Callback, Condition};

/// The decisions of the whole master.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MasterDecisions {
    /// The order in which builders get their turn; called with those that have waiting requests.
    pub prioritize_builders: Option<Callback>,
    /// The worker of a build, where its builder has no `next_worker`.
    pub select_next_worker: Option<Callback>,
    /// Collapsing, where a builder does not say (default: compatible requests).
    pub collapse_requests: Collapse,
    /// The codebase of a change that came without one.
    pub codebase_generator: Option<Callback>,
    /// The page that shows a change which came without a link: `(revision, repository)`.
    pub revlink: Option<Callback>,
}

/// The decisions about one builder's builds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decisions {
    /// The worker: `(builder, workers, request)`, of those that could build now.
    pub next_worker: Option<Callback>,
    /// The request: `(builder, requests)`.
    pub next_build: Option<Callback>,
    /// Whether this build may start now: `(builder, worker, request)`.
    pub can_start_build: Option<Callback>,
    /// Whether waiting requests are merged; none = as the configuration says for all.
    pub collapse_requests: Option<Collapse>,
    /// Whether a build does anything at all.
    pub do_build_if: Option<Condition>,
}

/// Whether a waiting request gives way to a newer one of its builder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Collapse {
    /// It never does.
    Never,
    /// When the newer one builds the same line of development.
    #[default]
    Compatible,
    /// When the function says so: `(builder, older, newer)`.
    Ask(Callback),
}

/// The priority of a scheduler's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Priority {
    /// Always this one.
    Fixed(i64),
    /// What the function says: `(builders, changes)`.
    Ask(Callback),
}

impl Priority {
    /// The highest one; the lowest is as far below zero.
    pub const MOST: i64 = 1_000_000;
}

impl Default for Priority {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

impl Serialize for Collapse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_bool(false),
            Self::Compatible => serializer.serialize_bool(true),
            Self::Ask(function) => function.serialize(serializer),
        }
    }
}

/// What a scheduler leaves to functions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Choices {
    /// The builders of a buildset: `(context)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builders: Option<Callback>,
}

impl Decisions {
    /// Whether a function has a say in which of the builder's requests is built where.
    #[must_use]
    pub fn ask_before_a_start(&self) -> bool {
        self.next_worker.is_some() || self.next_build.is_some() || self.can_start_build.is_some()
    }
}
