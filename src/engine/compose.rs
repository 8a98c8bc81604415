//! Buildsets whose builders or priority a function decides. The changes stay held, in rows, until the
//! answer is here; whatever ends the process before then only means that it is asked again. One
//! question for each scheduler at a time.

use std::collections::BTreeMap;

use crate::base::id::{BuilderId, ChangeId, SchedulerId};
use crate::engine::advice::Ticket;
use crate::engine::adviser::What;
use crate::engine::beat::Turn;
use crate::engine::input::Composed;
use crate::engine::schedule::branch::Held;
use crate::model::config::{Priority, SchedulerConfig};
use crate::model::event::Event;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::{Result, changes};

/// Whether functions have a say in the buildsets of `config`.
pub(super) fn asks(config: &SchedulerConfig) -> bool {
    config.choices.builders.is_some() || matches!(config.priority, Priority::Ask(_))
}

/// The source of a build of `held`: per codebase that of the newest change, its own revision
/// included.
pub(super) fn sourcestamps<'h>(held: impl IntoIterator<Item = &'h Held>) -> Vec<Sourcestamp> {
    let mut stamps: BTreeMap<String, Sourcestamp> = BTreeMap::new();
    for held in held {
        stamps.insert(held.change.what.codebase.clone(), held.change.what.sourcestamp());
    }
    stamps.into_values().collect()
}

impl Turn<'_> {
    /// Asks about the first of the groups of changes that are ready.
    pub(super) fn ask_to_compose(&mut self, id: SchedulerId, name: &str, ready: &[Vec<usize>]) {
        if self.state.advice.composing.contains_key(&id) {
            return;
        }
        let Some(scheduler) = self.state.schedulers.get(&id) else { return };
        let Some(group) = ready.first() else { return };
        let group: Vec<&Held> = group.iter().filter_map(|at| scheduler.held.get(*at)).collect();
        let changes: Vec<_> = group.iter().map(|held| held.change.clone()).collect();
        let sourcestamps = sourcestamps(group);
        let builders: Vec<BuilderId> = self
            .state
            .builders
            .iter()
            .filter(|(_, b)| b.is_configured)
            .map(|(id, _)| *id)
            .collect();
        let builders = builders.into_iter().map(|id| (id, self.builder_view(id))).collect();
        let ticket = self.state.advice.ticket();
        let ids = changes.iter().map(|change| change.id).collect();
        self.state.advice.composing.insert(id, (ticket, ids));
        let name = name.to_owned();
        self.put(ticket, What::Compose { id, name, changes, sourcestamps, builders });
    }

    /// Takes the answer: a buildset of just the changes that were asked about, if all are still
    /// wanted.
    pub(super) fn composed(
        &mut self,
        ticket: Ticket,
        id: SchedulerId,
        outcome: std::result::Result<Composed, String>,
    ) -> Result<()> {
        let Some((asked, ids)) = self.state.advice.composing.get(&id) else { return Ok(()) };
        if *asked != ticket {
            return Ok(());
        }
        let ids: Vec<ChangeId> = ids.clone();
        self.state.advice.composing.remove(&id);
        let generation = self.state.generation.clone();
        let Some(scheduler) = self.state.schedulers.get_mut(&id) else { return Ok(()) };
        let is_there = |id: &ChangeId| scheduler.held.iter().any(|held| held.change.id == *id);
        let Some(config) = generation.config.scheduler(&scheduler.name) else { return Ok(()) };
        if !scheduler.is_enabled || !ids.iter().all(is_there) {
            return Ok(());
        }
        let (group, held) =
            scheduler.held.drain(..).partition(|held| ids.contains(&held.change.id));
        scheduler.held = held;
        let group: Vec<Held> = group;
        let verdict = match outcome {
            Ok(Composed { builders, priority }) if !builders.is_empty() => {
                return self.build_changes(id, config, &group, &builders, priority);
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
        for held in &group {
            changes::release(self.conn, id, held.change.id)?;
            changes::set_verdict(self.conn, held.change.id, &config.name, &verdict)?;
        }
        self.announce(Event::SchedulerUpdated { scheduler: id });
        Ok(())
    }
}
