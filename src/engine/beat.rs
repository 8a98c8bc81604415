//! The heart: one loop that takes everything that happened since the last turn and, inside one open
//! transaction, decides it input by input – rows and mirror change together – then commits, and
//! only then announces, answers and acts.
//!
//! ```text
//! inputs ──► decide + write + apply (per input) ──► schedulers, queue ──► COMMIT
//!                                                                          │
//!                        acts ◄── answers ◄── announcements ◄──────────────┘
//! ```
//!
//! What happened while a commit was under way is the next turn's group: many durable answers, one
//! sync. A commit that fails ends the loop, and with it the process; the next start recovers. The
//! loop waits for nothing but the disk: no Lua, no network, no task.

use std::sync::Arc;

use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::base::clock::{Clock, Timestamp};
use crate::base::random::Random;
use crate::engine::act::{Act, Outcome};
use crate::engine::input::{Answer, GuestWrite, Input};
use crate::engine::output::LogWriter;
use crate::engine::ports::OnMaster;
use crate::engine::state::State;
use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Generation, Refusal, Sabotage, adviser, attempt, supersede};
use crate::model::event::Event;
use crate::store::{Conn, Result, StoreError, Writer};

/// How many inputs share one commit at most.
const GROUP: usize = 512;

/// Sees every input, event and act with its time; for the simulator's transcript.
pub type Observer = Arc<dyn Fn(Timestamp, String) + Send + Sync>;

/// What the beat needs and does not change.
pub(super) struct Env {
    pub(super) engine: Engine,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) tasks: Tasks,
    pub(super) logs: LogWriter,
    pub(super) base_dir: Option<std::path::PathBuf>,
    /// Runs programs on this machine.
    pub(super) on_master: OnMaster,
    pub(super) sabotage: Sabotage,
    pub(super) observer: Option<Observer>,
    pub(super) intake: Arc<Notify>,
    pub(super) planner: Arc<Notify>,
    pub(super) generation: watch::Sender<Arc<Generation>>,
    pub(super) events: broadcast::Sender<Event>,
}

/// The loop and what it owns.
pub struct Beat {
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) writer: Writer,
    pub(super) state: State,
    pub(super) env: Env,
    pub(super) deadline: Option<Timestamp>,
    /// How many turns there were.
    pub(super) turns: u64,
}

/// One turn's hands: the open transaction, the mirror, and what is left to do after the commit.
pub(super) struct Turn<'a> {
    pub(super) conn: &'a Conn<'a>,
    pub(super) state: &'a mut State,
    pub(super) env: &'a Env,
    pub(super) now: Timestamp,
    pub(super) out: Outcome,
}

