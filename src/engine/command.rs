//! One command on a worker, on behalf of a step: recorded, sent, followed to its end. Its output
//! goes to the log writer, its answer to the step; an order from outside interrupts it.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use crate::engine::attempt::Running;
use crate::engine::desk::{DeskError, Ran, StepAnswer};
use crate::engine::input::BuildReport;
use crate::engine::ports::CommandEvent;
use crate::engine::render::render;
use crate::engine::serve::{End, Service};
use crate::engine::state::Order;
use crate::engine::upload::Upload;
use crate::model::command::{Command, CommandKind, FileStat, ShellCommand};
use crate::model::log::{LogKind, Stream};
use crate::model::step::StepView;

/// Bytes of a stream that a step may have as text.
const COLLECT: usize = 16 << 20;
/// How long a worker may take to stop a command, beyond the command's own `sigterm_time`.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// How long a lost connection may be unknown to the engine.
const LOST_GRACE: Duration = Duration::from_secs(60);

/// Where a command's output goes.
enum LogUse {
    /// Into this log, which is opened with the command.
    Named(String),
    /// Into `stdio`, once there is any.
    WhenThereIsAny,
}

/// How a command ended.
#[derive(Default)]
struct Finished {
    rc: Option<i64>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// What the worker said about it; the reason when it fails.
    said: String,
    failure_reason: Option<String>,
    failure: Option<String>,
    stat: Option<FileStat>,
    files: Option<Vec<String>>,
}

/// A service with the build's worker at hand.
pub(super) struct Worker<'a> {
    pub(super) service: &'a mut Service,
    pub(super) running: &'a mut Running,
    pub(super) orders: &'a mut watch::Receiver<Order>,
}

