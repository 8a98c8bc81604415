//! Collapsing: when a request arrives, older ones of the same builder that still wait and would
//! build the same line of development are dropped in its favour. A rebuild, which asks for just that
//! source, takes nobody's place and gives up its own to nobody; nor does a request that a step waits
//! for give up its own. Pure.

use crate::model::request::{Request, RequestState};
use crate::model::sourcestamp::Sourcestamp;

/// Whether `newer` makes `older` superfluous: the same set of codebases, each with the same
/// branch, project and repository, neither with a patch, and either both come from changes, `newer` from newer ones, or
/// neither does and the revisions are equal.
#[must_use]
pub fn is_superfluous(older: &Request, newer: &Request) -> bool {
    if older.state != RequestState::Waiting
        || older.id == newer.id
        || older.builder != newer.builder
        || older.is_rebuild
        || older.is_waited_for
        || newer.is_rebuild
        || older.newest_change.is_some() != newer.newest_change.is_some()
        || older.newest_change > newer.newest_change
        || older.sourcestamps.len() != newer.sourcestamps.len()
    {
        return false;
    }
    let alike = |a: &Sourcestamp, b: &Sourcestamp| {
        let has_patch = a.patch.is_some() || b.patch.is_some();
        !has_patch
            && a.line() == b.line()
            && (older.newest_change.is_some() || a.revision == b.revision)
    };
    older.sourcestamps.iter().all(|a| newer.sourcestamps.iter().any(|b| alike(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::id::{BuildId, BuilderId, BuildsetId, ChangeId, RequestId};

    fn request(id: i64, branch: &str, revision: Option<&str>, has_changes: bool) -> Request {
        Request {
            id: RequestId(id),
            buildset: BuildsetId(id),
            builder: BuilderId(1),
            priority: 0,
            submitted_at: Timestamp(id),
            sourcestamps: std::sync::Arc::new(vec![Sourcestamp {
                branch: Some(branch.to_owned()),
                revision: revision.map(str::to_owned),
                ..Sourcestamp::default()
            }]),
            newest_change: has_changes.then_some(ChangeId(id)),
            is_rebuild: false,
            is_waited_for: false,
            attempts: 0,
            retries: 0,
            state: RequestState::Waiting,
        }
    }

    #[test]
    fn buildbots_compatibility_rule() {
        let new = request(9, "main", Some("b"), true);
        assert!(is_superfluous(&request(1, "main", Some("a"), true), &new));
        assert!(!is_superfluous(&request(1, "other", Some("a"), true), &new));
        assert!(!is_superfluous(&request(1, "main", Some("a"), false), &new));
        assert!(!is_superfluous(&new, &new));
        assert!(!is_superfluous(&request(10, "main", Some("c"), true), &new), "it is newer");
        let rebuild = Request { is_rebuild: true, ..new.clone() };
        assert!(!is_superfluous(&request(1, "main", Some("a"), true), &rebuild));
        assert!(!is_superfluous(
            &Request { is_rebuild: true, ..request(1, "main", None, true) },
            &new
        ));
        let awaited = Request { is_waited_for: true, ..new.clone() };
        assert!(!is_superfluous(&awaited, &request(10, "main", Some("c"), true)));
        assert!(is_superfluous(&request(1, "main", Some("a"), true), &awaited));
        let forced = request(9, "main", None, false);
        assert!(is_superfluous(&request(1, "main", None, false), &forced));
        assert!(!is_superfluous(&request(1, "main", Some("a"), false), &forced));
        let running =
            Request { state: RequestState::Claimed(BuildId(1)), ..request(1, "main", None, true) };
        assert!(!is_superfluous(&running, &new));
    }
}
