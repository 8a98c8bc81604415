//! What is wrong with a configuration, for people: the place, the source line with a caret, the
//! message, and what to do. All problems of a load travel together in one [`LoadError`].

use std::fmt;

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
                let before: String = line
                    .chars()
                    .take(column)
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
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
            (&a.site.file, a.site.line, a.caret, &a.message)
                .cmp(&(&b.site.file, b.site.line, b.caret, &b.message))
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
