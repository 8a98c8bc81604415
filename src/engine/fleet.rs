//! Workers that come and go. A connection has a number, its epoch; what an older connection says
//! about its own end changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::base::id::{BuildId, WorkerId};
use crate::base::results::Results;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Attached};
use crate::engine::missing::Away;
use crate::engine::ports::Link;
use crate::engine::state::Connection;
use crate::engine::{Generation, Refusal};
use crate::model::event::Event;
use crate::model::standing::Quarantine;
use crate::model::worker::WorkerInfo;
use crate::store::{Result, workers};

/// How long it counts that another process has taken a worker's name.
const FLAPPING: Duration = Duration::from_secs(60);
/// How often that may happen meanwhile.
const MOST_TAKEOVERS: usize = 3;

impl Turn<'_> {
    pub(super) fn worker_attached(
        &mut self,
        name: &str,
        info: WorkerInfo,
        link: Arc<dyn Link>,
        answer: Answer<Attached>,
    ) -> Result<()> {
        let id = self.state.worker_id(name).filter(|id| self.is_configured(*id));
        let password = self.state.generation.config.worker(name).map(|w| w.password.clone());
        let (Some(id), Some(password)) = (id, password) else {
            let text = format!("The configuration has no worker {name:?}.");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        };
        // The newest connection wins; what ran on the old one is lost with it.
        self.lose(id, "retry: the worker connected anew")?;
        self.end_absence(id)?;
        let epoch = workers::attached(self.conn, id, &info, self.now)?;
        self.note_arrival(id, link.boot())?;
        if let Some(worker) = self.state.workers.get_mut(&id) {
            worker.connection = Some(Connection { epoch, link, info: Arc::new(info), password });
        }
        self.send_away_if_idle(id);
        self.announce(Event::WorkerConnected { worker: id });
        self.answer(answer, Ok(Attached { worker: id, epoch }));
        Ok(())
    }

    /// Looks at who comes under a worker's name. What was to end with the connection before has
    /// ended; but the first connection of a master's life is that of a worker which its restart cut
    /// off, and which still shall end. Processes that take the name from each other get no builds.
    fn note_arrival(&mut self, id: WorkerId, boot: Option<&str>) -> Result<()> {
        let now = self.now;
        let Some(worker) = self.state.workers.get_mut(&id) else { return Ok(()) };
        let arrivals = &mut worker.arrivals;
        let has_come = std::mem::replace(&mut arrivals.has_come, true);
        let is_another =
            boot.is_some() && arrivals.boot.is_some() && boot != arrivals.boot.as_deref();
        arrivals.boot = boot.map(str::to_owned).or(arrivals.boot.take());
        arrivals.takeovers.retain(|at| now.since(*at) < FLAPPING);
        if is_another {
            arrivals.takeovers.push(now);
        }
        let takeovers = arrivals.takeovers.len();
        if has_come {
            worker.standing.is_graceful = false;
            self.save_standing(id)?;
        }
        if takeovers >= MOST_TAKEOVERS {
            let why = format!(
                "{takeovers} times within a minute another process connected under its name; give \
                 each worker a name of its own"
            );
            self.put_in_quarantine(id, &why)?;
        }
        Ok(())
    }

    /// What the end of a build says about its worker: as in Buildbot an exception is a reason for a
    /// quarantine, but only one for which the worker is to blame; a verdict ends the row of them.
    pub(super) fn judge_worker(
        &mut self,
        id: WorkerId,
        results: Results,
        blame: Option<&str>,
    ) -> Result<()> {
        match (results, blame) {
            (Results::Exception, Some(blame)) => self.put_in_quarantine(id, blame),
            (Results::Exception | Results::Retry | Results::Cancelled, _) => Ok(()),
            _ => {
                let Some(worker) = self.state.workers.get_mut(&id) else { return Ok(()) };
                if worker.standing.quarantine == Quarantine::default() {
                    return Ok(());
                }
                worker.standing.quarantine = Quarantine::default();
                self.save_standing(id)
            }
        }
    }

    fn put_in_quarantine(&mut self, id: WorkerId, why: &str) -> Result<()> {
        let now = self.now;
        let Some(worker) = self.state.workers.get_mut(&id) else { return Ok(()) };
        worker.standing.quarantine.fail(why, now);
        if let Some(until) = worker.standing.quarantine.until {
            tracing::warn!(worker = worker.name, %until, "No builds for a while: {why}.");
        }
        self.save_standing(id)
    }

    /// Stores what keeps a worker from new work.
    pub(super) fn save_standing(&mut self, id: WorkerId) -> Result<()> {
        let Some(worker) = self.state.workers.get(&id) else { return Ok(()) };
        workers::set_standing(self.conn, id, &worker.standing)?;
        self.announce(Event::WorkerUpdated { worker: id });
        Ok(())
    }

    pub(super) fn worker_detached(&mut self, id: WorkerId, epoch: i64) -> Result<()> {
        let current = self.state.workers.get(&id).and_then(|w| w.connection.as_ref());
        if current.is_some_and(|c| c.epoch == epoch) {
            self.lose(id, "retry: the worker was lost")?;
        }
        Ok(())
    }

    fn is_configured(&self, id: WorkerId) -> bool {
        self.state.workers.get(&id).is_some_and(|w| w.is_configured)
    }

    /// A build does not run on a worker any more.
    pub(super) fn free_worker(&mut self, id: WorkerId, build: BuildId) -> Result<()> {
        if let Some(worker) = self.state.workers.get_mut(&id) {
            worker.running.remove(&build);
        }
        self.send_away_if_idle(id);
        let generation = self.state.generation.clone();
        self.release_worker(id, &generation)
    }

    /// Lets a worker go that `generation` does not have, or with another password; but not before
    /// its last build has ended.
    pub(super) fn release_worker(&mut self, id: WorkerId, generation: &Generation) -> Result<()> {
        let Some(worker) = self.state.workers.get(&id) else { return Ok(()) };
        let Some(connection) = &worker.connection else { return Ok(()) };
        if !worker.running.is_empty() {
            return Ok(());
        }
        match generation.config.worker(&worker.name) {
            Some(config) if config.password.matches(connection.password.expose()) => Ok(()),
            Some(_) => self.lose(id, "the worker's password was changed"),
            None => self.lose(id, "the worker was removed from the configuration"),
        }
    }

    /// Ends a worker's connection, if it has one, and every build on it.
    pub(super) fn lose(&mut self, id: WorkerId, why: &str) -> Result<()> {
        let Some(worker) = self.state.workers.get_mut(&id) else { return Ok(()) };
        let Some(connection) = worker.connection.take() else { return Ok(()) };
        let name = worker.name.clone();
        // It has done what it was told.
        let is_gone = std::mem::take(&mut worker.arrivals.is_sent_away);
        worker.standing.is_graceful &= !is_gone;
        let running: Vec<BuildId> = worker.running.iter().copied().collect();
        for build in running {
            self.give_up(build, why)?;
        }
        workers::detached(self.conn, id, self.now)?;
        if let Some(worker) = self.state.workers.get_mut(&id) {
            worker.away = Some(Away { since: self.now, is_told: false });
        }
        if is_gone {
            self.save_standing(id)?;
        }
        self.out.acts.push(Act::CloseLink(name, connection.link, why.to_owned()));
        self.announce(Event::WorkerDisconnected { worker: id });
        Ok(())
    }
}
