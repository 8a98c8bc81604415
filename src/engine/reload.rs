//! A configuration takes effect: compared with the one before, its rows made, the mirror changed,
//! all in one turn. Builds under way keep the generation they began with; requests, timers and
//! counters of what keeps its name carry on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::clock::Timestamp;
use crate::base::id::WorkerId;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Compared, NewGeneration, Reloaded};
use crate::engine::state::{Arrivals, Builder, Scheduler, Worker};
use crate::engine::{Generation, Refusal};
use crate::model::config::{Config, SchedulerKind, Times};
use crate::model::difference;
use crate::model::event::Event;
use crate::store::{Result, builders, generations, schedulers, workers};

impl Turn<'_> {
    pub(super) fn generation_loaded(
        &mut self,
        new: NewGeneration,
        compared: Compared,
        answer: Answer<Reloaded>,
    ) -> Result<()> {
        let old = self.state.generation.clone();
        let reloaded = if compared.with == old.id {
            Ok(compared.reloaded)
        } else {
            preview(&old.config, &new.generation.config)
        };
        match reloaded {
            Ok(reloaded) => {
                self.activate(new, &reloaded.changes)?;
                self.answer(answer, Ok(reloaded));
            }
            Err(refusal) => self.answer(answer, Err(refusal)),
        }
        Ok(())
    }

    /// Puts a generation into effect; also the last part of the start.
    pub(super) fn activate(&mut self, new: NewGeneration, changes: &[String]) -> Result<()> {
        let NewGeneration { mut generation, files } = new;
        generation.id = generations::activate(self.conn, &files, &changes.join("\n"), self.now)?;
        let generation = Arc::new(generation);
        self.activate_workers(&generation)?;
        self.activate_builders(&generation)?;
        self.activate_schedulers(&generation)?;
        self.activate_sources(&generation)?;
        self.announce(Event::GenerationActivated { generation: generation.id });
        self.forget_advice()?;
        self.state.generation = generation;
        self.out.acts.push(Act::ShowGeneration);
        // Afterwards, so that it looks at the new schedulers.
        self.out.acts.push(Act::WakePlanner);
        Ok(())
    }

    fn activate_workers(&mut self, generation: &Generation) -> Result<()> {
        workers::unconfigure_all(self.conn)?;
        let mut configured = BTreeSet::new();
        for (place, config) in generation.config.workers.iter().enumerate() {
            let id = workers::ensure(self.conn, &config.name)?;
            configured.insert(id);
            let standing = workers::standing(self.conn, id)?;
            let known = self.state.workers.get(&id);
            let (is_known, is_here) =
                (known.is_some(), known.is_some_and(|w| w.connection.is_some()));
            if known.is_some_and(|w| !w.is_configured) {
                // It comes back to the configuration: what it was before is nobody's loss.
                workers::away_since(self.conn, id, self.now)?;
            }
            let away = if is_here { None } else { Some(self.absence(id)?) };
            let worker = self.state.workers.entry(id).or_insert_with(|| Worker {
                name: config.name.clone(),
                is_configured: true,
                connection: None,
                away: None,
                place,
                standing,
                arrivals: Arrivals::default(),
                running: BTreeSet::new(),
            });
            worker.place = place;
            if !is_known || !worker.is_configured {
                worker.away = away;
            }
        }
        for (id, worker) in &mut self.state.workers {
            worker.is_configured = configured.contains(id);
        }
        let known: Vec<WorkerId> = self.state.workers.keys().copied().collect();
        known.into_iter().try_for_each(|id| self.release_worker(id, generation))
    }

    fn activate_builders(&mut self, generation: &Generation) -> Result<()> {
        builders::unconfigure_all(self.conn)?;
        for builder in self.state.builders.values_mut() {
            builder.is_configured = false;
        }
        for ((position, place), config) in (0..).zip(0..).zip(&generation.config.builders) {
            let id = builders::ensure(self.conn, config, position)?;
            let workers: Vec<WorkerId> =
                config.workers.iter().filter_map(|name| self.state.worker_id(name)).collect();
            workers::set_builder_workers(self.conn, id, &workers)?;
            let running = self.state.builders.get(&id).map_or(0, |b| b.running);
            let name = config.name.clone();
            let builder = Builder { name, is_configured: true, place, workers, running };
            self.state.builders.insert(id, builder);
        }
        Ok(())
    }

    fn activate_schedulers(&mut self, generation: &Generation) -> Result<()> {
        schedulers::unconfigure_all(self.conn)?;
        let old = self.state.generation.clone();
        for scheduler in self.state.schedulers.values_mut() {
            scheduler.is_configured = false;
        }
        for config in &generation.config.schedulers {
            let (id, is_enabled, fired_at) =
                schedulers::ensure(self.conn, &config.name, config.kind.word())?;
            let scheduler = self.state.schedulers.entry(id).or_insert_with(|| Scheduler {
                name: config.name.clone(),
                is_enabled,
                is_configured: true,
                held: Vec::new(),
                fired_at,
            });
            scheduler.name.clone_from(&config.name);
            scheduler.is_enabled = is_enabled;
            scheduler.is_configured = true;
            scheduler.fired_at = fired_at;
            let before = old.config.scheduler(&config.name).map(|s| &s.kind);
            if starts_anew(before, &config.kind, fired_at) {
                scheduler.fired_at = Some(self.now);
                schedulers::set_fired(self.conn, id, self.now)?;
            }
        }
        self.begin_timers(generation)
    }

    pub(super) fn generation_refused(
        &mut self,
        error: &str,
        files: &[(String, Option<String>)],
        answer: Answer<()>,
    ) -> Result<()> {
        let id = generations::reject(self.conn, error, files, self.now)?;
        self.announce(Event::GenerationRejected { generation: id });
        self.answer(answer, Ok(()));
        Ok(())
    }
}

/// Whether the times of a nightly scheduler are counted from now: it is new, or they have changed,
/// and a time that has passed under the new ones was nobody's wish.
fn starts_anew(
    before: Option<&SchedulerKind>,
    after: &SchedulerKind,
    fired_at: Option<Timestamp>,
) -> bool {
    let times = |kind: &SchedulerKind| match kind {
        SchedulerKind::Timed(timed) if matches!(timed.times, Times::Cron { .. }) => {
            Some(format!("{:?}", timed.times))
        }
        SchedulerKind::Triggerable(rules) => rules.times.as_ref().map(|times| format!("{times:?}")),
        _ => None,
    };
    match (before.map(times), times(after)) {
        (_, None) => false,
        (Some(before), after) => before != after || fired_at.is_none(),
        (None, Some(_)) => fired_at.is_none(),
    }
}

/// What a reload from `old` to `new` changes.
///
/// # Errors
/// When `new` cannot take effect without a restart.
pub fn preview(old: &Config, new: &Config) -> std::result::Result<Reloaded, Refusal> {
    if new.db_url != old.db_url {
        let text = format!(
            "{}: c.db has changed; a database is changed by a restart, not by a reload.",
            new.db_site
        );
        return Err(Refusal::Invalid(text));
    }
    let dir = |config: &Config| config.artifacts().dir;
    if dir(new) != dir(old) {
        let text = format!(
            "c.www.artifacts.dir has changed from {} to {}; it is changed by a restart, with the files moved \
             between stop and start.",
            dir(old),
            dir(new)
        );
        return Err(Refusal::Invalid(text));
    }
    Ok(Reloaded { changes: difference::lines(old, new) })
}
