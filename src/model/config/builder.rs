//! Builders as the configuration describes them: `ci.builder`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{Decisions, LockAccess, Site, StepConfig};
use crate::model::render::Renderable;

/// `ci.builder`.
#[derive(Clone, Debug, Serialize)]
pub struct BuilderConfig {
    /// Unique name.
    pub name: String,
    /// Names of the workers that can build it, in the order given.
    pub workers: Vec<String>,
    /// The steps.
    pub steps: Vec<StepConfig>,
    /// Labels.
    pub tags: Vec<String>,
    /// Words for the builder's page.
    pub description: Option<String>,
    /// Directory on the worker, relative to its base (default: the name, `/` replaced by `_`).
    pub workerbuilddir: String,
    /// Locks held for the whole build.
    pub locks: Vec<LockAccess>,
    /// Variables for every command of the build.
    pub env: Renderable,
    /// Properties of its builds (source `Builder`).
    pub properties: BTreeMap<String, Json>,
    /// What functions decide about its builds.
    #[serde(flatten)]
    pub decisions: Decisions,
    /// Where it is defined.
    pub site: Site,
}
