//! Everything that can happen to the engine, as facts. Inputs with an answer carry the place for
//! it; it is given only after the commit that makes it true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::base::clock::Timestamp;
use crate::base::id::{
    BuildId, BuilderId, BuildsetId, ChangeId, DeliveryId, GenerationId, LogId, RequestId,
    SchedulerEventId, SchedulerId, SourceId, StepId, WorkerId,
};
use crate::engine::advice::{Pick, Ticket};
use crate::engine::build_report::BuildReport;
use crate::engine::ports::Link;
use crate::engine::{Generation, Refusal};
use crate::model::change::NewChange;
use crate::model::delivery::{Cancel, Head, NewDelivery};
use crate::model::hold::Held;
use crate::model::plan::Plan;
use crate::model::property::Properties;
use crate::model::sourcestamp::{NewPatch, Sourcestamp};
use crate::model::why::Why;
use crate::model::worker::WorkerInfo;
use crate::store::Conn;
use crate::store::scheduler_events::About;

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// Something that happened.
pub enum Input {
    /// A verified webhook delivery arrived.
    DeliveryArrived { delivery: NewDelivery, answer: Answer<Delivered> },
    /// A stored delivery was read.
    DeliveryRead {
        delivery: DeliveryId,
        generation: GenerationId,
        outcome: Result<JudgedReading, String>,
        answer: Answer<()>,
    },
    /// A change source has looked.
    SourceLooked { looked: Box<Looked>, answer: Answer<()> },
    /// A forge was asked what nobody told us; the answer counts the deliveries that were made of it.
    Reconciled { found: Box<Reconciled>, answer: Answer<usize> },
    /// Somebody wants change sources to look at once; none named = all.
    LookWanted { names: Vec<String>, answer: Answer<()> },
    /// Functions of the configuration have answered a question of the engine's.
    Advised(Box<Advised>),
    /// A function of a scripted scheduler has returned or failed.
    SchedulerRan { ran: Box<SchedulerRan>, answer: Answer<()> },
    /// A user starts builds.
    Forced { force: Force, answer: Answer<Started> },
    /// Somebody tries a working tree.
    Tried { wish: Try, answer: Answer<Started> },
    /// A builder is asked to build by name, with no scheduler in between.
    BuildWanted { order: BuildOrder, answer: Answer<Started> },
    /// A user wants a build again.
    RebuildWanted { build: BuildId, owner: String, answer: Answer<Started> },
    /// A user stops a build.
    StopWanted { build: BuildId, reason: String, answer: Answer<()> },
    /// A user stops a step.
    StopStepWanted { step: StepId, reason: String, answer: Answer<()> },
    /// A user cancels a request.
    CancelWanted { request: RequestId, reason: String, answer: Answer<()> },
    /// A user cancels everything of a buildset.
    CancelSetWanted { buildset: BuildsetId, reason: String, answer: Answer<()> },
    /// Somebody wants something of a worker.
    WorkerOrdered { worker: WorkerId, order: WorkerOrder, answer: Answer<()> },
    /// Somebody switches a scheduler on or off.
    SchedulerSwitched { scheduler: SchedulerId, on: bool, answer: Answer<()> },
    /// Somebody gives a request another priority.
    PriorityWanted { request: RequestId, priority: i64, answer: Answer<()> },
    /// Why are these requests not built yet? Nothing changes.
    WhyWanted { requests: Vec<RequestId>, answer: Answer<Vec<Result<Why, Refusal>>> },
    /// Which schedulers hold these changes, and until when? Nothing changes.
    HoldsWanted { changes: Vec<ChangeId>, answer: Answer<Vec<Vec<Held>>> },
    /// A worker has said hello and is ready for work.
    WorkerAttached { name: String, info: WorkerInfo, link: Arc<dyn Link>, answer: Answer<Attached> },
    /// Is a worker of this name connected? Its link is the answer.
    LinkWanted { name: String, answer: Answer<Option<Arc<dyn Link>>> },
    /// A worker's connection ended.
    WorkerDetached { worker: WorkerId, epoch: i64 },
    /// A configuration was loaded and checked.
    GenerationLoaded {
        generation: Box<NewGeneration>,
        compared: Compared,
        answer: Answer<Reloaded>,
    },
    /// A configuration was refused.
    GenerationRefused { error: String, files: Vec<(String, Option<String>)>, answer: Answer<()> },
    /// A build's task reports; see [`BuildReport`].
    Build { build: BuildId, report: BuildReport },
    /// Somebody else's rows: the outbox, sessions. Runs in the beat's transaction.
    Write(GuestWrite),
    /// A log's size changed in the log file.
    LogGrew { log: LogId, step: StepId, lines: i64, bytes: i64, finished: bool },
    /// No new work is handed out; the answer comes when no build runs any more.
    DrainRequested { answer: Answer<()> },
    /// The process ends: running attempts end as retry and their requests wait again.
    StopRequested { answer: Answer<()> },
}

