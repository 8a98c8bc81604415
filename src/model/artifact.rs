//! Artifacts: files that builds leave at the master, what they may be called, and how long they stay.

use serde::Serialize;
use serde_json::Value as Json;

use crate::model::sourcestamp::Sourcestamp;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 500;
/// The longest part of a name, in bytes: what file systems take.
const LONGEST_PART: usize = 200;

/// How long an artifact stays; forever when neither is given. The newest success of a builder keeps its
/// artifacts in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Keep {
    /// Until so many newer builds of the builder have kept some by the same step.
    pub builds: Option<i64>,
    /// Only newer builds of the same branch count.
    pub per_branch: bool,
    /// So many days.
    pub days: Option<f64>,
}

impl Keep {
    /// What holds when nothing else is said: 90 days.
    pub const USUAL: Self = Self { builds: None, per_branch: false, days: Some(90.0) };

    /// Reads `5`, `"forever"` or `{ builds = 5, per = "branch", days = 30 }`.
    ///
    /// # Errors
    /// What it must be, as the end of a sentence about `keep`.
    pub fn read(value: &Json) -> Result<Self, String> {
        const SHAPE: &str =
            "takes a number of builds, \"forever\", or a table of `builds`, `per` and `days`";
        let builds = |value: &Json| {
            let number = value.as_f64().filter(|n| n.fract() == 0.0 && (1.0..=1e6).contains(n));
            // In this range every whole number is exact.
            number.map(|n| n as i64).ok_or("takes a whole number of builds, from 1 on".to_owned())
        };
        match value {
            Json::Number(_) => Ok(Self { builds: Some(builds(value)?), ..Self::default() }),
            Json::String(word) if word == "forever" => Ok(Self::default()),
            Json::Object(map) => {
                let mut keep = Self::default();
                for (key, value) in map {
                    match key.as_str() {
                        "builds" => keep.builds = Some(builds(value)?),
                        "days" => {
                            let days = value.as_f64().filter(|days| (1e-3..=1e6).contains(days));
                            keep.days = Some(days.ok_or("takes a number of `days` above 0")?);
                        }
                        "per" if value == "branch" => keep.per_branch = true,
                        "per" => return Err("knows only per = \"branch\"".to_owned()),
                        other => return Err(format!("{SHAPE}; it has no `{other}`")),
                    }
                }
                match keep {
                    Self { builds: None, per_branch: true, .. } => {
                        Err("needs `builds` when it has `per`".to_owned())
                    }
                    Self { builds: None, days: None, .. } => Err(SHAPE.to_owned()),
                    keep => Ok(keep),
                }
            }
            _ => Err(SHAPE.to_owned()),
        }
    }

    /// How many microseconds it stays, if there is a limit.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        // Reading has bounded it: 1e6 days fit.
        self.days.map(|days| (days * DAY * 1e6) as i64)
    }
}

/// Which build's artifacts are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest build that has succeeded, with or without warnings, and has any.
    LatestSuccess,
    /// The build of this number.
    Number(i64),
}

impl Which {
    /// Reads `latest-success`, or a number.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "latest-success" => Some(Self::LatestSuccess),
            number => number.parse().ok().filter(|n| *n > 0).map(Self::Number),
        }
    }
}

/// Says whether an artifact may have this name: parts between `/` that every file system takes as they
/// are, so that nobody who downloads it writes anywhere else.
///
/// # Errors
/// Why not, as the end of a sentence about the name.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("is longer than {LONGEST_NAME} bytes"));
    }
    for part in name.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err("has an empty part, `.` or `..`".to_owned());
        }
        if part.len() > LONGEST_PART {
            return Err(format!("has a part of more than {LONGEST_PART} bytes"));
        }
        if let Some(c) = part.chars().find(|c| !is_plain(*c)) {
            return Err(format!("has the character {c:?}, which not every file system takes"));
        }
        if part.ends_with(['.', ' ']) {
            return Err("has a part that ends in a dot or a blank, which Windows drops".to_owned());
        }
    }
    Ok(())
}

/// Whether a character is no control of a terminal, of a file system or of the direction of text.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !r#"\:*?"<>|"#.contains(c)
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The branch that a build is of, and whether it is only a proposal: of a pull request, or somebody's
/// working tree. A proposal is never the latest success unless its branch is asked for.
#[must_use]
pub fn origin(stamps: &[Sourcestamp]) -> (Option<String>, bool) {
    let branch = stamps.iter().find_map(|stamp| stamp.branch.clone());
    let is_proposal = stamps.iter().any(|stamp| {
        let branch = stamp.branch.as_deref().unwrap_or_default();
        let is_usual = ["refs/heads/", "refs/tags/"].iter().any(|p| branch.starts_with(p));
        stamp.patch.is_some() || (branch.starts_with("refs/") && !is_usual)
    });
    (branch, is_proposal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_long_an_artifact_stays_is_read_from_a_number_a_word_or_a_table() {
        let five = Keep { builds: Some(5), ..Keep::default() };
        assert_eq!(Keep::read(&json!(5)), Ok(five));
        assert_eq!(Keep::read(&json!("forever")), Ok(Keep::default()));
        let all = json!({ "builds": 5.0, "per": "branch", "days": 1.5 });
        let expected = Keep { builds: Some(5), per_branch: true, days: Some(1.5) };
        assert_eq!(Keep::read(&all), Ok(expected));
        assert_eq!(expected.micros(), Some(129_600_000_000));
        for wrong in [
            json!(0),
            json!(1.5),
            json!(true),
            json!("always"),
            json!({}),
            json!({ "per": "branch" }),
            json!({ "builds": 3, "per": "worker" }),
            json!({ "days": 0 }),
            json!({ "day": 3 }),
        ] {
            assert!(Keep::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_such_that_nobody_writes_elsewhere() {
        for name in ["a.tar.gz", "x/y z/ü.log", ".config", "Halide-17.0-x86-64-linux.tgz"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "x".repeat(201);
        for name in [
            "",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".",
            "a\\b",
            "C:x",
            "a\nb",
            "a\u{202e}gpj",
            "con*",
            "dot.",
            "blank ",
            long.as_str(),
            &"x/".repeat(300),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn builds_of_pull_requests_and_patches_are_proposals() {
        let stamp = |branch: Option<&str>| Sourcestamp {
            branch: branch.map(str::to_owned),
            ..Sourcestamp::default()
        };
        let main = || Some("main".to_owned());
        assert_eq!(origin(&[stamp(None), stamp(Some("main"))]), (main(), false));
        assert_eq!(origin(&[]), (None, false));
        assert!(!origin(&[stamp(Some("refs/tags/v1"))]).1);
        assert!(origin(&[stamp(Some("refs/pull/7/merge"))]).1);
        let patched = Sourcestamp { patch: Some(Default::default()), ..stamp(Some("main")) };
        assert_eq!(origin(&[patched]), (main(), true));
    }
}
