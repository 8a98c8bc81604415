//! Locks: pure state. A wish names all locks at once and gets all or none, so no two holders can
//! wait for each other half-way. Buildbot's rule of fairness: an exclusive access waits for all
//! holders and everybody ahead of it; a counting one for exclusive holders, for room in the count,
//! and for everybody ahead of it who is not counting.

use std::collections::BTreeMap;

use crate::base::id::{BuildId, StepId, WorkerId};
use crate::model::config::LockMode;

/// One real lock: a master lock, or a worker lock on one worker. The name carries over reloads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LockKey {
    /// The lock's name.
    pub(crate) name: String,
    /// The worker, for worker locks.
    pub(crate) worker: Option<WorkerId>,
}

/// Who holds or waits: a build, or a step of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    /// The build.
    pub(crate) build: BuildId,
    /// The step; none = the build itself.
    pub(crate) step: Option<StepId>,
}

/// A lock as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// Which.
    pub(crate) key: LockKey,
    /// How.
    pub(crate) mode: LockMode,
    /// How many counting holders it takes, by the configuration of who asks.
    pub(crate) max_count: u32,
}

/// All locks.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: BTreeMap<LockKey, Vec<(Holder, LockMode)>>,
    waiting: Vec<(Holder, Vec<Want>)>,
}

impl Locks {
    /// Takes all `wants` now, if nothing is in the way; otherwise takes nothing.
    pub(crate) fn try_acquire(&mut self, holder: Holder, wants: &[Want]) -> bool {
        if !self.is_free(wants) {
            return false;
        }
        self.take(holder, wants);
        true
    }

    /// Whether `wants` could be taken now, behind everybody who waits already.
    #[must_use]
    pub(crate) fn is_free(&self, wants: &[Want]) -> bool {
        wants.iter().all(|want| self.fits(want, &self.waiting))
    }

    /// Queues `holder`; it is granted by a later [`Self::grant`].
    pub(crate) fn wait(&mut self, holder: Holder, wants: Vec<Want>) {
        self.waiting.push((holder, wants));
    }

    /// Gives locks to those who wait, in order; returns who got theirs.
    pub(crate) fn grant(&mut self) -> Vec<Holder> {
        let mut granted = Vec::new();
        let mut index = 0;
        while let Some((holder, wants)) = self.waiting.get(index) {
            if wants.iter().all(|want| self.fits(want, &self.waiting[..index])) {
                let (holder, wants) = (*holder, wants.clone());
                self.waiting.remove(index);
                self.take(holder, &wants);
                granted.push(holder);
            } else {
                index += 1;
            }
        }
        granted
    }

    /// Releases what `holder` holds, and forgets that it waits.
    pub(crate) fn release(&mut self, holder: Holder) {
        self.drop_where(|h| *h == holder);
    }

    /// Releases everything that a build and its steps hold or wait for.
    pub(crate) fn release_build(&mut self, build: BuildId) {
        self.drop_where(|h| h.build == build);
    }

    /// Who holds `key`, and how.
    #[must_use]
    pub(crate) fn holders(&self, key: &LockKey) -> &[(Holder, LockMode)] {
        self.held.get(key).map_or(&[], Vec::as_slice)
    }

    /// The wishes of a build and its steps that are not granted yet.
    #[must_use]
    pub(crate) fn waited_for(&self, build: BuildId) -> Vec<&Want> {
        let mut out = Vec::new();
        for (at, (holder, wants)) in self.waiting.iter().enumerate() {
            let ahead = &self.waiting[..at];
            if holder.build == build {
                out.extend(wants.iter().filter(|want| !self.fits(want, ahead)));
            }
        }
        out
    }

    /// Whether `want` could be had if nobody waited for it.
    #[must_use]
    pub(crate) fn has_room(&self, want: &Want) -> bool {
        self.fits(want, &[])
    }

