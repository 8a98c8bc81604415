//! A configuration as data: everything `master.lua` may say, read once and never changed. The
//! functions in it are [`Callback`]s, slots of the generation's Lua state; nothing here knows Lua.
//! One file for each kind of object, named as its constructor is.

mod authz;
mod builder;
mod canceller;
mod decision;
mod generator;
mod hook;
pub mod json;
mod lock;
mod logs;
mod parameter;
mod reporter;
mod scheduler;
mod scripted;
mod source;
mod step;
mod timed;
mod validation;
mod worker;
mod www;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

pub use self::authz::{Authz, Grant, Role, Rule, Ruling, Target};
pub use self::builder::BuilderConfig;
pub use self::canceller::{CancellerConfig, CancellerFilter, CancellerKind, branch_key};
pub use self::decision::{Choices, Collapse, Decisions, MasterDecisions, Priority};
pub use self::generator::{Formatter, Generator, GeneratorKind, Logs, TextType, Wants, Words};
pub use self::hook::{BaseHook, Codebase, GithubHook, Hooks, PollerHook};
pub use self::lock::{LockAccess, LockConfig, LockList, LockMode};
pub use self::logs::LogLimits;
pub use self::parameter::{Group, Parameter, ParameterKind};
pub use self::reporter::{
    GithubComment, GithubStatus, HttpReporter, ReporterConfig, ReporterKind, Word,
};
pub use self::scheduler::{
    BranchScheduler, CodebaseConfig, DependentScheduler, ForceScheduler, SchedulerConfig,
    SchedulerKind, TryScheduler, Wanted,
};
pub use self::scripted::{
    OwnOptions, Proof, REPORTED, ScriptedHook, ScriptedReporter, ScriptedScheduler,
};
pub use self::source::{
    BranchPattern, Branches, Encoding, GitAccess, GitPoller, PullRequestPoller, RepositoryType,
    Said, SourceConfig, SourceKind, Times as PollTimes,
};
pub use self::step::{
    Condition, Retry, RetryOn, StepConfig, StepFlags, StepGroup, StepOption, check_step_name,
};
pub use self::timed::{TimedScheduler, Times, TriggerableScheduler};
pub use self::validation::{Checked, Validation};
pub use self::worker::WorkerConfig;
pub use self::www::{Artifacts, COOKIE_SECONDS, Www};
use crate::base::id::{BuilderId, RequestId};
use crate::base::secret::Secret;

/// A place in the user's files.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// The file as the user knows it, relative to the configuration's folder.
    pub file: Arc<str>,
    /// Line, from 1; 0 = the whole file.
    pub line: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}

/// A Lua function of the configuration: a slot of its generation, and where it was written.
#[derive(Clone)]
pub struct Callback {
    /// Index into the generation's list of functions.
    pub slot: u32,
    /// Where the function stands.
    pub site: Site,
    /// Of what its text means and what its variables hold; the same wherever it stands.
    pub fingerprint: u64,
}

