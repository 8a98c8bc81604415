//! Programs on the master's own machine, for steps that say so: a [`Link`] as a worker's, without a
//! connection. It only runs programs, with the master's rights and environment. What the master's own
//! environment holds is never shown: logs are for everybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use serde_json::Value as Json;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::base::env::{EnvValue, merged};
use crate::base::random::Random;
use crate::engine::ports::{Ack, CommandEvent, Future, Link};
use crate::engine::tasks::Tasks;
use crate::model::command::{Argument, Command, CommandKind, CommandLine, ShellCommand};
use crate::model::log::Stream;
use crate::process::{Ending, Happening, Limit, Limits, Process, Spec, signal, text, tree};

/// Bytes of output that may be under way to the log.
const WINDOW: usize = 1 << 20;

/// The master's machine. Clones are the same.
#[derive(Clone)]
pub struct Local(Arc<Inner>);

struct Inner {
    base_dir: PathBuf,
    environ: BTreeMap<String, String>,
    random: Random,
    tasks: Tasks,
    running: Mutex<BTreeMap<u64, CancellationToken>>,
}

/// A program, ready to be started, and how it is shown.
struct Ready {
    spec: Spec,
    header: String,
    literal: String,
    want_stdout: bool,
    want_stderr: bool,
}

impl Local {
    /// The machine as seen from `base_dir`, to which paths are relative. What an earlier life of this
    /// master left running is killed first.
    pub async fn new(
        base_dir: &Path,
        environ: BTreeMap<String, String>,
        random: Random,
        tasks: Tasks,
    ) -> Self {
        let base_dir = std::fs::canonicalize(base_dir).unwrap_or_else(|_| base_dir.to_owned());
        let mark = tree::mark(&base_dir);
        let swept = tokio::task::spawn_blocking(move || tree::sweep(&mark)).await;
        if let Ok(count @ 1..) = swept {
            tracing::warn!(
                "{count} processes of this master's last life were still running; killed."
            );
        }
        let running = Mutex::default();
        Self(Arc::new(Inner { base_dir, environ, random, tasks, running }))
    }
}

impl Link for Local {
    fn start(&self, key: u64, command: Command, sink: mpsc::Sender<CommandEvent>) {
        let inner = self.0.clone();
        let asked = CancellationToken::new();
        inner.running().insert(key, asked.clone());
        self.0.tasks.spawn("program of the master", async move {
            let last = match inner.ready(command.what) {
                Ok(ready) => inner.perform(ready, asked, &sink).await,
                Err(text) => CommandEvent::Refused(text),
            };
            inner.running().remove(&key);
            // Nobody may be left to hear it.
            let _ = sink.send(last).await;
        });
    }

    fn interrupt(&self, key: u64, _why: &str) {
        if let Some(asked) = self.0.running().get(&key) {
            asked.cancel();
        }
    }

