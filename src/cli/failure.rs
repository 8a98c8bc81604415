//! What a verb tells its user when it cannot do what it was asked: what is wrong, where, and what
//! to do, and the exit status that goes with it. Every error of the command line ends here.

use std::fmt;
use std::process::ExitCode;

use crate::model::config::Site;

/// Whose fault it is, as the exit status says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1: the thing asked about failed.
    Failed,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: the master or worker cannot be reached.
    Unreachable,
}

/// A failure for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub kind: Kind,
    /// What is wrong: a sentence, or a report of several lines.
    pub message: String,
    /// Where, if it is in a file of the user.
    pub site: Option<Site>,
    /// What to do, a sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// The thing asked about failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into(), site: None, hints: Vec::new() }
    }

    /// The command line makes no sense.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::failed(message) }
    }

    /// The process cannot be reached.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, ..Self::failed(message) }
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With the place in the user's file.
    #[must_use]
    pub fn at(mut self, site: Site) -> Self {
        self.site = Some(site);
        self
    }

    /// The process's exit status.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
        })
    }
}

impl fmt::Display for Failure {
    /// One line, unless the message itself has more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(site) = &self.site {
            write!(f, "{site}: ")?;
        }
        let message = self.message.trim_end();
        f.write_str(message)?;
        // Below a report of several lines the hints stand alone.
        let separator = match message {
            report if report.contains('\n') => "\n",
            sentence if sentence.ends_with(['.', '!', '?']) || self.hints.is_empty() => " ",
            _ => ". ",
        };
        self.hints.iter().try_for_each(|hint| write!(f, "{separator}{hint}"))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_what_to_do() {
        let site = Site { file: "master.lua".into(), line: 7 };
        let failure = Failure::failed("The port 8012 is in use.").hint("Choose another.").at(site);
        assert_eq!(failure.to_string(), "master.lua:7: The port 8012 is in use. Choose another.");
        let report = Failure::failed("2 errors:\n  one\n  two\n").hint("See the manual.");
        assert_eq!(report.to_string(), "2 errors:\n  one\n  two\nSee the manual.");
    }
}
