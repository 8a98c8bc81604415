//! What a running step may ask for. A step's `run` function holds a [`Desk`]; each request is
//! served by the build's task and answered on its own channel. Requests that need the worker are
//! under way at the same time; one whose answer nobody waits for any more is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use crate::base::id::RequestId;
use crate::engine::ports::Ack;
use crate::model::artifact::{Keep, Which};
use crate::model::command::{Compression, FileStat, ShellCommand};
use crate::model::config::StepConfig;
use crate::model::log::{LogKind, Stream};
use crate::model::test_results::{NewSet, TestResult};
use crate::model::trigger::{RequestEnd, TriggerWish, Triggered};

/// A step's way to ask for things.
#[derive(Clone, Debug)]
pub struct Desk(mpsc::Sender<Asked>);

/// A request with the place for its answer.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub request: StepRequest,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<StepAnswer, DeskError>>,
}

impl Desk {
    /// A desk and the end at which its requests are served.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (tx, rx) = mpsc::channel(16);
        (Self(tx), rx)
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`DeskError`] when the request fails, or the step is being stopped.
    pub async fn ask(&self, request: StepRequest) -> Result<StepAnswer, DeskError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Asked { request, answer }).await.map_err(|_| DeskError::Stopped)?;
        answered.await.map_err(|_| DeskError::Stopped)?
    }
}

/// Takes output as it comes; whoever is slow to take it slows its command down.
pub type Lines = mpsc::Sender<Output>;

/// Output of a command.
#[derive(Clone, Debug)]
pub struct Output {
    /// Where it comes from.
    pub stream: Stream,
    /// As it came.
    pub data: Bytes,
    /// The number of the log's line in which it begins, from 1, if that is known.
    pub line: Option<i64>,
}

/// Steps that were added may be run as long as this is held; when it goes, their functions do.
pub type Lease = Arc<Ack>;

/// A step that another one adds.
#[derive(Clone, Debug)]
pub struct AddedStep {
    /// Its place, from [`crate::model::step::ADDED`] on.
    pub place: usize,
    /// What it does.
    pub config: Arc<StepConfig>,
}

/// When steps run that were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Next.
    Current,
    /// After all others.
    Last,
}

/// What a step wants to be kept.
#[derive(Clone, Debug)]
pub struct ArtifactWish {
    /// Path on the worker.
    pub workersrc: String,
    /// As downloads call it.
    pub name: String,
    /// It is a directory, kept as one archive.
    pub is_directory: bool,
    /// How long it stays; none = as the configuration says.
    pub keep: Option<Keep>,
    /// Largest file in bytes; none = as the configuration says.
    pub max_size: Option<u64>,
}

