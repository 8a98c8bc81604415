//! The queue: which waiting request is built next, and where. Pure. Builders take turns by their
//! oldest request of the highest priority; a worker takes at most `max_builds_per_worker` builds of a
//! builder at a time and `max_builds` in all; a builder's locks must be free on it.

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
}

/// How a worker stands to a builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Builds that run on it.
    pub(crate) running: usize,
    /// How many it takes; none = any number.
    pub(crate) max_builds: Option<u32>,
    /// How many of them are of the builder.
    pub(crate) of_builder: usize,
    /// How many of the builder it takes.
    pub(crate) max_of_builder: u32,
    /// Whether it takes new work at all: connected, not paused, not on its way out.
    pub(crate) takes_work: bool,
}

/// What keeps a worker from taking a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// It takes no work.
    Away,
    /// It builds for the same builder as often as it may.
    SameBuilder(u32),
    /// It runs as many builds as it takes.
    Full(u32),
    /// A lock of the builder's or the worker's is not free.
    Locks,
}

impl Place {
    /// The first thing that keeps it from taking a build of the builder. The locks, which cost most
    /// to look at, are looked at last.
    pub(crate) fn hindrance(&self, locks_free: impl FnOnce() -> bool) -> Option<Hindrance> {
        match self.max_builds {
            _ if !self.takes_work => Some(Hindrance::Away),
            _ if self.of_builder >= self.max_of_builder as usize => {
                Some(Hindrance::SameBuilder(self.max_of_builder))
            }
            Some(max) if self.running >= max as usize => Some(Hindrance::Full(max)),
            _ => (!locks_free()).then_some(Hindrance::Locks),
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
    eligible: &[Candidate],
    random: impl FnOnce(usize) -> usize,
) -> Option<WorkerId> {
    let least = eligible.iter().map(|c| c.running).min()?;
    let best: Vec<_> = eligible.iter().filter(|c| c.running == least).collect();
    best.get(random(best.len())).map(|c| c.worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_busy_worker_is_chosen() {
        let candidate = |worker, running| Candidate { worker: WorkerId(worker), running };
        let choose = |c: &[Candidate]| choose(c, |n| n - 1);
        assert_eq!(choose(&[candidate(1, 2), candidate(2, 0), candidate(3, 0)]), Some(WorkerId(3)));
        assert_eq!(choose(&[candidate(1, 2), candidate(2, 5)]), Some(WorkerId(1)));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn what_keeps_a_worker_from_a_build_is_told_in_order() {
        let free = Place {
            running: 3,
            max_builds: Some(4),
            of_builder: 1,
            max_of_builder: 2,
            takes_work: true,
        };
        let none = |place: Place| place.hindrance(|| true);
        assert_eq!(none(free), None);
        assert_eq!(none(Place { running: 9, max_builds: None, ..free }), None);
        assert_eq!(free.hindrance(|| false), Some(Hindrance::Locks));
        let full = Place { running: 4, ..free };
        assert_eq!(none(full), Some(Hindrance::Full(4)));
        let same = Place { of_builder: 2, ..full };
        assert_eq!(none(same), Some(Hindrance::SameBuilder(2)));
        let away = Place { takes_work: false, ..same };
        assert_eq!(away.hindrance(|| panic!("nobody asks for its locks")), Some(Hindrance::Away));
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
