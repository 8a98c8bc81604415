//! Workers that stay away: one that is configured and not connected for longer than its
//! `missing_timeout` is told once, and its return is told once. Since when it is away and whether
//! that was told are rows, so that neither a restart nor a reload tells it again or forgets it.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::WorkerId;
use crate::engine::beat::Turn;
use crate::model::event::Event;
use crate::model::telling::Kind;
use crate::store::{Result, workers};

/// After a start even a worker that was away for long gets so much time to connect again: the
/// master was away as well.
const SETTLING: Duration = Duration::from_secs(120);

/// A worker's absence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    /// Since when.
    pub(super) since: Timestamp,
    /// Whether that was told.
    pub(super) is_told: bool,
}

impl Turn<'_> {
    /// Tells of workers that have been away for too long; returns when to look again.
    pub(super) fn tell_missing(&mut self) -> Result<Option<Timestamp>> {
        // In a rehearsal no worker is real, and none is missed.
        if self.env.base_dir.is_none() {
            return Ok(None);
        }
        let mut next: Option<Timestamp> = None;
        let mut missing: Vec<(WorkerId, Timestamp)> = Vec::new();
        let generation = self.state.generation.clone();
        for (id, worker) in &mut self.state.workers {
            let Some(away) = &mut worker.away else { continue };
            if away.is_told || !worker.is_configured {
                continue;
            }
            let timeout = generation.config.worker(&worker.name).map_or(0.0, |w| w.missing_timeout);
            let Ok(timeout) = Duration::try_from_secs_f64(timeout) else { continue };
            if timeout.is_zero() {
                continue;
            }
            let settled = self.state.started_at + timeout.min(SETTLING);
            let due = (away.since + timeout).max(settled);
            if due > self.now {
                next = Some(next.map_or(due, |n| n.min(due)));
                continue;
            }
            away.is_told = true;
            missing.push((*id, away.since));
        }
        for (id, since) in missing {
            workers::missing_told(self.conn, id)?;
            self.report_worker(Kind::WorkerMissing, id, since)?;
            self.announce(Event::WorkerMissing { worker: id });
        }
        Ok(next)
    }

    /// A worker is here again; whoever was told that it is missing is told that.
    pub(super) fn end_absence(&mut self, id: WorkerId) -> Result<()> {
        let away = self.state.workers.get_mut(&id).and_then(|worker| worker.away.take());
        match away {
            Some(away) if away.is_told => self.report_worker(Kind::WorkerReturned, id, away.since),
            _ => Ok(()),
        }
    }

    /// A configured worker without connection, as its row says or from now on.
    pub(super) fn absence(&self, id: WorkerId) -> Result<Away> {
        if let Some((since, is_told)) = workers::away(self.conn, id)? {
            return Ok(Away { since, is_told });
        }
        workers::away_since(self.conn, id, self.now)?;
        Ok(Away { since: self.now, is_told: false })
    }
}