    fn ping(&self) -> Future<'static, bool> {
        Box::pin(async { true })
    }

    fn shutdown(&self) {}

    fn close(&self, _why: &str) {}
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a program of a command.
    fn ready(&self, what: CommandKind) -> Result<Ready, String> {
        let CommandKind::Shell(shell) = what else {
            return Err(format!("the master itself does not carry out {:?}", what.name()));
        };
        let workdir = match shell.workdir.is_empty() {
            // Joining nothing would add a slash.
            true => self.base_dir.clone(),
            false => self.base_dir.join(&shell.workdir),
        };
        if !workdir.is_dir() {
            return Err(format!("the master has no directory {}", workdir.display()));
        }
        let limits = limits(&shell)?;
        let changes = changes(&shell.env)?;
        let mut environ = merged(&self.environ, &changes, ":");
        environ.insert("PWD".to_owned(), workdir.to_string_lossy().into_owned());
        let (argv, shown, literal) = line(&shell.command);
        let set = if shell.log_environ { own_variables(&changes) } else { String::new() };
        let header = header(&shown, &literal, &workdir, &limits, &set);
        let cookie = format!("{}{}", tree::mark(&self.base_dir), self.random.token());
        let stdin = shell.initial_stdin.unwrap_or_default().into_bytes();
        // The end of an input could not be told on a terminal.
        let terminal = shell.use_pty && stdin.is_empty();
        Ok(Ready {
            spec: Spec { argv, workdir, environ, stdin, terminal, limits, cookie },
            header,
            literal,
            want_stdout: shell.want_stdout,
            want_stderr: shell.want_stderr,
        })
    }

    /// Runs a program; returns the last event of its command.
    async fn perform(
        &self,
        ready: Ready,
        asked: CancellationToken,
        sink: &mpsc::Sender<CommandEvent>,
    ) -> CommandEvent {
        say(sink, Stream::Header, ready.header.clone().into()).await;
        let program = ready.spec.argv.first().map(|a| String::from_utf8_lossy(a).into_owned());
        let ending = match Process::start(ready.spec.clone()) {
            Ok(process) => self.follow(process, &ready, asked, sink).await,
            Err(error) => {
                let text = format!("Cannot run `{}`: {error}.\n", program.unwrap_or_default());
                say(sink, Stream::Stderr, text.into()).await;
                Ending { rc: 1, signal: None, immortal: false }
            }
        };
        if let Some(signal) = ending.signal {
            say(sink, Stream::Header, format!("process killed by signal {signal}\n").into()).await;
        }
        // Nobody may be left to hear it.
        let _ = sink.send(CommandEvent::Rc(ending.rc)).await;
        let failure = ending.immortal.then(|| "the program could not be killed".to_owned());
        CommandEvent::Complete { failure, ack: Ack::none() }
    }

    /// Passes on what the program says until it has ended. It is stopped when that is wanted, and
    /// killed when the master ends or nobody listens any more.
    async fn follow(
        &self,
        mut process: Process,
        ready: &Ready,
        asked: CancellationToken,
        sink: &mpsc::Sender<CommandEvent>,
    ) -> Ending {
        let end = self.tasks.token();
        let room = Arc::new(Semaphore::new(WINDOW));
        let (mut is_asked, mut is_lost) = (false, false);
        let mut said: Option<(Stream, Bytes)> = None;
        loop {
            let size = said.as_ref().map_or(0, |(_, data)| data.len());
            let reads = said.is_none();
            tokio::select! {
                biased;
                () = lost(&end, sink), if !is_lost => {
                    is_lost = true;
                    said = None;
                    process.kill();
                }
                () = asked.cancelled(), if !is_asked => {
                    is_asked = true;
                    let text = "\ncommand interrupted, attempting to kill\n";
                    say(sink, Stream::Header, text.into()).await;
                    process.stop();
                }
                ack = permission(&room, size), if !reads => if let Some((stream, data)) = said.take() {
                    // Whoever does not listen any more is noticed above.
                    let _ = sink.send(CommandEvent::Output { stream, data, ack }).await;
                },
                happening = process.next(reads) => match happening {
                    Happening::Said(stream) => if ready.wants(stream) && !is_lost {
                        said = Some((stream, Bytes::copy_from_slice(process.said(stream))));
                    },
                    Happening::Reached(limit) => reached(limit, ready, sink).await,
                    Happening::Ended(ending) => return ending,
                },
            }
        }
    }
}

impl Ready {
    fn wants(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.want_stdout,
            Stream::Stderr => self.want_stderr,
            Stream::Header => true,
        }
    }
}

/// Room for so many bytes, which is given back when they are stored.
async fn permission(room: &Arc<Semaphore>, bytes: usize) -> Ack {
    let bytes = u32::try_from(bytes.min(WINDOW)).unwrap_or(u32::MAX);
    // It is never closed.
    let permit = room.clone().acquire_many_owned(bytes).await.ok();
    Ack::new(move || drop(permit))
}

async fn lost(end: &CancellationToken, sink: &mpsc::Sender<CommandEvent>) {
    tokio::select! {
        () = end.cancelled() => {}
        () = sink.closed() => {}
    }
}

/// Says something that is short.
async fn say(sink: &mpsc::Sender<CommandEvent>, stream: Stream, data: Bytes) {
    // Nobody may be left to hear it.
    let _ = sink.send(CommandEvent::Output { stream, data, ack: Ack::none() }).await;
}