impl Worker<'_> {
    pub(super) async fn run(
        &mut self,
        mut command: ShellCommand,
        log: String,
        collect: bool,
        view: &StepView,
    ) -> End {
        if let Err(error) = self.complete(&mut command, view).await {
            return End::Answered(Err(DeskError::Failed(error)));
        }
        let kind = CommandKind::Shell(Box::new(command));
        let done = match self.command(kind, LogUse::Named(log), collect, None).await {
            Ok(done) => done,
            Err(end) => return end,
        };
        if let Some(failure) = done.failure {
            return End::Answered(Err(DeskError::Failed(failure)));
        }
        End::Answered(Ok(StepAnswer::Ran(Ran {
            rc: done.rc.unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            failure_reason: done.failure_reason,
        })))
    }

    /// Adds what the build says to what the step says: the directory and the builder's variables.
    async fn complete(&self, command: &mut ShellCommand, view: &StepView) -> Result<(), String> {
        let attempt = &self.running.attempt;
        if command.workdir.is_empty() {
            command.workdir.clone_from(&view.workdir);
        }
        let scripts = attempt.generation.scripts.as_ref();
        let env = render(&attempt.builder.env, &self.running.view(), scripts).await;
        match env.map_err(|error| format!("env of builder {}: {error}", attempt.builder.name))? {
            Json::Object(map) => {
                for (name, value) in map {
                    command.env.entry(name).or_insert(value);
                }
                Ok(())
            }
            Json::Null => Ok(()),
            other => Err(format!(
                "env of builder {} must be a map, it is {other}.",
                attempt.builder.name
            )),
        }
    }

    /// A command that only succeeds or fails.
    pub(super) async fn simple(&mut self, kind: CommandKind) -> End {
        let name = kind.name();
        match self.command(kind, LogUse::WhenThereIsAny, false, None).await {
            Err(end) => end,
            Ok(done) => End::Answered(done.check(name).map(|()| StepAnswer::Done)),
        }
    }

    pub(super) async fn stat(&mut self, path: String) -> End {
        match self.command(CommandKind::Stat { path }, LogUse::WhenThereIsAny, false, None).await {
            Err(end) => end,
            // Whatever the reason, to the step there is nothing to see.
            Ok(done) => End::Answered(Ok(StepAnswer::Stat(done.stat))),
        }
    }

    pub(super) async fn files(&mut self, kind: CommandKind) -> End {
        let name = kind.name();
        match self.command(kind, LogUse::WhenThereIsAny, false, None).await {
            Err(end) => end,
            Ok(done) => End::Answered(
                done.check(name).map(|()| StepAnswer::Files(done.files.unwrap_or_default())),
            ),
        }
    }

    pub(super) async fn upload(&mut self, kind: CommandKind, mut upload: Upload) -> End {
        let name = kind.name();
        let end =
            self.command(kind, LogUse::Named("stdio".to_owned()), false, Some(&mut upload)).await;
        match end {
            Err(end) => end,
            Ok(done) => End::Answered(match done.check(name) {
                Ok(()) => upload.publish().map(|()| StepAnswer::Done).map_err(DeskError::Failed),
                Err(error) => Err(error),
            }),
        }
    }

    /// Sends a command and takes its events until its end.
    async fn command(
        &mut self,
        kind: CommandKind,
        log: LogUse,
        collect: bool,
        mut upload: Option<&mut Upload>,
    ) -> Result<Finished, End> {
        let grace = STOP_GRACE + sigterm_time(&kind);
        let (key, mut events, seq) = self.start(kind, &log).await?;
        let log = match log {
            LogUse::Named(name) => name,
            LogUse::WhenThereIsAny => "stdio".to_owned(),
        };
        let mut done = Finished::default();
        let mut stopped: Option<String> = None;
        let give_up = tokio::time::sleep(Duration::MAX);
        tokio::pin!(give_up);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                order = Running::next_order(self.orders) => match order {
                    Order::Abandon => return Err(End::Abandoned),
                    Order::Run => continue,
                    Order::Stop(reason) => {
                        self.running.attempt.link.interrupt(key, &reason);
                        give_up.as_mut().reset(tokio::time::Instant::now() + grace);
                        stopped = Some(reason);
                        continue;
                    }
                },
                () = &mut give_up, if stopped.is_some() => {
                    Some(CommandEvent::Refused("the worker did not stop the command".to_owned()))
                }
            };
            match event {
                Some(CommandEvent::Output { stream, data, ack }) => {
                    done.keep(stream, &data, collect);
                    if let Ok(log) = self.service.log(self.running, &log, LogKind::Stdio).await {
                        log.append(stream, data, ack).await;
                    }
                }
                Some(CommandEvent::Complete { failure, ack }) => {
                    done.failure = failure;
                    self.ended(seq, "complete", &done).await;
                    drop(ack);
                    break;
                }
                Some(CommandEvent::Refused(text)) => {
                    done.failure = Some(text);
                    self.ended(seq, "complete", &done).await;
                    break;
                }
                Some(CommandEvent::Lost) | None => return Err(self.lost(seq, &done).await),
                Some(event) => done.note(event, upload.as_deref_mut()),
            }
        }
        match stopped {
            Some(reason) => Err(End::Stopped(reason)),
            None => Ok(done),
        }
    }

    /// Records the command, opens its log in the same commit, and hands it to the worker.
    async fn start(
        &mut self,
        kind: CommandKind,
        log: &LogUse,
    ) -> Result<(u64, mpsc::Receiver<CommandEvent>, i64), End> {
        let (step, seq) = (self.service.step, self.service.commands);
        self.service.commands += 1;
        let request =
            json!({ "command": kind.name(), "what": self.running.masker.text(&shown(&kind)) });
        let new_log = match log {
            LogUse::Named(name) if !self.service.logs.contains_key(name) => Some(name.clone()),
            _ => None,
        };
        let name = new_log.clone();
        let sent = self
            .running
            .ask(|answer| BuildReport::CommandSent { step, seq, request, log: new_log, answer })
            .await;
        match (sent, name) {
            (Err(_), _) => return Err(End::Abandoned),
            (Ok(Some(id)), Some(name)) => self.service.adopt(self.running, &name, id),
            (Ok(_), _) => {}
        }
        // Unique for ever: no answer of an older command can be taken for this one's.
        let key = (u64::try_from(step.0).unwrap_or(0) << 20) | u64::try_from(seq).unwrap_or(0);
        let attempt = &self.running.attempt;
        let command = Command {
            builder: attempt.builder.name.clone(),
            builddir: attempt.builder.workerbuilddir.clone(),
            what: kind,
        };
        let (sink, events) = mpsc::channel(64);
        attempt.link.start(key, command, sink);
        Ok((key, events, seq))
    }

    async fn ended(&self, seq: i64, state: &'static str, done: &Finished) {
        let reply = json!({
            "rc": done.rc,
            "failure_reason": done.failure_reason,
            "failure": done.failure,
        });
        let step = self.service.step;
        self.running.tell(BuildReport::CommandEnded { step, seq, state, reply }).await;
    }

    /// The connection is gone: the engine, which learns it too, gives the attempt up. If it does
    /// not, the step ends rather than wait for ever.
    async fn lost(&mut self, seq: i64, done: &Finished) -> End {
        self.ended(seq, "lost", done).await;
        let given_up = async { while Running::next_order(self.orders).await != Order::Abandon {} };
        match tokio::time::timeout(LOST_GRACE, given_up).await {
            Ok(()) => End::Abandoned,
            Err(_) => {
                let text = "the connection to the worker was lost".to_owned();
                End::Answered(Err(DeskError::Failed(text)))
            }
        }
    }
}

