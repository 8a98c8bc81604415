//! What keeps a connected worker from new work: a pause, an end that somebody wants, a quarantine.
//! Pure; the row of the worker keeps it over restarts. The quarantine's times are Buildbot's: ten
//! seconds after the first build that went wrong because of the worker, doubled with each further
//! one, an hour at most; a build with a verdict resets them.

use std::time::Duration;

use crate::base::clock::Timestamp;

/// The first quarantine.
const FIRST: Duration = Duration::from_secs(10);
/// The longest one.
const LONGEST: Duration = Duration::from_secs(3600);

/// What keeps a worker from new work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Somebody has paused it, for this reason.
    pub paused: Option<String>,
    /// Somebody wants it to end as soon as it is idle.
    pub is_graceful: bool,
    /// Builds went wrong on it.
    pub quarantine: Quarantine,
}

/// No new builds for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// Its end, which may be in the past; none = there is none.
    pub until: Option<Timestamp>,
    /// What went wrong.
    pub reason: String,
    /// How often something did, without a good build in between.
    pub failures: u32,
}

impl Quarantine {
    /// Something went wrong because of the worker.
    pub fn fail(&mut self, reason: &str, now: Timestamp) {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + FIRST.saturating_mul(1 << doublings).min(LONGEST));
        reason.clone_into(&mut self.reason);
    }

    /// The end of the quarantine that holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }
}

impl Standing {
    /// Whether nothing keeps it from new work at `now`.
    #[must_use]
    pub fn takes_work(&self, now: Timestamp) -> bool {
        self.paused.is_none() && !self.is_graceful && self.quarantine.holds(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantines_double_up_to_an_hour() {
        let now = Timestamp::from_secs(1000);
        let mut quarantine = Quarantine::default();
        assert_eq!(quarantine.holds(now), None);
        let seconds: Vec<i64> = (0..40)
            .map(|_| {
                quarantine.fail("the disk is full", now);
                quarantine.until.unwrap().secs() - now.secs()
            })
            .collect();
        assert_eq!(seconds[..10], [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
        assert_eq!(seconds[39], 3600);
        let standing = Standing { quarantine, ..Standing::default() };
        assert!(!standing.takes_work(now));
        assert!(standing.takes_work(Timestamp::from_secs(4600)), "its end is over");
    }

    #[test]
    fn a_pause_and_a_wish_to_end_keep_work_away() {
        let now = Timestamp::from_secs(0);
        assert!(Standing::default().takes_work(now));
        let paused = Standing { paused: Some(String::new()), ..Standing::default() };
        let graceful = Standing { is_graceful: true, ..Standing::default() };
        assert!(!paused.takes_work(now) && !graceful.takes_work(now));
    }
}
