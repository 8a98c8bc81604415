//! Serves what a running step asks for: properties, logs and links at once, everything that needs the
//! worker as a command of its own, of which several may be under way.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::base::id::StepId;
use crate::engine::artifacts::{self, Arrival};
use crate::engine::attempt::Running;
use crate::engine::build_report::{BuildReport, StepChange};
use crate::engine::command::{Answer, End, Flight, Surroundings, Wants};
use crate::engine::common::number;
use crate::engine::desk::{ArtifactWish, Asked, DeskError, StepAnswer, StepRequest};
use crate::engine::logs::Logs;
use crate::engine::ports::{Ack, Future};
use crate::engine::state::Order;
use crate::engine::tests_of_step::Tests;
use crate::engine::tree::Tree;
use crate::engine::triggering::{self, Waiter};
use crate::engine::upload::{self, Upload};
use crate::model::artifact;
use crate::model::command::{CommandKind, Compression};
use crate::model::log::{LogKind, STDIO, Stream};
use crate::model::property::Properties;
use crate::model::sourcestamp::PatchRef;
use crate::model::step::{Fault, StepView};
use crate::store::artifacts::NewArtifact;
use crate::store::{Store, patches};

/// A command under way: how it ended, and where the answer goes.
pub(super) type UnderWay = Future<'static, (Answer, End)>;

/// Bytes of a block of an artifact.
const BLOCK: u64 = 256 << 10;
/// How long the removal of a temporary file may take.
const REMOVAL: Duration = Duration::from_secs(10);

/// The serving end of one step's desk.
pub(super) struct Service {
    step: StepId,
    /// How many commands it has sent.
    commands: i64,
    logs: Logs,
    urls: Vec<Json>,
    summary: Option<String>,
    tests: Tests,
    /// What the worker could not do, in words.
    troubles: Vec<String>,
    /// Why the last command was killed.
    killed: Option<Fault>,
    /// Files of the worker that must not outlive the step.
    temporary: Vec<String>,
    /// The step's function has ended.
    over: CancellationToken,
}

impl Service {
    pub(super) fn new(running: &Running, step: StepId) -> Self {
        Self {
            step,
            commands: 0,
            logs: Logs::new(running, step),
            urls: Vec::new(),
            summary: None,
            tests: Tests::default(),
            troubles: Vec::new(),
            killed: None,
            temporary: Vec::new(),
            over: CancellationToken::new(),
        }
    }

    pub(super) fn id(&self) -> StepId {
        self.step
    }

    /// What the step wants its page to say.
    pub(super) fn summary(&self) -> Option<String> {
        self.summary.clone()
    }

    /// Takes note of the answer to a command.
    pub(super) fn note_answer(&mut self, answered: &Result<StepAnswer, DeskError>) {
        match answered {
            Err(DeskError::Worker(text)) => self.troubles.push(text.clone()),
            Ok(StepAnswer::Ran(ran)) => {
                self.killed = ran.failure_reason.as_deref().map(|reason| match reason {
                    "max_lines_failure" => Fault::Lines,
                    _ => Fault::Timeout,
                });
            }
            _ => {}
        }
    }

    /// Whose fault it is that the step ends with this error. Lua passes errors on as texts, so the
    /// worker's are known by what they say.
    pub(super) fn fault_of(&self, error: &str) -> Fault {
        match self.troubles.iter().any(|trouble| error.contains(trouble.as_str())) {
            true => Fault::Worker,
            false => Fault::Configuration,
        }
    }

    /// Why its last command was killed.
    pub(super) fn killed(&self) -> Option<Fault> {
        self.killed
    }

    /// The step is tried again: what the attempt before has said and counted does not hold.
    pub(super) async fn begin_attempt(&mut self, running: &Running, attempt: u32) {
        self.logs.begin_attempt(attempt).await;
        self.summary = None;
        self.killed = None;
        self.troubles.clear();
        self.over = CancellationToken::new();
        self.tests.forget(running, self.step).await;
        running.common.forget_statistics(self.step);
        let change = StepChange::Statistics(json!({}));
        running.tell(BuildReport::StepUpdated { step: self.step, change }).await;
    }

    /// The step's function has ended: nobody waits for its commands any more.
    pub(super) fn end_commands(&self) {
        self.over.cancel();
    }

