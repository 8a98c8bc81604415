//! A rehearsal: the real engine with a configuration, but with workers that only take notes, time
//! that passes when nothing else is left to do, a database in memory, and no network. So what it
//! says of a configuration is what the master would do, and nothing is executed or left behind.
//! `explain` asks it from the command line, tests in Lua through [`stage`].
//!
//! It must run on a current-thread runtime with paused time, inside a `LocalSet`: [`block_on`].

pub mod account;
mod event;
pub mod github;
pub mod network;
pub mod record;
pub mod stage;
pub mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::broadcast::error::RecvError;

use self::account::{Books, RequestAccount};
pub use self::event::{ChangeAccount, EventAccount, Verdict};
use self::network::{Canned, Network};
use self::record::{Record, Witness};
use self::worker::{Rule, Worker};
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::RequestId;
use crate::base::random::Random;
use crate::engine::input::{Attached, BuildOrder, Force, NewGeneration};
use crate::engine::ports::OnMaster;
use crate::engine::recover::{self, Parts};
use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Generation, Refusal, Sabotage};
use crate::http;
use crate::model::config::Config;
use crate::model::worker::WorkerInfo;
use crate::script::load::{LoadError, LoadOptions, Mount, Secrets, load};
use crate::store::views::rehearsal::{self as rows, Pending};
use crate::store::{Store, StoreError};

/// How long a rehearsal waits while something runs or a scheduler counts: a simulated day.
const PATIENCE: Duration = Duration::from_secs(86_400);
/// Where the GitHub hook is mounted.
pub const GITHUB: &str = "github";
/// How long it waits while requests wait and nothing runs: somebody may still change his mind.
const IDLE: Duration = Duration::from_secs(600);

/// Runs `work` the way rehearsals need it; time passes only when all of it waits.
///
/// # Errors
/// When there is no runtime to be had.
pub fn block_on<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, work))
}

/// Why a rehearsal cannot go on.
#[derive(Debug)]
pub enum RehearsalError {
    /// The configuration is broken.
    Config(LoadError),
    /// Something else, as a sentence.
    Other(String),
}

impl fmt::Display for RehearsalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for RehearsalError {}

impl From<StoreError> for RehearsalError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<Refusal> for RehearsalError {
    fn from(refusal: Refusal) -> Self {
        Self::Other(refusal.to_string())
    }
}

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration.
    pub file: PathBuf,
    /// The base directory, for secrets; one that does not exist is made up.
    pub base_dir: PathBuf,
    /// When it begins.
    pub now: Timestamp,
    /// Requests to the network are answered as they say themselves (`rehearsal` of `ci.http`), not only
    /// as was laid out.
    pub trusts_requests: bool,
}

/// A worker of the configuration.
struct Hand {
    worker: Worker,
    info: WorkerInfo,
    attached: Option<Attached>,
}

/// A master at rehearsal.
pub struct Rehearsal {
    engine: Engine,
    generation: Arc<Generation>,
    tasks: Tasks,
    clock: Clock,
    record: Record,
    network: Network,
    workers: BTreeMap<String, Hand>,
    deliveries: u64,
    /// The newest request when it began.
    opened: RequestId,
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.tasks.kill();
    }
}

impl Rehearsal {
    /// Loads the configuration and starts a master with it; all its workers connect, and what the
    /// start itself causes is over.
    ///
    /// # Errors
    /// When the configuration is broken.
    pub async fn start(options: Options) -> Result<Self, RehearsalError> {
        let mut rehearsal = Self::start_alone(options).await?;
        let names: Vec<String> = rehearsal.workers.keys().cloned().collect();
        for name in names {
            rehearsal.connect(&name).await?;
        }
        // Schedulers with a clock may want something at once.
        rehearsal.settle().await?;
        rehearsal.opened = rehearsal.newest_request().await?;
        Ok(rehearsal)
    }

