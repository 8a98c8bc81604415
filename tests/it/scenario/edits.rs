//! A thousand edits of a configuration while builds run, most of them mistakes. Each one that is
//! wrong is refused with its file and line and changes nothing; each one that is right takes effect
//! at once. Whatever was edited, no build is lost, stopped or tried twice, no worker is cut off that
//! is as it was, and nothing is cancelled before its time. A story that fails names its seed.

use std::collections::{BTreeMap, BTreeSet};

use halide_ci::base::clock::Timestamp;
use halide_ci::base::id::GenerationId;
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;
use halide_ci::engine::Generation;
use halide_ci::engine::input::Force;
use halide_ci::model::sourcestamp::Sourcestamp;

use super::{Setting, World};
use crate::sim::hand::Hand;
use crate::sim::mutant::{Plan, Verdict, scribble};

/// How many stories are told, at the same time.
const STORIES: u64 = 4;
/// How many edits each of them has.
const EDITS: usize = 250;
/// How long what was removed may come back.
const GRACE: u64 = 3600;

#[test]
fn a_thousand_edits_lose_nothing() {
    let stories: Vec<_> =
        (1..=STORIES).map(|seed| (seed, std::thread::spawn(move || tell(seed)))).collect();
    let failed: Vec<u64> = stories
        .into_iter()
        .filter_map(|(seed, story)| story.join().is_err().then_some(seed))
        .collect();
    assert!(failed.is_empty(), "the stories of the seeds {failed:?} failed");
}

fn tell(seed: u64) {
    let random = Random::seeded(seed.wrapping_mul(104_729));
    let plan = Plan::new(&random);
    let setting = Setting { seed, ..Setting::new(&plan.text()) };
    let transcript = setting.tell(async |world: &mut World| {
        let mut story = Story::new(world, plan, random);
        for n in 0..EDITS {
            story.edit(n).await;
            story.look();
            story.work(n).await;
            story.world.pass(story.random.below(40) as u64).await;
            story.look();
        }
        story.end().await;
    });
    assert!(!transcript.contains("is told to stop"), "a command was interrupted");
}

struct Story<'w> {
    world: &'w mut World,
    random: Random,
    plan: Plan,
    /// The text in effect.
    text: String,
    hands: BTreeMap<String, (Hand, String)>,
    /// The builders that were configured since then.
    history: Vec<(Timestamp, BTreeSet<String>)>,
    /// Configurations that are as their author meant: nothing in them fails.
    meant: BTreeSet<GenerationId>,
    taken: usize,
    refused: usize,
    /// Edits during which something was being built.
    amid_builds: usize,
}

impl<'w> Story<'w> {
    fn new(world: &'w mut World, plan: Plan, random: Random) -> Self {
        let mut story = Self {
            text: plan.text(),
            world,
            random,
            plan,
            hands: BTreeMap::new(),
            history: Vec::new(),
            meant: BTreeSet::new(),
            taken: 0,
            refused: 0,
            amid_builds: 0,
        };
        story.note(true);
        story
    }

    /// Notes the configuration that has taken effect.
    fn note(&mut self, is_meant: bool) {
        let active = self.world.engine().generation();
        let names = active.config.builders.iter().map(|b| b.name.clone()).collect();
        self.history.push((self.world.engine().clock().now(), names));
        if is_meant {
            self.meant.insert(active.id);
        }
    }

    /// Edits the plan, or scribbles on what is in effect.
    async fn edit(&mut self, n: usize) {
        if self.random.below(5) < 2 {
            let mut next = self.plan.clone();
            let verdict = next.edit(&self.random);
            let text = next.text();
            // What was scribbled before is undone with it, so that it is told too.
            let was_meant = self.text == self.plan.text();
            let answer = self.save(n, &text).await;
            match (verdict, answer) {
                (Verdict::Right(line), Ok(changes)) => {
                    assert!(
                        !was_meant || changes.iter().any(|c| c.contains(&line)),
                        "edit {n}: {changes:?} without {line:?}"
                    );
                    self.plan = next;
                    self.text = text;
                    self.note(true);
                }
                (Verdict::Wrong(what), Err(error)) => {
                    assert!(error.contains(what), "edit {n}: {error}\nwithout {what:?}");
                }
                (verdict, answer) => panic!("edit {n}: {verdict:?} became {answer:?}\n{text}"),
            }
            return;
        }
        // Mistakes do not pile up for long.
        let text = if self.random.below(3) == 0 { self.plan.text() } else { self.text.clone() };
        let text = scribble(&text, &self.random);
        if self.save(n, &text).await.is_ok() {
            let is_meant = text == self.plan.text();
            self.text = text;
            self.note(is_meant);
        }
    }

    /// Saves and reloads; what is refused says where and changes nothing.
    async fn save(&mut self, n: usize, text: &str) -> Result<Vec<String>, String> {
        let before = self.world.engine().generation();
        let open = "select count(*) from builds where complete_at is null";
        self.amid_builds += usize::from(self.world.int(open).await > 0);
        let answer = self.world.reload(text).await;
        let after = self.world.engine().generation();
        match answer {
            Ok(reloaded) => {
                self.taken += 1;
                assert!(before.id < after.id, "edit {n} has taken effect");
                Ok(reloaded.changes)
            }
            Err(error) => {
                self.refused += 1;
                assert_eq!(before.id, after.id, "edit {n} was refused");
                let line = error.strip_prefix("master.lua:").and_then(|e| e.split(':').next());
                let line: usize = line.and_then(|l| l.parse().ok()).unwrap_or(0);
                // What is missing at the end is told of the line after it.
                let lines = text.lines().count() + 1;
                assert!((1..=lines).contains(&line), "edit {n} has no place: {error}\n{text}");
                Err(error)
            }
        }
    }