impl Beat {
    /// Serves until the process ends.
    ///
    /// # Errors
    /// When a commit fails: nothing of that turn was answered.
    pub async fn serve(mut self, token: CancellationToken) -> Result<()> {
        let mut batch = Vec::with_capacity(GROUP);
        loop {
            let deadline = self.deadline;
            let clock = self.env.clock;
            let due = async move {
                match deadline {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = token.cancelled() => return Ok(()),
                n = self.inputs.recv_many(&mut batch, GROUP) => if n == 0 { return Ok(()) },
                () = due => {}
            }
            self.turn(std::mem::take(&mut batch))?;
        }
    }

    fn turn(&mut self, batch: Vec<Input>) -> Result<()> {
        let now = self.env.clock.now();
        self.turns += 1;
        let fails = self.turns == self.env.sabotage.failing_turn;
        let (state, env) = (&mut self.state, &self.env);
        // Most turns only record what builds do; then there is nothing to schedule.
        let is_due = self.deadline.is_some_and(|at| at <= now);
        let schedules = is_due || batch.iter().any(Input::may_start_builds);
        if batch.iter().any(Input::is_news) {
            state.advice.round += 1;
        }
        let mut deadline = self.deadline;
        let outcome = self.writer.transaction(|conn| {
            let mut turn = Turn { conn, state, env, now, out: Outcome::default() };
            for input in batch {
                turn.observe(|| format!("input {}", input.word()));
                turn.on(input)?;
                if env.sabotage.answer_before_commit {
                    turn.out.answers.drain(..).for_each(|answer| answer());
                    if env.sabotage.fail_commit {
                        return Err(StoreError::new("commit failed on purpose", "simulation"));
                    }
                }
            }
            if schedules {
                let wakes = [
                    turn.run_schedulers()?,
                    turn.end_orphans()?,
                    turn.tell_missing()?,
                    turn.run_queue()?,
                ];
                deadline = wakes.into_iter().flatten().min();
                turn.observe(|| "decided".to_owned());
            }
            if fails {
                return Err(StoreError::new("commit failed on purpose", "simulation"));
            }
            Ok(turn.out)
        })?;
        self.deadline = deadline;
        self.finish(now, outcome);
        Ok(())
    }

    fn finish(&self, now: Timestamp, outcome: Outcome) {
        let observe = |line: String| {
            if let Some(observer) = &self.env.observer {
                observer(now, line);
            }
        };
        for event in outcome.events {
            observe(format!("event {event:?}"));
            // Without subscribers there is nobody to tell.
            let _ = self.env.events.send(event);
        }
        outcome.answers.into_iter().for_each(|answer| answer());
        for act in outcome.acts {
            observe(format!("act {act:?}"));
            self.act(act);
        }
    }

    pub(super) fn act(&self, act: Act) {
        match act {
            Act::StartBuild(attempt) => self.env.tasks.spawn("build", attempt::run(*attempt)),
            Act::OrderBuild(_, task, order) => {
                task.send_replace(order);
            }
            Act::Ask(question) => self.env.tasks.spawn("advice", adviser::ask(*question)),
            Act::CancelRest(failed) => {
                self.env.tasks.spawn("canceller", supersede::settle(*failed));
            }
            Act::WakeIntake => self.env.intake.notify_one(),
            Act::WakePlanner => self.env.planner.notify_one(),
            Act::CloseLink(_, link, why) => link.close(&why),
            Act::ShutDown(_, link) => link.shutdown(),
            Act::ShowGeneration => {
                self.env.generation.send_replace(self.state.generation.clone());
            }
        }
    }
}

impl Turn<'_> {
    fn on(&mut self, input: Input) -> Result<()> {
        match input {
            Input::DeliveryArrived { delivery, answer } => self.delivery_arrived(delivery, answer),
            Input::DeliveryRead { delivery, generation, outcome, answer } => {
                self.delivery_read(delivery, generation, outcome, answer)
            }
            Input::SourceLooked { looked, answer } => self.looked(*looked, answer),
            Input::Reconciled { found, answer } => self.reconciled(*found, answer),
            Input::LookWanted { names, answer } => self.look_wanted(&names, answer),
            Input::Advised(advised) => self.advised(*advised),
            Input::SchedulerRan { ran, answer } => self.scheduler_ran(*ran, answer),
            Input::Tried { wish, answer } => self.tried(wish, answer),
            Input::Forced { force, answer } => self.forced(force, answer),
            Input::BuildWanted { order, answer } => self.build_wanted(order, answer),
            Input::RebuildWanted { build, owner, answer } => {
                self.rebuild_wanted(build, &owner, answer)
            }
            Input::StopWanted { build, reason, answer } => self.stop_wanted(build, &reason, answer),
            Input::CancelWanted { request, reason, answer } => {
                self.cancel_wanted(request, &reason, answer)
            }
            Input::StopStepWanted { step, reason, answer } => {
                self.stop_step_wanted(step, reason, answer)
            }
            Input::CancelSetWanted { buildset, reason, answer } => {
                self.cancel_set_wanted(buildset, &reason, answer)
            }
            Input::WorkerOrdered { worker, order, answer } => {
                self.worker_ordered(worker, &order, answer)
            }
            Input::SchedulerSwitched { scheduler, on, answer } => {
                self.scheduler_switched(scheduler, on, answer)
            }
            Input::PriorityWanted { request, priority, answer } => {
                self.priority_wanted(request, priority, answer)
            }
            Input::WorkerAttached { name, info, link, answer } => {
                self.worker_attached(&name, info, link, answer)
            }
            Input::LinkWanted { name, answer } => {
                let worker = self.state.worker_id(&name).and_then(|id| self.state.workers.get(&id));
                let link = worker.and_then(|w| w.connection.as_ref()).map(|c| c.link.clone());
                self.answer(answer, Ok(link));
                Ok(())
            }
            Input::WhyWanted { requests, answer } => {
                let whys = requests.into_iter().map(|request| self.why(request));
                let whys = whys.collect::<Result<Vec<_>>>()?;
                self.answer(answer, Ok(whys));
                Ok(())
            }
            Input::HoldsWanted { changes, answer } => {
                let holds = self.holds(&changes);
                self.answer(answer, Ok(holds));
                Ok(())
            }
            Input::WorkerDetached { worker, epoch } => self.worker_detached(worker, epoch),
            Input::GenerationLoaded { generation, compared, answer } => {
                self.generation_loaded(*generation, compared, answer)
            }
            Input::GenerationRefused { error, files, answer } => {
                self.generation_refused(&error, &files, answer)
            }
            Input::Build { build, report } => self.build_reported(build, report),
            Input::Write(write) => self.write(write),
            Input::LogGrew { log, step, lines, bytes, finished } => {
                self.log_grew(log, step, lines, bytes, finished)
            }
            Input::DrainRequested { answer } => {
                self.state.is_closing = true;
                self.state.drained.push(answer);
                self.tell_if_drained();
                Ok(())
            }
            Input::StopRequested { answer } => self.stop_requested(answer),
        }
    }

    /// Runs somebody else's statements; when they fail, only they are undone.
    fn write(&mut self, write: GuestWrite) -> Result<()> {
        self.conn.execute("savepoint guest", &[])?;
        match write(self.conn) {
            Ok(done) => {
                self.conn.execute("release guest", &[])?;
                self.out.answers.push(done);
            }
            Err(error) => {
                tracing::error!(%error, "a write was refused");
                self.conn.execute("rollback to guest", &[])?;
                self.conn.execute("release guest", &[])?;
            }
        }
        Ok(())
    }

    /// Answers after the commit.
    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        answer: Answer<T>,
        value: std::result::Result<T, Refusal>,
    ) {
        self.out.answers.push(Box::new(move || {
            // Whoever asked may have gone away; what was decided stands.
            let _ = answer.send(value);
        }));
    }

    /// Announces after the commit.
    pub(super) fn announce(&mut self, event: Event) {
        self.out.events.push(event);
    }

    pub(super) fn observe(&self, line: impl FnOnce() -> String) {
        if let Some(observer) = &self.env.observer {
            observer(self.now, line());
        }
    }
}
