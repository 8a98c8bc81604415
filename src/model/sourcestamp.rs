//! A sourcestamp: which source a build is of, per codebase.

use serde::{Deserialize, Serialize};

/// Branch, revision, repository, project and codebase. Equal sourcestamps share one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Sourcestamp {
    /// Branch or ref; none = the repository's default.
    pub branch: Option<String>,
    /// Revision; none = the newest of the branch.
    pub revision: Option<String>,
    /// URL of the repository, or empty.
    pub repository: String,
    /// Project, or empty.
    pub project: String,
    /// Codebase, or empty when the configuration has only one.
    pub codebase: String,
    /// What is changed in it before it is built; none = nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<PatchRef>,
}

/// A patch of a sourcestamp: its row, and what a step needs to know to apply it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchRef {
    /// Row id.
    pub id: i64,
    /// How many parts of its paths are left out (default 1).
    pub level: u32,
    /// Below which folder of the source it is applied; empty = at its root.
    pub subdir: String,
}

/// A patch that is not stored yet: somebody's working tree against a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPatch {
    /// How many parts of its paths are left out.
    pub level: u32,
    /// Below which folder of the source it is applied; empty = at its root.
    pub subdir: String,
    /// Whose it is.
    pub author: String,
    /// What it is about.
    pub comment: String,
    /// The patch, as `git diff` writes it.
    pub body: Vec<u8>,
}

impl Sourcestamp {
    /// The four fields by which tree-stable timers and collapsing tell lines of development apart.
    #[must_use]
    pub fn line(&self) -> (&str, &str, &str, Option<&str>) {
        (&self.codebase, &self.project, &self.repository, self.branch.as_deref())
    }
}

impl NewPatch {
    /// Whether `text` is a folder below a source, or the source itself.
    #[must_use]
    pub fn is_subdir(text: &str) -> bool {
        let is_below = |part: &str| !part.is_empty() && part != "." && part != "..";
        text.is_empty() || text.split('/').all(is_below)
    }
}