async fn reached(limit: Limit, ready: &Ready, sink: &mpsc::Sender<CommandEvent>) {
    let seconds = |limit: Option<Duration>| limit.unwrap_or_default().as_secs_f64();
    let limits = &ready.spec.limits;
    let (why, text) = match limit {
        Limit::Quiet => (
            "timeout_without_output",
            format!("{} seconds without output", seconds(limits.timeout)),
        ),
        Limit::Time => ("timeout", format!("{} seconds in all", seconds(limits.max_time))),
        Limit::Lines(lines) => ("max_lines_failure", format!("{lines} lines of output")),
    };
    let text = format!("\n{text} running {}, attempting to kill\n", ready.literal);
    let _ = sink.send(CommandEvent::FailureReason(why.to_owned())).await;
    say(sink, Stream::Header, text.into()).await;
}

fn limits(shell: &ShellCommand) -> Result<Limits, String> {
    let time = |seconds: Option<f64>| match seconds.map(Duration::try_from_secs_f64) {
        None => Ok(None),
        Some(Ok(time)) => Ok(Some(time)),
        Some(Err(error)) => Err(format!("a limit in seconds is wrong: {error}")),
    };
    let name = &shell.interrupt_signal;
    let stop: Signal =
        signal(name).ok_or_else(|| format!("there is no signal `{name}` to interrupt with"))?;
    Ok(Limits {
        timeout: time(shell.timeout)?,
        max_time: time(shell.max_time)?,
        max_lines: shell.max_lines,
        sigterm_time: time(shell.sigterm_time)?,
        signal: stop,
    })
}

fn changes(env: &BTreeMap<String, Json>) -> Result<BTreeMap<String, EnvValue>, String> {
    let mut out = BTreeMap::new();
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("a variable cannot be called {name:?}"));
        }
        let value = match value {
            Json::Null => EnvValue::Remove,
            Json::String(text) => EnvValue::Text(text.clone()),
            Json::Array(items) if items.iter().all(Json::is_string) => {
                let texts = items.iter().filter_map(Json::as_str);
                EnvValue::List(texts.map(str::to_owned).collect())
            }
            _ => {
                return Err(format!(
                    "the variable {name} must be a text, a list of texts, or null"
                ));
            }
        };
        out.insert(name.clone(), value);
    }
    Ok(out)
}

/// Program and arguments, as a person would type them, and exactly.
fn line(command: &CommandLine) -> (Vec<Vec<u8>>, String, String) {
    match command {
        CommandLine::Shell(line) => {
            let argv = ["/bin/sh", "-c", line].map(|a| a.as_bytes().to_vec()).to_vec();
            (argv, line.clone(), text::bytes_literal(line.as_bytes()))
        }
        CommandLine::Argv(arguments) => {
            let bytes = |text: &str| text.as_bytes().to_vec();
            let (argv, shown): (Vec<_>, Vec<_>) = arguments
                .iter()
                .map(|argument| match argument {
                    Argument::Plain(text) => (bytes(text), bytes(text)),
                    Argument::Obfuscated(secret, shown) => (bytes(secret.expose()), bytes(shown)),
                })
                .unzip();
            let (typed, literal) = (text::shell_line(&shown), text::list_literal(&shown));
            (argv, typed, literal)
        }
    }
}

/// The variables that the step sets, a line each, as it was said: what is taken over from the
/// master's own (`${NAME}`) is not shown.
fn own_variables(changes: &BTreeMap<String, EnvValue>) -> String {
    let line = |(name, change): (&String, &EnvValue)| match change {
        EnvValue::Remove => format!("  {name} is removed\n"),
        EnvValue::Text(text) => format!("  {name}={text}\n"),
        EnvValue::List(items) => format!("  {name}={}\n", items.join(":")),
    };
    changes.iter().map(line).collect()
}

fn header(shown: &str, literal: &str, workdir: &Path, limits: &Limits, set: &str) -> String {
    let mut out = format!("{shown}\n in dir {} on the master", workdir.display());
    let limit = |name, time: Option<Duration>| match time {
        Some(time) => format!(" ({name} {})", text::seconds(time.as_secs_f64())),
        None => String::new(),
    };
    out.push_str(&limit("timeout", limits.timeout));
    out.push_str(&limit("maxTime", limits.max_time));
    out.push_str(&format!("\n argv: {literal}\n"));
    if !set.is_empty() {
        out.push_str(&format!(" the master's environment and:\n{set}"));
    }
    out
}
