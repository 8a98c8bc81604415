//! A configuration as data: everything `master.lua` may say, read once and never changed. The
//! functions in it are [`Callback`]s, slots of the generation's Lua state; nothing here knows Lua.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value as Json;

use crate::base::secret::Secret;
use crate::model::filter::ChangeFilter;
use crate::model::render::Renderable;

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
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// Index into the generation's list of functions.
    pub slot: u32,
    /// Where the function stands.
    pub site: Site,
}

// A reload compares configurations by their `Debug` text. Places and slots move whenever a line is
// added above, so they are left out of it.
impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("site")
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    /// Reporters, in the order given.
    pub reporters: Vec<ReporterConfig>,
    /// Locks; accesses refer to them by index.
    pub locks: Vec<LockConfig>,
    /// Properties that every build gets (source `Config`).
    pub properties: BTreeMap<String, Json>,
    /// Budgets of the Lua state.
    pub limits: Limits,
    /// Every secret that was read; masked in logs and answers.
    pub secrets: Vec<Secret>,
    /// Every file the configuration was made from, for the generation's row and the watcher.
    pub files: Vec<LoadedFile>,
}

impl Config {
    /// The builder called `name`.
    #[must_use]
    pub fn builder(&self, name: &str) -> Option<&BuilderConfig> {
        self.builders.iter().find(|b| b.name == name)
    }

    /// The worker called `name`.
    #[must_use]
    pub fn worker(&self, name: &str) -> Option<&WorkerConfig> {
        self.workers.iter().find(|w| w.name == name)
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
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Debug)]
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

/// The web server (`c.www`).
#[derive(Clone, Debug)]
pub struct Www {
    /// TCP port, 0 = any free one (default 8012).
    pub port: u16,
    /// Address to listen on (default all).
    pub interface: String,
    /// User names and passwords of `ci.auth.user_password`; empty = nobody can log in.
    pub users: Vec<(String, Secret)>,
    /// Who may do what.
    pub authz: Authz,
    /// The GitHub hook, if one is configured.
    pub github: Option<GithubHook>,
}

/// Who may do what (`ci.authz`). Reading is allowed; an action that no rule names is denied.
#[derive(Clone, Debug, Default)]
pub struct Authz {
    /// Action (`force`, `stop`, `rebuild`, `cancel`, `reload`, `scheduler`, `worker`, or
    /// `control` for all of them) → role; the role `anyone` is everybody.
    pub allow: BTreeMap<String, String>,
    /// Role → user names.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Authz {
    /// The actions that rules may name.
    pub const ACTIONS: [&'static str; 8] =
        ["control", "force", "stop", "rebuild", "cancel", "reload", "scheduler", "worker"];

    /// Whether `user` (none = not logged in) may do `action`.
    #[must_use]
    pub fn allows(&self, action: &str, user: Option<&str>) -> bool {
        let role = self.allow.get(action).or_else(|| self.allow.get("control"));
        match role.map(String::as_str) {
            None => false,
            Some("anyone") => true,
            Some(role) => user.is_some_and(|user| {
                self.roles.get(role).is_some_and(|names| names.iter().any(|n| n == user))
            }),
        }
    }
}

/// `ci.hooks.github`, see the design of the hook for the meaning of each option.
#[derive(Clone, Debug)]
pub struct GithubHook {
    /// The secret that deliveries are signed with; required.
    pub secret: Secret,
    /// Accept a SHA-1 signature when there is no SHA-256 one (default false).
    pub allow_sha1: bool,
    /// The codebase of the changes: text or a function of the payload.
    pub codebase: Option<Codebase>,
    /// fnmatch patterns of payload fields that become properties.
    pub property_whitelist: Vec<String>,
    /// Patterns that make a commit message skip (default Buildbot's two).
    pub skips: Vec<Regex>,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// Last part of a pull request's ref (default `merge`).
    pub pullrequest_ref: String,
    /// Token for API calls.
    pub token: Option<Secret>,
    /// Cancel what runs or waits for a pull request that is closed (default true).
    pub cancel_on_close: bool,
    /// Called with (event, default) for a push.
    pub on_push: Option<Callback>,
    /// Called with (event, default) for a pull request.
    pub on_pull_request: Option<Callback>,
    /// Called with (event, default) for every other event.
    pub on_event: Option<Callback>,
}

/// A codebase as text or as a function of the payload.
#[derive(Clone, Debug)]
pub enum Codebase {
    /// Always this one.
    Fixed(String),
    /// What the function returns.
    Callback(Callback),
}

/// `ci.worker`.
#[derive(Clone, Debug)]
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

/// `ci.builder`.
#[derive(Clone, Debug)]
pub struct BuilderConfig {
    /// Unique name.
    pub name: String,
    /// Names of the workers that can build it, in the order given.
    pub workers: Vec<String>,
    /// The steps.
    pub steps: Vec<StepConfig>,
    /// Labels.
    pub tags: Vec<String>,
    /// Words for the builder's page.
    pub description: Option<String>,
    /// Directory on the worker, relative to its base (default: the name, `/` replaced by `_`).
    pub workerbuilddir: String,
    /// Locks held for the whole build.
    pub locks: Vec<LockAccess>,
    /// Variables for every command of the build.
    pub env: Renderable,
    /// Properties of its builds (source `Builder`).
    pub properties: BTreeMap<String, Json>,
    /// Whether waiting requests for the same source are merged (default true).
    pub collapse_requests: bool,
    /// Where it is defined.
    pub site: Site,
}

/// A step of a factory.
#[derive(Clone, Debug)]
pub struct StepConfig {
    /// The step type's name: `shell`, `git`.
    pub kind: String,
    /// The name shown; none = the step type's own default.
    pub name: Option<Renderable>,
    /// The step type's `run` function.
    pub run: Callback,
    /// Options of the step type and of commands (`workdir`, `env`, `timeout` …), by name.
    pub options: BTreeMap<String, StepOption>,
    /// What its result means for the build.
    pub flags: StepFlags,
    /// Whether it runs; none = yes.
    pub do_step_if: Option<Condition>,
    /// Whether it is hidden once it has ended; called with (results, step).
    pub hide_step_if: Option<Condition>,
    /// Locks held while it runs.
    pub locks: Vec<LockAccess>,
    /// What the page says while it runs; none = from the command.
    pub description: Option<Renderable>,
    /// What the page says afterwards.
    pub description_done: Option<Renderable>,
    /// Where it is written.
    pub site: Site,
}

/// An option of a step.
#[derive(Clone, Debug)]
pub enum StepOption {
    /// Rendered just before the step runs.
    Value(Renderable),
    /// Handed to the step type as a function (`extract`).
    Function(Callback),
}

/// A yes or no that may depend on the build.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Known at load, or rendered.
    Value(Renderable),
    /// A function: `do_step_if(step)`, `hide_step_if(results, step)`.
    Callback(Callback),
}

