//! Workers that come and go. A connection has a number, its epoch; what an older connection says
//! about its own end changes nothing.

use std::sync::Arc;

use crate::base::id::{BuildId, WorkerId};
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Attached};
use crate::engine::missing::Away;
use crate::engine::ports::Link;
use crate::engine::state::Connection;
use crate::engine::{Generation, Refusal};
use crate::model::event::Event;
use crate::model::worker::WorkerInfo;
use crate::store::{Result, workers};

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
        if let Some(worker) = self.state.workers.get_mut(&id) {
            worker.is_graceful = false;
            worker.connection = Some(Connection { epoch, link, info: Arc::new(info), password });
        }
        self.announce(Event::WorkerConnected { worker: id });
        self.answer(answer, Ok(Attached { worker: id, epoch }));
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
        let running: Vec<BuildId> = worker.running.iter().copied().collect();
        for build in running {
            self.give_up(build, why)?;
        }
        workers::detached(self.conn, id, self.now)?;
        if let Some(worker) = self.state.workers.get_mut(&id) {
            worker.away = Some(Away { since: self.now, is_told: false });
        }
        self.out.acts.push(Act::CloseLink(name, connection.link, why.to_owned()));
        self.announce(Event::WorkerDisconnected { worker: id });
        Ok(())
    }
}