    /// No worker is cut off that is in the configuration as it was.
    fn look(&mut self) {
        let active = self.world.engine().generation();
        self.hands.retain(|name, (hand, password)| {
            let is_same = active.config.worker(name).is_some_and(|w| w.password.matches(password));
            assert!(!hand.is_closed() || !is_same, "{name} was cut off");
            !hand.is_closed()
        });
    }

    /// Workers connect, and people and pushes want builds.
    async fn work(&mut self, n: usize) {
        let active = self.world.engine().generation();
        for worker in &active.config.workers {
            if !self.hands.contains_key(&worker.name) && self.random.below(3) > 0 {
                self.connect(&active, &worker.name).await;
            }
        }
        match self.random.below(2) {
            0 => {
                let branch = ["main", "release", "nightly"][self.random.below(3)];
                self.world.push(branch, &format!("sha{n}")).await;
            }
            _ => {
                let builders = &active.config.builders;
                let builder = builders[self.random.below(builders.len())].name.clone();
                let stamp = Sourcestamp { revision: Some(n.to_string()), ..Sourcestamp::default() };
                let force = Force {
                    scheduler: "force".to_owned(),
                    builders: vec![builder],
                    sourcestamps: vec![stamp],
                    ..Force::default()
                };
                // A scribbled scheduler may have another name.
                let _ = self.world.engine().force(force).await;
            }
        }
    }

    async fn connect(&mut self, active: &Generation, name: &str) {
        let Some(config) = active.config.worker(name) else { return };
        let password = config.password.expose().to_owned();
        let hand = self.world.connect(name).await;
        hand.dawdle(10 + self.random.below(30) as u64);
        self.hands.insert(name.to_owned(), (hand, password));
    }

    /// Everything comes to rest with the last plan; what then waits, waits for what is gone.
    async fn end(&mut self) {
        self.save(EDITS, &self.plan.text()).await.unwrap();
        self.note(true);
        self.look();
        let active = self.world.engine().generation();
        // Workers that are let go after their last build come back.
        for _ in 0..2 {
            for worker in &active.config.workers {
                if !self.hands.contains_key(&worker.name) {
                    self.connect(&active, &worker.name).await;
                }
            }
            self.world.settle().await;
            self.look();
        }
        self.world.pass(GRACE + 1).await;
        self.world.settle().await;
        self.look();
        self.check().await;
    }

    async fn check(&self) {
        let world = &*self.world;
        let unfinished = "select cast(r.id as text), b.name, cast(r.submitted_at as text) \
             from buildrequests r join builders b on b.id = r.builder_id where results is null";
        let unfinished = world.rows(unfinished, 3).await;
        assert!(unfinished.is_empty(), "{unfinished:?}");
        let twice = "select count(*) from (select request_id from builds group by request_id \
             having count(*) > 1)";
        assert_eq!(world.int(twice).await, 0, "a build that was tried again");
        let builds = "select cast(generation_id as text), cast(results as text), b.name || '/' || \
             number, state_string from builds join builders b on b.id = builder_id";
        let builds = world.rows(builds, 4).await;
        for build in &builds {
            let mut words = build.splitn(3, ' ');
            let generation = GenerationId(words.next().unwrap().parse().unwrap());
            let results = Results::from_code(words.next().unwrap().parse().unwrap()).unwrap();
            let ended = if self.meant.contains(&generation) {
                results == Results::Success
            } else {
                // What somebody scribbled may fail, but not be stopped or lost.
                !matches!(results, Results::Retry | Results::Cancelled)
            };
            assert!(ended, "{results:?}: {build}");
        }
        let cancelled = "select cast(complete_at as text), ended_because from buildrequests \
             where results = 6";
        let cancelled = world.rows(cancelled, 2).await;
        for request in &cancelled {
            let (at, why) = request.split_once(' ').unwrap();
            let name = why.strip_suffix(" was removed from the configuration").unwrap();
            self.was_long_gone(Timestamp(at.parse().unwrap()), name);
        }
        assert!(self.taken > EDITS / 4 && self.refused > EDITS / 4, "too few of a kind");
        assert!(self.amid_builds > EDITS / 2, "too few amid builds: {}", self.amid_builds);
        assert!(builds.len() > EDITS / 4, "too few builds: {}", builds.len());
    }

    /// A builder was in no configuration of the grace before `at`.
    fn was_long_gone(&self, at: Timestamp, name: &str) {
        let ends = self.history.iter().skip(1).map(|(end, _)| *end).chain([at]);
        for ((_, names), end) in self.history.iter().zip(ends) {
            let is_within = end.secs() > at.secs() - i64::try_from(GRACE).unwrap();
            assert!(!is_within || !names.contains(name), "{name} was there until {end}");
        }
    }
}
