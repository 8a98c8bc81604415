//! What no single object can know: names that are used twice, references to nothing, builders that
//! nothing starts, locks that a build would wait for forever.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, Reference};
use crate::model::config::{BuilderConfig, Config, LockAccess, SchedulerKind, Site, WorkerConfig};
use crate::script::anchor::Key;
use crate::script::spelling::suggestion;

/// Records what is wrong with `config` as a whole.
pub(in crate::script) fn check(reader: &Reader<'_>, config: &Config) {
    let checks = Checks { reader, config };
    checks.duplicates("worker", config.workers.iter().map(|w| (&w.name, &w.site)));
    checks.duplicates("builder", config.builders.iter().map(|b| (&b.name, &b.site)));
    checks.duplicates("scheduler", config.schedulers.iter().map(|s| (&s.name, &s.site)));
    checks.duplicates("reporter", config.reporters.iter().map(|r| (&r.name, &r.site)));
    checks.duplicates("canceller", config.cancellers.iter().map(|c| (&c.name, &c.site)));
    let sources = config.change_sources.iter().map(|s| (&s.name, &s.site));
    checks.duplicates("change source", sources);
    checks.references();
    checks.cycles();
    checks.unreachable();
    for builder in &config.builders {
        checks.locks(builder);
    }
}

struct Checks<'a, 'l> {
    reader: &'a Reader<'l>,
    config: &'a Config,
}

impl Checks<'_, '_> {
    fn problem(
        &self,
        site: &Site,
        called: &str,
        key: &str,
        text: &str,
        message: String,
        hints: Vec<String>,
    ) {
        let spot = {
            let sources = self.reader.ground.sources.borrow();
            let spot = sources.key(site, called, key);
            if text.is_empty() { spot } else { sources.literal(&spot, text) }
        };
        self.reader.ground.problem(&spot, message, hints);
    }