/// What a step's result means for its build. Buildbot's flags and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepFlags {
    /// A failure ends the build.
    pub halt_on_failure: bool,
    /// A failure fails the build.
    pub flunk_on_failure: bool,
    /// Warnings fail the build.
    pub flunk_on_warnings: bool,
    /// A failure makes the build end with warnings.
    pub warn_on_failure: bool,
    /// Warnings make the build end with warnings.
    pub warn_on_warnings: bool,
    /// Runs even after a halt.
    pub always_run: bool,
}

impl Default for StepFlags {
    fn default() -> Self {
        Self {
            halt_on_failure: false,
            flunk_on_failure: true,
            flunk_on_warnings: false,
            warn_on_failure: false,
            warn_on_warnings: false,
            always_run: false,
        }
    }
}

/// A scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// Unique name.
    pub name: String,
    /// Names of the builders it starts.
    pub builders: Vec<String>,
    /// Properties of its builds (source `Scheduler`).
    pub properties: BTreeMap<String, Json>,
    /// Reason of its buildsets; none = Buildbot's words.
    pub reason: Option<String>,
    /// What kind it is.
    pub kind: SchedulerKind,
    /// Where it is defined.
    pub site: Site,
}

/// The kinds of schedulers.
#[derive(Clone, Debug)]
pub enum SchedulerKind {
    /// `any_branch` and `single_branch`.
    Branch(BranchScheduler),
    /// `force`.
    Force(ForceScheduler),
}

impl SchedulerKind {
    /// The constructor's name in Lua.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Branch(b) if b.single => "single_branch",
            Self::Branch(_) => "any_branch",
            Self::Force(_) => "force",
        }
    }
}

/// A scheduler that waits for changes.
#[derive(Clone, Debug, Default)]
pub struct BranchScheduler {
    /// One timer for all branches (`single_branch`) instead of one per line of development.
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
#[derive(Clone, Debug)]
pub struct ForceScheduler {
    /// Words on the button (default: the name).
    pub button_name: String,
    /// The codebases of a form; `""` when there is only one.
    pub codebases: Vec<String>,
    /// The default reason.
    pub reason_default: String,
}

/// `ci.reporters.*`.
#[derive(Clone, Debug)]
pub struct ReporterConfig {
    /// Unique name (default: its kind).
    pub name: String,
    /// What it sends.
    pub kind: ReporterKind,
    /// Only builds of these builders; none = all.
    pub builders: Option<Vec<String>>,
    /// Where it is defined.
    pub site: Site,
}

/// The kinds of reporters.
#[derive(Clone, Debug)]
pub enum ReporterKind {
    /// `github_status`: commit statuses.
    GithubStatus(GithubStatus),
}

/// `ci.reporters.github_status`.
#[derive(Clone, Debug)]
pub struct GithubStatus {
    /// The token that may write statuses.
    pub token: Secret,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// The status context (default `buildbot/%(prop:buildername)s`).
    pub context: Renderable,
    /// Description when a request is queued; none = no status for it.
    pub pending: Option<Renderable>,
    /// Description when a build starts (default `Build started.`).
    pub start: Renderable,
    /// Description when a build ends (default `Build done.`).
    pub finish: Renderable,
}

/// `ci.worker_lock`, `ci.master_lock`.
#[derive(Clone, Debug)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockAccess {
    /// Index into [`Config::locks`].
    pub lock: usize,
    /// How.
    pub mode: LockMode,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// With others, as long as the counts fit.
    Counting(u32),
    /// Alone.
    Exclusive,
}
