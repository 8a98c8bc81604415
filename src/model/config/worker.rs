//! Workers as the configuration describes them: `ci.worker`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{LockAccess, Site};
use crate::base::secret::Secret;

/// `ci.worker`.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerConfig {
    /// Unique name.
    pub name: String,
    /// The secret it connects with.
    pub password: Secret,
    /// Builds that may run on it at once; none = no limit.
    pub max_builds: Option<u32>,
    /// Properties that its builds get (source `Worker`).
    pub properties: BTreeMap<String, Json>,
    /// Locks that each of its builds takes.
    pub locks: Vec<LockAccess>,
    /// Where it is defined.
    pub site: Site,
}
