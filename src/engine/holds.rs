//! What the changes wait for that schedulers have taken and not built yet: the schedulers' own
//! conditions, looked at without acting.

use std::collections::BTreeSet;

use crate::base::id::{ChangeId, SchedulerId};
use crate::engine::beat::Turn;
use crate::engine::schedule::branch::{self, Due};
use crate::engine::schedule::timed;
use crate::engine::state::Scheduler;
use crate::model::config::SchedulerKind;
use crate::model::hold::{Held, Hold};

impl Turn<'_> {
    /// Of each change the schedulers that hold it, by name.
    pub(super) fn holds(&self, changes: &[ChangeId]) -> Vec<Vec<Held>> {
        let wanted: BTreeSet<ChangeId> = changes.iter().copied().collect();
        let mut out: Vec<Vec<Held>> = changes.iter().map(|_| Vec::new()).collect();
        for (id, scheduler) in &self.state.schedulers {
            for (place, held) in scheduler.held.iter().enumerate() {
                if !wanted.contains(&held.change.id) {
                    continue;
                }
                let waits = self.waits_for(*id, scheduler, place);
                let said = Held { scheduler: scheduler.name.clone(), waits };
                for (change, list) in changes.iter().zip(&mut out) {
                    if *change == held.change.id {
                        list.push(said.clone());
                    }
                }
            }
        }
        out
    }

    fn waits_for(&self, id: SchedulerId, scheduler: &Scheduler, place: usize) -> Hold {
        let config = self.state.generation.config.scheduler(&scheduler.name);
        let Some(config) = config.filter(|_| scheduler.is_configured) else { return Hold::Removed };
        if !scheduler.is_enabled {
            return Hold::Off;
        }
        match &config.kind {
            SchedulerKind::Branch(rules) => {
                match branch::due(rules, &scheduler.held, place, self.now) {
                    Due::Never => Hold::Important,
                    Due::At(until) if until > self.now => Hold::Stable { until },
                    Due::At(_) => Hold::Asked,
                }
            }
            SchedulerKind::Timed(rules) => {
                match timed::next(&rules.times, scheduler.fired_at, self.now) {
                    _ if self.state.advice.composing.contains_key(&id) => Hold::Asked,
                    Some(due) => Hold::Time { until: due.at },
                    None => Hold::Important,
                }
            }
            _ => Hold::Removed,
        }
    }
}
