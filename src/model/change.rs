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
            patch: None,
        }
    }
}

/// The page of `revision` at a forge that is known by the host of `repository`.
#[must_use]
pub fn revision_page(revision: &str, repository: &str) -> Option<String> {
    // `https://host/owner/name.git`, `ssh://git@host/owner/name`, `git@host:owner/name.git`
    let rest = repository.split_once("://").map_or(repository, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once(['/', ':'])?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let between = match host {
        "github.com" => "commit",
        "gitlab.com" => "-/commit",
        "bitbucket.org" => "commits",
        _ => return None,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_known =
        path.contains('/') && path.chars().all(is_plain) && revision.chars().all(is_plain);
    is_known.then(|| format!("https://{host}/{path}/{between}/{revision}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forges_have_a_page_for_each_revision() {
        for (repository, page) in [
            (
                "https://github.com/halide/Halide",
                Some("https://github.com/halide/Halide/commit/a1"),
            ),
            (
                "https://github.com/halide/Halide.git",
                Some("https://github.com/halide/Halide/commit/a1"),
            ),
            (
                "git@github.com:halide/Halide.git",
                Some("https://github.com/halide/Halide/commit/a1"),
            ),
            ("ssh://git@gitlab.com/a/b/c.git/", Some("https://gitlab.com/a/b/c/-/commit/a1")),
            ("https://user@bitbucket.org/a/b", Some("https://bitbucket.org/a/b/commits/a1")),
            ("https://github.com/halide", None),
            ("https://github.com/a/b c", None),
            ("https://example.org/a/b", None),
            ("/srv/git/halide", None),
            ("", None),
        ] {
            assert_eq!(revision_page("a1", repository).as_deref(), page, "{repository}");
        }
    }
}
