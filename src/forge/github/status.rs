//! A commit status in GitHub's terms, and the limits that GitHub puts on it.

use serde::{Deserialize, Serialize};

use crate::base::results::Results;
use crate::base::text::shorten;

/// The four states of a commit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not decided.
    Pending,
    /// Good.
    Success,
    /// The commit's fault.
    Failure,
    /// Not the commit's fault.
    Error,
}

impl State {
    /// The state for a build that ended so.
    #[must_use]
    pub fn of(results: Results) -> Self {
        match results {
            Results::Success | Results::Warnings | Results::Skipped => Self::Success,
            Results::Failure => Self::Failure,
            Results::Exception | Results::Cancelled => Self::Error,
            Results::Retry => Self::Pending,
        }
    }
}

/// A status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How it stands.
    pub state: State,
    /// One line, at most 140 characters.
    pub description: String,
    /// The page that tells more.
    pub target_url: String,
    /// What the status is about; the newest of a context counts. At most 255 bytes.
    pub context: String,
}

impl Status {
    /// The longest description in characters; longer ones are cut.
    pub const DESCRIPTION: usize = 140;
    /// The longest context in bytes; longer ones are refused, because cutting would make two
    /// contexts one.
    pub const CONTEXT: usize = 255;

    /// A status within the limits.
    ///
    /// # Errors
    /// When the context is empty or too long.
    pub fn new(
        state: State,
        description: &str,
        target_url: String,
        context: String,
    ) -> Result<Self, String> {
        if context.is_empty() {
            return Err("The status context is empty; GitHub needs one.".to_owned());
        }
        if context.len() > Self::CONTEXT {
            return Err(format!(
                "The status context has {} bytes, GitHub takes {}: {}",
                context.len(),
                Self::CONTEXT,
                shorten(&context, 80)
            ));
        }
        let description = shorten(description, Self::DESCRIPTION);
        Ok(Self { state, description, target_url, context })
    }
}

/// `owner/name` for the API: the project when it has exactly one `/`, else the end of the
/// repository's URL.
#[must_use]
pub fn repository(project: &str, url: &str) -> Option<String> {
    owner_and_name(project).or_else(|| {
        // `https://github.com/o/n.git`, `git@github.com:o/n`, `ssh://git@host:22/o/n`
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?.1,
            None => url.split_once(':')?.1,
        };
        let path = path.trim_matches('/');
        owner_and_name(path.strip_suffix(".git").unwrap_or(path))
    })
}

fn owner_and_name(text: &str) -> Option<String> {
    let is_name = |part: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !matches!(part, "" | "." | "..") && part.chars().all(legal)
    };
    let (owner, name) = text.split_once('/')?;
    (is_name(owner) && is_name(name)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_become_states_as_the_table_says() {
        use State::{Error, Failure, Pending, Success};
        let states = Results::ALL.map(State::of);
        assert_eq!(states, [Success, Success, Failure, Success, Error, Pending, Error]);
    }

    #[test]
    fn a_long_description_is_cut_and_a_long_context_refused() {
        let make = |description: &str, context: String| {
            Status::new(State::Pending, description, String::new(), context)
        };
        let status = make(&"ä".repeat(141), "c".repeat(255)).unwrap();
        assert_eq!(status.description.chars().count(), 140);
        assert!(status.description.ends_with('…'));
        assert!(make("", "ä".repeat(128)).unwrap_err().contains("256 bytes"));
        assert!(make("", String::new()).is_err());
    }

    #[test]
    fn the_repository_is_found_in_project_or_url() {
        let found = |project: &str, url: &str| repository(project, url);
        let halide = Some("halide/Halide".to_owned());
        assert_eq!(found("halide/Halide", "https://elsewhere/x/y"), halide);
        for url in [
            "https://github.com/halide/Halide",
            "https://github.com/halide/Halide.git",
            "https://token@github.com/halide/Halide/",
            "git@github.com:halide/Halide.git",
            "ssh://git@github.com:22/halide/Halide.git",
        ] {
            assert_eq!(found("", url), halide, "{url}");
        }
        for url in ["", "/srv/git/halide", "https://github.com/halide", "https://h/a/b/c", "x:y"] {
            assert_eq!(found("a/b/c", url), None, "{url}");
        }
        assert_eq!(found("../x", ""), None);
    }
}
