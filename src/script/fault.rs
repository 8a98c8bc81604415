//! What is wrong with a configuration, for people: the place, the source line with a caret, the
//! message, and what to do. All problems of a load travel together in one [`LoadError`].

use std::collections::HashSet;
use std::fmt;

use crate::model::config::Site;

/// Longer lines are cut around the caret.
const LONGEST_EXCERPT: usize = 120;

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
    /// Who called whom in the user's files, innermost first; empty where one place says it all.
    pub trace: Vec<String>,
}

impl Problem {
    /// A problem without a place in a file.
    #[must_use]
    pub fn new(site: Site, message: impl Into<String>) -> Self {
        Self {
            site,
            caret: None,
            excerpt: None,
            message: message.into(),
            hints: Vec::new(),
            trace: Vec::new(),
        }
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
            // A terminal would obey them.
            let line = line.trim_end().replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
            let (line, caret) = window(&line, self.caret);
            write!(f, "\n  {number} | {line}")?;
            if let Some((column, width)) = caret {
                let pad = " ".repeat(number.len());
                // Tabs are kept so that the caret stands under its word at any tab width.
                let before: String =
                    line.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                write!(f, "\n  {pad} | {before}{}", "^".repeat(width.max(1)))?;
            }
        }
        for line in self.hints.iter().chain(&self.trace) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// The part of a long line that is around its caret, and the caret in it.
fn window(line: &str, caret: Option<(usize, usize)>) -> (String, Option<(usize, usize)>) {
    let length = line.chars().count();
    if length <= LONGEST_EXCERPT {
        return (line.to_owned(), caret);
    }
    let (column, width) = caret.unwrap_or((0, 0));
    let start = if column + width <= LONGEST_EXCERPT - 20 { 0 } else { column.saturating_sub(40) };
    let mut out = String::new();
    if start > 0 {
        out.push('…');
    }
    out.extend(line.chars().skip(start).take(LONGEST_EXCERPT));
    if start + LONGEST_EXCERPT < length {
        out.push('…');
    }
    let shift = usize::from(start > 0);
    let caret = caret.map(|(column, width)| {
        let column = column - start + shift;
        (column, width.min((LONGEST_EXCERPT + shift).saturating_sub(column)))
    });
    (out, caret)
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

    /// From all problems of a load: sorted by place, those of one place as they were found, each once.
    #[must_use]
    pub(super) fn from_problems(mut problems: Vec<Problem>) -> Self {
        let column = |problem: &Problem| problem.caret.map(|(column, _)| column);
        let mut told = HashSet::new();
        problems.retain(|p| {
            told.insert((p.site.file.clone(), p.site.line, column(p), p.message.clone()))
        });
        problems.sort_by_key(|p| (p.site.file.clone(), p.site.line, column(p)));
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
