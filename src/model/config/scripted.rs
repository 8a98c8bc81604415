//! Kinds of schedulers, reporters and hooks that the configuration itself makes:
//! `ci.scheduler_type`, `ci.reporter_type`, `ci.hook_type`. Their functions are called with plain
//! data and say what they want as plain data; the engine does it, so that it happens once.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::Callback;
use crate::base::secret::Secret;
use crate::model::filter::ChangeFilter;

/// The options that a type declares, as one object of it has them.
#[derive(Clone, Debug, Default)]
pub struct OwnOptions {
    /// Plain data.
    pub values: BTreeMap<String, Json>,
    /// Functions.
    pub functions: BTreeMap<String, Callback>,
}

/// A scheduler of a `ci.scheduler_type`.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptedScheduler {
    /// The type's name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What its type declares.
    #[serde(rename = "options")]
    pub own: OwnOptions,
    /// Which changes `on_change` is called for.
    pub change_filter: ChangeFilter,
    /// Called with a change.
    pub on_change: Option<Callback>,
    /// Called with a buildset that is complete.
    pub on_buildset: Option<Callback>,
    /// Called with the time, when it wanted to be.
    pub on_timer: Option<Callback>,
}

/// A reporter of a `ci.reporter_type`.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptedReporter {
    /// The type's name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What its type declares.
    #[serde(rename = "options")]
    pub own: OwnOptions,
    /// What it is told of, of [`REPORTED`].
    pub events: Vec<String>,
    /// Called with an event; what it raises is tried again.
    pub send: Callback,
}

/// The events that a scripted reporter may name.
pub const REPORTED: [&str; 5] =
    ["request_added", "build_started", "build_finished", "worker_missing", "worker_returned"];

/// A hook of a `ci.hook_type`.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptedHook {
    /// Where it is mounted: the last part of `/change_hook/NAME`.
    pub name: String,
    /// The type's name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What its type declares.
    #[serde(rename = "options")]
    pub own: OwnOptions,
    /// How a sender proves itself.
    pub proof: Proof,
    /// The header with the sender's id of a delivery; none = every request is a delivery.
    pub delivery_header: Option<String>,
    /// The header with the event's name.
    pub event_header: Option<String>,
    /// Called with a stored request; returns changes.
    pub read: Callback,
}

/// How the sender of a request proves itself. There is no way to leave it out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// HMAC-SHA256 of the body in this header, in hexadecimal, perhaps after `sha256=`.
    Signature {
        /// Lower-case name of the header.
        header: String,
        /// The key.
        secret: Secret,
    },
    /// The secret itself in this header.
    Token {
        /// Lower-case name of the header.
        header: String,
        /// The secret.
        secret: Secret,
    },
    /// A function of the request; anything but true refuses.
    Function(Callback),
}
