//! Locks and the ways to hold them: `ci.worker_lock`, `ci.master_lock`.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeSeq as _, Serializer};
use serde_json::{Value as Json, json};

use crate::model::render::Renderable;

/// `ci.worker_lock`, `ci.master_lock`.
#[derive(Clone, Debug, serde::Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LockAccess {
    /// Index into the configuration's locks.
    pub lock: usize,
    /// How.
    #[serde(flatten)]
    pub mode: LockMode,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "mode", content = "count", rename_all = "snake_case")]
pub enum LockMode {
    /// With others, as long as the counts fit.
    Counting(u32),
    /// Alone.
    Exclusive,
}

/// The option `locks` of a builder or step.
#[derive(Clone, Debug, Default)]
pub struct LockList {
    /// Those that are known when the configuration loads.
    pub fixed: Vec<LockAccess>,
    /// What renders to more of them, once there is a build.
    pub rendered: Vec<Renderable>,
}

/// One list, as it is written.
impl Serialize for LockList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { fixed, rendered } = self;
        let mut list = serializer.serialize_seq(Some(fixed.len() + rendered.len()))?;
        for access in fixed {
            list.serialize_element(access)?;
        }
        for value in rendered {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

impl LockAccess {
    /// The access as the data that a function of the build hands over.
    #[must_use]
    pub fn to_json(self) -> Json {
        match self.mode {
            LockMode::Counting(count) => json!({ "lock": self.lock, "count": count }),
            LockMode::Exclusive => json!({ "lock": self.lock }),
        }
    }

    /// The inverse of [`Self::to_json`].
    #[must_use]
    pub fn from_json(json: &Json) -> Option<Self> {
        let lock = usize::try_from(json.get("lock")?.as_u64()?).ok()?;
        let mode = match json.get("count") {
            None => LockMode::Exclusive,
            Some(count) => LockMode::Counting(u32::try_from(count.as_u64()?).ok()?),
        };
        Some(Self { lock, mode })
    }

    /// Why nobody could ever take `wanted` on `worker` while holding `held`: a sentence.
    #[must_use]
    pub fn mistake(
        locks: &[LockConfig],
        wanted: &[Self],
        held: &[Self],
        worker: &str,
    ) -> Option<String> {
        for (n, access) in wanted.iter().enumerate() {
            let lock = locks.get(access.lock)?;
            let name = &lock.name;
            if wanted[..n].iter().any(|other| other.lock == access.lock) {
                return Some(format!("`locks` takes the lock {name:?} twice."));
            }
            let max = lock.max_count_on(worker);
            let of_this = held.iter().filter(|other| other.lock == access.lock);
            if of_this.into_iter().any(|other| other.mode.excludes(access.mode, max)) {
                return Some(format!(
                    "the build holds the lock {name:?} already; it would wait for itself forever."
                ));
            }
            if let LockMode::Counting(count) = access.mode
                && count > max
            {
                return Some(format!(
                    "an access counts {count}, but the lock {name:?} has only {max}: it would wait \
                     forever."
                ));
            }
        }
        None
    }
}

impl LockMode {
    /// Whether one build can never hold a lock of `max` both ways at once.
    #[must_use]
    pub fn excludes(self, other: Self, max: u32) -> bool {
        match (self, other) {
            (Self::Counting(a), Self::Counting(b)) => a.saturating_add(b) > max,
            (Self::Exclusive, _) | (_, Self::Exclusive) => true,
        }
    }
}

impl LockConfig {
    /// How many counting holders there may be on `worker`.
    #[must_use]
    pub fn max_count_on(&self, worker: &str) -> u32 {
        let own = self.max_count_for_worker.get(worker).filter(|_| !self.for_master);
        own.copied().unwrap_or(self.max_count)
    }
}
