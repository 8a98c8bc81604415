//! Serves what a running step asks for, one request at a time: properties, logs and links here,
//! everything that needs the worker in `command.rs`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::base::id::{LogId, StepId};
use crate::engine::attempt::Running;
use crate::engine::command::Worker;
use crate::engine::desk::{DeskError, StepAnswer, StepRequest};
use crate::engine::input::BuildReport;
use crate::engine::output::LogHandle;
use crate::engine::ports::Ack;
use crate::engine::state::Order;
use crate::engine::upload::Upload;
use crate::model::command::CommandKind;
use crate::model::log::{LogKind, Stream};
use crate::model::property::Properties;
use crate::model::step::StepView;

/// How a request ended.
pub(super) enum End {
    /// With an answer for the step.
    Answered(Result<StepAnswer, DeskError>),
    /// The build was stopped meanwhile.
    Stopped(String),
    /// The attempt was given up.
    Abandoned,
}

/// The serving end of one step's desk.
pub(super) struct Service {
    pub(super) step: StepId,
    /// How many commands it has sent.
    pub(super) commands: i64,
    pub(super) logs: BTreeMap<String, LogHandle>,
    urls: Vec<Json>,
    summary: Option<String>,
}

impl Service {
    pub(super) fn new(step: StepId) -> Self {
        Self { step, commands: 0, logs: BTreeMap::new(), urls: Vec::new(), summary: None }
    }

    pub(super) fn id(&self) -> StepId {
        self.step
    }

    /// What the step wants its page to say.
    pub(super) fn summary(&self) -> Option<String> {
        self.summary.clone()
    }

    /// Serves one request.
    pub(super) async fn serve(
        &mut self,
        running: &mut Running,
        orders: &mut watch::Receiver<Order>,
        request: StepRequest,
        view: &StepView,
    ) -> End {
        let mut on = Worker { service: self, running, orders };
        match request {
            StepRequest::Run { command, log, collect } => {
                on.run(*command, log, collect, view).await
            }
            StepRequest::MakeDirectory { path } => {
                on.simple(CommandKind::MakeDirectory { paths: vec![path] }).await
            }
            StepRequest::RemoveDirectory { paths, timeout } => {
                on.simple(CommandKind::RemoveDirectory { paths, timeout }).await
            }
            StepRequest::RemoveFile { path } => on.simple(CommandKind::RemoveFile { path }).await,
            StepRequest::Stat { path } => on.stat(path).await,
            StepRequest::ListDirectory { path } => {
                on.files(CommandKind::ListDirectory { path }).await
            }
            StepRequest::Glob { path } => on.files(CommandKind::Glob { path }).await,
            StepRequest::UploadFile {
                workersrc,
                masterdest,
                mode,
                max_size,
                block_size,
                keep_stamp,
            } => {
                let base_dir = running.attempt.base_dir.as_deref();
                let upload = match Upload::new(base_dir, &masterdest, mode, max_size) {
                    Ok(upload) => upload,
                    Err(error) => return End::Answered(Err(DeskError::Failed(error))),
                };
                let kind =
                    CommandKind::UploadFile { path: workersrc, block_size, max_size, keep_stamp };
                let mut on = Worker { service: self, running, orders };
                on.upload(kind, upload).await
            }
            other => End::Answered(self.note(running, other).await),
        }
    }

    /// Serves what needs no worker.
    async fn note(
        &mut self,
        running: &mut Running,
        request: StepRequest,
    ) -> Result<StepAnswer, DeskError> {
        match request {
            StepRequest::SetProperty { name, value, source } => {
                let mut properties = Properties::default();
                properties.set(&name, value, &source);
                running.set_properties(properties).await;
            }
            StepRequest::SetProperties { values, source } => {
                running.set_properties(Properties::from_values(&values, &source)).await;
            }
            StepRequest::GetProperty { name } => {
                let value = running.attempt.properties.get(&name).cloned();
                return Ok(StepAnswer::Value(value.unwrap_or(Json::Null)));
            }
            StepRequest::AddLog { name, kind } => {
                self.log(running, &name, kind).await?;
            }
            StepRequest::WriteLog { name, stream, text } => {
                self.write_log(running, &name, LogKind::Stdio, stream, &text).await;
            }
            StepRequest::FinishLog { name } => {
                if let Some(log) = self.logs.remove(&name) {
                    log.finish().await;
                }
            }
            StepRequest::SetSummary { text } => {
                let text = running.masker().text(&text);
                self.summary = Some(text.clone());
                let step = self.step;
                running.tell(BuildReport::StepUpdated { step, text: Some(text), urls: None }).await;
            }
            StepRequest::AddUrl { name, url } => {
                let (name, url) = (running.masker().text(&name), running.masker().text(&url));
                self.urls.push(json!({ "name": name, "url": url }));
                let (step, urls) = (self.step, Some(Json::Array(self.urls.clone())));
                running.tell(BuildReport::StepUpdated { step, text: None, urls }).await;
            }
            _ => return Err(DeskError::Failed("this needs a worker".to_owned())),
        }
        Ok(StepAnswer::Done)
    }

    /// The open log `name`, opened if it is not.
    pub(super) async fn log(
        &mut self,
        running: &Running,
        name: &str,
        kind: LogKind,
    ) -> Result<&LogHandle, DeskError> {
        if !self.logs.contains_key(name) {
            let (step, text) = (self.step, running.masker().text(name));
            let id = running
                .ask(|answer| BuildReport::LogOpened { step, name: text, kind, answer })
                .await
                .map_err(|error| DeskError::Failed(error.to_string()))?;
            self.adopt(running, name, id);
        }
        self.logs.get(name).ok_or(DeskError::Stopped)
    }

    /// Takes a log that was opened with a command.
    pub(super) fn adopt(&mut self, running: &Running, name: &str, id: LogId) {
        let (masker, limits) = (running.masker().clone(), running.attempt.generation.config.logs);
        let handle = running.attempt.logs.open(id, self.step, masker, limits);
        self.logs.insert(name.to_owned(), handle);
    }

    /// Writes to a log of the step.
    pub(super) async fn write_log(
        &mut self,
        running: &Running,
        name: &str,
        kind: LogKind,
        stream: Stream,
        text: &str,
    ) {
        if let Ok(log) = self.log(running, name, kind).await {
            log.append(stream, text.as_bytes().to_vec().into(), Ack::none()).await;
        }
    }

    /// Ends every open log; returns when all is on disk.
    pub(super) async fn close_logs(&mut self) {
        for log in std::mem::take(&mut self.logs).into_values() {
            log.finish().await;
        }
    }
}
