//! Schedulers as the configuration describes them: `ci.schedulers.*`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{Callback, Choices, Priority, ScriptedScheduler, Site, json};
use crate::model::filter::ChangeFilter;

/// A scheduler.
#[derive(Clone, Debug, Serialize)]
pub struct SchedulerConfig {
    /// Unique name.
    pub name: String,
    /// Names of the builders it starts; empty = `choices.builders` says which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub builders: Vec<String>,
    /// Priority of its requests, higher goes first (default 0).
    pub priority: Priority,
    /// What it leaves to functions.
    #[serde(flatten)]
    pub choices: Choices,
    /// Properties of its builds (source `Scheduler`).
    pub properties: BTreeMap<String, Json>,
    /// Reason of its buildsets; none = Buildbot's words.
    pub reason: Option<String>,
    /// What kind it is.
    #[serde(flatten, serialize_with = "json::scheduler_kind")]
    pub kind: SchedulerKind,
    /// Where it is defined.
    pub site: Site,
}

impl SchedulerConfig {
    /// The reason of its buildsets.
    #[must_use]
    pub fn reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| {
            let (kind, name) = (self.kind.word(), &self.name);
            format!("The {kind} scheduler named '{name}' triggered this build")
        })
    }
}

/// The kinds of schedulers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SchedulerKind {
    /// `any_branch` and `single_branch`.
    Branch(BranchScheduler),
    /// `force`.
    Force(ForceScheduler),
    /// Of a `ci.scheduler_type`.
    Scripted(Box<ScriptedScheduler>),
}

impl SchedulerKind {
    /// The constructor's name in Lua, of a scripted one its type's.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Branch(b) if b.single => "single_branch",
            Self::Branch(_) => "any_branch",
            Self::Force(_) => "force",
            Self::Scripted(s) => &s.type_name,
        }
    }
}

/// A scheduler that waits for changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BranchScheduler {
    /// One timer for all branches (`single_branch`) instead of one per line of development.
    #[serde(skip)]
    pub single: bool,
    /// Seconds without further change before a build; none = at once, one buildset per change.
    pub tree_stable_timer: Option<f64>,
    /// Which changes it wants.
    pub change_filter: ChangeFilter,
    /// Called with a change; false = unimportant: it is built only with an important one.
    pub file_is_important: Option<Callback>,
    /// Unimportant changes are left out altogether.
    pub only_important: bool,
}

/// A scheduler that people start.
#[derive(Clone, Debug, Serialize)]
pub struct ForceScheduler {
    /// Words on the button (default: the name).
    pub button_name: String,
    /// The codebases of a form; `""` when there is only one.
    pub codebases: Vec<String>,
    /// The default reason.
    pub reason_default: String,
}
