//! Buildbot's result codes and their order. The numbers are what its data API, its database and
//! its clients use.

use serde::{Deserialize, Serialize};

/// How a step, a build, a request or a buildset ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Results {
    /// 0
    Success = 0,
    /// 1
    Warnings = 1,
    /// 2
    Failure = 2,
    /// 3
    Skipped = 3,
    /// 4: something other than the tested code went wrong.
    Exception = 4,
    /// 5: this attempt ended without a verdict; the request is tried again.
    Retry = 5,
    /// 6
    Cancelled = 6,
}

impl Results {
    /// Every result, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Warnings,
        Self::Failure,
        Self::Skipped,
        Self::Exception,
        Self::Retry,
        Self::Cancelled,
    ];

    /// Buildbot's number.
    #[must_use]
    pub fn code(self) -> i64 {
        self as i64
    }

    /// The result with Buildbot's number `code`.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|i| Self::ALL.get(i).copied())
    }

    /// The lower-case English word, as configurations and pages write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warnings => "warnings",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Exception => "exception",
            Self::Retry => "retry",
            Self::Cancelled => "cancelled",
        }
    }

    /// The result that the word `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.word() == word)
    }

    /// The worse of two, in Buildbot's order: cancelled, retry, exception, failure, warnings,
    /// success, skipped.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        fn rank(r: Results) -> u8 {
            match r {
                Results::Skipped => 0,
                Results::Success => 1,
                Results::Warnings => 2,
                Results::Failure => 3,
                Results::Exception => 4,
                Results::Retry => 5,
                Results::Cancelled => 6,
            }
        }
        if rank(self) >= rank(other) { self } else { other }
    }

    /// True for success, warnings and skipped: what a commit status calls a success.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Warnings | Self::Skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::Results;

    #[test]
    fn the_worst_result_wins_in_buildbots_order() {
        let order = [
            Results::Skipped,
            Results::Success,
            Results::Warnings,
            Results::Failure,
            Results::Exception,
            Results::Retry,
            Results::Cancelled,
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(a.worse(*b), order[i.max(j)]);
            }
        }
    }

    #[test]
    fn words_and_codes_round_trip() {
        for r in Results::ALL {
            assert_eq!(Results::from_code(r.code()), Some(r));
            assert_eq!(Results::from_word(r.word()), Some(r));
        }
        assert_eq!(Results::from_code(7), None);
    }
}
