//! Locks: pure state. A wish names all locks at once and gets all or none. Buildbot's rule of
//! fairness: everybody takes a place in the line, and whoever stands ahead counts as if it held the
//! lock already. Builders stand in the same line, so that a stream of steps does not starve a build.
//!
//! A build that holds a lock while a step of it waits for another, or for the builds that it has
//! triggered, can be part of a circle. Where only the order of the line makes it one, the line gives
//! way; a true circle is refused and told.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{BuildId, BuilderId, StepId, WorkerId};
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

impl Want {
    /// Whether it can be had while others have it in these ways.
    fn has_room_beside(&self, mut taken: impl Iterator<Item = LockMode>) -> bool {
        match self.mode {
            LockMode::Exclusive => taken.next().is_none(),
            LockMode::Counting(count) => {
                let mut counts = taken.map(|mode| match mode {
                    LockMode::Counting(n) => n,
                    LockMode::Exclusive => u32::MAX,
                });
                // A line may be long: nobody looks further than to where the lock is full.
                let room = self.max_count.checked_sub(count);
                room.and_then(|room| counts.try_fold(room, u32::checked_sub)).is_some()
            }
        }
    }
}

/// Who stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A build or step that is under way; it gets its locks by [`Locks::grant`].
    Attempt(Holder),
    /// A builder whose next build could start but for its locks; the queue takes them with a claim.
    Builder(BuilderId),
}

/// A place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    who: Who,
    wants: Vec<Want>,
}

/// A circle of builds that wait for each other: each with the lock it waits for, which the next one
/// holds or waits for already, or none because it waits for the next one's end; the last one's is the
/// first one's.
pub(crate) type Circle = Vec<(Who, Option<LockKey>)>;

/// Somebody who does not wait any more, because nobody in its circle could ever go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivesWay {
    /// Who; its build must end.
    pub(crate) holder: Holder,
    /// The circle it was in.
    pub(crate) circle: Circle,
    /// To try again is in vain: a build waits for this one, and keeps its locks meanwhile.
    pub(crate) is_in_vain: bool,
}

/// All locks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    held: BTreeMap<LockKey, Vec<(Holder, LockMode)>>,
    waiting: Vec<Place>,
    /// Builds that wait for the end of others, which they have triggered.
    awaits: BTreeMap<BuildId, BTreeSet<BuildId>>,
}

impl Locks {
    /// Takes all `wants` now, if nothing is in the way; otherwise takes nothing.
    pub(crate) fn try_acquire(&mut self, holder: Holder, wants: &[Want]) -> bool {
        let is_free = self.fit(wants, &self.waiting);
        if is_free {
            self.take(holder, wants);
        }
        is_free
    }

    /// Whether a build of `builder` could take `wants` now, from the builder's place in the line or,
    /// if it has none, from its end.
    #[must_use]
    pub(crate) fn is_free(&self, builder: BuilderId, wants: &[Want]) -> bool {
        let place = self.waiting.iter().position(|p| p.who == Who::Builder(builder));
        self.fit(wants, &self.waiting[..place.unwrap_or(self.waiting.len())])
    }

    /// Takes `wants` for a new build of `builder`, whose place in the line ends with it. Nothing
    /// happens when they are not free.
    pub(crate) fn claim(&mut self, builder: BuilderId, build: BuildId, wants: &[Want]) -> bool {
        let is_free = self.is_free(builder, wants);
        if is_free {
            self.waiting.retain(|p| p.who != Who::Builder(builder));
            self.take(Holder { build, step: None }, wants);
        }
        is_free
    }

    /// `builder` stands in line for `wants`; what it stood in line for before is forgotten if it was
    /// something else.
    pub(crate) fn reserve(&mut self, builder: BuilderId, wants: Vec<Want>) {
        let place = Place { who: Who::Builder(builder), wants };
        if !self.waiting.contains(&place) {
            self.waiting.retain(|p| p.who != place.who);
            self.waiting.push(place);
        }
    }

