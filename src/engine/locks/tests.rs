//! The rules of locks, one by one and against a model.

use proptest::prelude::*;

use super::*;

fn holder(n: i64) -> Holder {
    Holder { build: BuildId(n), step: None }
}

fn want(name: &str, mode: LockMode) -> Want {
    Want { key: LockKey { name: name.to_owned(), worker: None }, mode, max_count: 3 }
}

const COUNTING: LockMode = LockMode::Counting(1);

fn wait(locks: &mut Locks, n: i64, wants: &[Want]) {
    assert_eq!(locks.wait(holder(n), wants.to_vec(), |b| b), []);
}

const ALONE: LockMode = LockMode::Exclusive;

#[test]
fn an_exclusive_waiter_is_not_starved_by_counting_ones() {
    let mut locks = Locks::default();
    assert!(locks.try_acquire(holder(1), &[want("a", COUNTING)]));
    assert!(!locks.try_acquire(holder(2), &[want("a", ALONE)]));
    wait(&mut locks, 2, &[want("a", ALONE)]);
    assert!(!locks.try_acquire(holder(3), &[want("a", COUNTING)]), "3 came after 2");
    wait(&mut locks, 3, &[want("a", COUNTING)]);
    assert_eq!(locks.grant(), []);
    locks.release(holder(1));
    assert_eq!(locks.grant(), [holder(2)]);
    locks.release(holder(2));
    assert_eq!(locks.grant(), [holder(3)]);
    locks.release_build(BuildId(3));
    assert!(locks.is_idle());
}

#[test]
fn a_builder_in_line_is_not_starved_by_steps_and_other_builders() {
    let mut locks = Locks::default();
    let (alone, counting) = ([want("a", ALONE)], [want("a", COUNTING)]);
    assert!(locks.try_acquire(holder(1), &counting));
    assert!(!locks.claim(BuilderId(7), BuildId(9), &alone));
    locks.reserve(BuilderId(7), alone.to_vec());
    assert!(!locks.is_free(BuilderId(8), &counting), "8 came after 7");
    assert!(!locks.try_acquire(holder(2), &counting));
    wait(&mut locks, 2, &counting);
    locks.release(holder(1));
    assert_eq!(locks.grant(), [], "it is the turn of 7");
    assert!(locks.claim(BuilderId(7), BuildId(9), &alone));
    locks.release_build(BuildId(9));
    assert_eq!(locks.grant(), [holder(2)]);
    locks.reserve(BuilderId(7), alone.to_vec());
    locks.keep_reserved(&BTreeSet::new());
    assert!(locks.is_free(BuilderId(8), &counting), "7 went away");
}

#[test]
fn a_wish_for_two_locks_takes_both_or_none() {
    let mut locks = Locks::default();
    assert!(locks.try_acquire(holder(1), &[want("a", ALONE)]));
    assert!(!locks.try_acquire(holder(2), &[want("b", ALONE), want("a", ALONE)]));
    assert!(locks.try_acquire(holder(3), &[want("b", ALONE)]));
}

fn step(build: i64) -> Holder {
    Holder { build: BuildId(build), step: Some(StepId(build)) }
}

#[test]
fn a_circle_is_refused_and_told() {
    let mut locks = Locks::default();
    for (n, name) in [(1, "a"), (2, "b"), (3, "c")] {
        assert!(locks.try_acquire(holder(n), &[want(name, ALONE)]));
    }
    assert_eq!(locks.wait(step(1), vec![want("b", ALONE)], |b| b), []);
    assert_eq!(locks.wait(step(2), vec![want("c", COUNTING)], |b| b), []);
    let victims = locks.wait(step(3), vec![want("a", ALONE)], |b| b);
    let [victim] = &victims[..] else { panic!("{victims:?}") };
    assert_eq!((victim.holder, victim.is_in_vain), (step(3), false), "the newest");
    assert_eq!(words(&victim.circle), ["3 waits for a", "1 waits for b", "2 waits for c"]);
    locks.release_build(BuildId(3));
    assert_eq!(locks.grant(), [step(2)], "3 gave way");
}

fn words(circle: &Circle) -> Vec<String> {
    let word = |(who, key): &(Who, Option<LockKey>)| {
        let what = key.as_ref().map_or("the next one", |key| &key.name);
        format!("{} waits for {what}", who.build().unwrap().0)
    };
    circle.iter().map(word).collect()
}

