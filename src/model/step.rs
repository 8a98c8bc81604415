//! What a running step is to its type's `run` function: the build, its name, its directory.

use crate::model::build::BuildView;

/// What a step's functions see.
#[derive(Clone, Debug, Default)]
pub struct StepView {
    /// The build, as it is when the step starts.
    pub build: BuildView,
    /// The step's unique name.
    pub name: String,
    /// Number within the build, from 1; a step that does not run after a halt has none.
    pub number: i64,
    /// Position in the builder's factory, from 0.
    pub place: usize,
    /// Its rendered working directory, absolute on the worker.
    pub workdir: String,
}
