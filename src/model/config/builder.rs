//! Builders as the configuration describes them: `ci.builder`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::{Decisions, LockList, Site, StepConfig};
use crate::model::render::Renderable;

/// `ci.builder`.
#[derive(Clone, Debug, Serialize)]
pub struct BuilderConfig {
    /// Unique name.
    pub name: String,
    /// Names of the workers that can build it, in the order given.
    pub workers: Vec<String>,
    /// The steps; builders may share them.
    #[serde(serialize_with = "each")]
    pub steps: Vec<Arc<StepConfig>>,
    /// Labels.
    pub tags: Vec<String>,
    /// Words for the builder's page.
    pub description: Option<String>,
    /// Directory on the worker, relative to its base (default: the name, `/` replaced by `_`).
    pub workerbuilddir: String,
    /// Where its steps run, below its directory (default `build`).
    pub workdir: Renderable,
    /// Builds of it that may run on one worker at once (default 1); each but the first has a
    /// directory of its own there, `DIR@2` and so on.
    pub max_builds_per_worker: u32,
    /// Locks held for the whole build.
    pub locks: LockList,
    /// Variables for every command of the build.
    pub env: Renderable,
    /// Properties of its builds (source `Builder`).
    pub properties: BTreeMap<String, Json>,
    /// Properties for what nothing else has set (source `Builder`).
    pub default_properties: BTreeMap<String, Json>,
    /// What functions decide about its builds.
    #[serde(flatten)]
    pub decisions: Decisions,
    /// Where it is defined.
    pub site: Site,
}

impl BuilderConfig {
    /// A builder with every default, without workers and steps.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            workers: Vec::new(),
            steps: Vec::new(),
            tags: Vec::new(),
            description: None,
            workerbuilddir: name.replace('/', "_"),
            workdir: Renderable::text("build"),
            max_builds_per_worker: 1,
            locks: LockList::default(),
            env: Renderable::Map(BTreeMap::new()),
            properties: BTreeMap::new(),
            default_properties: BTreeMap::new(),
            decisions: Decisions::default(),
            site: Site::default(),
        }
    }
}

impl BuilderConfig {
    /// The directory of the build that is the `slot`th of it on a worker, from 1.
    #[must_use]
    pub fn directory(&self, slot: u32) -> String {
        match slot {
            0 | 1 => self.workerbuilddir.clone(),
            _ => format!("{}@{slot}", self.workerbuilddir),
        }
    }
}

fn each<S: Serializer>(steps: &[Arc<StepConfig>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(|step| &**step))
}
