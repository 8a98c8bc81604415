//! A change: one commit, tag or pull request as a hook, a poller or a user reported it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::id::ChangeId;
use crate::model::sourcestamp::Sourcestamp;

/// A change that is not stored yet. Empty text means "not said" for project, repository, codebase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewChange {
    /// `Name <email>`, or a login.
    pub author: String,
    /// `Name <email>` of the committer, if known.
    pub committer: Option<String>,
    /// The commit message, or what describes the change.
    pub comments: String,
    /// Names of the files touched.
    pub files: Vec<String>,
    /// The version control system's id of the change.
    pub revision: Option<String>,
    /// When the change was made, in seconds since the epoch; none = when it arrived.
    pub when_timestamp: Option<i64>,
    /// Branch, tag or ref; none = the default branch.
    pub branch: Option<String>,
    /// `pull`, `tag`, or what the configuration says.
    pub category: Option<String>,
    /// A page that shows the change.
    pub revlink: Option<String>,
    /// Properties that builds of this change get (source `Change`).
    pub properties: BTreeMap<String, Json>,
    /// URL of the repository.
    pub repository: String,
    /// Project, for GitHub `owner/name`.
    pub project: String,
    /// Codebase, the configuration's name for one of several repositories of a build.
    pub codebase: String,
}

impl NewChange {
    /// The sourcestamp that a build of this change alone would have.
    #[must_use]
    pub fn sourcestamp(&self) -> Sourcestamp {
        Sourcestamp {
            branch: self.branch.clone(),
            revision: self.revision.clone(),
            repository: self.repository.clone(),
            project: self.project.clone(),
            codebase: self.codebase.clone(),
        }
    }
}

impl Change {
    /// The change as functions see it: what was reported, its `id`, and when it was stored.
    #[must_use]
    pub fn view(&self) -> Json {
        let mut view = serde_json::to_value(&self.what).unwrap_or_default();
        view["id"] = self.id.0.into();
        view["received_at"] = self.received_at.secs().into();
        view
    }
}

/// A stored change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Row id.
    pub id: ChangeId,
    /// When it was stored; the tree-stable timers count from here.
    pub received_at: Timestamp,
    /// What was reported.
    #[serde(flatten)]
    pub what: NewChange,
}
