//! One command on a worker, on behalf of a step: recorded, sent, followed to its end. Its output
//! goes to the log writer, its answer to the step; an order from outside interrupts it, and so does
//! a step that waits for it no longer. Several commands of one step are under way at once, so each
//! owns what it needs.

mod artifacts;
mod files;
mod finished;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::finished::{Blame, Finished};
use crate::base::id::StepId;
use crate::engine::Generation;
use crate::engine::attempt::Running;
use crate::engine::build_report::BuildReport;
use crate::engine::desk::{DeskError, Lines, Output, Ran, StepAnswer};
use crate::engine::logs::{Logs, Use};
use crate::engine::ports::{Ack, CommandEvent, Link, OnMaster};
use crate::engine::render::render;
use crate::engine::state::{Order, Stopped};
use crate::engine::teller::Teller;
use crate::engine::transfer::Transfer;
use crate::model::build::BuildView;
use crate::model::command::{Command, CommandKind, ShellCommand};
use crate::model::config::BuilderConfig;
use crate::model::log::{LogKind, STDIO, Stream};
use crate::model::render::Renderable;
use crate::store::Store;

/// How long a worker may take to stop a command, beyond the command's own `sigterm_time`.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// How long a lost connection may be unknown to the engine.
const LOST_GRACE: Duration = Duration::from_secs(60);

/// Where the answer to a request goes.
pub(super) type Answer = oneshot::Sender<Result<StepAnswer, DeskError>>;

/// How a command ended.
pub(super) enum End {
    /// With an answer for the step.
    Answered(Result<StepAnswer, DeskError>),
    /// The step or the build was stopped meanwhile.
    Stopped(Stopped),
    /// The attempt was given up.
    Abandoned,
}

/// Where a command's output goes.
enum LogUse {
    /// Into this log, which is opened with the command.
    Named(Use),
    /// Into `stdio`, once there is any.
    WhenThereIsAny,
}

impl LogUse {
    fn name(&self) -> &str {
        match self {
            Self::Named(log) => &log.name,
            Self::WhenThereIsAny => STDIO,
        }
    }
}

/// What is done with a command's output beside its log.
#[derive(Default)]
pub(super) struct Wants {
    /// The step gets it as text.
    pub(super) collect: bool,
    /// The step is given it as it comes.
    pub(super) lines: Option<Lines>,
}

/// A command under way.
pub(super) struct Flight {
    pub(super) answer: Answer,
    teller: Teller,
    store: Store,
    link: Arc<dyn Link>,
    /// The program runs on the master: no fault of its is the worker's.
    is_on_master: bool,
    step: StepId,
    /// Its number among the step's commands.
    seq: i64,
    /// The step's name.
    name: String,
    builder: String,
    builddir: String,
    /// The worker is told what a file holds.
    verifies_files: bool,
    logs: Logs,
    orders: watch::Receiver<Order>,
    /// The step's function has ended.
    over: CancellationToken,
}

/// What a program gets from the build.
pub(super) struct Surroundings {
    generation: Arc<Generation>,
    view: Arc<BuildView>,
    env: Renderable,
}

impl Surroundings {
    pub(super) fn of(running: &Running) -> Self {
        let attempt = &running.attempt;
        Self {
            generation: attempt.generation.clone(),
            view: running.view(),
            env: attempt.builder.env.clone(),
        }
    }

    /// Adds the builder's variables to the command's own.
    async fn add_to(&self, command: &mut ShellCommand) -> Result<(), String> {
        if command.log_encoding.is_none() {
            command.log_encoding.clone_from(&self.generation.config.log_encoding);
        }
        let builder = &self.view.builder;
        let env = render(&self.env, &self.view, self.generation.scripts.as_ref()).await;
        match env.map_err(|error| format!("env of builder {builder}: {error}"))? {
            Json::Object(map) => {
                for (name, value) in map {
                    command.env.entry(name).or_insert(value);
                }
                Ok(())
            }
            Json::Null => Ok(()),
            other => Err(format!("env of builder {builder} must be a map, it is {other}.")),
        }
    }
}

impl Flight {
    pub(super) fn new(
        running: &Running,
        ((step, seq), name): ((StepId, i64), &str),
        logs: &Logs,
        orders: &watch::Receiver<Order>,
        over: &CancellationToken,
        answer: Answer,
    ) -> Self {
        let attempt = &running.attempt;
        let BuilderConfig { name: builder, workerbuilddir, .. } = &attempt.builder;
        Self {
            answer,
            teller: running.teller(),
            store: attempt.engine.store().clone(),
            link: attempt.link.clone(),
            is_on_master: false,
            step,
            seq,
            name: name.to_owned(),
            builder: builder.clone(),
            builddir: workerbuilddir.clone(),
            verifies_files: attempt.info.verifies_files,
            logs: logs.clone(),
            orders: orders.clone(),
            over: over.clone(),
        }
    }