// A reload compares configurations by `==` where it can and by their `Debug` text (`{:+?}`) elsewhere.
// Places and slots move whenever a line is added above, so both leave them out; a function is known
// by its fingerprint, which a variable with a secret in it changes too, so it is never shown.
impl PartialEq for Callback {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Callback {}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("site")
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.sign_plus() {
            return write!(f, "function-{:016x}", self.fingerprint);
        }
        f.write_str("function")
    }
}

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Name of the installation, shown on every page (default `halide-ci`).
    pub title: String,
    /// Link behind the title.
    pub title_url: String,
    /// Public base URL, ends in `/` (default `http://localhost:PORT/`).
    pub url: String,
    /// Database URL (default `sqlite:///state.sqlite`, relative to the base directory).
    pub db_url: String,
    /// Where the database is said.
    pub db_site: Site,
    /// Where workers connect.
    pub protocols: Protocols,
    /// The web server; none = no web server.
    pub www: Option<Www>,
    /// Workers, in the order given.
    pub workers: Vec<WorkerConfig>,
    /// Builders, in the order given.
    pub builders: Vec<BuilderConfig>,
    /// Schedulers, in the order given.
    pub schedulers: Vec<SchedulerConfig>,
    /// What looks for changes, in the order given.
    pub change_sources: Vec<SourceConfig>,
    /// Reporters, in the order given.
    pub reporters: Vec<ReporterConfig>,
    /// Cancellers, in the order given.
    pub cancellers: Vec<CancellerConfig>,
    /// Locks; accesses refer to them by index.
    pub locks: Vec<LockConfig>,
    /// What functions decide for the whole master.
    pub decisions: MasterDecisions,
    /// Properties that every build gets (source `Config`).
    pub properties: BTreeMap<String, Json>,
    /// How long logs may get.
    pub logs: LogLimits,
    /// The encoding of what commands write, unless their step says another; none = UTF-8.
    pub log_encoding: Option<String>,
    /// What users may say who force builds.
    pub validation: Validation,
    /// Budgets of the Lua state.
    pub limits: Limits,
    /// What `c.secrets_providers` have, by name.
    pub provided: Arc<BTreeMap<String, Secret>>,
    /// Every secret that was read; masked in logs and answers.
    pub secrets: Vec<Secret>,
    /// Every file the configuration was made from, for the generation's row and the watcher.
    pub files: Vec<LoadedFile>,
}

impl Config {
    /// The page of a build.
    #[must_use]
    pub fn build_url(&self, builder: BuilderId, number: i64) -> String {
        format!("{}/builders/{builder}/builds/{number}", self.url.trim_end_matches('/'))
    }

    /// The page of a request.
    #[must_use]
    pub fn request_url(&self, request: RequestId) -> String {
        format!("{}/buildrequests/{request}", self.url.trim_end_matches('/'))
    }

    /// The store of artifacts.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts {
        self.www.as_ref().map_or_else(Artifacts::default, |www| www.artifacts.clone())
    }

    /// The builder called `name`.
    #[must_use]
    pub fn builder(&self, name: &str) -> Option<&BuilderConfig> {
        self.builders.iter().find(|b| b.name == name)
    }

    /// Whether waiting requests of `builder` are merged.
    #[must_use]
    pub fn collapse<'c>(&'c self, builder: &'c BuilderConfig) -> &'c Collapse {
        let own = builder.decisions.collapse_requests.as_ref();
        own.unwrap_or(&self.decisions.collapse_requests)
    }

    /// The worker called `name`.
    #[must_use]
    pub fn worker(&self, name: &str) -> Option<&WorkerConfig> {
        self.workers.iter().find(|w| w.name == name)
    }

    /// The change source called `name`.
    #[must_use]
    pub fn change_source(&self, name: &str) -> Option<&SourceConfig> {
        self.change_sources.iter().find(|s| s.name == name)
    }

    /// The scheduler called `name`.
    #[must_use]
    pub fn scheduler(&self, name: &str) -> Option<&SchedulerConfig> {
        self.schedulers.iter().find(|s| s.name == name)
    }
}

/// A file that a configuration loaded. Secret files are watched but their text is not kept.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// Absolute path, for watching.
    pub path: PathBuf,
    /// The text, or none for a secret file.
    pub text: Option<String>,
}

/// Budgets of a generation's Lua state (`c.limits`).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    /// Seconds that a callback may compute between two waits (default 1).
    pub cpu_seconds: f64,
    /// Bytes that the Lua state may hold (default 256 MiB).
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_seconds: 1.0, memory_bytes: 256 << 20 }
    }
}

/// Where workers connect (`c.protocols`).
#[derive(Clone, Debug, Serialize)]
pub struct Protocols {
    /// TCP port, 0 = any free one (default 9990).
    pub port: u16,
    /// Address to listen on (default all).
    pub interface: String,
}

impl Default for Protocols {
    fn default() -> Self {
        Self { port: 9990, interface: "0.0.0.0".to_owned() }
    }
}
