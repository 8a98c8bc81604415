//! What people want of workers, schedulers and requests beside builds: pause, end, switch on and off,
//! another priority. Each order is a row before it is answered, and holds over restarts and reloads.

use crate::base::id::{RequestId, SchedulerId, WorkerId};
use crate::engine::Refusal;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, WorkerOrder};
use crate::model::event::Event;
use crate::model::standing::Quarantine;
use crate::store::{Result, requests, schedulers};

impl Turn<'_> {
    pub(super) fn worker_ordered(
        &mut self,
        id: WorkerId,
        order: &WorkerOrder,
        answer: Answer<()>,
    ) -> Result<()> {
        let Some(worker) = self.state.workers.get_mut(&id) else {
            let text = format!("There is no worker {id} in the configuration.");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        };
        let name = worker.name.clone();
        match order {
            WorkerOrder::Pause(reason) => worker.standing.paused = Some(reason.clone()),
            WorkerOrder::Unpause => {
                worker.standing.paused = None;
                worker.standing.quarantine = Quarantine::default();
                // One that was told to end is on its way.
                worker.standing.is_graceful &= worker.arrivals.is_sent_away;
            }
            WorkerOrder::Stop | WorkerOrder::Kill if worker.connection.is_none() => {
                let text = format!("The worker {name} is not connected: there is nothing to end.");
                self.answer(answer, Err(Refusal::Invalid(text)));
                return Ok(());
            }
            WorkerOrder::Stop | WorkerOrder::Kill => worker.standing.is_graceful = true,
        }
        self.save_standing(id)?;
        match order {
            WorkerOrder::Kill => self.send_away(id),
            WorkerOrder::Stop => self.send_away_if_idle(id),
            WorkerOrder::Pause(_) | WorkerOrder::Unpause => {}
        }
        tracing::info!(worker = name, ?order, "a worker was given an order");
        self.answer(answer, Ok(()));
        Ok(())
    }

    /// Tells a worker to end that shall do so and has nothing to build.
    pub(super) fn send_away_if_idle(&mut self, id: WorkerId) {
        let worker = self.state.workers.get(&id);
        if worker.is_some_and(|w| w.standing.is_graceful && w.running.is_empty()) {
            self.send_away(id);
        }
    }

    /// Tells a worker to end its process. Its connection ends with that; a worker that does not let
    /// its master end it stays, and takes no work.
    fn send_away(&mut self, id: WorkerId) {
        let Some(worker) = self.state.workers.get_mut(&id) else { return };
        let Some(connection) = &worker.connection else { return };
        worker.arrivals.is_sent_away = true;
        self.out.acts.push(Act::ShutDown(worker.name.clone(), connection.link.clone()));
    }

    pub(super) fn scheduler_switched(
        &mut self,
        id: SchedulerId,
        on: bool,
        answer: Answer<()>,
    ) -> Result<()> {
        let Some(scheduler) = self.state.schedulers.get_mut(&id).filter(|s| s.is_configured) else {
            let text = format!("There is no scheduler {id} in the configuration.");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        };
        scheduler.is_enabled = on;
        tracing::info!(scheduler = scheduler.name, on, "a scheduler was switched");
        schedulers::set_enabled(self.conn, id, on)?;
        // It may have been told of a buildset while it was off.
        self.state.advice.words.insert(id);
        self.out.acts.push(Act::WakePlanner);
        self.announce(Event::SchedulerUpdated { scheduler: id });
        self.answer(answer, Ok(()));
        Ok(())
    }

    pub(super) fn priority_wanted(
        &mut self,
        id: RequestId,
        priority: i64,
        answer: Answer<()>,
    ) -> Result<()> {
        let Some(builder) = self.state.requests.get(&id).map(|r| r.builder) else {
            let refusal = match requests::exists(self.conn, id)? {
                true => Refusal::Invalid(format!(
                    "Request {id} is complete: its priority means nothing any more."
                )),
                false => Refusal::Missing(format!("There is no build request {id}.")),
            };
            self.answer(answer, Err(refusal));
            return Ok(());
        };
        requests::set_priority(self.conn, id, priority)?;
        self.state.set_priority(id, priority);
        self.announce(Event::RequestUpdated { request: id, builder });
        self.answer(answer, Ok(()));
        Ok(())
    }
}
