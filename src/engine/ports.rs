//! What the engine needs from the edges: [`Scripts`], the Lua side of one configuration, and
//! [`Link`], one connected worker. `server.rs` joins them. The store is not a port: SQLite is its
//! own fake.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use crate::base::partial::Content;
use crate::base::results::Results;
use crate::engine::desk::Desk;
use crate::model::build::BuildView;
use crate::model::change::NewChange;
use crate::model::command::{Command, FileStat};
use crate::model::config::{Callback, Site};
use crate::model::deciding::{BuilderView, RequestView, WorkerView};
use crate::model::delivery::{Delivery, Reading};
use crate::model::log::Stream;
use crate::model::step::StepView;

/// A future that a port returns.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// The functions of one configuration generation. Dropping the last handle ends its Lua state.
pub trait Scripts: Send + Sync {
    /// Calls `callback` and returns its first result as JSON (nil is null). Without a build among
    /// the arguments, objects of the configuration come back as `{"builder": "linux"}`, requests
    /// as `{"request": 7}`.
    fn call(
        &self,
        callback: &Callback,
        args: Vec<Argument>,
    ) -> Future<'_, Result<Json, ScriptError>>;

    /// Runs a step: calls its type's `run(step, options)`. `None` = the function returned nothing,
    /// which is success.
    fn run_step(&self, step: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>>;

    /// Reads a stored delivery: stock rules and the configuration's hook callbacks, with the API
    /// calls they need.
    fn read_delivery(&self, delivery: Delivery) -> Future<'_, Result<Reading, ScriptError>>;
}

/// An argument of a callback. Objects of the configuration come back as the same tables.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Plain data.
    Json(Json),
    /// The build.
    Build(Arc<BuildView>),
    /// The step.
    Step(Arc<StepView>),
    /// A change.
    Change(Box<NewChange>),
    /// A builder, and what its methods tell during the call.
    Builder(BuilderView),
    /// A worker, and what its methods tell during the call.
    Worker(WorkerView),
    /// A waiting request.
    Request(Arc<RequestView>),
    /// Several, as a list.
    List(Vec<Self>),
    /// Several by name, read-only.
    Record(Vec<(&'static str, Self)>),
    /// Not handed over: the build for which what the function returns is rendered.
    For(Arc<BuildView>),
    /// Not handed over: what the function returns may hold lock accesses.
    Locks,
}

/// Everything a step's run needs.
pub struct StepRun {
    /// The type's `run` function.
    pub run: Callback,
    /// The step as its functions see it.
    pub view: StepView,
    /// Its options, rendered.
    pub options: BTreeMap<String, StepValue>,
    /// Where it asks for things.
    pub desk: Desk,
}

/// A rendered option.
#[derive(Clone, Debug)]
pub enum StepValue {
    /// Data.
    Json(Json),
    /// Nothing: the value of this property, which the build does not have.
    Unset(String),
    /// A function that the step calls itself.
    Function(Callback),
}

/// A callback that failed: its own fault, and nobody else's.
#[derive(Clone, Debug)]
pub struct ScriptError {
    /// What went wrong, with a traceback of user code where there is one.
    pub message: String,
    /// Where.
    pub site: Option<Site>,
    /// The step called `step:fail(text)`: a failure, not an exception.
    pub is_failure: bool,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Some(site) if !self.message.starts_with(&site.to_string()) => {
                write!(f, "{site}: {}", self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ScriptError {}

/// One connected worker, whatever protocol it speaks. Calls never wait; what the worker says comes
/// back on the command's sink.
pub trait Link: Send + Sync {
    /// Starts `command`; its events go to `sink`, the last one is [`CommandEvent::Complete`] or
    /// [`CommandEvent::Lost`]. `key` is unique for this connection.
    fn start(&self, key: u64, command: Command, sink: mpsc::Sender<CommandEvent>);

    /// Asks the worker to stop a command.
    fn interrupt(&self, key: u64, why: &str);

    /// Whether the worker still answers, within `10 s`.
    fn ping(&self) -> Future<'static, bool>;

    /// Asks the worker to end its process.
    fn shutdown(&self);

    /// Closes the connection.
    fn close(&self, why: &str);

    /// The worker's process, if it names it: a process that connects again replaces its old
    /// connection at once.
    fn boot(&self) -> Option<&str> {
        None
    }
}

/// Who runs programs on the master's own machine, for steps that say so.
#[derive(Clone)]
pub enum OnMaster {
    /// The machine itself.
    Machine(Arc<dyn Link>),
    /// Nobody: in a rehearsal the build's worker takes note of them.
    Noted,
    /// Nobody: there is no master, such steps fail.
    Nobody,
}

/// What a worker says about a command.
#[derive(Debug)]
pub enum CommandEvent {
    /// Output, as it came. The worker may send more once `ack` is dropped.
    Output { stream: Stream, data: Bytes, ack: Ack },
    /// What a command wrote to the log file `name`, as it came.
    LogFile { name: String, data: Bytes, ack: Ack },
    /// The exit code.
    Rc(i64),
    /// Why the worker killed it: `timeout_without_output`, `timeout`, `max_lines_failure`.
    FailureReason(String),
    /// The answer to stat.
    Stat(FileStat),
    /// The answer to listdir and glob.
    Files(Vec<String>),
    /// The worker is about to send this content; the answer is the byte from which on it sends it.
    UploadBegins { content: Content, answer: oneshot::Sender<Result<u64, String>> },
    /// A block of an uploaded file; the answer lets the worker go on or stops it.
    UploadBlock { data: Bytes, answer: oneshot::Sender<Result<(), String>> },
    /// The uploaded file is complete, with this content if the worker has announced one.
    UploadClosed { content: Option<Content>, answer: oneshot::Sender<Result<(), String>> },
    /// The uploaded file's times, in seconds since the epoch; comes after the close.
    UploadTimes { accessed: f64, modified: f64, answer: oneshot::Sender<Result<(), String>> },
    /// The worker wants the next bytes of a file, or those from `offset` on, at most `length`; none =
    /// that was all.
    DownloadBlock {
        length: usize,
        offset: Option<u64>,
        answer: oneshot::Sender<Result<Bytes, String>>,
    },
    /// The end: none, or what went wrong on the worker. `ack` is dropped when the end is recorded.
    Complete { failure: Option<String>, ack: Ack },
    /// The worker refused to start it (unknown command, missing argument).
    Refused(String),
    /// The connection ended first.
    Lost,
}

/// Permission for a worker to go on, given by dropping it.
#[derive(Default)]
pub struct Ack(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Ack {
    /// An acknowledgement that runs `f` when it is dropped.
    pub fn new(f: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(f)))
    }

    /// Nothing to acknowledge.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ack")
    }
}