#[test]
fn a_build_that_is_waited_for_by_the_holder_of_its_lock_is_told_so() {
    let mut locks = Locks::default();
    let (a, b) = ([want("a", ALONE)], [want("b", COUNTING), want("a", COUNTING)]);
    assert!(locks.try_acquire(holder(1), &a));
    assert_eq!(locks.kept_by_family(BuildId(1), &b), Some((&b[1], BuildId(1))));
    assert_eq!(locks.kept_by_family(BuildId(2), &b), None, "it may be waited for");
    // 1 waits for 2, and that for 3: neither can have what 1 keeps.
    assert_eq!(locks.await_build(BuildId(1), BuildId(2), |b| b), []);
    assert_eq!(locks.await_build(BuildId(2), BuildId(3), |b| b), []);
    assert_eq!(locks.kept_by_family(BuildId(3), &b), Some((&b[1], BuildId(1))));
    let victims = locks.wait(step(3), a.to_vec(), |b| b);
    let [victim] = &victims[..] else { panic!("{victims:?}") };
    assert_eq!((victim.holder, victim.is_in_vain), (step(3), true));
    let circle = ["3 waits for a", "1 waits for the next one", "2 waits for the next one"];
    assert_eq!(words(&victim.circle), circle);
    // What another one holds as well comes free.
    let mut locks = Locks::default();
    assert!(locks.try_acquire(holder(1), &[want("a", COUNTING)]));
    assert!(locks.try_acquire(holder(9), &[want("a", LockMode::Counting(2))]));
    assert_eq!(locks.await_build(BuildId(1), BuildId(2), |b| b), []);
    assert_eq!(locks.wait(step(2), vec![want("a", LockMode::Counting(2))], |b| b), []);
    locks.release_build(BuildId(9));
    assert_eq!(locks.grant(), [step(2)]);
}

#[test]
fn of_a_circle_over_a_family_the_stranger_gives_way() {
    // 1 holds a and waits for its child 3; 2 holds b, and its step wants a.
    let mut locks = Locks::default();
    assert!(locks.try_acquire(holder(1), &[want("a", ALONE)]));
    assert!(locks.try_acquire(holder(2), &[want("b", ALONE)]));
    assert_eq!(locks.await_build(BuildId(1), BuildId(3), |b| b), []);
    assert_eq!(locks.wait(step(2), vec![want("a", ALONE)], |b| b), []);
    let victims = locks.wait(step(3), vec![want("b", ALONE)], |b| b);
    let [victim] = &victims[..] else { panic!("{victims:?}") };
    assert_eq!((victim.holder, victim.is_in_vain), (step(2), false), "3 would be as stuck again");
    locks.release_build(BuildId(2));
    assert_eq!(locks.grant(), [step(3)]);
}

#[test]
fn a_child_that_is_taken_over_by_the_holder_of_its_lock_is_told_so() {
    let mut locks = Locks::default();
    assert!(locks.try_acquire(holder(1), &[want("a", ALONE)]));
    assert_eq!(locks.wait(step(2), vec![want("a", ALONE)], |b| b), []);
    let victims = locks.await_build(BuildId(1), BuildId(2), |b| b);
    assert_eq!(victims.len(), 1);
    assert!(victims[0].holder == step(2) && victims[0].is_in_vain, "{victims:?}");
    locks.release_build(BuildId(2));
    locks.release_build(BuildId(1));
    assert!(locks.is_idle());
}

#[test]
fn the_order_of_the_line_alone_makes_no_circle() {
    let mut locks = Locks::default();
    // 1 holds half of the lock; 2 wants all of it; 1 wants more of it.
    assert!(locks.try_acquire(holder(1), &[want("a", COUNTING)]));
    wait(&mut locks, 2, &[want("a", ALONE)]);
    assert!(!locks.try_acquire(step(1), &[want("a", COUNTING)]));
    assert_eq!(locks.wait(step(1), vec![want("a", COUNTING)], |b| b), []);
    assert_eq!(locks.grant(), [step(1)]);
    // 2 wants two locks, of which 1 holds one; 1 wants the other, which 3 has for a while.
    assert!(locks.try_acquire(holder(3), &[want("b", ALONE)]));
    wait(&mut locks, 4, &[want("a", ALONE), want("b", ALONE)]);
    assert_eq!(locks.wait(step(1), vec![want("b", ALONE)], |b| b), []);
    locks.release(holder(3));
    assert_eq!(locks.grant(), [step(1)]);
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
                prop_assert_eq!(locks.wait(holder, wants, |b| b), []);
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

    /// Builds that hold locks while their steps want others, in any order, with builds that are
    /// stopped: a plain model of who has what agrees at every moment, whoever could go on does, and
    /// in the end everybody is home, each circle broken by the one that closed it.
    #[test]
    fn builds_with_locks_inside_locks_all_end(
        plans in proptest::collection::vec((plan(), proptest::option::of(0usize..4)), 1..8),
        turns in proptest::collection::vec((0usize..8, 0u8..12), 0..120),
    ) {
        let mut world = Model::new(plans);
        for (build, what) in turns {
            world.turn(build, what == 0)?;
        }
        let mut rounds = 0;
        while !world.is_home() {
            for build in 0..world.builds.len() {
                world.turn(build, false)?;
            }
            rounds += 1;
            prop_assert!(rounds < 200, "somebody waits forever: {:?}", world.builds);
        }
        prop_assert!(world.locks.is_idle());
    }
}