    /// Only these builders go on standing in line.
    pub(crate) fn keep_reserved(&mut self, builders: &BTreeSet<BuilderId>) {
        self.waiting.retain(|place| match place.who {
            Who::Builder(builder) => builders.contains(&builder),
            Who::Attempt(_) => true,
        });
    }

    /// Queues `holder`; it is granted by a later [`Self::grant`]. Returns those who must give way: of
    /// a circle the one with the highest `age`, so that the oldest gets through at some time, and one
    /// for whose end nobody waits if there is one.
    pub(crate) fn wait<A: Ord>(
        &mut self,
        holder: Holder,
        wants: Vec<Want>,
        age: impl Fn(BuildId) -> A,
    ) -> Vec<GivesWay> {
        let place = Place { who: Who::Attempt(holder), wants };
        let may_close = self.is_waited_for(holder.build);
        let mut out = Vec::new();
        loop {
            // Somebody ahead may wait for what its build holds; behind them it would wait for itself.
            for at in (0..=self.waiting.len()).rev() {
                self.waiting.insert(at, place.clone());
                if !may_close || self.stuck().is_empty() {
                    return out;
                }
                self.waiting.remove(at);
            }
            self.waiting.push(place.clone());
            let circle = self.circle(place.who, &self.stuck());
            let in_it: Vec<Holder> = circle.iter().filter_map(|(who, _)| who.attempt()).collect();
            let waits = |h: &&Holder| self.waiting.iter().any(|p| p.who == Who::Attempt(**h));
            let is_free = |h: &&Holder| !self.is_awaited(h.build);
            let newest = |h: &&Holder| age(h.build);
            let free = in_it.iter().filter(waits).filter(is_free).max_by_key(newest);
            let gives_way = free.or_else(|| in_it.iter().filter(waits).max_by_key(newest)).copied();
            let is_in_vain = free.is_none();
            let gives_way = gives_way.unwrap_or(holder);
            self.waiting.pop();
            self.waiting.retain(|p| p.who != Who::Attempt(gives_way));
            out.push(GivesWay { holder: gives_way, circle, is_in_vain });
            if gives_way == holder {
                return out;
            }
        }
    }

    /// `parent` waits for the end of `child`. Returns those who must give way, if `child`, or one that
    /// it waits for itself, waits for what `parent` keeps.
    pub(crate) fn await_build<A: Ord>(
        &mut self,
        parent: BuildId,
        child: BuildId,
        age: impl Fn(BuildId) -> A,
    ) -> Vec<GivesWay> {
        self.awaits.entry(parent).or_default().insert(child);
        let mut family = BTreeSet::from([child]);
        while let Some(next) = family
            .iter()
            .filter_map(|build| self.awaits.get(build))
            .flatten()
            .find(|build| !family.contains(build))
        {
            family.insert(*next);
        }
        let of_family = |p: &&Place| p.who.build().is_some_and(|build| family.contains(&build));
        let waiting: Vec<Place> = self.waiting.iter().filter(of_family).cloned().collect();
        let mut out = Vec::new();
        for Place { who, wants } in waiting {
            if let Some(holder) = who.attempt() {
                // It takes its place anew, which looks for circles.
                self.waiting.retain(|p| p.who != who);
                out.extend(self.wait(holder, wants, &age));
            }
        }
        out
    }

