//! What waits for something that the configuration does not have any more: requests of a builder,
//! changes that a scheduler holds. It may come back – an edit that was not meant, a branch that was
//! checked out – so everything waits for a grace; then it is cancelled, and says why. The grace
//! begins at the removal and, as nothing is stored of it, anew at every start: rather late than
//! too early.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, ChangeId, RequestId, SchedulerId};
use crate::engine::beat::Turn;
use crate::engine::pending::Pending;
use crate::model::config::Config;
use crate::store::{Result, changes, scheduler_events};

/// How long what was removed may come back.
const GRACE: Duration = Duration::from_secs(3600);

/// Since when the configuration lacks what it once had.
#[derive(Default)]
pub(super) struct Missing {
    builders: BTreeMap<BuilderId, Timestamp>,
    schedulers: BTreeMap<SchedulerId, Timestamp>,
}

impl Turn<'_> {
    /// Cancels what has waited in vain; returns when to look again.
    pub(super) fn end_orphans(&mut self) -> Result<Option<Timestamp>> {
        let requests = self.orphaned_requests();
        let held = self.orphaned_changes()?;
        let mut next: Option<Timestamp> = None;
        let mut is_over = |since: Timestamp| {
            let end = since + GRACE;
            if end > self.now {
                next = Some(next.map_or(end, |n| n.min(end)));
            }
            end <= self.now
        };
        let requests: Vec<_> = requests.into_iter().filter(|(_, since)| is_over(*since)).collect();
        let held: Vec<_> = held.into_iter().filter(|(_, since)| is_over(*since)).collect();
        for ((request, builder), _) in requests {
            let name = self.state.builders.get(&builder).map(|b| b.name.as_str());
            let why = format!("{} was removed from the configuration", name.unwrap_or_default());
            self.cancel_request(request, &why)?;
        }
        for ((scheduler, change), _) in held {
            let why = "not built: the scheduler was removed from the configuration";
            changes::drop_held(self.conn, scheduler, change, why)?;
            if let Some(s) = self.state.schedulers.get_mut(&scheduler) {
                s.held.retain(|held| held.change.id != change);
            }
        }
        Ok(next)
    }

    /// Requests that wait for a builder that is missing, and since when it is.
    fn orphaned_requests(&mut self) -> Vec<((RequestId, BuilderId), Timestamp)> {
        let state = &mut *self.state;
        let missing = &mut state.missing.builders;
        let mut out = Vec::new();
        for (id, builder) in &state.builders {
            if builder.is_configured {
                missing.remove(id);
                continue;
            }
            let since = *missing.entry(*id).or_insert(self.now);
            let queue = state.waiting.get(id).into_iter().flat_map(Pending::in_turn);
            // Before that, one of them tells when to look again.
            let most = if since + GRACE <= self.now { usize::MAX } else { 1 };
            out.extend(queue.take(most).map(|request| ((request, *id), since)));
        }
        out
    }

    /// Changes that a scheduler holds which is missing, and since when it is.
    fn orphaned_changes(&mut self) -> Result<Vec<((SchedulerId, ChangeId), Timestamp)>> {
        let state = &mut *self.state;
        let missing = &mut state.missing.schedulers;
        let mut out = Vec::new();
        for (id, scheduler) in &state.schedulers {
            let releases =
                scheduler.held.is_empty() || holds(&state.generation.config, &scheduler.name);
            if scheduler.is_configured && releases {
                if missing.remove(id).is_some_and(|since| since + GRACE <= self.now) {
                    scheduler_events::remove_all(self.conn, *id)?;
                }
                continue;
            }
            let since = *missing.entry(*id).or_insert(self.now);
            out.extend(scheduler.held.iter().map(|held| ((*id, held.change.id), since)));
        }
        Ok(out)
    }
}

/// Whether a scheduler is of a kind that holds changes: one of another kind under the old name
/// would hold them for ever.
fn holds(config: &Config, name: &str) -> bool {
    config.scheduler(name).is_some_and(|s| s.kind.wanted().is_some())
}
