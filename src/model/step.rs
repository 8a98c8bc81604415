//! What a running step is to its type's `run` function: the build, its name, its directory.

use crate::model::build::BuildView;

/// What a step's functions see.
#[derive(Clone, Debug, Default)]
pub struct StepView {
    /// The build, as it is when the step starts.
    pub build: BuildView,
    /// The step's unique name.
    pub name: String,
    /// Number within the build, from 0.
    pub number: i64,
    /// Its rendered working directory, absolute on the worker.
    pub workdir: String,
}
