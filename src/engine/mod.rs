//! The engine ring: it decides. No Lua, no SQL text, no HTTP, no bytes of a protocol. [`Engine`] is
//! the handle that every edge holds; behind it, [`beat`] takes inputs one after the other, commits
//! them in groups, and only then answers.

mod act;
mod advice;
mod adviser;
pub mod artifacts;
mod assign;
mod attempt;
pub mod beat;
pub mod build_report;
mod buildset;
mod collapse;
mod command;
mod common;
mod compose;
mod cut;
mod deliveries;
pub mod desk;
mod eligible;
mod fleet;
mod holds;
pub mod input;
pub mod intake;
mod locks;
mod logs;
mod mask;
mod merge;
mod missing;
mod note;
mod operator;
mod origins;
mod orphans;
pub mod output;
mod pending;
pub mod planner;
mod plans;
pub mod ports;
mod queue;
mod reconcile;
pub mod recover;
mod reload;
pub mod render;
mod reports;
mod requests;
mod retry;
mod returned;
mod schedule;
mod schedulers;
mod serve;
mod sources;
mod state;
mod step;
mod supersede;
pub mod tasks;
mod teller;
mod telling;
mod tests_of_step;
mod transfer;
mod tree;
mod trigger;
mod triggering;
mod trying;
mod upload;
mod why;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::base::clock::Clock;
use crate::base::id::{
    BuildId, BuildsetId, ChangeId, GenerationId, RequestId, SchedulerId, StepId, WorkerId,
};
use crate::base::random::Random;
pub use crate::engine::collapse::is_superfluous;
use crate::engine::input::{
    Answer, Attached, BuildOrder, Compared, Delivered, Force, Input, NewGeneration, Reloaded,
    Started, Try, WorkerOrder,
};
use crate::engine::ports::{Future, Link, Scripts};
pub use crate::engine::reload::preview;
use crate::model::config::Config;
use crate::model::delivery::NewDelivery;
use crate::model::event::Event;
use crate::model::hold::{self, Held};
use crate::model::why::Why;
use crate::model::worker::WorkerInfo;
use crate::store::blobs::Blobs;
use crate::store::{Conn, Store, StoreError};

/// A configuration that was loaded: its data and its functions. Builds hold the one they began
/// with; when the last holder lets go, its Lua state ends.
pub struct Generation {
    /// Row id; 0 until it is active.
    pub id: GenerationId,
    /// The data.
    pub config: Config,
    /// The functions.
    pub scripts: Arc<dyn Scripts>,
    masker: Arc<mask::Masker>,
}

impl Generation {
    /// A generation that is not active yet.
    #[must_use]
    pub fn new(config: Config, scripts: Arc<dyn Scripts>) -> Self {
        let masker = Arc::new(mask::Masker::new(&config.secrets));
        Self { id: GenerationId(0), config, scripts, masker }
    }

    /// `text` without the configuration's secrets.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        self.masker.text(text)
    }
}

/// Why the engine did not do what it was asked, and whose fault that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing.
    Missing(String),
    /// The request makes no sense now.
    Invalid(String),
    /// The attempt it speaks for is over.
    Stale,
    /// It could not be stored; nothing has happened.
    Unstored(String),
    /// The process is ending.
    Ending,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(text) | Self::Invalid(text) => f.write_str(text),
            Self::Stale => f.write_str("this attempt is over"),
            Self::Unstored(text) => write!(f, "it could not be stored: {text}"),
            Self::Ending => f.write_str("the master is stopping"),
        }
    }
}

impl std::error::Error for Refusal {}

/// How a reload is done: reads the configuration afresh. Given by `server.rs`, because loading is
/// the script edge's work.
pub type Reload = Arc<dyn Fn(Effect) -> Future<'static, Result<Reloaded, String>> + Send + Sync>;

/// What a reload is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What is loaded takes effect.
    Apply,
    /// Only what would change is told; nothing changes, and nothing is recorded. With a file, what
    /// would change if that were the configuration.
    DryRun(Option<PathBuf>),
}

/// Defences that a test switches off to see that its story notices. Everything is on by default,
/// and outside tests nothing sets it.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Sabotage {
    /// Answers are given before the commit that makes them true.
    pub answer_before_commit: bool,
    /// The commit after such an answer fails.
    pub fail_commit: bool,
    /// The commit of this turn of the beat fails; 0 = of none.
    pub failing_turn: u64,
    /// Everybody gets the locks they want at once.
    pub no_locks: bool,
    /// A stop is not a row: it does not outlive its build's attempt.
    pub forget_stops: bool,
    /// What is to be told is written only after the commit that makes it true.
    pub tell_later: bool,
    /// What an attempt that is over reports is believed.
    pub no_fence: bool,
    /// A new attempt takes over nothing that an earlier one has triggered.
    pub no_adoption: bool,
    /// A delivery that comes again is taken for a new one.
    pub no_deduplication: bool,
}