/// What a worker shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerOrder {
    /// Take no new builds, for this reason; what runs goes on.
    Pause(String),
    /// Take builds again: ends a pause, a quarantine, and a [`Self::Stop`] that is not carried out.
    Unpause,
    /// Take no new builds and end when it is idle.
    Stop,
    /// End now; what runs is built again.
    Kill,
}

/// Somebody else's statements; they return what runs after the commit.
pub type GuestWrite = Box<dyn FnOnce(&Conn<'_>) -> crate::store::Result<WriteDone> + Send>;

/// What runs after the commit of an [`Input::Write`].
pub type WriteDone = Box<dyn FnOnce() + Send>;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It was stored.
    New(DeliveryId),
    /// The sender's id is known: nothing new.
    Duplicate(DeliveryId),
}

/// A delivery's changes, each with what every scheduler makes of it.
#[derive(Clone, Debug, Default)]
pub struct JudgedReading {
    /// The changes, in order.
    pub changes: Vec<JudgedChange>,
    /// Lines of development whose builds are not wanted any more.
    pub cancels: Vec<Cancel>,
    /// What was made of the delivery, in one sentence.
    pub verdict: String,
}

/// A change and what each scheduler makes of it.
#[derive(Clone, Debug)]
pub struct JudgedChange {
    /// The change.
    pub change: NewChange,
    /// By scheduler name.
    pub judgements: BTreeMap<String, Judgement>,
    /// What it makes old, if a scheduler takes it.
    pub supersedes: Vec<Superseded>,
}

/// Builds that a change makes old: of its project, repository and codebase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The canceller that says so.
    pub by: String,
    /// Of these builders; none = of all.
    pub builders: Option<Vec<String>>,
    /// Of these branches.
    pub branches: BTreeSet<String>,
}

/// What came of a change source's look.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The source.
    pub source: SourceId,
    /// What it looked at.
    pub subject: String,
    /// How often that had been wanted when it began.
    pub served: i64,
    /// What it has seen, or why it could not look.
    pub outcome: Result<Seen, String>,
}

/// What a forge says of a repository when it is asked.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// `owner/name`
    pub repository: String,
    /// When the question began: what was received since then is newer.
    pub as_of: Timestamp,
    /// Heads that were there before anybody looked: remembered, and nothing else.
    pub known: Vec<Head>,
    /// What was missed, as the deliveries that should have told it.
    pub missed: Vec<NewDelivery>,
}

/// What a change source has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Everything that there is now, by name: the revision.
    pub heads: BTreeMap<String, String>,
    /// What is new.
    pub deliveries: Vec<NewDelivery>,
}

/// The answer to a question that was put to functions of the configuration.
pub struct Advised {
    /// The question's number.
    pub ticket: Ticket,
    /// The answer.
    pub said: Said,
    /// Each function that was called, and what went wrong with it.
    pub calls: Vec<(String, Option<String>)>,
}

/// What was decided.
pub enum Said {
    /// The order in which builders get their turn; none = the engine's own.
    Order(Option<Vec<BuilderId>>),
    /// What a builder builds next; none = it is not configured any more.
    Pick(BuilderId, Option<Pick>),
    /// The requests of the builder that give way to the newer one.
    Merge(BuilderId, RequestId, Vec<RequestId>),
    /// What a scheduler's buildset is, or why there is none.
    Compose(SchedulerId, Result<Composed, String>),
}

/// What functions decided about a buildset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// Its builders.
    pub builders: Vec<String>,
    /// The priority of its requests.
    pub priority: i64,
}

/// What came of a call of a scripted scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerRan {
    /// The scheduler.
    pub scheduler: SchedulerId,
    /// What it was called for.
    pub cause: Cause,
    /// The configuration whose function it was.
    pub generation: GenerationId,
    /// What it wants, or what went wrong.
    pub outcome: Result<Plan, String>,
}

