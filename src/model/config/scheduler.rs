//! Schedulers as the configuration describes them: `ci.schedulers.*`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Callback, Choices, Parameter, Priority, ScriptedScheduler, Site, TimedScheduler, Times,
    TriggerableScheduler, json,
};
use crate::base::secret::Secret;
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
    /// The codebases of its builds; empty = those of the changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codebases: Vec<CodebaseConfig>,
    /// Reason of its buildsets; none = Buildbot's words.
    pub reason: Option<String>,
    /// What kind it is.
    #[serde(flatten, serialize_with = "json::scheduler_kind")]
    pub kind: SchedulerKind,
    /// Where it is defined.
    pub site: Site,
}

impl SchedulerConfig {
    /// A scheduler with nothing but what every one has.
    #[must_use]
    pub fn new(name: &str, builders: &[&str], kind: SchedulerKind) -> Self {
        Self {
            name: name.to_owned(),
            builders: builders.iter().map(|b| (*b).to_owned()).collect(),
            properties: BTreeMap::new(),
            codebases: Vec::new(),
            reason: None,
            priority: Priority::default(),
            choices: Choices::default(),
            kind,
            site: Site::default(),
        }
    }

    /// The reason of its buildsets.
    #[must_use]
    pub fn reason(&self) -> String {
        self.reason.clone().unwrap_or_else(|| {
            let (kind, name) = (self.kind.word(), &self.name);
            format!("The {kind} scheduler named '{name}' triggered this build")
        })
    }
}

/// A codebase of a scheduler, and what is built of it when no change says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodebaseConfig {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub repository: String,
    /// Its branch; none = the repository's own.
    pub branch: Option<String>,
    /// Its revision; none = the newest.
    pub revision: Option<String>,
}

/// The kinds of schedulers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SchedulerKind {
    /// `any_branch` and `single_branch`.
    Branch(BranchScheduler),
    /// `periodic` and `nightly`.
    Timed(TimedScheduler),
    /// `dependent`.
    Dependent(DependentScheduler),
    /// `force`.
    Force(ForceScheduler),
    /// `try_userpass`.
    Try(TryScheduler),
    /// `triggerable` and `nightly_triggerable`.
    Triggerable(TriggerableScheduler),
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
            Self::Timed(TimedScheduler { times: Times::Every { .. }, .. }) => "periodic",
            Self::Timed(_) => "nightly",
            Self::Dependent(_) => "dependent",
            Self::Force(_) => "force",
            Self::Try(_) => "try_userpass",
            Self::Triggerable(TriggerableScheduler { times: None, .. }) => "triggerable",
            Self::Triggerable(_) => "nightly_triggerable",
            Self::Scripted(s) => &s.type_name,
        }
    }

    /// Which changes it looks at; none = it does not look at changes.
    #[must_use]
    pub fn wanted(&self) -> Option<&Wanted> {
        match self {
            Self::Branch(branch) => Some(&branch.wanted),
            // What nothing depends on need not be judged.
            Self::Timed(timed) if timed.only_if_changed => Some(&timed.wanted),
            Self::Timed(_)
            | Self::Dependent(_)
            | Self::Force(_)
            | Self::Try(_)
            | Self::Triggerable(_)
            | Self::Scripted(_) => None,
        }
    }
}

/// Which changes a scheduler wants.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Wanted {
    /// What they must be.
    pub change_filter: ChangeFilter,
    /// Called with a change; false = unimportant: it is built only with an important one.
    pub file_is_important: Option<Callback>,
    /// Unimportant changes are left out altogether.
    pub only_important: bool,
    /// A codebase without a change is built at the newest revision that the scheduler has seen of
    /// it, and not at whatever is the newest when it is fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create_absolute_source_stamps: bool,
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
    #[serde(flatten)]
    pub wanted: Wanted,
}

/// A scheduler that waits for another one's buildsets to succeed.
#[derive(Clone, Debug, Serialize)]
pub struct DependentScheduler {
    /// The other one's name.
    pub upstream: String,
}

/// A scheduler that builds what people have in their working trees.
#[derive(Clone, Debug, Serialize)]
pub struct TryScheduler {
    /// Who may use it: names and passwords.
    #[serde(serialize_with = "json::users")]
    pub users: Vec<(String, Secret)>,
}

/// A scheduler that people start.
#[derive(Clone, Debug, Serialize)]
pub struct ForceScheduler {
    /// Words on the button (default: the name).
    pub button_name: String,
    /// Its name for people (default: the name).
    pub label: String,
    /// The codebases of a form; `""` when there is only one.
    pub codebases: Vec<String>,
    /// The reason of its buildsets, with `%(owner)s` and `%(reason)s`; none = Buildbot's words.
    pub reason_string: Option<String>,
    /// The form: who and why, the codebases, the parameters.
    #[serde(rename = "all_fields")]
    pub fields: Vec<Parameter>,
}

impl ForceScheduler {
    /// The form that a scheduler called `name` has when nothing is said about it.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        let reason = Parameter::reason("force build");
        let order = Parameter::order(Parameter::username(), reason, Parameter::priority(0));
        let mut fields = vec![order, Parameter::codebase("")];
        fields.iter_mut().for_each(|field| field.place(""));
        Self {
            button_name: name.to_owned(),
            label: name.to_owned(),
            codebases: vec![String::new()],
            reason_string: None,
            fields,
        }
    }
}
