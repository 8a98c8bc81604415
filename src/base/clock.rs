//! The one source of time. Everything that asks "what time is it" or waits holds a [`Clock`], so
//! that a simulation owns both. Wall time ([`Timestamp`]) is for display and ordering of what
//! people see; every timeout is measured on tokio's monotonic clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds since the epoch.
    #[must_use]
    pub fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch, rounded down, as Buildbot's data API shows times.
    #[must_use]
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// The machine's time zone, in which schedules are read unless they name one.
#[must_use]
pub fn local_zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::system()
}

/// Measures how long the present thread computes; other threads and waiting do not count.
#[derive(Clone, Copy, Debug)]
pub struct CpuWatch {
    computed: Duration,
    passed: Duration,
}

impl CpuWatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { computed: thread_time(), passed: monotonic_time() }
    }

    /// Whether this thread has computed for more than `limit`. Cheap while less than that has
    /// passed on the wall.
    #[must_use]
    pub fn exceeds(self, limit: Duration) -> bool {
        monotonic_time().saturating_sub(self.passed) > limit && self.elapsed() > limit
    }

    /// Computing time of this thread since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        thread_time().saturating_sub(self.computed)
    }
}

fn thread_time() -> Duration {
    duration(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime))
}

fn monotonic_time() -> Duration {
    duration(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

fn duration(spec: rustix::time::Timespec) -> Duration {
    let nanos = u32::try_from(spec.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(spec.tv_sec).unwrap_or(0), nanos)
}

/// Where time comes from: the machine, or a simulation that starts at a chosen moment and follows
/// tokio's (paused) clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    Simulated { epoch: Timestamp, start: tokio::time::Instant },
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `epoch` now and advances with tokio's clock, which tests pause.
    #[must_use]
    pub fn simulated(epoch: Timestamp) -> Self {
        Self(Source::Simulated { epoch, start: tokio::time::Instant::now() })
    }

    /// The present moment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp(since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
            }
            Source::Simulated { epoch, start } => epoch + start.elapsed(),
        }
    }

    /// Sleeps until `at`; returns at once when it has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }
}