/// What a scripted scheduler is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Word that was left for it.
    Told(SchedulerEventId, About),
    /// Its timer, which was set to this moment.
    Timer(Timestamp),
}

/// What a scheduler makes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It starts builds.
    Important,
    /// It is built only together with an important one.
    Unimportant,
    /// It is refused, for this reason.
    Refused(String),
}

/// What a user forces.
#[derive(Clone, Debug, Default)]
pub struct Force {
    /// The force scheduler.
    pub scheduler: String,
    /// Builders; empty = all of the scheduler's.
    pub builders: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who.
    pub owner: String,
    /// The source, one per codebase; empty = one sourcestamp without branch and revision.
    pub sourcestamps: Vec<Sourcestamp>,
    /// What is changed in them, by codebase.
    pub patches: Vec<(String, NewPatch)>,
    /// Properties (source `Force Build Form`).
    pub properties: BTreeMap<String, Json>,
    /// Higher goes first.
    pub priority: i64,
}

/// What somebody tries: a working tree against a revision that builders can get.
#[derive(Clone, Debug, Default)]
pub struct Try {
    /// The `try_userpass` scheduler.
    pub scheduler: String,
    /// Builders; empty = all of the scheduler's.
    pub builders: Vec<String>,
    /// Who.
    pub owner: String,
    /// What the patch applies to.
    pub sourcestamp: Sourcestamp,
    /// What is changed in it.
    pub patch: NewPatch,
    /// Properties (source `try build`).
    pub properties: BTreeMap<String, Json>,
}

/// A build that nobody's scheduler asks for: a rehearsal's.
#[derive(Clone, Debug, Default)]
pub struct BuildOrder {
    /// The builder.
    pub builder: String,
    /// Why.
    pub reason: String,
    /// The source, one per codebase; empty = one sourcestamp without branch and revision.
    pub sourcestamps: Vec<Sourcestamp>,
    /// Properties of the buildset.
    pub properties: Properties,
}

/// Requests that were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Their buildset.
    pub buildset: BuildsetId,
    /// One per builder.
    pub requests: Vec<(BuilderId, RequestId)>,
}

/// A worker that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its row.
    pub worker: WorkerId,
    /// Number of this connection: what is said later must name it.
    pub epoch: i64,
}

/// A configuration on its way in; its id comes from the database.
pub struct NewGeneration {
    /// The generation, all but the id.
    pub generation: Generation,
    /// Path and text of each file; no text for secret files.
    pub files: Vec<(String, Option<String>)>,
}

/// What a reload changed, a line each: `+ builder x`, `~ scheduler y: builders`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The lines; empty = nothing changed.
    pub changes: Vec<String>,
}

/// What differs from a certain generation. Comparing takes longer than the beat may wait, so it is
/// done before; it counts if that generation is still the active one.
pub struct Compared {
    /// The generation that was active then.
    pub with: GenerationId,
    /// What differs.
    pub reloaded: Reloaded,
}

impl Input {
    /// Whether schedulers or the queue may have something to do because of it.
    pub(super) fn may_start_builds(&self) -> bool {
        match self {
            Self::Build { report, .. } => {
                matches!(
                    report,
                    BuildReport::TriggerWanted { .. }
                        | BuildReport::StepFinished { .. }
                        | BuildReport::Finished { .. }
                )
            }
            Self::DeliveryArrived { .. }
            | Self::SourceLooked { .. }
            | Self::Reconciled { .. }
            | Self::LookWanted { .. }
            | Self::LinkWanted { .. }
            | Self::WhyWanted { .. }
            | Self::HoldsWanted { .. }
            | Self::Write(_)
            | Self::LogGrew { .. }
            | Self::StopStepWanted { .. }
            | Self::GenerationRefused { .. } => false,
            Self::DeliveryRead { .. }
            | Self::Advised(_)
            | Self::Forced { .. }
            | Self::Tried { .. }
            | Self::SchedulerRan { .. }
            | Self::BuildWanted { .. }
            | Self::RebuildWanted { .. }
            | Self::StopWanted { .. }
            | Self::CancelWanted { .. }
            | Self::CancelSetWanted { .. }
            | Self::WorkerOrdered { .. }
            | Self::SchedulerSwitched { .. }
            | Self::PriorityWanted { .. }
            | Self::WorkerAttached { .. }
            | Self::WorkerDetached { .. }
            | Self::GenerationLoaded { .. }
            | Self::DrainRequested { .. }
            | Self::StopRequested { .. } => true,
        }
    }