    /// As [`Self::start`], and no worker connects yet.
    ///
    /// # Errors
    /// When the configuration is broken.
    pub async fn start_alone(options: Options) -> Result<Self, RehearsalError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::simulated(options.now);
        let (record, tasks) = (Record::default(), Tasks::new());
        let network = Network::new(options.trusts_requests);
        let loaded = load(LoadOptions {
            file: options.file,
            base_dir: options.base_dir,
            clock,
            http: http::Client::with_transport(Arc::new(network.clone())),
            secrets: Secrets::MadeUp(BTreeMap::new()),
            mount: Mount::Local,
        })
        .await
        .map_err(RehearsalError::Config)?;
        let witness = Arc::new(Witness::new(loaded.scripts, record.clone()));
        let generation = Generation::new(loaded.config, witness);
        let name = format!("rehearsal-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let started = recover::start(Parts {
            opened: Store::in_memory(&name)?,
            generation: NewGeneration { generation, files: Vec::new() },
            master_name: name,
            base_dir: None,
            on_master: OnMaster::Noted,
            artifacts: None,
            clock,
            random: Random::seeded(1),
            tasks: tasks.clone(),
            observer: None,
            sabotage: Sabotage::default(),
        })?;
        let (beat, log_loop, token) = (started.beat, started.log_loop, tasks.token());
        tasks.spawn("beat", async move {
            if let Err(error) = beat.serve(token).await {
                tracing::error!(%error, "the rehearsed engine cannot go on");
            }
        });
        tasks.spawn("logs", async move { drop(log_loop.serve().await) });
        tasks.spawn("intake", started.intake.serve(tasks.token()));
        tasks.spawn("planner", started.planner.serve(tasks.token()));
        let generation = started.engine.generation();
        let workers = generation.config.workers.iter().map(|config| {
            let worker = Worker::new(&config.name, record.clone(), tasks.clone());
            (config.name.clone(), Hand { worker, info: ordinary(), attached: None })
        });
        let workers = workers.collect();
        let engine = started.engine;
        Ok(Self {
            engine,
            generation,
            tasks,
            clock,
            record,
            network,
            workers,
            deliveries: 0,
            opened: RequestId(0),
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.generation.config
    }

    /// `text` without secrets.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        self.generation.masked(text)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lays out an answer of the network.
    pub fn lay_out(&self, canned: Canned) {
        self.network.lay_out(canned);
    }

    /// Every request that found no answer in the network.
    #[must_use]
    pub fn unanswered(&self) -> Vec<String> {
        self.network.unanswered()
    }

    fn hand(&mut self, name: &str) -> Result<&mut Hand, RehearsalError> {
        if !self.workers.contains_key(name) {
            let known = self.workers.keys().map(String::as_str);
            let hint = match crate::base::text::nearest(name, known.clone()) {
                Some(near) => format!("Did you mean {near:?}?"),
                None => format!("The workers are {}.", known.collect::<Vec<_>>().join(", ")),
            };
            let text = format!("There is no worker {name:?}. {hint}");
            return Err(RehearsalError::Other(text));
        }
        self.workers.get_mut(name).ok_or_else(|| RehearsalError::Other(String::new()))
    }

    /// From now on the worker answers so to these commands.
    ///
    /// # Errors
    /// When there is no such worker.
    pub fn on(&mut self, worker: &str, rule: Rule) -> Result<(), RehearsalError> {
        self.hand(worker)?.worker.on(rule);
        Ok(())
    }

    /// Connects a worker, if it is not connected.
    ///
    /// # Errors
    /// When there is no such worker.
    pub async fn connect(&mut self, name: &str) -> Result<(), RehearsalError> {
        let engine = self.engine.clone();
        let hand = self.hand(name)?;
        if hand.attached.is_none() {
            let link = Arc::new(hand.worker.clone());
            let info = hand.info.clone();
            hand.attached = Some(engine.attach(name.to_owned(), info, link).await?);
        }
        Ok(())
    }

    /// Ends a worker's connection.
    ///
    /// # Errors
    /// When there is no such worker.
    pub async fn disconnect(&mut self, name: &str) -> Result<(), RehearsalError> {
        let engine = self.engine.clone();
        if let Some(attached) = self.hand(name)?.attached.take() {
            engine.detach(attached.worker, attached.epoch).await;
        }
        Ok(())
    }

    /// Changes what a worker says about itself; a connected one connects again with it.
    ///
    /// # Errors
    /// When there is no such worker, or it cannot say that.
    pub async fn inform(&mut self, name: &str, news: &Json) -> Result<(), RehearsalError> {
        let hand = self.hand(name)?;
        if news.is_null() {
            return Ok(());
        }
        let mut info = serde_json::to_value(&hand.info).unwrap_or_default();
        for (key, value) in news.as_object().into_iter().flatten() {
            let place = if info.get(key).is_some() { &mut info } else { &mut info["other"] };
            place[key] = value.clone();
        }
        let wrong = |e| RehearsalError::Other(format!("A worker cannot say that: {e}."));
        hand.info = serde_json::from_value(info).map_err(wrong)?;
        if hand.attached.is_some() {
            self.disconnect(name).await?;
            self.connect(name).await?;
        }
        Ok(())
    }

    /// Somebody starts builds through a force scheduler.
    ///
    /// # Errors
    /// When the scheduler does not allow it.
    pub async fn force(&mut self, force: Force) -> Result<Vec<RequestAccount>, RehearsalError> {
        let before = self.newest_request().await?;
        self.engine.force(force).await?;
        self.settle().await?;
        self.requests(before).await
    }

    /// A builder builds, with no scheduler in between.
    ///
    /// # Errors
    /// When there is no such builder.
    pub async fn build(
        &mut self,
        order: BuildOrder,
    ) -> Result<Vec<RequestAccount>, RehearsalError> {
        let before = self.newest_request().await?;
        self.engine.build(order).await?;
        self.settle().await?;
        self.requests(before).await
    }

    /// Lets time pass; returns what was asked for meanwhile.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub async fn advance(&mut self, time: Duration) -> Result<Vec<RequestAccount>, RehearsalError> {
        let before = self.newest_request().await?;
        tokio::time::sleep(time).await;
        self.settle().await?;
        self.requests(before).await
    }

    /// The newest request.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn newest_request(&self) -> Result<RequestId, RehearsalError> {
        Ok(self.engine.store().read(rows::newest_request).await?)
    }

    /// The requests made after `after`, with their builds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn requests(&self, after: RequestId) -> Result<Vec<RequestAccount>, RehearsalError> {
        Ok(self.books().requests(after, |_| true).await?)
    }

    /// Every request since the beginning, with its builds.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn all(&self) -> Result<Vec<RequestAccount>, RehearsalError> {
        self.requests(self.opened).await
    }

    fn books(&self) -> Books<'_> {
        Books { engine: &self.engine, generation: &self.generation, record: &self.record }
    }

    /// Lets time pass until nothing is left to do, or it becomes clear that nothing will.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub async fn settle(&self) -> Result<(), RehearsalError> {
        let mut events = self.engine.subscribe();
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let pending = self.engine.store().read(rows::pending).await?;
            let Pending { deliveries, held, waiting: _, running } = pending;
            if pending.is_nothing() {
                return Ok(());
            }
            let is_busy = deliveries + held + running > 0;
            let patience = tokio::time::Instant::now() + if is_busy { PATIENCE } else { IDLE };
            match tokio::time::timeout_at(patience.min(end), events.recv()).await {
                // Whoever lags behind reads the rows again, as everybody does here.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => {
                    let text = "The rehearsed engine has ended; that is a bug.";
                    return Err(RehearsalError::Other(text.to_owned()));
                }
                // What waits now waits for good.
                Err(_) => return Ok(()),
            }
        }
    }
}

/// What a worker says about itself unless it is told otherwise.
fn ordinary() -> WorkerInfo {
    WorkerInfo {
        basedir: "/worker".to_owned(),
        system: "posix".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        numcpus: Some(4),
        ..WorkerInfo::default()
    }
}