    fn duplicates<'b>(&self, kind: &str, names: impl Iterator<Item = (&'b String, &'b Site)>) {
        let mut first: BTreeMap<&str, &Site> = BTreeMap::new();
        for (name, site) in names.filter(|(name, _)| !name.is_empty()) {
            if let Some(earlier) = first.get(name.as_str()) {
                let message =
                    format!("there are two {kind}s named {name:?}; the other is at {earlier}.");
                self.problem(site, kind, "name", "", message, Vec::new());
            } else {
                first.insert(name, site);
            }
        }
    }

    fn references(&self) {
        let workers: Vec<String> = self.config.workers.iter().map(|w| w.name.clone()).collect();
        let builders: Vec<String> = self.config.builders.iter().map(|b| b.name.clone()).collect();
        for builder in &self.config.builders {
            let owner = format!("builder {:?}", builder.name);
            self.known(&owner, "worker", &builder.site, "builder", &builder.workers, &workers);
        }
        let schedulers: Vec<String> =
            self.config.schedulers.iter().map(|s| s.name.clone()).collect();
        let sources: Vec<String> =
            self.config.change_sources.iter().map(|s| s.name.clone()).collect();
        for reference in self.reader.references.borrow().iter() {
            let Reference { owner, kind, name, key } = reference;
            let kind = match *kind {
                "triggerable" => {
                    self.triggerable(owner, name, key);
                    "scheduler"
                }
                kind => kind,
            };
            let all = match kind {
                "builder" => &builders,
                "worker" => &workers,
                "change_source" => &sources,
                _ => &schedulers,
            };
            if !all.contains(name) && !self.reader.is_open(&format!("{kind}s")) {
                let what = kind.replace('_', " ");
                let message =
                    format!("{owner} names the {what} {name:?}, which is not in c.{kind}s.");
                let hints = suggestion(name, all).into_iter().collect();
                let spot = {
                    let sources = self.reader.ground.sources.borrow();
                    sources.literal(&key.spot(&sources), name)
                };
                self.reader.ground.problem(&spot, message, hints);
            }
        }
    }

    /// A step triggers only what can be triggered.
    fn triggerable(&self, owner: &str, name: &str, key: &Key) {
        let Some(scheduler) = self.config.scheduler(name) else { return };
        if matches!(scheduler.kind, SchedulerKind::Triggerable(_)) {
            return;
        }
        let message = format!(
            "{owner} triggers the scheduler {name:?}, whose kind is {}.",
            scheduler.kind.word()
        );
        let hint = "Only ci.schedulers.triggerable and nightly_triggerable can be triggered.";
        let spot = {
            let sources = self.reader.ground.sources.borrow();
            sources.literal(&key.spot(&sources), name)
        };
        self.reader.ground.problem(&spot, message, vec![hint.to_owned()]);
    }

    /// Dependent schedulers that wait for each other never start.
    fn cycles(&self) {
        let upstream: BTreeMap<&str, &str> = self
            .config
            .schedulers
            .iter()
            .filter_map(|s| match &s.kind {
                SchedulerKind::Dependent(of) => Some((s.name.as_str(), of.upstream.as_str())),
                _ => None,
            })
            .collect();
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for scheduler in &self.config.schedulers {
            let mut chain = vec![scheduler.name.as_str()];
            while let Some(next) = chain.last().and_then(|last| upstream.get(last)) {
                if let Some(at) = chain.iter().position(|name| name == next) {
                    let ring = &chain[at..];
                    if !ring.iter().any(|name| told.contains(name)) {
                        told.extend(ring);
                        let words: Vec<String> =
                            ring.iter().chain([next]).map(|name| format!("{name:?}")).collect();
                        let message = format!(
                            "dependent schedulers wait for each other: {}.",
                            words.join(" waits for ")
                        );
                        let site = self.config.scheduler(next).map(|s| &s.site);
                        let site = site.unwrap_or(&scheduler.site);
                        self.problem(site, "dependent", "upstream", "", message, Vec::new());
                    }
                    break;
                }
                chain.push(next);
            }
        }
    }

    fn known(
        &self,
        owner: &str,
        kind: &str,
        site: &Site,
        called: &str,
        named: &[String],
        all: &[String],
    ) {
        if self.reader.is_open(&format!("{kind}s")) {
            return;
        }
        for name in named.iter().filter(|n| !all.contains(n) && !n.is_empty()) {
            let message = format!("{owner} names the {kind} {name:?}, which is not in c.{kind}s.");
            let hints = suggestion(name, all).into_iter().collect();
            self.problem(site, called, &format!("{kind}s"), name, message, hints);
        }
    }

    fn unreachable(&self) {
        // What a function may return is not known before it is called, and what is wrong in a
        // scheduler may be what starts it.
        if self.reader.is_open("schedulers")
            || self.config.schedulers.iter().any(|s| s.choices.builders.is_some())
        {
            return;
        }
        let schedulers = self.config.schedulers.iter();
        let started: BTreeSet<&str> =
            schedulers.flat_map(|s| &s.builders).map(String::as_str).collect();
        for builder in &self.config.builders {
            if !builder.name.is_empty() && !started.contains(builder.name.as_str()) {
                let message = format!("no scheduler starts the builder {:?}.", builder.name);
                let hint = "Name it in the `builders` of a scheduler; ci.schedulers.force will do.";
                self.problem(&builder.site, "builder", "name", "", message, vec![hint.to_owned()]);
            }
        }
    }

    /// A build must not wait for a lock that it holds itself.
    fn locks(&self, builder: &BuilderConfig) {
        let name = |access: &LockAccess| self.reader.locks.borrow().0[access.lock].name.clone();
        let mut told = BTreeSet::new();
        let workers = builder.workers.iter().filter_map(|name| self.config.worker(name));
        let workers: Vec<&WorkerConfig> = workers.collect();
        for access in &builder.locks.fixed {
            if let Some(worker) = self.holder_of(&workers, access)
                && told.insert(access.lock)
            {
                let message = format!(
                    "builder {:?} takes the lock {:?}, which each build on the worker {:?} holds; it \
                     would wait forever.",
                    builder.name,
                    name(access),
                    worker.name,
                );
                self.problem(&builder.site, "builder", "locks", "", message, Vec::new());
            }
        }
        for (number, step) in builder.steps.iter().enumerate() {
            for access in &step.locks.fixed {
                let by_builder = builder.locks.fixed.iter().any(|l| l.lock == access.lock);
                let holder = match self.holder_of(&workers, access) {
                    _ if by_builder => "which the builder holds for the whole build".to_owned(),
                    Some(worker) => {
                        format!("which each build on the worker {:?} holds", worker.name)
                    }
                    None => continue,
                };
                if told.insert(access.lock) {
                    let message = format!(
                        "builder {:?}, step {}: the step takes the lock {:?}, {holder}; it would \
                         wait forever.",
                        builder.name,
                        number + 1,
                        name(access),
                    );
                    self.problem(&step.site, &step.kind, "locks", "", message, Vec::new());
                }
            }
        }
    }

    /// The worker whose own hold of the access's lock leaves no room for the access.
    fn holder_of<'w>(
        &self,
        workers: &[&'w WorkerConfig],
        access: &LockAccess,
    ) -> Option<&'w WorkerConfig> {
        workers.iter().copied().find(|worker| {
            let max = self.reader.locks.borrow().0[access.lock].max_count_on(&worker.name);
            let mut held = worker.locks.iter().filter(|l| l.lock == access.lock);
            held.any(|held| held.mode.excludes(access.mode, max))
        })
    }
}
