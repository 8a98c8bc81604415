//! What stops builds that nobody waits for any more: `ci.cancellers.*`.

use serde::Serialize;

use super::{Callback, Site};
use crate::model::filter::ChangeFilter;

/// A canceller.
#[derive(Clone, Debug, Serialize)]
pub struct CancellerConfig {
    /// Unique name.
    pub name: String,
    /// The builds that it looks at.
    pub filters: Vec<CancellerFilter>,
    /// What it does.
    #[serde(flatten)]
    pub kind: CancellerKind,
    /// Where it is defined.
    pub site: Site,
}

/// Builds that a canceller looks at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CancellerFilter {
    /// Of these builders; none = of all.
    pub builders: Option<Vec<String>>,
    /// Whose builds are cancelled when one of `builders` fails; none = all of the buildset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builders_to_cancel: Option<Vec<String>>,
    /// With such a source.
    pub filter: ChangeFilter,
}

/// The kinds of cancellers.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CancellerKind {
    /// Cancels builds of a branch of which a newer change was taken.
    OldBuilds {
        /// What counts as one branch; none = its name, for Gerrit without the patch set.
        branch_key: Option<Callback>,
    },
    /// Cancels the rest of a buildset when one build of it fails.
    FailingBuildsets,
}

impl CancellerFilter {
    /// Whether it looks at builds of `builder`.
    #[must_use]
    pub fn covers(&self, builder: &str) -> bool {
        self.builders.as_ref().is_none_or(|names| names.iter().any(|name| name == builder))
    }
}

/// What counts as one branch unless a function says so: the name; `refs/changes/45/12345/6`, a patch
/// set of Gerrit's, without the last part.
#[must_use]
pub fn branch_key(branch: &str) -> &str {
    let Some(rest) = branch.strip_prefix("refs/changes/") else { return branch };
    let parts: Vec<&str> = rest.split('/').collect();
    match parts[..] {
        [_, _, patch_set] => &branch[..branch.len() - patch_set.len() - 1],
        _ => branch,
    }
}

#[cfg(test)]
mod tests {
    use super::branch_key;

    #[test]
    fn patch_sets_of_gerrit_are_one_branch() {
        assert_eq!(branch_key("refs/changes/45/12345/6"), "refs/changes/45/12345");
        assert_eq!(branch_key("refs/pull/7/merge"), "refs/pull/7/merge");
        assert_eq!(branch_key("refs/changes/45"), "refs/changes/45");
    }
}