/// The handle through which everything talks to the engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    inputs: mpsc::Sender<Input>,
    generation: watch::Receiver<Arc<Generation>>,
    events: broadcast::Sender<Event>,
    store: Store,
    artifacts: Option<Arc<Blobs>>,
    clock: Clock,
    random: Random,
}

impl Engine {
    /// The active configuration.
    #[must_use]
    pub fn generation(&self) -> Arc<Generation> {
        self.0.generation.borrow().clone()
    }

    /// Announcements from now on. A receiver that falls 4,096 behind gets `Lagged` and must read
    /// the rows again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }

    /// Read access to the rows.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The bytes of artifacts; none = there is no place for any, as in a rehearsal.
    #[must_use]
    pub fn artifacts(&self) -> Option<&Arc<Blobs>> {
        self.0.artifacts.as_ref()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Randomness.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// Tells the engine something that needs no answer.
    pub async fn tell(&self, input: Input) {
        // A closed channel means that the process is ending; there is nobody left to tell.
        let _ = self.0.inputs.send(input).await;
    }

    /// Asks the engine; the answer comes after the commit.
    ///
    /// # Errors
    /// What the engine refuses, or that it is ending.
    pub async fn ask<T>(&self, input: impl FnOnce(Answer<T>) -> Input) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.0.inputs.send(input(answer)).await.map_err(|_| Refusal::Ending)?;
        answered.await.map_err(|_| Refusal::Ending)?
    }

    /// Stores a webhook delivery; it is on disk when this returns.
    ///
    /// # Errors
    /// When it could not be stored.
    pub async fn deliver(&self, delivery: NewDelivery) -> Result<Delivered, Refusal> {
        self.ask(|answer| Input::DeliveryArrived { delivery, answer }).await
    }

    /// Lets change sources look at once, those of these names or all; the wish is on disk when
    /// this returns.
    ///
    /// # Errors
    /// When there is no source of a name.
    pub async fn look(&self, names: Vec<String>) -> Result<(), Refusal> {
        self.ask(|answer| Input::LookWanted { names, answer }).await
    }

    /// Starts builds through a force scheduler.
    ///
    /// # Errors
    /// When the scheduler or a builder does not exist.
    pub async fn force(&self, force: Force) -> Result<Started, Refusal> {
        self.ask(|answer| Input::Forced { force, answer }).await
    }

    /// Builds a working tree.
    ///
    /// # Errors
    /// When the scheduler or a builder does not exist, or the scheduler is switched off.
    pub async fn try_build(&self, wish: Try) -> Result<Started, Refusal> {
        self.ask(|answer| Input::Tried { wish, answer }).await
    }

    /// Asks a builder to build, with no scheduler in between.
    ///
    /// # Errors
    /// When there is no such builder.
    pub async fn build(&self, order: BuildOrder) -> Result<Started, Refusal> {
        self.ask(|answer| Input::BuildWanted { order, answer }).await
    }

    /// Makes a new request with a build's source and properties.
    ///
    /// # Errors
    /// When there is no such build, or its builder is gone.
    pub async fn rebuild(&self, build: BuildId, owner: String) -> Result<Started, Refusal> {
        self.ask(|answer| Input::RebuildWanted { build, owner, answer }).await
    }

    /// Stops a build; asynchronous, and nothing happens to a build that has ended.
    ///
    /// # Errors
    /// When there is no such build.
    pub async fn stop_build(&self, build: BuildId, reason: String) -> Result<(), Refusal> {
        self.ask(|answer| Input::StopWanted { build, reason, answer }).await
    }

    /// Stops a running step; its build goes on as the step's flags say of a failure.
    ///
    /// # Errors
    /// When there is no such step, or it does not run.
    pub async fn stop_step(&self, step: StepId, reason: String) -> Result<(), Refusal> {
        self.ask(|answer| Input::StopStepWanted { step, reason, answer }).await
    }

    /// Cancels a request; one that is being built has its build stopped.
    ///
    /// # Errors
    /// When there is no such request.
    pub async fn cancel(&self, request: RequestId, reason: String) -> Result<(), Refusal> {
        self.ask(|answer| Input::CancelWanted { request, reason, answer }).await
    }

    /// Cancels every request of a buildset, and stops their builds.
    ///
    /// # Errors
    /// When there is no such buildset.
    pub async fn cancel_buildset(
        &self,
        buildset: BuildsetId,
        reason: String,
    ) -> Result<(), Refusal> {
        self.ask(|answer| Input::CancelSetWanted { buildset, reason, answer }).await
    }