    /// Whether it is something new to the queue, so that functions which said no are asked again.
    pub(super) fn is_news(&self) -> bool {
        let is_step = matches!(self, Self::Build { report: BuildReport::StepFinished { .. }, .. });
        self.may_start_builds() && !is_step && !matches!(self, Self::Advised(_))
    }

    /// The input in a few words, for a transcript.
    pub(super) fn word(&self) -> String {
        match self {
            Self::DeliveryArrived { delivery, .. } => {
                format!("delivery {} {}", delivery.event, delivery.guid)
            }
            Self::DeliveryRead { delivery, outcome, .. } => match outcome {
                Ok(reading) => format!("delivery {delivery} read: {}", reading.verdict),
                Err(error) => format!("delivery {delivery} failed: {error}"),
            },
            Self::SourceLooked { looked, .. } => match &looked.outcome {
                Ok(seen) => {
                    let news = crate::base::text::count(seen.deliveries.len(), "delivery");
                    format!("change source {} looked: {news}", looked.source)
                }
                Err(error) => format!("change source {} failed: {error}", looked.source),
            },
            Self::Reconciled { found, .. } => {
                let missed = crate::base::text::count(found.missed.len(), "event");
                format!("{} missed by {}", missed, found.repository)
            }
            Self::LookWanted { names, .. } => format!("look of {names:?} wanted"),
            Self::Advised(advised) => advised.said.word(),
            Self::SchedulerRan { ran, .. } => match &ran.outcome {
                Ok(plan) => {
                    let builds = crate::base::text::count(plan.builds.len(), "buildset");
                    format!("scheduler {} wants {builds}", ran.scheduler)
                }
                Err(error) => format!("scheduler {} failed: {error}", ran.scheduler),
            },
            Self::Tried { wish, .. } => format!("try {} by {}", wish.scheduler, wish.owner),
            Self::Forced { force, .. } => format!("force {} by {}", force.scheduler, force.owner),
            Self::BuildWanted { order, .. } => format!("build of {} wanted", order.builder),
            Self::RebuildWanted { build, .. } => format!("rebuild {build}"),
            Self::StopWanted { build, reason, .. } => format!("stop build {build}: {reason}"),
            Self::StopStepWanted { step, reason, .. } => format!("stop step {step}: {reason}"),
            Self::CancelSetWanted { buildset, reason, .. } => {
                format!("cancel buildset {buildset}: {reason}")
            }
            Self::CancelWanted { request, reason, .. } => format!("cancel {request}: {reason}"),
            Self::WorkerOrdered { worker, order, .. } => format!("worker {worker}: {order:?}"),
            Self::SchedulerSwitched { scheduler, on, .. } => {
                format!("scheduler {scheduler} {}", if *on { "on" } else { "off" })
            }
            Self::PriorityWanted { request, priority, .. } => {
                format!("request {request} gets the priority {priority}")
            }
            Self::WorkerAttached { name, .. } => format!("worker {name} attached"),
            Self::WhyWanted { requests, .. } => format!("why do {requests:?} wait"),
            Self::HoldsWanted { changes, .. } => format!("who holds {changes:?}"),
            Self::LinkWanted { name, .. } => format!("link of {name} wanted"),
            Self::WorkerDetached { worker, epoch } => format!("worker {worker} detached ({epoch})"),
            Self::GenerationLoaded { .. } => "generation loaded".to_owned(),
            Self::GenerationRefused { error, .. } => format!("generation refused: {error}"),
            Self::Build { build, report } => format!("build {build}: {}", report.word()),
            Self::Write(_) => "rows of an edge".to_owned(),
            Self::LogGrew { log, lines, bytes, finished, .. } => {
                let word = if *finished { "finished" } else { "grew" };
                format!("log {log} {word}: {lines} lines, {bytes} bytes")
            }
            Self::DrainRequested { .. } => "drain".to_owned(),
            Self::StopRequested { .. } => "stop".to_owned(),
        }
    }
}

impl Said {
    fn word(&self) -> String {
        match self {
            Self::Order(order) => format!("order of builders: {order:?}"),
            Self::Pick(builder, pick) => format!("builder {builder}: {pick:?}"),
            Self::Merge(_, newer, older) => format!("to request {newer} give way: {older:?}"),
            Self::Compose(scheduler, outcome) => format!("scheduler {scheduler}: {outcome:?}"),
        }
    }
}
