//! The waiting requests of one builder, as a decision asks about them: who is next, who is oldest,
//! who would build the same. Each question is answered without looking at the others that wait,
//! however many they are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::base::clock::Timestamp;
use crate::base::id::RequestId;
use crate::model::request::Request;
use crate::model::sourcestamp::Sourcestamp;

/// The waiting requests of a builder.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    by_turn: BTreeSet<(Reverse<i64>, Timestamp, RequestId)>,
    by_age: BTreeSet<(Timestamp, RequestId)>,
    by_source: BTreeMap<u64, BTreeSet<RequestId>>,
}

/// The next request of a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) request: RequestId,
    pub(crate) priority: i64,
    pub(crate) submitted_at: Timestamp,
}

impl Pending {
    pub(crate) fn insert(&mut self, request: &Request) {
        self.by_turn.insert(turn(request));
        self.by_age.insert((request.submitted_at, request.id));
        self.by_source.entry(source(&request.sourcestamps)).or_default().insert(request.id);
    }

    /// Takes a request out that is as it was when it came in.
    pub(crate) fn remove(&mut self, request: &Request) {
        self.by_turn.remove(&turn(request));
        self.by_age.remove(&(request.submitted_at, request.id));
        let source = source(&request.sourcestamps);
        if let Some(alike) = self.by_source.get_mut(&source) {
            alike.remove(&request.id);
            if alike.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_turn.len()
    }

    /// The one of the highest priority, of those the oldest. As in Buildbot age lends no priority:
    /// what waits behind a stream of higher priority waits as long as that lasts.
    pub(crate) fn next(&self) -> Option<Next> {
        let (Reverse(priority), submitted_at, request) = *self.by_turn.first()?;
        Some(Next { request, priority, submitted_at })
    }

    /// When the oldest was made, whatever its priority.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.by_age.first().map(|(at, _)| *at)
    }

    /// All, the next one first.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.by_turn.iter().map(|(_, _, id)| *id)
    }

    /// How many come before `request`.
    pub(crate) fn ahead_of(&self, request: &Request) -> usize {
        self.by_turn.range(..turn(request)).count()
    }

    /// Those that might build the same lines of development as `request`, in the order of their ids.
    /// It may name others too, by a chance of hashing.
    pub(crate) fn alike(&self, request: &Request) -> impl Iterator<Item = RequestId> + '_ {
        self.by_source.get(&source(&request.sourcestamps)).into_iter().flatten().copied()
    }
}

fn turn(request: &Request) -> (Reverse<i64>, Timestamp, RequestId) {
    (Reverse(request.priority), request.submitted_at, request.id)
}

/// Equal for the same lines of development, in whatever order they stand.
fn source(stamps: &[Sourcestamp]) -> u64 {
    let hash = |stamp: &Sourcestamp| {
        // Its keys are fixed: the same in every run.
        let mut hasher = DefaultHasher::new();
        stamp.line().hash(&mut hasher);
        hasher.finish()
    };
    stamps.iter().map(hash).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::id::{BuilderId, BuildsetId};
    use crate::model::request::RequestState;

    fn request(id: i64, priority: i64, at: i64, branches: &[&str]) -> Request {
        let stamp = |branch: &&str| Sourcestamp {
            codebase: format!("of {branch}"),
            branch: Some((*branch).to_owned()),
            revision: Some(id.to_string()),
            ..Sourcestamp::default()
        };
        Request {
            id: RequestId(id),
            buildset: BuildsetId(1),
            builder: BuilderId(1),
            priority,
            submitted_at: Timestamp(at),
            sourcestamps: Arc::new(branches.iter().map(stamp).collect()),
            newest_change: None,
            is_rebuild: false,
            is_waited_for: false,
            attempts: 0,
            retries: 0,
            state: RequestState::Waiting,
        }
    }

    #[test]
    fn each_question_has_its_own_order() {
        let all = [
            request(1, 0, 10, &["a"]),
            request(2, 5, 30, &["a", "b"]),
            request(3, 5, 20, &["b", "a"]),
            request(4, 0, 5, &["a"]),
        ];
        let mut pending = Pending::default();
        all.iter().for_each(|r| pending.insert(r));
        let ids = |ids: Vec<RequestId>| ids.into_iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(ids(pending.in_turn().collect()), [3, 2, 4, 1]);
        assert_eq!(pending.next().map(|next| next.request.0), Some(3));
        assert_eq!(pending.oldest(), Some(Timestamp(5)));
        assert_eq!(all.each_ref().map(|r| pending.ahead_of(r)), [3, 1, 0, 2]);
        assert_eq!(ids(pending.alike(&all[0]).collect()), [1, 4]);
        assert_eq!(ids(pending.alike(&all[1]).collect()), [2, 3], "in any order");
        all.iter().for_each(|r| pending.remove(r));
        assert_eq!((pending.len(), pending.next(), pending.oldest()), (0, None, None));
        assert!(pending.by_source.is_empty(), "nothing is left behind");
    }
}
