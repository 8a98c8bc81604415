//! A build request: the wish that a builder builds a buildset's source, and where it stands.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, ChangeId, RequestId};
use crate::base::results::Results;
use crate::model::sourcestamp::Sourcestamp;

/// An unfinished request, as the engine holds it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Row id.
    pub id: RequestId,
    /// Its buildset.
    pub buildset: BuildsetId,
    /// Who is to build.
    pub builder: BuilderId,
    /// Higher goes first.
    pub priority: i64,
    /// When it was made.
    pub submitted_at: Timestamp,
    /// The source, for collapsing; shared by the requests of a buildset.
    pub sourcestamps: Arc<Vec<Sourcestamp>>,
    /// The newest change of its buildset, for collapsing; none = it came from no change.
    pub newest_change: Option<ChangeId>,
    /// Whether it repeats an older build, and so is collapsed with nothing.
    pub is_rebuild: bool,
    /// Whether a step waits for its result, so that it gives way to no other request.
    pub is_waited_for: bool,
    /// How many attempts were made.
    pub attempts: u32,
    /// How many of them ended without a verdict, other than because the master ended.
    pub retries: u32,
    /// Where it stands.
    pub state: RequestState,
}

/// Where a request stands.
///
/// ```text
/// Waiting ──claimed──► Claimed(build) ──finished──► Done(results)
///    │  ▲                   └──retry──┐
///    │  └─────────────────────────────┘
///    └──collapsed, cancelled──► Done(skipped, cancelled)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestState {
    /// Nobody builds it.
    Waiting,
    /// This build is its current attempt.
    Claimed(BuildId),
    /// It has its one result.
    Done(Results),
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    /// A build was made for it.
    Claimed(BuildId),
    /// The attempt ended without a verdict.
    Retried(BuildId),
    /// The attempt ended with a verdict.
    Finished(BuildId, Results),
    /// Another request took its place.
    Collapsed,
    /// Nobody wants it any more.
    Cancelled,
}

/// An event that a state does not allow. For the current attempt's events, this is the fence:
/// what an old attempt reports has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal;

impl RequestState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the event does not fit, which includes every event of a build that is not
    /// the current attempt.
    pub fn on(self, event: RequestEvent) -> Result<Self, Illegal> {
        match (self, event) {
            (Self::Waiting, RequestEvent::Claimed(build)) => Ok(Self::Claimed(build)),
            (Self::Waiting, RequestEvent::Collapsed) => Ok(Self::Done(Results::Skipped)),
            (Self::Waiting, RequestEvent::Cancelled) => Ok(Self::Done(Results::Cancelled)),
            (Self::Claimed(current), RequestEvent::Retried(build)) if current == build => {
                Ok(Self::Waiting)
            }
            (Self::Claimed(current), RequestEvent::Finished(build, results))
                if current == build =>
            {
                Ok(Self::Done(results))
            }
            _ => Err(Illegal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_event_is_decided() {
        use RequestEvent as E;
        use RequestState as S;
        let (one, two) = (BuildId(1), BuildId(2));
        let states = [S::Waiting, S::Claimed(one), S::Done(Results::Success)];
        let events = [
            E::Claimed(one),
            E::Retried(one),
            E::Retried(two),
            E::Finished(one, Results::Failure),
            E::Finished(two, Results::Failure),
            E::Collapsed,
            E::Cancelled,
        ];
        let legal: Vec<_> = states
            .iter()
            .flat_map(|s| events.iter().map(move |e| (*s, *e)))
            .filter_map(|(s, e)| s.on(e).ok().map(|after| (s, e, after)))
            .collect();
        assert_eq!(
            legal,
            [
                (S::Waiting, E::Claimed(one), S::Claimed(one)),
                (S::Waiting, E::Collapsed, S::Done(Results::Skipped)),
                (S::Waiting, E::Cancelled, S::Done(Results::Cancelled)),
                (S::Claimed(one), E::Retried(one), S::Waiting),
                (S::Claimed(one), E::Finished(one, Results::Failure), S::Done(Results::Failure)),
            ]
        );
    }
}
