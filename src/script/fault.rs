//! What is wrong with a configuration, for people: the place, the source line with a caret, the
//! message, and what to do. All problems of a load travel together in one [`LoadError`].

use std::fmt;

use super::budget::Fatal;
use crate::engine::ports::ScriptError;
use crate::model::config::Site;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub site: Site,
    /// Column and width of what the caret shows, in characters from 0.
    pub caret: Option<(usize, usize)>,
    /// The source line.
    pub excerpt: Option<String>,
    /// What, as a sentence.
    pub message: String,
    /// What to do: nearest names, our spelling, commands.
    pub hints: Vec<String>,
}

impl Problem {
    /// A problem without a place in a file.
    #[must_use]
    pub fn new(site: Site, message: impl Into<String>) -> Self {
        Self { site, caret: None, excerpt: None, message: message.into(), hints: Vec::new() }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// One line: place, message, hints.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut out = self.head();
        for hint in &self.hints {
            out.push(' ');
            out.push_str(hint);
        }
        out
    }

    fn head(&self) -> String {
        if self.site.file.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.site, self.message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head())?;
        if let Some(line) = &self.excerpt {
            let number = self.site.line.to_string();
            write!(f, "\n  {number} | {}", line.trim_end())?;
            if let Some((column, width)) = self.caret {
                let pad = " ".repeat(number.len());
                // Tabs are kept so that the caret stands under its word at any tab width.
                let before: String =
                    line.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                write!(f, "\n  {pad} | {before}{}", "^".repeat(width.max(1)))?;
            }
        }
        for hint in &self.hints {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

/// Why a configuration was not loaded: everything that is wrong with it, in the order of its files
/// and lines. Printed in full by `{}`, one line per problem by [`LoadError::plain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The problems, at least one.
    pub problems: Vec<Problem>,
}

impl LoadError {
    /// An error of one problem.
    #[must_use]
    pub fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }

    /// From all problems of a load: sorted by place, each once.
    #[must_use]
    pub(super) fn from_problems(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| {
            (&a.site.file, a.site.line, a.caret, &a.message).cmp(&(
                &b.site.file,
                b.site.line,
                b.caret,
                &b.message,
            ))
        });
        problems.dedup();
        Self { problems }
    }

    /// One line per problem, for logs.
    #[must_use]
    pub fn plain(&self) -> String {
        self.problems.iter().map(Problem::plain).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// An error of Lua as people read it: the message without Lua's own decoration, and the nearest
/// place in the user's files.
pub(super) fn placed(error: &mlua::Error) -> (String, Option<Site>) {
    let (message, traceback) = described(error);
    if let Some(Fatal::Overrun(_, site)) = Fatal::of(error) {
        return (message, (!site.file.is_empty()).then(|| site.clone()));
    }
    let (site, message) = match place(&message) {
        Some((site, rest)) => (Some(site), rest.to_owned()),
        None => (None, message),
    };
    let site = match site {
        Some(site) if !is_embedded(&site.file) => Some(site),
        _ => traceback.as_deref().and_then(user_frame),
    };
    (message, site)
}

/// A failed callback; `site` is where the function stands.
pub(super) fn script_error(error: &mlua::Error, site: &Site) -> ScriptError {
    if let Some(Fatal::Failed(text)) = Fatal::of(error) {
        return ScriptError { message: text.clone(), site: Some(site.clone()), is_failure: true };
    }
    if let Some(inner) = inner_script_error(error) {
        return inner.clone();
    }
    let (message, place) = placed(error);
    ScriptError { message, site: Some(place.unwrap_or_else(|| site.clone())), is_failure: false }
}

/// The error of a call within a call.
fn inner_script_error(error: &mlua::Error) -> Option<&ScriptError> {
    match error {
        mlua::Error::CallbackError { cause, .. } => inner_script_error(cause),
        mlua::Error::ExternalError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

fn described(error: &mlua::Error) -> (String, Option<String>) {
    match error {
        mlua::Error::RuntimeError(text) => match text.split_once("\nstack traceback:") {
            Some((message, traceback)) => (message.to_owned(), Some(traceback.to_owned())),
            None => (text.clone(), None),
        },
        mlua::Error::SyntaxError { message, .. } => (message.clone(), None),
        mlua::Error::CallbackError { traceback, cause } => {
            (described(cause).0, Some(traceback.clone()))
        }
        mlua::Error::MemoryError(_) => {
            ("needs more memory than `memory_bytes` in c.limits allows.".to_owned(), None)
        }
        other => (other.to_string(), None),
    }
}

/// `FILE:LINE: rest` at the start of a message.
fn place(message: &str) -> Option<(Site, &str)> {
    let (head, rest) = message.split_once(": ")?;
    let (file, line) = head.rsplit_once(':')?;
    let line = line.parse().ok()?;
    (!file.contains('\n')).then(|| (Site { file: file.into(), line }, rest))
}

fn is_embedded(file: &str) -> bool {
    file.starts_with("ci/") || file == "ci.lua" || file.starts_with(['[', '_'])
}

/// The first line of a traceback that is in a user's file.
fn user_frame(traceback: &str) -> Option<Site> {
    traceback.lines().find_map(|line| {
        let (site, _) = place(line.trim())?;
        (!is_embedded(&site.file)).then_some(site)
    })
}
