//! The mirror: what is unfinished, in memory, so that decisions read no rows. The beat alone owns
//! it; it is rebuilt from the rows at every start, and changed only together with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, MasterId, RequestId, SchedulerId, StepId, WorkerId};
use crate::base::secret::Secret;
use crate::engine::Generation;
use crate::engine::advice::Advice;
use crate::engine::build_report::Granted;
use crate::engine::input::Answer;
use crate::engine::locks::{Holder, LockKey, Locks, Want};
use crate::engine::missing::Away;
use crate::engine::orphans::Missing;
use crate::engine::pending::Pending;
use crate::engine::ports::Link;
use crate::engine::schedule::branch::Held;
use crate::model::build::Build;
use crate::model::config::{LockAccess, LockMode};
use crate::model::request::{Request, RequestState};
use crate::model::standing::Standing;
use crate::model::trigger::RequestEnd;
use crate::model::worker::WorkerInfo;

/// Everything unfinished.
pub(super) struct State {
    /// This process's row.
    pub(super) master: MasterId,
    /// The active configuration.
    pub(super) generation: Arc<Generation>,
    /// Builders that are configured or were.
    pub(super) builders: BTreeMap<BuilderId, Builder>,
    /// Workers that are configured or were.
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// Schedulers that are configured or were.
    pub(super) schedulers: BTreeMap<SchedulerId, Scheduler>,
    /// Requests without a result.
    pub(super) requests: BTreeMap<RequestId, Request>,
    /// Those that nobody builds, in the order of their builder's queue.
    pub(super) waiting: BTreeMap<BuilderId, Pending>,
    /// Builds that have not ended.
    pub(super) builds: BTreeMap<BuildId, Running>,
    /// Who holds which lock and who waits.
    pub(super) locks: Locks,
    /// What those who wait are told.
    pub(super) lock_answers: BTreeMap<Holder, Answer<Granted>>,
    /// Who waits for the result of a request.
    pub(super) awaited: BTreeMap<RequestId, Vec<Answer<RequestEnd>>>,
    /// What functions of the configuration said about the queue.
    pub(super) advice: Advice,
    /// What the active configuration lacks, since when.
    pub(super) missing: Missing,
    /// When this life of the master began.
    pub(super) started_at: Timestamp,
    /// No new work is handed out.
    pub(super) is_closing: bool,
    /// Who waits for the last build to end.
    pub(super) drained: Vec<Answer<()>>,
}

/// A builder.
pub(super) struct Builder {
    pub(super) name: String,
    /// Whether the active configuration has it.
    pub(super) is_configured: bool,
    /// Its place among the builders of the active configuration that has it.
    pub(super) place: usize,
    /// Its workers, in the order of the configuration.
    pub(super) workers: Vec<WorkerId>,
    /// Builds of it that have not ended.
    pub(super) running: usize,
}

/// A worker.
pub(super) struct Worker {
    pub(super) name: String,
    /// Whether the active configuration has it.
    pub(super) is_configured: bool,
    /// Its connection, if it has one.
    pub(super) connection: Option<Connection>,
    /// Its absence, if it has none.
    pub(super) away: Option<Away>,
    /// Its place among the workers of the active configuration that has it.
    pub(super) place: usize,
    /// What keeps it from new work.
    pub(super) standing: Standing,
    /// How its connections came about.
    pub(super) arrivals: Arrivals,
    /// Builds that run on it.
    pub(super) running: BTreeSet<BuildId>,
}

/// What is remembered of a worker's connections. Not stored: it is about this life of the master.
#[derive(Default)]
pub(super) struct Arrivals {
    /// It has connected in this life of the master.
    pub(super) has_come: bool,
    /// It was told to end.
    pub(super) is_sent_away: bool,
    /// When another process than the one before connected under its name, lately.
    pub(super) takeovers: Vec<Timestamp>,
    /// The process that connected last, if it named itself.
    pub(super) boot: Option<String>,
}

/// A worker's connection.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) epoch: i64,
    pub(super) link: Arc<dyn Link>,
    pub(super) info: Arc<WorkerInfo>,
    /// What it was let in with.
    pub(super) password: Secret,
}

/// A scheduler.
pub(super) struct Scheduler {
    pub(super) name: String,
    pub(super) is_enabled: bool,
    /// Whether the active configuration has it.
    pub(super) is_configured: bool,
    /// Changes that wait for their line to be quiet, or for the time to come.
    pub(super) held: Vec<Held>,
    /// When a timed one last built.
    pub(super) fired_at: Option<Timestamp>,
}

