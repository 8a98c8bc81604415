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
}

impl Sourcestamp {
    /// The four fields by which tree-stable timers and collapsing tell lines of development apart.
    #[must_use]
    pub fn line(&self) -> (&str, &str, &str, Option<&str>) {
        (&self.codebase, &self.project, &self.repository, self.branch.as_deref())
    }
}
