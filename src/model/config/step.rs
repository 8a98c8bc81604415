//! Steps as a factory holds them, before anything of them is rendered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Callback, LockAccess, LockList, Site};
use crate::base::results::Results;
use crate::model::render::Renderable;

/// A step of a factory.
#[derive(Clone, Debug, Serialize)]
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
    #[serde(flatten)]
    pub flags: StepFlags,
    /// Whether it runs; none = yes.
    pub do_step_if: Option<Condition>,
    /// Whether it is hidden once it has ended; called with (results, step).
    pub hide_step_if: Option<Condition>,
    /// Locks held while it runs.
    pub locks: LockList,
    /// What the page says while it runs; none = from the command.
    pub description: Option<Renderable>,
    /// What the page says afterwards.
    pub description_done: Option<Renderable>,
    /// What is put after either.
    pub description_suffix: Option<Renderable>,
    /// Whether it is tried more than once.
    pub retry: Option<Retry>,
    /// The group that it stands in.
    #[serde(serialize_with = "shown_group")]
    pub group: Option<Arc<StepGroup>>,
    /// Where it is written.
    pub site: Site,
}

/// A group of steps; one use of it in a factory is one `Arc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepGroup {
    /// Its name, after those of the groups around it.
    pub name: String,
    /// Its steps run at the same time.
    #[serde(rename = "parallel")]
    pub is_parallel: bool,
}

fn shown_group<S: Serializer>(
    group: &Option<Arc<StepGroup>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    group.as_deref().serialize(serializer)
}

/// `retry` of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// How many attempts there are, the first included.
    pub max: u32,
    /// After which results; none = after a failure, and when the worker could not do it.
    pub on: Option<RetryOn>,
    /// Seconds between two attempts (default 0).
    pub delay: f64,
}

/// After which results a step is tried again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RetryOn {
    /// These.
    Results(Vec<Results>),
    /// Those for which a function says so; called with (results, step).
    Callback(Callback),
}

impl StepConfig {
    /// Whether `other` does the same, whatever its name and wherever it is written. `same_locks`
    /// compares the locks, which are indices into each configuration's own list.
    pub fn does_the_same(
        &self,
        other: &Self,
        same_locks: impl FnOnce(&[LockAccess], &[LockAccess]) -> bool,
    ) -> bool {
        // Every field is named, so that none is forgotten.
        let Self {
            kind,
            name: _,
            run,
            options,
            flags,
            do_step_if,
            hide_step_if,
            locks,
            description,
            description_done,
            description_suffix,
            retry,
            group,
            site: _,
        } = self;
        *kind == other.kind
            && *run == other.run
            && *options == other.options
            && *flags == other.flags
            && *do_step_if == other.do_step_if
            && *hide_step_if == other.hide_step_if
            && *description == other.description
            && *description_done == other.description_done
            && *description_suffix == other.description_suffix
            && *retry == other.retry
            && *group == other.group
            && locks.rendered == other.locks.rendered
            && same_locks(&locks.fixed, &other.locks.fixed)
    }
}

/// An option of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StepOption {
    /// Rendered just before the step runs.
    Value(Renderable),
    /// Handed to the step type as a function (`extract`).
    Function(Callback),
}

/// A yes or no that may depend on the build.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    /// Known at load, or rendered.
    Value(Renderable),
    /// A function: `do_step_if(step)`, `hide_step_if(results, step)`.
    Callback(Callback),
}

/// What a step's result means for its build. Buildbot's flags and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// Why `name` cannot be a step's: a sentence without its beginning.
///
/// # Errors
/// For names without letters and for control characters, which would break pages and logs.
pub fn check_step_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        Err("must not be empty")
    } else if name.chars().any(char::is_control) {
        Err("must not have control characters such as line ends")
    } else {
        Ok(())
    }
}