/// A build that has not ended.
pub(super) struct Running {
    pub(super) build: Build,
    pub(super) generation: Arc<Generation>,
    pub(super) order: watch::Sender<Order>,
    /// Which of the builder's directories on the worker it has: 1 is the builder's own.
    pub(super) slot: u32,
    /// What the worker could not do, if it is to blame for how the build ends.
    pub(super) blame: Option<String>,
    /// Why somebody wants it stopped: however its attempt ends, it is not tried again.
    pub(super) stop_reason: Option<String>,
    /// It has triggered others, for which it may wait.
    pub(super) has_children: bool,
}

/// What a build's task is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    #[default]
    Run,
    /// Stop the running step, end as cancelled, for this reason.
    Stop(String),
    /// Stop this step, if it still runs, and go on.
    StopStep(StepId, String),
    /// The attempt is over already: end without a word.
    Abandon,
}

/// What ends a step before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Why.
    pub(super) reason: String,
    /// The whole build ends; otherwise only the step does.
    pub(super) ends_build: bool,
    /// The worker did not stop when it was told to: nothing more is asked of it.
    pub(super) is_mute: bool,
}

impl Order {
    /// What the order means for the step `id`: nothing, or its end; `Err` = the attempt is over.
    pub(super) fn for_step(self, id: StepId) -> Result<Option<Stopped>, ()> {
        let stopped = |reason, ends_build| Some(Stopped { reason, ends_build, is_mute: false });
        match self {
            Self::Run => Ok(None),
            Self::Stop(reason) => Ok(stopped(reason, true)),
            Self::StopStep(step, reason) if step == id => Ok(stopped(reason, false)),
            Self::StopStep(..) => Ok(None),
            Self::Abandon => Err(()),
        }
    }
}

impl State {
    /// An empty mirror.
    pub(super) fn new(
        master: MasterId,
        generation: Arc<Generation>,
        started_at: Timestamp,
    ) -> Self {
        Self {
            master,
            generation,
            builders: BTreeMap::new(),
            workers: BTreeMap::new(),
            schedulers: BTreeMap::new(),
            requests: BTreeMap::new(),
            waiting: BTreeMap::new(),
            builds: BTreeMap::new(),
            locks: Locks::default(),
            lock_answers: BTreeMap::new(),
            awaited: BTreeMap::new(),
            advice: Advice::default(),
            missing: Missing::default(),
            started_at,
            is_closing: false,
            drained: Vec::new(),
        }
    }

    /// Takes note of a virtual builder, which has no workers and no requests.
    pub(super) fn know_virtual(&mut self, id: BuilderId, name: &str) {
        self.builders.entry(id).or_insert_with(|| Builder {
            name: name.to_owned(),
            is_configured: false,
            place: 0,
            workers: Vec::new(),
            running: 0,
        });
    }

    /// The builder called `name`.
    pub(super) fn builder_id(&self, name: &str) -> Option<BuilderId> {
        self.builders.iter().find(|(_, b)| b.name == name).map(|(id, _)| *id)
    }

    /// The worker called `name`.
    pub(super) fn worker_id(&self, name: &str) -> Option<WorkerId> {
        self.workers.iter().find(|(_, w)| w.name == name).map(|(id, _)| *id)
    }

    /// Adds a request that nobody builds.
    pub(super) fn enqueue(&mut self, request: Request) {
        self.waiting.entry(request.builder).or_default().insert(&request);
        self.requests.insert(request.id, request);
    }

    /// Moves a request to `state`, in and out of its queue; one that is done is forgotten.
    pub(super) fn set_request(&mut self, id: RequestId, state: RequestState) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        request.state = state;
        if matches!(state, RequestState::Claimed(_)) {
            request.attempts += 1;
        }
        let queue = self.waiting.entry(request.builder).or_default();
        if state == RequestState::Waiting {
            queue.insert(request);
        } else {
            queue.remove(request);
        }
        if matches!(state, RequestState::Done(_)) {
            self.requests.remove(&id);
        }
    }

    /// Gives a request another priority; one that waits takes its new place at once.
    pub(super) fn set_priority(&mut self, id: RequestId, priority: i64) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let queue = self.waiting.entry(request.builder).or_default();
        let waits = request.state == RequestState::Waiting;
        if waits {
            queue.remove(request);
        }
        request.priority = priority;
        if waits {
            queue.insert(request);
        }
    }

    /// Lock accesses of a configuration as the real locks they mean on a worker. One that counts 0
    /// takes nothing and waits for nobody.
    pub(super) fn wants(
        generation: &Generation,
        accesses: &[LockAccess],
        worker: WorkerId,
        name: &str,
    ) -> Vec<Want> {
        let locks = &generation.config.locks;
        accesses
            .iter()
            .filter(|access| access.mode != LockMode::Counting(0))
            .filter_map(|access| {
                let lock = locks.get(access.lock)?;
                Some(Want {
                    key: LockKey {
                        name: lock.name.clone(),
                        worker: (!lock.for_master).then_some(worker),
                    },
                    mode: access.mode,
                    max_count: lock.max_count_on(name),
                })
            })
            .collect()
    }
}