    /// Serves one request: answers it, or returns the command that it becomes.
    pub(super) async fn serve(
        &mut self,
        running: &mut Running,
        orders: &watch::Receiver<Order>,
        asked: Asked,
        view: &StepView,
    ) -> Option<UnderWay> {
        let Asked { request, answer } = asked;
        if is_note(&request) {
            // Who asked may be gone.
            let _ = answer.send(self.note(running, request, view).await);
            return None;
        }
        if let StepRequest::Await { request } = request {
            let (teller, step) = (running.teller(), self.step);
            let (orders, over) = (orders.clone(), self.over.clone());
            return Some(Box::pin(Waiter { answer, teller, step, orders, over }.wait(request)));
        }
        if let StepRequest::WriteFile { path, temporary: true, .. } = &request {
            // Before it is written: half a secret is one too.
            self.temporary.push(path.clone());
        }
        let number = (self.step, self.commands);
        self.commands += 1;
        let flight =
            Flight::new(running, (number, &view.name), &self.logs, orders, &self.over, answer);
        Some(self.command(running, flight, request, view))
    }

    fn command(
        &self,
        running: &Running,
        mut flight: Flight,
        request: StepRequest,
        view: &StepView,
    ) -> UnderWay {
        match request {
            StepRequest::Run { mut command, log, collect, lines } => {
                let attempt = &running.attempt;
                if command.on_master && !flight.move_to_master(&attempt.on_master) {
                    let text = "it runs on the master, and there is none here";
                    let end = End::Answered(Err(DeskError::Failed(text.to_owned())));
                    return Box::pin(async move { (flight.answer, end) });
                }
                if command.workdir.is_empty() && !command.on_master {
                    command.workdir.clone_from(&view.workdir);
                }
                let (log, surroundings) = (self.logs.take(log), Surroundings::of(running));
                let wants = Wants { collect, lines };
                Box::pin(async move {
                    let end = flight.run(*command, log, wants, surroundings).await;
                    (flight.answer, end)
                })
            }
            StepRequest::UploadFile {
                workersrc,
                masterdest,
                mode,
                max_size,
                block_size,
                keep_stamp,
            } => {
                let base_dir = running.attempt.base_dir.as_deref();
                let upload = Upload::new(base_dir, &masterdest, mode, max_size);
                let kind =
                    CommandKind::UploadFile { path: workersrc, block_size, max_size, keep_stamp };
                let log = self.logs.take(Some(STDIO.to_owned()));
                Box::pin(async move {
                    let end = match upload {
                        Ok(upload) => flight.upload(kind, log, upload).await,
                        Err(error) => End::Answered(Err(DeskError::Failed(error))),
                    };
                    (flight.answer, end)
                })
            }
            StepRequest::UploadDirectory {
                workersrc,
                masterdest,
                max_size,
                block_size,
                compress,
            } => {
                let base_dir = running.attempt.base_dir.as_deref();
                let tree = Tree::new(base_dir, &masterdest, compress, max_size);
                let kind = CommandKind::UploadDirectory {
                    path: workersrc,
                    block_size,
                    max_size,
                    compress,
                };
                let log = self.logs.take(Some(STDIO.to_owned()));
                Box::pin(async move {
                    let end = match tree {
                        Ok(tree) => flight.upload_directory(kind, log, tree).await,
                        Err(error) => End::Answered(Err(DeskError::Failed(error))),
                    };
                    (flight.answer, end)
                })
            }
            StepRequest::DownloadFile { mastersrc, workerdest, mode, max_size, block_size } => {
                let source =
                    upload::open(running.attempt.base_dir.as_deref(), &mastersrc, max_size);
                let kind = CommandKind::download(workerdest, block_size, mode);
                Box::pin(async move {
                    let end = match source {
                        Ok(Some(file)) => flight.send(kind, file).await,
                        // Nothing is read at a rehearsal.
                        Ok(None) => flight.simple(kind).await,
                        Err(error) => End::Answered(Err(DeskError::Failed(error))),
                    };
                    (flight.answer, end)
                })
            }
            StepRequest::KeepArtifact(wish) => self.keep(running, flight, *wish, view),
            StepRequest::FetchArtifact { id, workerdest, mode } => {
                let kind = CommandKind::download(workerdest, BLOCK, mode);
                let engine = running.attempt.engine.clone();
                Box::pin(async move {
                    let end = flight.fetch(kind, &engine, id).await;
                    (flight.answer, end)
                })
            }
            StepRequest::WritePatch { path, codebase } => {
                let attempt = &running.attempt;
                let stamp = attempt.sourcestamps.iter().find(|stamp| stamp.codebase == codebase);
                let patch = stamp.and_then(|stamp| stamp.patch.clone());
                let store = attempt.engine.store().clone();
                Box::pin(async move {
                    let end = write_patch(&mut flight, &store, path, patch).await;
                    (flight.answer, end)
                })
            }
            other => Box::pin(async move {
                let end = on_files(&mut flight, other).await;
                (flight.answer, end)
            }),
        }
    }

