//! Of what a reporter tells: the occasions, and whether a generator of the configuration tells of
//! one. Pure, so that every mode and scope can be tried in a table; the engine asks when something
//! happens and leaves word in the same transaction.

use serde::Serialize;

use crate::base::results::Results;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request waits.
    RequestAdded,
    /// A build began.
    BuildStarted,
    /// A build ended, or a request without one.
    BuildFinished,
    /// All requests of a buildset are done.
    BuildsetFinished,
    /// A worker has been away for longer than it may.
    WorkerMissing,
    /// A worker that was told missing is back.
    WorkerReturned,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::RequestAdded,
        Self::BuildStarted,
        Self::BuildFinished,
        Self::BuildsetFinished,
        Self::WorkerMissing,
        Self::WorkerReturned,
    ];

    /// As the database and the configuration have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RequestAdded => "request_added",
            Self::BuildStarted => "build_started",
            Self::BuildFinished => "build_finished",
            Self::BuildsetFinished => "buildset_finished",
            Self::WorkerMissing => "worker_missing",
            Self::WorkerReturned => "worker_returned",
        }
    }

    /// From its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Which ends of builds are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every end.
    All,
    /// Failures.
    Failing,
    /// Successes.
    Passing,
    /// Warnings.
    Warnings,
    /// Exceptions.
    Exception,
    /// Cancelled builds.
    Cancelled,
    /// Another result than that of the build before.
    Change,
    /// A failure after something better.
    Problem,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 8] = [
        Self::All,
        Self::Failing,
        Self::Passing,
        Self::Warnings,
        Self::Exception,
        Self::Cancelled,
        Self::Change,
        Self::Problem,
    ];
    /// Buildbot's default.
    pub const DEFAULT: [Self; 3] = [Self::Failing, Self::Passing, Self::Warnings];

    /// As the configuration writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Failing => "failing",
            Self::Passing => "passing",
            Self::Warnings => "warnings",
            Self::Exception => "exception",
            Self::Cancelled => "cancelled",
            Self::Change => "change",
            Self::Problem => "problem",
        }
    }

    /// The mode that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }

    /// Whether it covers a build that ended so, after one of its builder that ended so.
    #[must_use]
    pub fn covers(self, results: Results, previous: Option<Results>) -> bool {
        match self {
            Self::All => true,
            Self::Failing => results == Results::Failure,
            Self::Passing => results == Results::Success,
            Self::Warnings => results == Results::Warnings,
            Self::Exception => results == Results::Exception,
            Self::Cancelled => results == Results::Cancelled,
            // An attempt without a verdict is no change: the next one will tell.
            Self::Change => {
                results != Results::Retry && previous.is_some_and(|before| before != results)
            }
            Self::Problem => results == Results::Failure && previous != Some(Results::Failure),
        }
    }
}

/// What a build's end means after the one before, in Buildbot's words, which templates compare with.
#[must_use]
pub fn detected(results: Results, previous: Option<Results>) -> String {
    match (results, previous) {
        (Results::Failure, Some(before)) if before != Results::Failure => "new failure".to_owned(),
        (Results::Failure, _) => "failed build".to_owned(),
        (Results::Warnings, _) => "problem in the build".to_owned(),
        (Results::Success, Some(before)) if before != Results::Success => {
            "restored build".to_owned()
        }
        (Results::Success, _) => "passing build".to_owned(),
        (Results::Exception, _) => "build exception".to_owned(),
        (other, _) => format!("{} build", other.word()),
    }
}

/// Which builds a reporter or one of its generators tells of; what is none restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scope {
    /// Names of builders.
    pub builders: Option<Vec<String>>,
    /// Builders with one of these tags.
    pub tags: Option<Vec<String>>,
    /// Builds with one of these branches in a sourcestamp.
    pub branches: Option<Vec<String>>,
    /// Builds that one of these schedulers asked for.
    pub schedulers: Option<Vec<String>>,
}

/// Whom an occasion is about.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The builder's name.
    pub builder: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The branches of the sourcestamps.
    pub branches: Vec<String>,
    /// The scheduler that asked for it.
    pub scheduler: Option<String>,
}

impl Scope {
    /// Whether it restricts nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it covers what comes from there.
    #[must_use]
    pub fn covers(&self, origin: &Origin) -> bool {
        let holds = |list: &Option<Vec<String>>, found: &[String]| {
            list.as_ref().is_none_or(|list| found.iter().any(|one| list.contains(one)))
        };
        holds(&self.builders, std::slice::from_ref(&origin.builder))
            && holds(&self.tags, &origin.tags)
            && holds(&self.branches, &origin.branches)
            && holds(&self.schedulers, origin.scheduler.as_slice())
    }
}

/// Something that may be told.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// What.
    pub kind: Kind,
    /// Whom it is about.
    pub origin: &'a Origin,
    /// Whether there is a build; a request may end without one.
    pub has_build: bool,
    /// How it ended.
    pub results: Option<Results>,
    /// How the builder's build before ended.
    pub previous: Option<Results>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use Results::{Exception, Failure, Retry, Success, Warnings};

    #[test]
    fn a_mode_compares_with_the_build_before() {
        let covering = |results, previous| -> Vec<&str> {
            let modes = Mode::ALL.into_iter().filter(|mode| mode.covers(results, previous));
            modes.map(Mode::word).collect()
        };
        assert_eq!(covering(Failure, None), ["all", "failing", "problem"]);
        assert_eq!(covering(Failure, Some(Failure)), ["all", "failing"]);
        assert_eq!(covering(Failure, Some(Success)), ["all", "failing", "change", "problem"]);
        assert_eq!(covering(Success, Some(Failure)), ["all", "passing", "change"]);
        assert_eq!(covering(Warnings, Some(Warnings)), ["all", "warnings"]);
        assert_eq!(covering(Retry, Some(Success)), ["all"]);
        assert_eq!(covering(Exception, None), ["all", "exception"]);
    }

    #[test]
    fn what_an_end_means_depends_on_the_one_before() {
        let words = [
            (Failure, Some(Success)),
            (Failure, Some(Failure)),
            (Success, Some(Failure)),
            (Success, None),
            (Warnings, None),
            (Exception, None),
            (Results::Cancelled, None),
        ]
        .map(|(results, previous)| detected(results, previous));
        assert_eq!(
            words,
            [
                "new failure",
                "failed build",
                "restored build",
                "passing build",
                "problem in the build",
                "build exception",
                "cancelled build"
            ]
        );
    }

    #[test]
    fn a_scope_needs_one_of_each_that_it_names() {
        let list = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect());
        let origin = Origin {
            builder: "linux".to_owned(),
            tags: vec!["nightly".to_owned()],
            branches: vec!["main".to_owned()],
            scheduler: None,
        };
        let scope = |builders, tags, branches, schedulers| {
            Scope { builders, tags, branches, schedulers }.covers(&origin)
        };
        assert!(scope(None, None, None, None));
        assert!(scope(list(&["mac", "linux"]), list(&["nightly"]), list(&["main"]), None));
        assert!(!scope(list(&["mac"]), None, None, None));
        assert!(!scope(None, list(&["x"]), None, None));
        assert!(!scope(None, None, list(&[]), None));
        assert!(!scope(None, None, None, list(&["force"])));
    }
}