/// What a build takes: for its whole life, and then for each of its steps.
type Taken = Vec<Want>;

fn taken() -> impl Strategy<Value = Taken> {
    let one = (0usize..3, 0u32..3).prop_map(|(lock, count)| {
        want(["a", "b", "c"][lock], if count == 0 { ALONE } else { LockMode::Counting(count) })
    });
    proptest::collection::vec(one, 0..3).prop_map(|mut wants| {
        wants.sort_by(|a, b| a.key.cmp(&b.key));
        wants.dedup_by(|a, b| a.key == b.key);
        wants
    })
}

/// What a build takes, and what its steps do.
type Plan = (Taken, Vec<Taken>);

fn plan() -> impl Strategy<Value = Plan> {
    (taken(), proptest::collection::vec(taken(), 0..4)).prop_map(|(own, mut steps)| {
        // What a build could never hold beside its own is refused before it comes here.
        let excludes = |a: &Want, b: &Want| a.key == b.key && a.mode.excludes(b.mode, 3);
        let clashes = |w: &Want| own.iter().any(|o| excludes(o, w));
        steps.iter_mut().for_each(|step| step.retain(|w| !clashes(w)));
        (own, steps)
    })
}

/// Where a build of the model stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// It is not claimed.
    Outside,
    /// Between steps, before this one.
    Before(usize),
    /// This step waits.
    Waits(usize),
    /// This step runs.
    Runs(usize),
    /// It waits for the end of the next build, which it has started before this step.
    Awaits(usize),
    Home,
}

#[derive(Debug)]
struct OfModel {
    own: Taken,
    steps: Vec<Taken>,
    /// Before this step it starts the next build, and waits for its end.
    triggers: Option<usize>,
    stands: Stands,
}

/// The reference: builds and where they stand, from which follows who holds what.
struct Model {
    locks: Locks,
    builds: Vec<OfModel>,
}

impl Model {
    fn new(plans: Vec<(Plan, Option<usize>)>) -> Self {
        let stands = Stands::Outside;
        let builds = plans.into_iter();
        let builds =
            builds.map(|((own, steps), triggers)| OfModel { own, steps, triggers, stands });
        Self { locks: Locks::default(), builds: builds.collect() }
    }

    fn is_home(&self) -> bool {
        self.builds.iter().all(|b| b.stands == Stands::Home)
    }

    fn holder(build: usize, step: usize) -> Holder {
        let number = i64::try_from(build).unwrap();
        Holder { build: BuildId(number), step: Some(StepId(number * 10 + step as i64)) }
    }