/// What a step asks for.
#[derive(Clone, Debug)]
pub enum StepRequest {
    /// Run a command; its output goes to `log`.
    Run {
        /// The command.
        command: Box<ShellCommand>,
        /// Name of the log; an open log of that name is continued. None = `stdio`, or `stdio_2` and
        /// so on when other commands that name no log run at the same time.
        log: Option<String>,
        /// Return standard output and standard error as text, at most 16 MiB each.
        collect: bool,
        /// Who is given standard output and standard error as they come.
        lines: Option<Lines>,
    },
    /// Make a directory on the worker.
    MakeDirectory { path: String },
    /// Remove trees on the worker.
    RemoveDirectory { paths: Vec<String>, timeout: Option<f64> },
    /// Remove a file on the worker.
    RemoveFile { path: String },
    /// Copy a tree on the worker.
    CopyDirectory { from: String, to: String, timeout: Option<f64> },
    /// Look at a path on the worker.
    Stat { path: String },
    /// List names on the worker.
    ListDirectory { path: String },
    /// Find paths on the worker.
    Glob { path: String },
    /// Bring a file to the master.
    UploadFile {
        /// Path on the worker.
        workersrc: String,
        /// Path on the master, relative to its base directory.
        masterdest: String,
        /// Permission bits of the new file; none = the umask's.
        mode: Option<u32>,
        /// Largest file in bytes.
        max_size: Option<u64>,
        /// Block size in bytes (default 262144).
        block_size: u64,
        /// Keep the file's times.
        keep_stamp: bool,
    },
    /// Bring a directory to the master.
    UploadDirectory {
        /// Path on the worker.
        workersrc: String,
        /// Path on the master, relative to its base directory; what is there is added to.
        masterdest: String,
        /// Largest archive, in bytes.
        max_size: Option<u64>,
        /// Largest block, in bytes.
        block_size: u64,
        /// How the archive is made smaller on the way.
        compress: Option<Compression>,
    },
    /// Bring a file of the master to the worker.
    DownloadFile {
        /// Path on the master, relative to its base directory.
        mastersrc: String,
        /// Path on the worker; its folders are made.
        workerdest: String,
        /// Permission bits; none = the worker's umask's.
        mode: Option<u32>,
        /// Largest file, in bytes.
        max_size: Option<u64>,
        /// Largest block, in bytes.
        block_size: u64,
    },
    /// Keep a file or a directory of the worker, the latter as an archive, with the build.
    KeepArtifact(Box<ArtifactWish>),
    /// List the artifacts of a build: `{id, name, size, build}` of each; null = there is no such build.
    FindArtifacts {
        /// The builder's name; none = this builder.
        builder: Option<String>,
        /// Which build.
        which: Which,
        /// For the latest success: of this branch.
        branch: Option<String>,
        /// Names or patterns that are wanted; a rehearsal, which has no artifacts, answers them.
        names: Vec<String>,
    },
    /// Bring an artifact that was found to the worker.
    FetchArtifact {
        /// Its number.
        id: i64,
        /// Path on the worker; its folders are made.
        workerdest: String,
        /// Permission bits; none = the worker's umask's.
        mode: Option<u32>,
    },
    /// Read a file on the worker; more than `max_size` bytes are an error.
    ReadFile { path: String, max_size: u64 },
    /// Write a file on the worker, with its folders.
    WriteFile {
        /// Path on the worker.
        path: String,
        /// What it will hold.
        data: Bytes,
        /// Permission bits; none = the worker's umask's.
        mode: Option<u32>,
        /// Only for the time of the step: it is removed however the step ends.
        temporary: bool,
    },
    /// Write the patch of a codebase's source into a file on the worker; the answer is whether there
    /// is one.
    WritePatch {
        /// Path on the worker.
        path: String,
        /// The codebase.
        codebase: String,
    },
    /// Set a property of the build.
    SetProperty { name: String, value: Json, source: String },
    /// Set several properties of the build with one source.
    SetProperties { values: BTreeMap<String, Json>, source: String },
    /// Read a property as it is now.
    GetProperty { name: String },
    /// Open a log, or find the open one of that name.
    AddLog { name: String, kind: LogKind },
    /// Write to a log opened before.
    WriteLog { name: String, stream: Stream, text: String },
    /// Close a log.
    FinishLog { name: String },
    /// Show this text for the step.
    SetSummary { text: String },
    /// Start builds through schedulers.
    Trigger(Box<TriggerWish>),
    /// Wait for the result of a request.
    Await { request: RequestId },
    /// Run more steps in this build.
    AddSteps {
        /// Which.
        steps: Vec<AddedStep>,
        /// When.
        after: After,
        /// Held until the build has ended.
        lease: Lease,
    },
    /// Count something: a number of the step.
    SetStatistic { name: String, value: f64 },
    /// Read what the step has counted.
    GetStatistic { name: String },
    /// Read what all steps of the build together have counted.
    SumStatistic { name: String },
    /// Show a link.
    AddUrl { name: String, url: String },
    /// Open a set of test results; the answer is its id.
    AddTestResultSet(NewSet),
    /// Store results in a set of this step.
    AddTestResults { set: i64, results: Vec<TestResult> },
    /// Compare the step's results with those of the build before; the answer is null, or how many fail
    /// newly and how many pass again.
    CompareTests,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAnswer {
    /// Done.
    Done,
    /// A command ended.
    Ran(Ran),
    /// What a path is; none = there is nothing.
    Stat(Option<FileStat>),
    /// Names or paths.
    Files(Vec<String>),
    /// What a file holds.
    Data(Bytes),
    /// What was started.
    Triggered(Triggered),
    /// What became of a request.
    Ended(RequestEnd),
    /// A property's value; null when it is not set.
    Value(Json),
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ran {
    /// The exit code; -1 when it was killed or none was sent.
    pub rc: i64,
    /// Standard output, if it was asked for.
    pub stdout: String,
    /// Standard error, if it was asked for.
    pub stderr: String,
    /// Why the worker killed it: `timeout_without_output`, `timeout`, `max_lines_failure`.
    pub failure_reason: Option<String>,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskError {
    /// The step is being stopped, or has ended; its function should end too.
    Stopped,
    /// It went wrong; the text is for people.
    Failed(String),
    /// The worker could not carry it out; the text is for people.
    Worker(String),
}

impl std::fmt::Display for DeskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => f.write_str("the step was stopped"),
            Self::Failed(text) | Self::Worker(text) => f.write_str(text),
        }
    }
}
