//! What a running step is to its type's `run` function: the build, its name, its directory.

use crate::model::build::BuildView;

/// Places from here on are of steps that were added while the build ran.
pub const ADDED: usize = 1 << 32;

/// Whose fault it is that a step did not do its work, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The worker could not carry a command out: its disk is full, it does not know the command.
    Worker,
    /// Something that is known only when the step runs could not be made.
    Rendering,
    /// A function of the configuration raised an error.
    Configuration,
    /// It took too long, or was silent for too long.
    Timeout,
    /// Its command wrote too many lines.
    Lines,
}

impl Fault {
    const ALL: [Self; 5] =
        [Self::Worker, Self::Rendering, Self::Configuration, Self::Timeout, Self::Lines];

    /// The word that rows have.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Rendering => "rendering",
            Self::Configuration => "configuration",
            Self::Timeout => "timeout",
            Self::Lines => "lines",
        }
    }

    /// The one that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.word() == word)
    }

    /// What is said beside the result; none = the error says it all.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Worker => Some("the worker could not do it"),
            Self::Timeout => Some("timed out"),
            Self::Lines => Some("too many lines"),
            Self::Rendering | Self::Configuration => None,
        }
    }

    /// What stands in a status instead of the result's own word.
    #[must_use]
    pub fn status(self) -> &'static str {
        match self {
            Self::Worker => "infrastructure",
            Self::Rendering | Self::Configuration => "configuration",
            Self::Timeout => "timed out",
            Self::Lines => "failure",
        }
    }
}

/// What a step's functions see.
#[derive(Clone, Debug, Default)]
pub struct StepView {
    /// The build, as it is when the step starts.
    pub build: BuildView,
    /// The step's unique name.
    pub name: String,
    /// Number within the build, from 1; a step that does not run after a halt has none.
    pub number: i64,
    /// Position in the builder's factory, from 0; from [`ADDED`] on it is none of the factory's.
    pub place: usize,
    /// Its rendered working directory, absolute on the worker.
    pub workdir: String,
}
