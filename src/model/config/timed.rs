//! Schedulers that build when the time has come: `ci.schedulers.periodic` and `nightly`; and those
//! that build when a step says so, one of which waits for a time to do it.

use jiff::tz::TimeZone;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Wanted;
use crate::model::cron::{Cron, Unit};

/// A scheduler that builds at certain times.
#[derive(Clone, Debug)]
pub struct TimedScheduler {
    /// When.
    pub times: Times,
    /// Only when something important changed since the last time.
    pub only_if_changed: bool,
    /// The branch it builds; none = the repository's own.
    pub branch: Option<String>,
    /// Which changes count.
    pub wanted: Wanted,
}

/// A scheduler that steps trigger: at once (`triggerable`), or what was triggered last when the
/// time has come (`nightly_triggerable`).
#[derive(Clone, Debug)]
pub struct TriggerableScheduler {
    /// Its requests have the priority of the request whose build triggers them, because the
    /// configuration names none.
    pub inherits_priority: bool,
    /// When; none = at once.
    pub times: Option<Times>,
}

/// When a timed scheduler builds.
#[derive(Clone, Debug)]
pub enum Times {
    /// Every so many seconds (`periodic`).
    Every {
        /// The seconds.
        period: f64,
    },
    /// When the clock says so (`nightly`).
    Cron {
        /// The times.
        times: Box<Cron>,
        /// Times at which it builds whatever has changed (`force_at_…`).
        force_at: Option<Box<Cron>>,
        /// Whose clock.
        timezone: TimeZone,
    },
}

impl Times {
    /// Under the names of the options, but for `force_at_…`.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Every { period } => map.serialize_entry("period", period),
            Self::Cron { times, timezone, .. } => {
                for unit in Unit::ALL {
                    map.serialize_entry(unit.word(), times.part(unit).text())?;
                }
                map.serialize_entry("timezone", &timezone.iana_name())
            }
        }
    }
}

/// Under the names of the options.
impl Serialize for TriggerableScheduler {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("inherits_priority", &self.inherits_priority)?;
        if let Some(times) = &self.times {
            times.write(&mut map)?;
        }
        map.end()
    }
}

/// Under the names of the options.
impl Serialize for TimedScheduler {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { times, only_if_changed, branch, wanted } = self;
        let Wanted {
            change_filter,
            file_is_important,
            only_important,
            create_absolute_source_stamps,
        } = wanted;
        let mut map = serializer.serialize_map(None)?;
        times.write(&mut map)?;
        if let Times::Cron { force_at, .. } = times {
            for unit in Unit::ALL {
                let text = force_at.as_ref().map(|cron| cron.part(unit).text());
                map.serialize_entry(&format!("force_at_{}", unit.word()), &text)?;
            }
        }
        map.serialize_entry("only_if_changed", only_if_changed)?;
        map.serialize_entry("branch", branch)?;
        map.serialize_entry("change_filter", change_filter)?;
        map.serialize_entry("file_is_important", file_is_important)?;
        map.serialize_entry("only_important", only_important)?;
        if *create_absolute_source_stamps {
            map.serialize_entry("create_absolute_source_stamps", &true)?;
        }
        map.end()
    }
}
