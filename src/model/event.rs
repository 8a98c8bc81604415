//! What has happened, in the past tense: announced on the bus after the commit that made it true.
//! Events carry ids; whoever wants more reads the rows.

use serde::Serialize;

use crate::base::id::{
    BuildId, BuilderId, BuildsetId, ChangeId, DeliveryId, GenerationId, LogId, RequestId,
    SchedulerId, SourceId, StepId, WorkerId,
};
use crate::base::results::Results;

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A webhook delivery was stored.
    DeliveryStored { delivery: DeliveryId },
    /// A delivery was read, successfully or not.
    DeliveryHandled { delivery: DeliveryId },
    /// A change was stored.
    ChangeAdded { change: ChangeId },
    /// A buildset was made.
    BuildsetAdded { buildset: BuildsetId },
    /// All requests of a buildset are done.
    BuildsetCompleted { buildset: BuildsetId, results: Results },
    /// A request was made.
    RequestAdded { request: RequestId, builder: BuilderId },
    /// The request's priority changed.
    RequestUpdated { request: RequestId, builder: BuilderId },
    /// A build took the request.
    RequestClaimed { request: RequestId, builder: BuilderId },
    /// The attempt ended without a verdict; the request waits again.
    RequestUnclaimed { request: RequestId, builder: BuilderId },
    /// The request has its result.
    RequestCompleted { request: RequestId, builder: BuilderId, results: Results },
    /// A build began.
    BuildStarted { build: BuildId, builder: BuilderId, number: i64, worker: WorkerId },
    /// A build's text, properties or locks changed.
    BuildUpdated { build: BuildId, builder: BuilderId },
    /// A build ended.
    BuildFinished {
        build: BuildId,
        builder: BuilderId,
        number: i64,
        worker: WorkerId,
        results: Results,
    },
    /// A step began.
    StepStarted { step: StepId, build: BuildId },
    /// A step's text or links changed.
    StepUpdated { step: StepId, build: BuildId },
    /// A step ended.
    StepFinished { step: StepId, build: BuildId, results: Results },
    /// A log was opened.
    LogAdded { log: LogId, step: StepId },
    /// A log has more lines.
    LogAppended { log: LogId, step: StepId, num_lines: i64 },
    /// A log is complete.
    LogFinished { log: LogId, step: StepId },
    /// A worker connected.
    WorkerConnected { worker: WorkerId },
    /// A worker's connection ended.
    WorkerDisconnected { worker: WorkerId },
    /// A worker has been away for longer than it may.
    WorkerMissing { worker: WorkerId },
    /// What keeps a worker from new work changed.
    WorkerUpdated { worker: WorkerId },
    /// A scheduler was switched on or off, or a function of it was called.
    SchedulerUpdated { scheduler: SchedulerId },
    /// A change source has looked, or is wanted to.
    SourceUpdated { source: SourceId },
    /// A configuration took effect.
    GenerationActivated { generation: GenerationId },
    /// A configuration was refused; the row has the error.
    GenerationRejected { generation: GenerationId },
}
