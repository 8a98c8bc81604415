//! The queue: which waiting request is built next, and where. Pure. Builders take turns by their
//! oldest request of the highest priority; a worker takes at most one build of a builder at a
//! time and `max_builds` in all; a builder's locks must be free on it.

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, RequestId, WorkerId};

/// A builder with waiting requests, as the queue sees it.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The builder.
    pub(crate) builder: BuilderId,
    /// Its next request.
    pub(crate) request: RequestId,
    /// That request's priority.
    pub(crate) priority: i64,
    /// When that request was made.
    pub(crate) submitted_at: Timestamp,
}

/// A worker that could build, as the queue sees it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The worker.
    pub(crate) worker: WorkerId,
    /// Builds that run on it.
    pub(crate) running: usize,
    /// Whether one of them is of the same builder.
    pub(crate) builds_this_builder: bool,
    /// How many it takes; none = any number.
    pub(crate) max_builds: Option<u32>,
    /// Whether it takes new work at all: connected, not paused, not on its way out.
    pub(crate) takes_work: bool,
    /// Whether the builder's locks are free on it.
    pub(crate) locks_free: bool,
}

/// What keeps a worker from taking a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// It takes no work.
    Away,
    /// It builds for the same builder.
    SameBuilder,
    /// It runs as many builds as it takes.
    Full(u32),
    /// A lock of the builder's or the worker's is not free.
    Locks,
}

impl Candidate {
    /// Whether it could take a build of the builder now.
    pub(crate) fn is_eligible(&self) -> bool {
        self.hindrance().is_none()
    }

    /// The first thing that keeps it from taking a build of the builder.
    pub(crate) fn hindrance(&self) -> Option<Hindrance> {
        match self.max_builds {
            _ if !self.takes_work => Some(Hindrance::Away),
            _ if self.builds_this_builder => Some(Hindrance::SameBuilder),
            Some(max) if self.running >= max as usize => Some(Hindrance::Full(max)),
            _ => (!self.locks_free).then_some(Hindrance::Locks),
        }
    }
}

/// The order in which builders get their turn: highest priority, then oldest request.
pub(crate) fn order(waiting: &mut [Waiting]) {
    waiting.sort_by_key(|w| (std::cmp::Reverse(w.priority), w.submitted_at, w.request));
}

/// The worker for a build: of those with room, one of the least busy; `random` breaks ties.
#[must_use]
pub(crate) fn choose(
    candidates: &[Candidate],
    random: impl FnOnce(usize) -> usize,
) -> Option<WorkerId> {
    let eligible = || candidates.iter().filter(|c| c.is_eligible());
    let least = eligible().map(|c| c.running).min()?;
    let best: Vec<_> = eligible().filter(|c| c.running == least).collect();
    best.get(random(best.len())).map(|c| c.worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(worker: i64, running: usize, max: Option<u32>) -> Candidate {
        Candidate {
            worker: WorkerId(worker),
            running,
            builds_this_builder: false,
            max_builds: max,
            takes_work: true,
            locks_free: true,
        }
    }

    #[test]
    fn the_least_busy_worker_with_room_is_chosen() {
        let busy = candidate(1, 2, None);
        let full = candidate(2, 1, Some(1));
        let idle = candidate(3, 0, Some(1));
        let choose = |c: &[Candidate]| choose(c, |n| n - 1);
        assert_eq!(choose(&[busy.clone(), full.clone(), idle.clone()]), Some(WorkerId(3)));
        assert_eq!(choose(&[busy.clone(), full.clone()]), Some(WorkerId(1)));
        assert_eq!(choose(&[full]), None);
        let same = Candidate { builds_this_builder: true, ..idle.clone() };
        let locked = Candidate { locks_free: false, ..idle.clone() };
        let away = Candidate { takes_work: false, ..idle };
        assert_eq!(choose(&[same, locked, away]), None);
    }

    #[test]
    fn priority_goes_before_age() {
        let waiting = |id, priority, at| Waiting {
            builder: BuilderId(id),
            request: RequestId(id),
            priority,
            submitted_at: Timestamp(at),
        };
        let mut list = [waiting(1, 0, 5), waiting(2, 0, 3), waiting(3, 1, 9)];
        order(&mut list);
        assert_eq!(list.map(|w| w.builder.0), [3, 2, 1]);
    }
}
