//! Locks and the ways to hold them: `ci.worker_lock`, `ci.master_lock`.

use std::collections::BTreeMap;

use serde::Serialize;

/// `ci.worker_lock`, `ci.master_lock`.
#[derive(Clone, Debug, Serialize)]
pub struct LockConfig {
    /// Unique name.
    pub name: String,
    /// How many counting holders there may be (default 1).
    pub max_count: u32,
    /// Another count on some workers, by worker name.
    pub max_count_for_worker: BTreeMap<String, u32>,
    /// One lock for the whole master (`master_lock`) instead of one per worker.
    pub for_master: bool,
}

/// A way to hold a lock: `lock:access "counting"`.
/// As JSON `{"lock": "name", "mode": "counting", "count": 1}`; see `model::config::json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LockAccess {
    /// Index into [`Config::locks`].
    pub lock: usize,
    /// How.
    #[serde(flatten)]
    pub mode: LockMode,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", content = "count", rename_all = "snake_case")]
pub enum LockMode {
    /// With others, as long as the counts fit.
    Counting(u32),
    /// Alone.
    Exclusive,
}