    /// The program runs on the master's machine instead; false = there is none.
    pub(super) fn move_to_master(&mut self, on_master: &OnMaster) -> bool {
        self.is_on_master = true;
        match on_master {
            OnMaster::Machine(link) => self.link = link.clone(),
            OnMaster::Noted => {}
            OnMaster::Nobody => return false,
        }
        true
    }

    /// A program, whose output goes to `log`.
    pub(super) async fn run(
        &mut self,
        mut command: ShellCommand,
        log: Use,
        wants: Wants,
        surroundings: Surroundings,
    ) -> End {
        // The builder's variables are for its workers.
        if !self.is_on_master
            && let Err(error) = surroundings.add_to(&mut command).await
        {
            return End::Answered(Err(DeskError::Failed(error)));
        }
        let kind = CommandKind::Shell(Box::new(command));
        let done = self.command(kind, LogUse::Named(log), wants, &mut Transfer::None).await;
        let done = match done {
            Ok(done) => done,
            Err(end) => return end,
        };
        if let Some(failure) = done.failure {
            let whose = if self.is_on_master { DeskError::Failed } else { DeskError::Worker };
            return End::Answered(Err(whose(failure)));
        }
        End::Answered(Ok(StepAnswer::Ran(Ran {
            rc: done.rc.unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            failure_reason: done.failure_reason,
        })))
    }

    /// Sends a command and takes its events until its end.
    async fn command(
        &mut self,
        kind: CommandKind,
        log: LogUse,
        wants: Wants,
        transfer: &mut Transfer,
    ) -> Result<Finished, End> {
        let grace = STOP_GRACE + sigterm_time(&kind);
        let blame = if self.is_on_master { Blame::Never } else { Blame::of(&kind) };
        let files = log_files(&kind);
        let (key, mut events) = self.start(kind, &log).await?;
        for name in files {
            // One that cannot be opened now is opened with its first bytes.
            let _ = self.logs.open(&name, LogKind::Stdio).await;
        }
        let Wants { collect, mut lines } = wants;
        // What is still to be given to the step; nothing else is read before.
        let mut unread: Option<Output> = None;
        let mut done = Finished::default();
        let mut stopped: Option<End> = None;
        let give_up = tokio::time::sleep(Duration::MAX);
        tokio::pin!(give_up);
        loop {
            let (why, end) = tokio::select! {
                // Orders first: a command may print faster than anybody reads.
                biased;
                order = Running::next_order(&mut self.orders) => match order.for_step(self.step) {
                    Err(()) => return Err(End::Abandoned),
                    Ok(None) => continue,
                    Ok(Some(stopped)) => (stopped.reason.clone(), End::Stopped(stopped)),
                },
                () = unwanted(&mut self.answer, &self.over), if stopped.is_none() => {
                    let why = "the step does not wait for it any more".to_owned();
                    (why, End::Answered(Err(DeskError::Stopped)))
                }
                () = &mut give_up, if stopped.is_some() => {
                    done.failure = Some("the worker did not stop the command".to_owned());
                    if let Some(End::Stopped(stopped)) = &mut stopped {
                        stopped.is_mute = true;
                    }
                    self.ended("complete", &done, blame, Ack::none()).await;
                    break;
                }
                () = room(lines.as_ref()), if unread.is_some() => {
                    if let (Some(to), Some(output)) = (&lines, unread.take())
                        && to.try_send(output).is_err()
                    {
                        // Who took them is gone.
                        lines = None;
                    }
                    continue;
                }
                event = events.recv(), if unread.is_none() => match event {
                    Some(CommandEvent::Output { stream, data, ack }) => {
                        done.keep(stream, &data, collect);
                        let copy = data.clone();
                        let line =
                            self.logs.append(log.name(), LogKind::Stdio, stream, data, ack).await;
                        if lines.is_some() && stream != Stream::Header {
                            unread = Some(Output { stream, data: copy, line });
                        }
                        continue;
                    }
                    Some(CommandEvent::LogFile { name, data, ack }) => {
                        let stream = Stream::Stdout;
                        self.logs.append(&name, LogKind::Stdio, stream, data, ack).await;
                        continue;
                    }
                    Some(CommandEvent::Complete { failure, ack }) => {
                        done.failure = failure;
                        self.ended("complete", &done, blame, ack).await;
                        break;
                    }
                    Some(CommandEvent::Refused(text)) => {
                        done.failure = Some(text);
                        self.ended("complete", &done, blame, Ack::none()).await;
                        break;
                    }
                    Some(CommandEvent::Lost) | None => return Err(self.lost(&done).await),
                    Some(event) => {
                        done.note(event, transfer, &self.store).await;
                        continue;
                    }
                },
            };
            self.link.interrupt(key, &why);
            give_up.as_mut().reset(tokio::time::Instant::now() + grace);
            stopped = Some(end);
        }
        stopped.map_or(Ok(done), Err)
    }

