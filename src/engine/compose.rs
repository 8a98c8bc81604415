//! Buildsets whose builders or priority a function decides. What such a buildset comes of – held
//! changes, a time that is due, another scheduler's buildset – stays as it is, in rows, until the
//! answer is here; whatever ends the process before then only means that it is asked again. One
//! question for each scheduler at a time.

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, BuildsetId, ChangeId, SchedulerEventId, SchedulerId};
use crate::engine::advice::Ticket;
use crate::engine::adviser::What;
use crate::engine::beat::Turn;
use crate::engine::input::Composed;
use crate::model::change::Change;
use crate::model::config::{Priority, SchedulerConfig};
use crate::model::event::Event;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::scheduler_events::{self, About};
use crate::store::{Result, buildsets, changes, schedulers, sourcestamps};

/// What a buildset comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Changes that are held.
    Changes,
    /// The time, which then counts as the last one; with it changes that are held, if any.
    Time(Timestamp),
    /// Word of another scheduler's buildset.
    Upstream(SchedulerEventId),
}

/// A buildset about which functions are asked.
#[derive(Debug)]
pub(crate) struct Composing {
    ticket: Ticket,
    origin: Origin,
    changes: Vec<ChangeId>,
    sourcestamps: Vec<Sourcestamp>,
}

/// Whether functions have a say in the buildsets of `config`.
pub(super) fn asks(config: &SchedulerConfig) -> bool {
    config.choices.builders.is_some() || matches!(config.priority, Priority::Ask(_))
}

impl Turn<'_> {
    /// Asks about a scheduler's next buildset, unless one is asked about already.
    pub(super) fn ask_to_compose(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        origin: Origin,
        changes: Vec<Change>,
        sourcestamps: Vec<Sourcestamp>,
    ) {
        if self.state.advice.composing.contains_key(&id) {
            return;
        }
        let configured = self.state.builders.iter().filter(|(_, b)| b.is_configured);
        let builders: Vec<BuilderId> = configured.map(|(id, _)| *id).collect();
        let builders = builders.into_iter().map(|id| (id, self.builder_view(id))).collect();
        let composing = Composing {
            ticket: self.state.advice.ticket(),
            origin,
            changes: changes.iter().map(|change| change.id).collect(),
            sourcestamps: sourcestamps.clone(),
        };
        let name = config.name.clone();
        self.put(composing.ticket, What::Compose { id, name, changes, sourcestamps, builders });
        self.state.advice.composing.insert(id, composing);
    }

    /// Leaves word that a scheduler's functions are to be asked about what follows `upstream`.
    pub(super) fn compose_after(&mut self, id: SchedulerId, upstream: BuildsetId) -> Result<()> {
        self.state.advice.words.insert(id);
        scheduler_events::add(self.conn, id, About::Buildset(upstream))
    }

    /// Asks about the oldest buildset that a dependent scheduler has not followed yet.
    pub(super) fn ask_about_upstream(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
    ) -> Result<()> {
        let advice = &self.state.advice;
        if advice.composing.contains_key(&id) || !advice.words.contains(&id) {
            return Ok(());
        }
        let Some((event, upstream)) = scheduler_events::oldest_buildset(self.conn, id)? else {
            self.state.advice.words.remove(&id);
            return Ok(());
        };
        let changes = changes::of_buildset(self.conn, upstream)?;
        let stamps = sourcestamps::of_buildset(self.conn, upstream)?;
        if asks(config) {
            self.ask_to_compose(id, config, Origin::Upstream(event), changes, stamps);
            return Ok(());
        }
        // Another configuration came meanwhile, in which nobody is asked.
        scheduler_events::remove(self.conn, event)?;
        let changes = buildsets::change_ids(self.conn, upstream)?;
        self.build_stamps(id, config, stamps, changes, None)
    }

    /// Takes the answer, and makes the buildset if what it comes of is still there.
    pub(super) fn composed(
        &mut self,
        ticket: Ticket,
        id: SchedulerId,
        outcome: std::result::Result<Composed, String>,
    ) -> Result<()> {
        if self.state.advice.composing.get(&id).is_none_or(|asked| asked.ticket != ticket) {
            return Ok(());
        }
        let Some(asked) = self.state.advice.composing.remove(&id) else { return Ok(()) };
        let generation = self.state.generation.clone();
        let name = self.state.schedulers.get(&id).map(|s| s.name.clone());
        let Some(config) = name.and_then(|name| generation.config.scheduler(&name)) else {
            return Ok(());
        };
        if !self.take_origin(id, &asked)? {
            return Ok(());
        }
        let verdict = match outcome {
            Ok(composed) if !composed.builders.is_empty() => {
                let (stamps, changes) = (asked.sourcestamps, asked.changes);
                return self.build_stamps(id, config, stamps, changes, Some(&composed));
            }
            Ok(_) => {
                let site = config.choices.builders.as_ref().map(|f| f.site.to_string());
                format!("taken; the function at {} chose no builder", site.unwrap_or_default())
            }
            Err(error) => {
                tracing::error!(scheduler = config.name, "No buildset was made: {error}.");
                format!("failed: {error}")
            }
        };
        for change in asked.changes {
            changes::set_verdict(self.conn, change, &config.name, &verdict)?;
        }
        self.announce(Event::SchedulerUpdated { scheduler: id });
        Ok(())
    }

    /// Takes what a buildset comes of; false, and nothing is taken, when something of it is gone.
    fn take_origin(&mut self, id: SchedulerId, asked: &Composing) -> Result<bool> {
        let Some(scheduler) = self.state.schedulers.get_mut(&id) else { return Ok(false) };
        if !scheduler.is_enabled || !scheduler.is_configured {
            return Ok(false);
        }
        if let Origin::Upstream(event) = asked.origin {
            if !scheduler_events::exists(self.conn, event)? {
                return Ok(false);
            }
            scheduler_events::remove(self.conn, event)?;
            return Ok(true);
        }
        let is_held = |id: &ChangeId| scheduler.held.iter().any(|held| held.change.id == *id);
        if !asked.changes.iter().all(is_held) {
            return Ok(false);
        }
        scheduler.held.retain(|held| !asked.changes.contains(&held.change.id));
        if let Origin::Time(at) = asked.origin {
            scheduler.fired_at = Some(at);
            schedulers::set_fired(self.conn, id, at)?;
        }
        for change in &asked.changes {
            changes::release(self.conn, id, *change)?;
        }
        Ok(true)
    }
}