    /// A file or directory of the worker that stays with the build.
    fn keep(
        &self,
        running: &Running,
        mut flight: Flight,
        wish: ArtifactWish,
        view: &StepView,
    ) -> UnderWay {
        let attempt = &running.attempt;
        let store = attempt.generation.config.artifacts();
        let ArtifactWish { workersrc: path, name, is_directory, keep, max_size } = wish;
        let most = max_size.unwrap_or(store.max_size);
        let arrival = Arrival::new(attempt.engine.artifacts().cloned(), &name, most);
        // A worker calls a file too large that is exactly as large as it may be.
        let (block_size, max_size) = (BLOCK, Some(most.saturating_add(1)));
        let kind = if is_directory {
            let compress = Some(Compression::Gz);
            CommandKind::UploadDirectory { path, block_size, max_size, compress }
        } else {
            CommandKind::UploadFile { path, block_size, max_size, keep_stamp: false }
        };
        let (branch, is_proposal) = artifact::origin(&attempt.sourcestamps);
        let artifact = NewArtifact {
            step: view.name.clone(),
            name,
            size: 0,
            sha256: String::new(),
            branch,
            is_proposal,
            keep: keep.unwrap_or(store.keep),
        };
        let (log, clock) = (self.logs.take(Some(STDIO.to_owned())), attempt.engine.clock());
        Box::pin(async move {
            let end = flight.keep(kind, log, arrival, artifact, clock).await;
            (flight.answer, end)
        })
    }

    /// Serves what needs no worker.
    async fn note(
        &mut self,
        running: &mut Running,
        request: StepRequest,
        view: &StepView,
    ) -> Result<StepAnswer, DeskError> {
        match request {
            StepRequest::Trigger(wish) => {
                return triggering::start(running, &view.name, *wish).await;
            }
            StepRequest::SetProperty { name, value, source } => {
                let mut properties = Properties::default();
                properties.set(&name, value, &source);
                running.set_properties(properties).await;
            }
            StepRequest::SetProperties { values, source } => {
                running.set_properties(Properties::from_values(&values, &source)).await;
            }
            StepRequest::GetProperty { name } => {
                let value = running.common.property(&name);
                return Ok(StepAnswer::Value(value.unwrap_or(Json::Null)));
            }
            StepRequest::AddLog { name, kind } => {
                let opened = self.logs.open(&name, kind).await;
                opened.map_err(|error| DeskError::Failed(error.to_string()))?;
            }
            StepRequest::WriteLog { name, stream, text } => {
                self.write_log(&name, LogKind::Stdio, stream, &text).await;
            }
            StepRequest::FinishLog { name } => {
                self.logs.finish(&name).await;
            }
            StepRequest::SetSummary { text } => {
                let text = running.masker().text(&text);
                self.summary = Some(text.clone());
                let step = self.step;
                running
                    .tell(BuildReport::StepUpdated { step, change: StepChange::Text(text) })
                    .await;
            }
            StepRequest::AddUrl { name, url } => {
                let (name, url) = (running.masker().text(&name), running.masker().text(&url));
                self.urls.push(json!({ "name": name, "url": url }));
                let change = StepChange::Urls(Json::Array(self.urls.clone()));
                running.tell(BuildReport::StepUpdated { step: self.step, change }).await;
            }
            StepRequest::AddSteps { steps, after, lease } => {
                running.common.add_steps(steps, after, lease);
            }
            StepRequest::SetStatistic { name, value } => {
                let name = running.masker().text(&name);
                let all = running.common.set_statistic(self.step, &name, value);
                let change = StepChange::Statistics(all);
                running.tell(BuildReport::StepUpdated { step: self.step, change }).await;
            }
            StepRequest::GetStatistic { name } => {
                let value = running.common.statistic(self.step, &name);
                return Ok(StepAnswer::Value(value.map_or(Json::Null, number)));
            }
            StepRequest::SumStatistic { name } => {
                let value = running.common.statistics().get(&name).copied();
                return Ok(StepAnswer::Value(value.map_or(Json::Null, number)));
            }
            StepRequest::FindArtifacts { builder, which, branch, names } => {
                return artifacts::find(running, builder, which, branch, names).await;
            }
            StepRequest::AddTestResultSet(set) => {
                return self.tests.open(running, self.step, set).await;
            }
            StepRequest::AddTestResults { set, results } => {
                return self.tests.add(running, set, results).await;
            }
            StepRequest::CompareTests => return self.tests.compare(running, self.step).await,
            _ => return Err(DeskError::Failed("this needs a worker".to_owned())),
        }
        Ok(StepAnswer::Done)
    }