    /// The first of `wants` that cannot be had before `build` has ended, or one that waits for it,
    /// with the build that holds it.
    #[must_use]
    pub(crate) fn kept_by_family<'w>(
        &self,
        build: BuildId,
        wants: &'w [Want],
    ) -> Option<(&'w Want, BuildId)> {
        let mut family = BTreeSet::from([build]);
        while let Some((parent, _)) = self
            .awaits
            .iter()
            .find(|(parent, of)| !family.contains(parent) && !of.is_disjoint(&family))
        {
            family.insert(*parent);
        }
        wants.iter().find_map(|want| {
            let holders = self.holders(&want.key).iter();
            let own: Vec<_> = holders.filter(|(h, _)| family.contains(&h.build)).collect();
            let (holder, _) = own.first()?;
            let modes = own.iter().map(|(_, mode)| *mode);
            (!want.has_room_beside(modes)).then_some((want, holder.build))
        })
    }

    /// Gives locks to those who wait, in order; returns who got theirs.
    pub(crate) fn grant(&mut self) -> Vec<Holder> {
        let mut granted = Vec::new();
        let mut index = 0;
        while let Some(Place { who, wants }) = self.waiting.get(index) {
            match *who {
                Who::Attempt(holder) if self.fit(wants, &self.waiting[..index]) => {
                    let place = self.waiting.remove(index);
                    self.take(holder, &place.wants);
                    granted.push(holder);
                }
                Who::Attempt(_) | Who::Builder(_) => index += 1,
            }
        }
        granted
    }

    /// Releases what `holder` holds, and forgets that it waits.
    pub(crate) fn release(&mut self, holder: Holder) {
        self.drop_where(|h| *h == holder);
    }

    /// Releases everything that a build and its steps hold or wait for; nobody waits for its end.
    pub(crate) fn release_build(&mut self, build: BuildId) {
        self.drop_where(|h| h.build == build);
        self.awaits.remove(&build);
        self.awaits.values_mut().for_each(|children| {
            children.remove(&build);
        });
        self.awaits.retain(|_, children| !children.is_empty());
    }

    /// Who holds `key`, and how.
    #[must_use]
    pub(crate) fn holders(&self, key: &LockKey) -> &[(Holder, LockMode)] {
        self.held.get(key).map_or(&[], Vec::as_slice)
    }

    /// The wishes of a build and its steps that are not granted yet, each with its step.
    #[must_use]
    pub(crate) fn waited_for(&self, build: BuildId) -> Vec<(Option<StepId>, &Want)> {
        let mut out = Vec::new();
        for (at, place) in self.waiting.iter().enumerate() {
            let ahead = &self.waiting[..at];
            if let Who::Attempt(holder) = place.who
                && holder.build == build
            {
                let wants = place.wants.iter().filter(|want| !self.fits(want, ahead));
                out.extend(wants.map(|want| (holder.step, want)));
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
        self.held.is_empty() && self.waiting.is_empty() && self.awaits.is_empty()
    }

    fn take(&mut self, holder: Holder, wants: &[Want]) {
        for want in wants {
            self.held.entry(want.key.clone()).or_default().push((holder, want.mode));
        }
    }

    fn drop_where(&mut self, gone: impl Fn(&Holder) -> bool) {
        self.waiting.retain(|place| !matches!(&place.who, Who::Attempt(h) if gone(h)));
        for holders in self.held.values_mut() {
            holders.retain(|(h, _)| !gone(h));
        }
        self.held.retain(|_, holders| !holders.is_empty());
    }

    /// Whether others may have to wait for `build`: for what it holds, or for its end.
    fn is_waited_for(&self, build: BuildId) -> bool {
        self.held.values().flatten().any(|(holder, _)| holder.build == build)
            || self.is_awaited(build)
    }

    fn is_awaited(&self, build: BuildId) -> bool {
        self.awaits.values().any(|children| children.contains(&build))
    }

    fn fit(&self, wants: &[Want], ahead: &[Place]) -> bool {
        wants.iter().all(|want| self.fits(want, ahead))
    }

    fn fits(&self, want: &Want, ahead: &[Place]) -> bool {
        let holders = self.holders(&want.key).iter().map(|(_, mode)| *mode);
        let ahead = ahead.iter().flat_map(|p| &p.wants).filter(|w| w.key == want.key);
        want.has_room_beside(holders.chain(ahead.map(|w| w.mode)))
    }

    /// Those who can never go on, even if every build that does not wait ends: those in line, and those
    /// that wait for the end of such a build. It is what is left when everybody who gets a turn has
    /// gone home.
    fn stuck(&self) -> BTreeSet<Who> {
        let mut rest = self.clone();
        let holders = rest.held.values().flatten().map(|(holder, _)| holder.build);
        let awaited = rest.awaits.iter().flat_map(|(p, of)| of.iter().chain([p])).copied();
        let builds: BTreeSet<BuildId> = holders.chain(awaited).collect();
        builds.into_iter().for_each(|build| rest.go_home(build));
        let mut index = 0;
        while let Some(place) = rest.waiting.get(index) {
            if rest.fit(&place.wants, &rest.waiting[..index]) {
                let Place { who, wants } = rest.waiting.remove(index);
                if let Some(holder) = who.attempt() {
                    rest.take(holder, &wants);
                    rest.go_home(holder.build);
                }
                index = 0;
            } else {
                index += 1;
            }
        }
        let parents = rest.awaits.keys().map(|build| Who::of(*build));
        rest.waiting.iter().map(|place| place.who).chain(parents).collect()
    }

    /// A build ends, unless it waits; and then those that waited for nothing but its end.
    fn go_home(&mut self, build: BuildId) {
        if self.waiting.iter().any(|p| p.who.build() == Some(build)) {
            // Steps of it that run at the same time and have their locks end all the same.
            for holders in self.held.values_mut() {
                holders.retain(|(h, _)| h.build != build || h.step.is_none());
            }
            self.held.retain(|_, holders| !holders.is_empty());
            return;
        }
        if self.awaits.contains_key(&build) {
            return;
        }
        let parents = self.awaits.iter().filter(|(_, of)| of.contains(&build));
        let parents: Vec<BuildId> = parents.map(|(parent, _)| *parent).collect();
        self.release_build(build);
        parents.into_iter().for_each(|parent| self.go_home(parent));
    }

    /// A way from `first` over those it waits for back to itself; all of them are `stuck`.
    fn circle(&self, first: Who, stuck: &BTreeSet<Who>) -> Circle {
        let mut ways: Vec<Circle> = vec![Vec::new()];
        let mut seen = BTreeSet::from([first]);
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                let last = way.last().map_or(first, |(who, _): &(Who, _)| *who);
                for (key, next) in self.blockers(last) {
                    let mut way = way.clone();
                    way.push((next, key));
                    if next.build().is_some() && next.build() == first.build() {
                        return around(first, way);
                    }
                    if stuck.contains(&next) && seen.insert(next) {
                        longer.push(way);
                    }
                }
            }
            ways = longer;
        }
        Vec::new()
    }

    /// Whom somebody waits for: by lock those who hold it and those ahead in line; and those whose end
    /// its build waits for.
    fn blockers(&self, who: Who) -> Vec<(Option<LockKey>, Who)> {
        let children = who.build().and_then(|build| self.awaits.get(&build));
        let children = children.into_iter().flatten();
        let mut out: Vec<_> = children.map(|child| (None, self.place_of(*child))).collect();
        let Some(at) = self.waiting.iter().position(|p| p.who == who) else { return out };
        for want in &self.waiting[at].wants {
            if self.fits(want, &self.waiting[..at]) {
                continue;
            }
            let others = self.holders(&want.key).iter();
            for (holder, _) in others.filter(|(h, _)| Some(h.build) != who.build()) {
                out.push((Some(want.key.clone()), self.place_of(holder.build)));
            }
            let ahead =
                self.waiting[..at].iter().filter(|p| p.wants.iter().any(|w| w.key == want.key));
            out.extend(ahead.map(|p| (Some(want.key.clone()), p.who)));
        }
        out
    }

    /// What stands for a build in a circle: its place in line, or itself if it has none.
    fn place_of(&self, build: BuildId) -> Who {
        let mut places = self.waiting.iter().map(|p| p.who);
        places.find(|who| who.build() == Some(build)).unwrap_or(Who::of(build))
    }
}

/// A way of (whom, for which lock) as a circle of (who waits, for which lock).
fn around(first: Who, way: Circle) -> Circle {
    let mut out = Vec::new();
    let mut who = first;
    for (next, key) in way {
        out.push((who, key));
        who = next;
    }
    out
}

impl Who {
    /// The build that waits; none = a builder does.
    pub(crate) fn build(self) -> Option<BuildId> {
        self.attempt().map(|holder| holder.build)
    }

    /// A build that does not stand in line itself.
    fn of(build: BuildId) -> Self {
        Self::Attempt(Holder { build, step: None })
    }

    fn attempt(self) -> Option<Holder> {
        match self {
            Self::Attempt(holder) => Some(holder),
            Self::Builder(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
