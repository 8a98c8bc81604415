//! `periodic` and `nightly`: a buildset when the time has come. When each last did is a row, so that
//! a restart neither forgets a time nor builds twice; a time that passed while the master was down
//! is made up for once.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::model::config::Times;

/// The next time of a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// When.
    pub(crate) at: Timestamp,
    /// Whatever has changed.
    pub(crate) is_forced: bool,
}

/// The next time after the last one; a scheduler that never had one begins now. None when it never
/// comes.
#[must_use]
pub(crate) fn next(times: &Times, last: Option<Timestamp>, now: Timestamp) -> Option<Due> {
    // A clock that was set back must not put a scheduler to sleep.
    let last = last.map(|last| last.min(now));
    match times {
        Times::Every { period: seconds } => {
            let period = Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX);
            Some(Due { at: last.map_or(now, |last| last + period), is_forced: false })
        }
        Times::Cron { times, force_at, timezone } => {
            let last = last.unwrap_or(now);
            let usual = times.next(last, timezone);
            let forced = force_at.as_ref().and_then(|forced| forced.next(last, timezone));
            let at = usual.into_iter().chain(forced).min()?;
            Some(Due { at, is_forced: forced == Some(at) })
        }
    }
}

/// What counts as the last time after building at `now` for a time `at`: periods are counted from
/// when they were due, unless that was missed.
#[must_use]
pub(crate) fn done(times: &Times, at: Timestamp, now: Timestamp) -> Timestamp {
    match times {
        Times::Every { period: seconds } if now.since(at).as_secs_f64() < *seconds => at,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cron::{Cron, Part, Unit};
    use jiff::tz::TimeZone;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn daily(hour: i64) -> Cron {
        Cron {
            minute: Part::one(Unit::Minute, 0).unwrap(),
            hour: Part::one(Unit::Hour, hour).unwrap(),
            day_of_month: Part::any(),
            month: Part::any(),
            day_of_week: Part::any(),
        }
    }

    #[test]
    fn periods_do_not_drift_and_missed_ones_are_made_up_for_once() {
        let times = Times::Every { period: 60.0 };
        assert_eq!(next(&times, None, at(5)).unwrap().at, at(5));
        let due = next(&times, Some(at(5)), at(30)).unwrap();
        assert_eq!(due.at, at(65));
        assert_eq!(done(&times, due.at, at(66)), at(65));
        assert_eq!(done(&times, due.at, at(600)), at(600));
        assert_eq!(next(&times, Some(at(900)), at(30)).unwrap().at, at(90), "a clock set back");
    }

    #[test]
    fn a_forced_time_is_told_from_a_usual_one() {
        let times = Times::Cron {
            times: Box::new(daily(3)),
            force_at: Some(Box::new(daily(5))),
            timezone: TimeZone::UTC,
        };
        let first = next(&times, Some(at(0)), at(100)).unwrap();
        assert_eq!(first, Due { at: at(3 * 3600), is_forced: false });
        let second = next(&times, Some(first.at), first.at).unwrap();
        assert_eq!(second, Due { at: at(5 * 3600), is_forced: true });
    }
}