    /// Whether nothing is held and nobody waits.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty()
    }

    fn take(&mut self, holder: Holder, wants: &[Want]) {
        for want in wants {
            self.held.entry(want.key.clone()).or_default().push((holder, want.mode));
        }
    }

    fn drop_where(&mut self, gone: impl Fn(&Holder) -> bool) {
        self.waiting.retain(|(h, _)| !gone(h));
        for holders in self.held.values_mut() {
            holders.retain(|(h, _)| !gone(h));
        }
        self.held.retain(|_, holders| !holders.is_empty());
    }

    fn fits(&self, want: &Want, ahead: &[(Holder, Vec<Want>)]) -> bool {
        let holders = self.holders(&want.key);
        let mut ahead = ahead.iter().flat_map(|(_, w)| w).filter(|w| w.key == want.key);
        match want.mode {
            LockMode::Exclusive => holders.is_empty() && ahead.next().is_none(),
            LockMode::Counting(count) => {
                let used: u32 = holders
                    .iter()
                    .map(|(_, mode)| match mode {
                        LockMode::Counting(n) => *n,
                        LockMode::Exclusive => u32::MAX,
                    })
                    .fold(0, u32::saturating_add);
                used.saturating_add(count) <= want.max_count
                    && ahead.all(|w| matches!(w.mode, LockMode::Counting(_)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holder(n: i64) -> Holder {
        Holder { build: BuildId(n), step: None }
    }

    fn want(name: &str, mode: LockMode) -> Want {
        Want { key: LockKey { name: name.to_owned(), worker: None }, mode, max_count: 3 }
    }

    const COUNTING: LockMode = LockMode::Counting(1);

    #[test]
    fn an_exclusive_waiter_is_not_starved_by_counting_ones() {
        let mut locks = Locks::default();
        assert!(locks.try_acquire(holder(1), &[want("a", COUNTING)]));
        assert!(!locks.try_acquire(holder(2), &[want("a", LockMode::Exclusive)]));
        locks.wait(holder(2), vec![want("a", LockMode::Exclusive)]);
        assert!(!locks.try_acquire(holder(3), &[want("a", COUNTING)]), "3 came after 2");
        locks.wait(holder(3), vec![want("a", COUNTING)]);
        assert_eq!(locks.grant(), []);
        locks.release(holder(1));
        assert_eq!(locks.grant(), [holder(2)]);
        locks.release(holder(2));
        assert_eq!(locks.grant(), [holder(3)]);
        locks.release_build(BuildId(3));
        assert!(locks.is_idle());
    }

    #[test]
    fn a_wish_for_two_locks_takes_both_or_none() {
        let mut locks = Locks::default();
        assert!(locks.try_acquire(holder(1), &[want("a", LockMode::Exclusive)]));
        let both = [want("b", LockMode::Exclusive), want("a", LockMode::Exclusive)];
        assert!(!locks.try_acquire(holder(2), &both));
        assert!(locks.try_acquire(holder(3), &[want("b", LockMode::Exclusive)]));
    }

    proptest! {
        /// Whatever the order of wishes and releases: never an exclusive holder beside another,
        /// never more counts than there are, and everybody is served in the end.
        #[test]
        fn locks_are_exclusive_bounded_and_live(
            wishes in proptest::collection::vec((0usize..3, 0u32..4, any::<bool>()), 1..40)
        ) {
            let names = ["a", "b", "c"];
            let mut locks = Locks::default();
            let mut holding = Vec::new();
            let mut waiting = 0;
            for (n, (lock, count, release)) in wishes.iter().enumerate() {
                let mode = if *count == 0 { LockMode::Exclusive } else { LockMode::Counting(*count) };
                let wants = vec![want(names[*lock], mode)];
                let holder = holder(i64::try_from(n).unwrap());
                if locks.try_acquire(holder, &wants) {
                    holding.push(holder);
                } else {
                    locks.wait(holder, wants);
                    waiting += 1;
                }
                if *release && !holding.is_empty() {
                    locks.release(holding.remove(0));
                    let granted = locks.grant();
                    waiting -= granted.len();
                    holding.extend(granted);
                }
                for name in names {
                    let held = locks.holders(&LockKey { name: name.to_owned(), worker: None });
                    let exclusive = held.iter().any(|(_, m)| *m == LockMode::Exclusive);
                    prop_assert!(!exclusive || held.len() == 1);
                    let used: u32 = held.iter().map(|(_, m)| match m {
                        LockMode::Counting(n) => *n,
                        LockMode::Exclusive => 0,
                    }).sum();
                    prop_assert!(used <= 3);
                }
            }
            while let Some(holder) = holding.pop() {
                locks.release(holder);
                let granted = locks.grant();
                waiting -= granted.len();
                holding.extend(granted);
            }
            prop_assert_eq!(waiting, 0);
            prop_assert!(locks.is_idle());
        }
    }
}