    /// Gives a worker an order.
    ///
    /// # Errors
    /// When there is no such worker, or it is to end and is not there.
    pub async fn order_worker(&self, worker: WorkerId, order: WorkerOrder) -> Result<(), Refusal> {
        self.ask(|answer| Input::WorkerOrdered { worker, order, answer }).await
    }

    /// Switches a scheduler on or off.
    ///
    /// # Errors
    /// When the configuration does not have it.
    pub async fn switch_scheduler(&self, scheduler: SchedulerId, on: bool) -> Result<(), Refusal> {
        self.ask(|answer| Input::SchedulerSwitched { scheduler, on, answer }).await
    }

    /// Gives a request another priority.
    ///
    /// # Errors
    /// When there is no such request, or it is complete.
    pub async fn set_priority(&self, request: RequestId, priority: i64) -> Result<(), Refusal> {
        self.ask(|answer| Input::PriorityWanted { request, priority, answer }).await
    }

    /// Why a request is not built yet.
    ///
    /// # Errors
    /// When there is no such request, or it is complete.
    pub async fn why(&self, request: RequestId) -> Result<Why, Refusal> {
        let told = self.whys(vec![request]).await?;
        told.into_iter().next().unwrap_or(Err(Refusal::Ending))
    }

    /// Why each of these requests is not built yet, all at the same moment; in their order.
    ///
    /// # Errors
    /// When the engine is ending.
    pub async fn whys(
        &self,
        requests: Vec<RequestId>,
    ) -> Result<Vec<Result<Why, Refusal>>, Refusal> {
        self.ask(|answer| Input::WhyWanted { requests, answer }).await
    }

    /// What every scheduler made of a change and, if it still holds it, what it waits for; as the
    /// data API gives it.
    ///
    /// # Errors
    /// When there is no such change.
    pub async fn verdicts(&self, change: ChangeId) -> Result<Json, Refusal> {
        let read = move |conn: &Conn<'_>| crate::store::changes::verdicts(conn, change);
        let verdicts = self.store().read(read).await?;
        let verdicts =
            verdicts.ok_or_else(|| Refusal::Missing(format!("There is no change {change}.")))?;
        let held = self.holds(vec![change]).await?;
        Ok(hold::verdicts(&verdicts, held.first().map_or(&[], Vec::as_slice)))
    }

    /// Which schedulers hold each of these changes, and what they wait for; in their order.
    ///
    /// # Errors
    /// When the engine is ending.
    pub async fn holds(&self, changes: Vec<ChangeId>) -> Result<Vec<Vec<Held>>, Refusal> {
        self.ask(|answer| Input::HoldsWanted { changes, answer }).await
    }

    /// Lets a worker in that has proved who it is.
    ///
    /// # Errors
    /// When the configuration does not know it.
    pub async fn attach(
        &self,
        name: String,
        info: WorkerInfo,
        link: Arc<dyn Link>,
    ) -> Result<Attached, Refusal> {
        self.ask(|answer| Input::WorkerAttached { name, info, link, answer }).await
    }

    /// The connection of the worker `name`, if it has one: for the check of duplicates.
    ///
    /// # Errors
    /// When the engine is ending.
    pub async fn worker_link(&self, name: String) -> Result<Option<Arc<dyn Link>>, Refusal> {
        self.ask(|answer| Input::LinkWanted { name, answer }).await
    }

    /// Says that a worker's connection ended.
    pub async fn detach(&self, worker: WorkerId, epoch: i64) {
        self.tell(Input::WorkerDetached { worker, epoch }).await;
    }

    /// Puts a loaded configuration into effect.
    ///
    /// # Errors
    /// When it needs a restart (another database) or could not be stored.
    pub async fn activate(&self, generation: NewGeneration) -> Result<Reloaded, Refusal> {
        let running = self.generation();
        let reloaded = preview(&running.config, &generation.generation.config)?;
        let compared = Compared { with: running.id, reloaded };
        let generation = Box::new(generation);
        self.ask(|answer| Input::GenerationLoaded { generation, compared, answer }).await
    }

    /// Writes rows that the engine itself does not look at (outbox, sessions), in the next commit.
    ///
    /// # Errors
    /// What `f` or the commit fails with.
    pub async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Conn<'_>) -> crate::store::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let write = Input::Write(Box::new(move |conn| {
            let out = f(conn)?;
            Ok(Box::new(move || {
                // Nobody waits any more: the rows are written all the same.
                let _ = answer.send(out);
            }))
        }));
        self.0.inputs.send(write).await.map_err(|_| Refusal::Ending)?;
        answered.await.map_err(|_| Refusal::Unstored("see the master's log".to_owned()))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unstored(error.to_string())
    }
}