    /// Writes to a log of the step.
    pub(super) async fn write_log(&self, name: &str, kind: LogKind, stream: Stream, text: &str) {
        let data = text.as_bytes().to_vec().into();
        self.logs.append(name, kind, stream, data, Ack::none()).await;
    }

    /// Removes what was written for the time of the step only, whatever orders came meanwhile. A worker
    /// that does not answer any more keeps it.
    pub(super) async fn remove_temporary(&mut self, running: &Running, step: &str) {
        let (_nobody, orders) = watch::channel(Order::Run);
        for path in std::mem::take(&mut self.temporary) {
            let (answer, _told) = oneshot::channel();
            let number = (self.step, self.commands);
            self.commands += 1;
            let over = CancellationToken::new();
            let whose = (number, step);
            let mut flight = Flight::new(running, whose, &self.logs, &orders, &over, answer);
            let removal = flight.simple(CommandKind::RemoveFile { path });
            match tokio::time::timeout(REMOVAL, removal).await {
                Ok(End::Answered(Ok(_))) => {}
                Ok(End::Answered(Err(error))) => {
                    tracing::warn!(step = self.step.0, %error, "a temporary file stays on the worker");
                }
                Ok(End::Stopped(_) | End::Abandoned) | Err(_) => return,
            }
        }
    }

    /// Ends every open log; returns when all is on disk.
    pub(super) async fn close_logs(&self) {
        self.logs.finish_all().await;
    }
}

/// Writes a patch into a file, if there is one.
async fn write_patch(
    flight: &mut Flight,
    store: &Store,
    path: String,
    patch: Option<PatchRef>,
) -> End {
    let Some(patch) = patch else {
        return End::Answered(Ok(StepAnswer::Value(Json::Bool(false))));
    };
    let body = match store.read(move |conn| patches::body(conn, patch.id)).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            let text = format!("the patch {} is gone", patch.id);
            return End::Answered(Err(DeskError::Failed(text)));
        }
        Err(error) => return End::Answered(Err(DeskError::Failed(error.to_string()))),
    };
    match flight.write(path, body.into(), None).await {
        End::Answered(Ok(_)) => End::Answered(Ok(StepAnswer::Value(Json::Bool(true)))),
        end => end,
    }
}

/// Whether a request needs no worker.
fn is_note(request: &StepRequest) -> bool {
    matches!(
        request,
        StepRequest::SetProperty { .. }
            | StepRequest::SetProperties { .. }
            | StepRequest::GetProperty { .. }
            | StepRequest::AddLog { .. }
            | StepRequest::WriteLog { .. }
            | StepRequest::FinishLog { .. }
            | StepRequest::SetSummary { .. }
            | StepRequest::AddUrl { .. }
            | StepRequest::AddSteps { .. }
            | StepRequest::SetStatistic { .. }
            | StepRequest::GetStatistic { .. }
            | StepRequest::SumStatistic { .. }
            | StepRequest::FindArtifacts { .. }
            | StepRequest::AddTestResultSet(_)
            | StepRequest::AddTestResults { .. }
            | StepRequest::CompareTests
            | StepRequest::Trigger(_)
    )
}

/// What is about files and directories of the worker.
async fn on_files(flight: &mut Flight, request: StepRequest) -> End {
    match request {
        StepRequest::MakeDirectory { path } => {
            flight.simple(CommandKind::MakeDirectory { paths: vec![path] }).await
        }
        StepRequest::RemoveDirectory { paths, timeout } => {
            flight.simple(CommandKind::RemoveDirectory { paths, timeout }).await
        }
        StepRequest::CopyDirectory { from, to, timeout } => {
            flight.simple(CommandKind::CopyDirectory { from, to, timeout }).await
        }
        StepRequest::RemoveFile { path } => flight.simple(CommandKind::RemoveFile { path }).await,
        StepRequest::Stat { path } => flight.stat(path).await,
        StepRequest::ListDirectory { path } => {
            flight.files(CommandKind::ListDirectory { path }).await
        }
        StepRequest::Glob { path } => flight.files(CommandKind::Glob { path }).await,
        StepRequest::ReadFile { path, max_size } => flight.read(path, max_size).await,
        StepRequest::WriteFile { path, data, mode, .. } => flight.write(path, data, mode).await,
        other => End::Answered(Err(DeskError::Failed(format!("this needs no worker: {other:?}")))),
    }
}