impl Finished {
    /// Takes an event that needs no waiting.
    fn note(&mut self, event: CommandEvent, upload: Option<&mut Upload>) {
        let none = || "no file was expected".to_owned();
        match event {
            CommandEvent::Rc(rc) => self.rc = Some(rc),
            CommandEvent::FailureReason(reason) => self.failure_reason = Some(reason),
            CommandEvent::Stat(stat) => self.stat = Some(stat),
            CommandEvent::Files(files) => self.files = Some(files),
            CommandEvent::UploadBlock { data, answer } => {
                let _ = answer.send(upload.map_or_else(|| Err(none()), |u| u.write(&data)));
            }
            CommandEvent::UploadClosed { answer } => {
                let _ = answer.send(upload.map_or_else(|| Err(none()), Upload::close));
            }
            CommandEvent::UploadTimes { accessed, modified, answer } => {
                let done = upload.map_or_else(|| Err(none()), |u| u.set_times(accessed, modified));
                let _ = answer.send(done);
            }
            CommandEvent::Output { .. }
            | CommandEvent::Complete { .. }
            | CommandEvent::Refused(_)
            | CommandEvent::Lost => {}
        }
    }

    fn keep(&mut self, stream: Stream, data: &[u8], collect: bool) {
        match stream {
            Stream::Stdout if collect => extend(&mut self.stdout, data, COLLECT),
            Stream::Stderr if collect => extend(&mut self.stderr, data, COLLECT),
            Stream::Stdout => {}
            Stream::Stderr | Stream::Header => {
                if self.said.len() < 4096 {
                    self.said.push_str(&String::from_utf8_lossy(data));
                }
            }
        }
    }

    /// Success, or why not.
    fn check(&self, name: &str) -> Result<(), DeskError> {
        let said = self.said.trim();
        match (&self.failure, self.rc) {
            (Some(failure), _) => Err(DeskError::Failed(format!("{name}: {failure}"))),
            (None, Some(0)) => Ok(()),
            (None, rc) => {
                let rc = rc.map_or("no exit code".to_owned(), |rc| format!("exit code {rc}"));
                let text = if said.is_empty() {
                    format!("{name}: {rc}")
                } else {
                    format!("{name}: {rc}: {said}")
                };
                Err(DeskError::Failed(text))
            }
        }
    }
}

fn extend(out: &mut Vec<u8>, data: &[u8], limit: usize) {
    let room = limit.saturating_sub(out.len());
    out.extend_from_slice(&data[..data.len().min(room)]);
}

fn sigterm_time(kind: &CommandKind) -> Duration {
    let CommandKind::Shell(shell) = kind else { return Duration::ZERO };
    Duration::try_from_secs_f64(shell.sigterm_time.unwrap_or(0.0)).unwrap_or_default()
}

/// A command in short, for its row.
fn shown(kind: &CommandKind) -> String {
    use crate::model::command::{Argument, CommandLine};
    match kind {
        CommandKind::Shell(shell) => match &shell.command {
            CommandLine::Shell(line) => line.clone(),
            CommandLine::Argv(args) => args
                .iter()
                .map(|a| match a {
                    Argument::Plain(text) | Argument::Obfuscated(_, text) => text.as_str(),
                })
                .collect::<Vec<_>>()
                .join(" "),
        },
        CommandKind::MakeDirectory { paths } | CommandKind::RemoveDirectory { paths, .. } => {
            paths.join(" ")
        }
        CommandKind::Stat { path }
        | CommandKind::ListDirectory { path }
        | CommandKind::Glob { path }
        | CommandKind::RemoveFile { path }
        | CommandKind::UploadFile { path, .. } => path.clone(),
    }
}