    /// Records the command, opens its log in the same commit, and hands it to the worker.
    async fn start(
        &mut self,
        kind: CommandKind,
        log: &LogUse,
    ) -> Result<(u64, mpsc::Receiver<CommandEvent>), End> {
        let (step, seq) = (self.step, self.seq);
        let what = self.logs.masker().text(&shown(&kind));
        let request = json!({ "command": kind.name(), "what": what });
        let mut opening = self.logs.opening().await;
        let new_log = match log {
            LogUse::Named(log) => opening.missing(&log.name),
            LogUse::WhenThereIsAny => None,
        };
        let sent = |answer| BuildReport::CommandSent { step, seq, request, log: new_log, answer };
        match self.teller.ask(sent).await {
            Err(_) => return Err(End::Abandoned),
            Ok(Some(id)) => drop(opening.add(log.name(), id)),
            Ok(None) => {}
        }
        drop(opening);
        // Unique for ever: no answer of an older command can be taken for this one's.
        let key = (u64::try_from(step.0).unwrap_or(0) << 20) | u64::try_from(seq).unwrap_or(0);
        let command = Command {
            builder: self.builder.clone(),
            builddir: self.builddir.clone(),
            step: self.name.clone(),
            what: kind,
        };
        let (sink, events) = mpsc::channel(64);
        self.link.start(key, command, sink);
        Ok((key, events))
    }

    async fn ended(&self, state: &'static str, done: &Finished, blame: Blame, ack: Ack) {
        let reply = json!({
            "rc": done.rc,
            "failure_reason": done.failure_reason,
            "failure": done.failure,
        });
        let (step, seq) = (self.step, self.seq);
        let blame = done.blame(blame).map(|text| self.logs.masker().text(&text));
        self.teller.tell(BuildReport::CommandEnded { step, seq, state, reply, blame, ack }).await;
    }

    /// The connection is gone: the engine, which learns it too, gives the attempt up. If it does
    /// not, the step ends rather than wait for ever.
    async fn lost(&mut self, done: &Finished) -> End {
        self.ended("lost", done, Blame::Never, Ack::none()).await;
        let orders = &mut self.orders;
        let given_up = async { while Running::next_order(orders).await != Order::Abandon {} };
        match tokio::time::timeout(LOST_GRACE, given_up).await {
            Ok(()) => End::Abandoned,
            Err(_) => {
                let text = "the connection to the worker was lost".to_owned();
                End::Answered(Err(DeskError::Failed(text)))
            }
        }
    }
}

/// Waits until there is room for output, or nobody takes it any more. Nobody else uses the room.
async fn room(lines: Option<&Lines>) {
    if let Some(lines) = lines {
        let _ = lines.reserve().await;
    }
}

/// The log files of a command that are opened with it.
fn log_files(kind: &CommandKind) -> Vec<String> {
    match kind {
        CommandKind::Shell(shell) if !shell.lazylogfiles => {
            shell.logfiles.keys().cloned().collect()
        }
        _ => Vec::new(),
    }
}

/// Waits until nobody waits for the answer.
pub(super) async fn unwanted(answer: &mut Answer, over: &CancellationToken) {
    tokio::select! {
        biased;
        () = answer.closed() => {}
        () = over.cancelled() => {}
    }
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
        CommandKind::CopyDirectory { from, to, .. } => format!("{from} {to}"),
        CommandKind::Stat { path }
        | CommandKind::DownloadFile { path, .. }
        | CommandKind::ListDirectory { path }
        | CommandKind::Glob { path }
        | CommandKind::RemoveFile { path }
        | CommandKind::UploadFile { path, .. }
        | CommandKind::UploadDirectory { path, .. } => path.clone(),
    }
}
