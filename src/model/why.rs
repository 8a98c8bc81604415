//! Why a request is not built yet: one reason for each thing that is in the way, in the order in
//! which people would remove them. Plain data; `engine::why` finds it, every edge shows it.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, RequestId, StepId};
use crate::base::text::count;

/// A build, as people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildName {
    /// Row id.
    pub id: BuildId,
    /// Its builder.
    pub builder_id: BuilderId,
    /// Its builder's name.
    pub builder: String,
    /// Its number.
    pub number: i64,
}

impl fmt::Display for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.builder, self.number)
    }
}

/// Where a request stands, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Why {
    /// It waits.
    Waiting {
        /// For all of these; a worker that is free ends every reason about workers.
        reasons: Vec<Reason>,
    },
    /// A build of it runs.
    Building {
        /// The build.
        build: BuildName,
        /// What the build, or its step, waits for; mostly nothing.
        reasons: Vec<Reason>,
    },
}

impl Why {
    /// What is in the way.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Waiting { reasons } | Self::Building { reasons, .. } => reasons,
        }
    }

    /// `state`, `build` if there is one, and `reasons`, each with its `kind`, its parts, and as a
    /// `text` for people.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        let told = json["reasons"].as_array_mut().into_iter().flatten().zip(self.reasons());
        for (item, reason) in told {
            item["text"] = Json::from(reason.to_string());
        }
        json
    }
}

/// One thing that is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reason {
    /// The master hands out no new work.
    Stopping,
    /// The configuration does not have the builder any more.
    BuilderRemoved {
        /// Its name.
        builder: String,
    },
    /// Others of the same builder come first.
    Behind {
        /// The one that is next.
        request: RequestId,
        /// How many there are.
        ahead: usize,
    },
    /// The configuration gives the builder no worker.
    NoWorkers,
    /// A worker that cannot take it.
    Worker {
        /// Its name.
        worker: String,
        /// Why not.
        because: Because,
    },
    /// A function of the configuration said no.
    Refused {
        /// Which, with its place, and what it said.
        by: String,
    },
    /// Functions of the configuration are being asked.
    Asked,
    /// A lock is held by others, or others wait for it already.
    Lock {
        /// The step that wants it; none = the build itself does.
        step: Option<StepId>,
        /// Which, and by whom.
        #[serde(flatten)]
        held: LockHeld,
    },
}

/// A moment as the data API gives it: in seconds since the epoch.
pub(super) fn as_seconds<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_i64(at.secs())
}

/// Why a worker cannot take a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Because {
    /// It is not connected.
    Away,
    /// Somebody paused it.
    Paused {
        /// Why.
        reason: String,
    },
    /// Builds went wrong because of it.
    Quarantined {
        /// Until then it gets none; in seconds since the epoch.
        #[serde(serialize_with = "as_seconds")]
        until: Timestamp,
        /// What went wrong.
        reason: String,
    },
    /// It takes no new builds before it goes.
    Graceful,
    /// It runs as many builds as it takes.
    Full {
        /// How many that is.
        max_builds: u32,
        /// What it builds.
        builds: Vec<BuildName>,
    },
    /// It builds for this builder as often as it may.
    SameBuilder {
        /// How often that is.
        max_builds_per_worker: u32,
        /// Those builds.
        builds: Vec<BuildName>,
    },
    /// A lock is not free on it.
    Lock(LockHeld),
}

/// A lock that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockHeld {
    /// Its name.
    pub lock: String,
    /// Who holds it; empty = others who wait come first.
    pub holders: Vec<BuildName>,
}

impl fmt::Display for LockHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holders.as_slice() {
            [] => write!(f, "others wait for the lock {:?} first", self.lock),
            holders => write!(f, "{} holds the lock {:?}", list(holders), self.lock),
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away => f.write_str("is not connected"),
            Self::Paused { reason } => match reason.as_str() {
                "" | "no reason" => f.write_str("is paused"),
                reason => write!(f, "is paused: {reason}"),
            },
            Self::Quarantined { until, reason } => {
                write!(f, "is quarantined until {until} because of {reason}")
            }
            Self::Graceful => f.write_str("takes no new builds before it shuts down"),
            Self::Full { max_builds, builds } => write!(
                f,
                "builds {} and takes at most {} at once",
                list(builds),
                count(*max_builds as usize, "build")
            ),
            Self::SameBuilder { max_builds_per_worker: 1, builds } => {
                write!(f, "builds this builder's {} already", list(builds))
            }
            Self::SameBuilder { max_builds_per_worker, builds } => write!(
                f,
                "builds this builder's {} and takes at most {} of it at once",
                list(builds),
                count(*max_builds_per_worker as usize, "build")
            ),
            Self::Lock(held) => write!(f, "is free, but {held}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopping => f.write_str("the master is stopping and hands out no new work"),
            Self::BuilderRemoved { builder } => {
                write!(f, "the configuration has no builder {builder:?} any more")
            }
            Self::Behind { request, ahead: 1 } => {
                write!(f, "request {request} of the same builder comes first")
            }
            Self::Behind { request, ahead } => write!(
                f,
                "{} of the same builder come first, the next is {request}",
                count(*ahead, "request")
            ),
            Self::NoWorkers => f.write_str("the configuration gives its builder no worker"),
            Self::Worker { worker, because } => write!(f, "worker {worker} {because}"),
            Self::Refused { by } => write!(f, "no from {by}"),
            Self::Asked => f.write_str("functions of the configuration are being asked"),
            Self::Lock { held, .. } => held.fmt(f),
        }
    }
}

/// Every name, with commas.
fn list(builds: &[BuildName]) -> String {
    builds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