    /// A build does the next thing it can do, or is stopped.
    fn turn(&mut self, n: usize, stop: bool) -> Result<(), TestCaseError> {
        let Some(build) = self.builds.get(n) else { return Ok(()) };
        if let (Stands::Before(step), false) = (build.stands, stop)
            && build.triggers == Some(step)
            && self.starts_next(n)
        {
            self.builds[n].stands = Stands::Awaits(step);
            return self.check();
        }
        let build = &self.builds[n];
        let (id, builder) = (BuildId(n as i64), BuilderId(n as i64));
        let next = match build.stands {
            Stands::Home => Stands::Home,
            Stands::Outside if stop => {
                self.locks.keep_reserved(&self.others_in_line(n));
                Stands::Home
            }
            _ if stop => {
                self.locks.release_build(id);
                Stands::Home
            }
            Stands::Outside if self.locks.claim(builder, id, &build.own) => Stands::Before(0),
            Stands::Outside => {
                self.locks.reserve(builder, build.own.clone());
                Stands::Outside
            }
            Stands::Awaits(step) => match self.builds[n + 1].stands {
                Stands::Home => Stands::Before(step),
                _ => Stands::Awaits(step),
            },
            Stands::Before(step) => match build.steps.get(step) {
                None => {
                    self.locks.release_build(id);
                    Stands::Home
                }
                Some(wants) if self.locks.try_acquire(Self::holder(n, step), wants) => {
                    Stands::Runs(step)
                }
                Some(wants) => {
                    let wants = wants.clone();
                    let victims = self.locks.wait(Self::holder(n, step), wants, |b| b);
                    self.builds[n].stands = Stands::Waits(step);
                    let gone: Vec<Who> = victims.iter().map(|v| Who::Attempt(v.holder)).collect();
                    for victim in &victims {
                        self.check_circle(&victim.circle, &gone)?;
                    }
                    for GivesWay { holder: victim, is_in_vain, .. } in victims {
                        let at = victim.build.0 as usize;
                        self.locks.release_build(victim.build);
                        let again = if is_in_vain { Stands::Home } else { Stands::Outside };
                        self.builds[at].stands = again;
                    }
                    self.builds[n].stands
                }
            },
            Stands::Waits(step) => Stands::Waits(step),
            Stands::Runs(step) => {
                self.locks.release(Self::holder(n, step));
                Stands::Before(step + 1)
            }
        };
        self.builds[n].stands = next;
        for holder in self.locks.grant() {
            let granted = &mut self.builds[holder.build.0 as usize];
            let Stands::Waits(step) = granted.stands else { panic!("{granted:?} did not wait") };
            granted.stands = Stands::Runs(step);
        }
        self.check()
    }

    /// A build starts the next one, if that can begin at once.
    fn starts_next(&mut self, n: usize) -> bool {
        let next = n + 1;
        let waits = |b: &OfModel| b.stands == Stands::Outside;
        if !self.builds.get(next).is_some_and(waits) {
            return false;
        }
        let (id, builder) = (BuildId(next as i64), BuilderId(next as i64));
        let begins = self.locks.claim(builder, id, &self.builds[next].own);
        if begins {
            self.builds[next].stands = Stands::Before(0);
            assert_eq!(self.locks.await_build(BuildId(n as i64), id, |b| b), []);
        }
        begins
    }

    fn others_in_line(&self, n: usize) -> BTreeSet<BuilderId> {
        (0..self.builds.len()).filter(|b| *b != n).map(|b| BuilderId(b as i64)).collect()
    }

    /// Each of a circle waits for what the next one has or stands in line for.
    fn check_circle(&self, circle: &Circle, gone: &[Who]) -> Result<(), TestCaseError> {
        prop_assert!(circle.len() >= 2, "{:?}", circle);
        for (at, (who, key)) in circle.iter().enumerate() {
            let (next, _) = circle[(at + 1) % circle.len()];
            let Some(key) = key else {
                let (Some(who), Some(next)) = (who.build(), next.build()) else {
                    panic!("{who:?}")
                };
                let awaits = matches!(self.builds[who.0 as usize].stands, Stands::Awaits(_));
                prop_assert!(awaits && next.0 == who.0 + 1, "{:?}", circle);
                continue;
            };
            let is_held =
                self.locks.holders(key).iter().any(|(h, _)| Some(h.build) == next.build());
            let waits = |p: &Place| p.who == next && p.wants.iter().any(|w| w.key == *key);
            let is_ahead = gone.contains(&next) || self.locks.waiting.iter().any(waits);
            prop_assert!(is_held || is_ahead, "{:?}", circle);
        }
        Ok(())
    }

    /// The locks are held by those who hold them in the model, and by nobody else; and together
    /// they are what the rules allow.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut expected: BTreeMap<LockKey, Vec<LockMode>> = BTreeMap::new();
        for build in &self.builds {
            let of_step = match build.stands {
                Stands::Outside | Stands::Home => continue,
                Stands::Runs(step) => build.steps[step].clone(),
                Stands::Before(_) | Stands::Waits(_) | Stands::Awaits(_) => Vec::new(),
            };
            for want in build.own.iter().chain(&of_step) {
                expected.entry(want.key.clone()).or_default().push(want.mode);
            }
        }
        for name in ["a", "b", "c"] {
            let key = LockKey { name: name.to_owned(), worker: None };
            let modes = expected.remove(&key).unwrap_or_default();
            prop_assert_eq!(self.locks.holders(&key).len(), modes.len(), "{}", name);
            let alone = modes.contains(&ALONE);
            prop_assert!(!alone || modes.len() == 1, "{}: {:?}", name, modes);
            let used: u32 =
                modes.iter().map(|m| if let LockMode::Counting(n) = m { *n } else { 0 }).sum();
            prop_assert!(used <= 3, "{}: {:?}", name, modes);
        }
        Ok(())
    }
}
