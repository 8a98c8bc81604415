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
    /// Properties for what nothing else has set (source `Worker`).
    pub default_properties: BTreeMap<String, Json>,
    /// Locks that each of its builds takes.
    pub locks: Vec<LockAccess>,
    /// How long it may be away before that is told, in seconds; 0 = for ever (default 3600).
    pub missing_timeout: f64,
    /// Who is to know of it: what messages find beside the worker.
    pub notify_on_missing: Vec<String>,
    /// Where it is defined.
    pub site: Site,
}

impl WorkerConfig {
    /// An hour.
    pub const MISSING_TIMEOUT: f64 = 3600.0;

    /// A worker with every default.
    #[must_use]
    pub fn new(name: &str, password: Secret) -> Self {
        Self {
            name: name.to_owned(),
            password,
            max_builds: None,
            properties: BTreeMap::new(),
            default_properties: BTreeMap::new(),
            locks: Vec::new(),
            missing_timeout: Self::MISSING_TIMEOUT,
            notify_on_missing: Vec::new(),
            site: Site::default(),
        }
    }
}
