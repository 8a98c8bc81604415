//! A fake worker at the neutral link: it does what the story tells it, in the expectation language
//! (`expect(shell("make").prints("…").exits(2))`), or obeys everything. A command that nobody
//! expected fails the story.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halide_ci::base::random::Random;
use halide_ci::engine::ports::{Ack, CommandEvent, Future, Link};
use halide_ci::model::command::{Argument, Command, CommandKind, CommandLine};
use halide_ci::model::log::Stream;
use tokio::sync::{mpsc, oneshot};

/// A command that a story expects, and what becomes of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    command: String,
    output: Vec<(Stream, String)>,
    /// What it writes to log files, by the log's name.
    logs: Vec<(String, String)>,
    rc: i64,
    takes: Duration,
    holds: String,
    finds: Vec<String>,
    /// Why the worker cannot carry it out.
    breaks: Option<String>,
    /// Why the worker killed it.
    killed: Option<String>,
    /// Where it is noted among what the hand says.
    says: Option<usize>,
}

/// Expects a program with its arguments, as they would be written in a shell.
pub(crate) fn shell(command: &str) -> Expected {
    Expected { command: command.to_owned(), ..Expected::default() }
}

impl Expected {
    /// It prints this.
    pub(crate) fn prints(mut self, text: &str) -> Self {
        self.output.push((Stream::Stdout, text.to_owned()));
        self
    }

    /// It writes this to standard error.
    pub(crate) fn complains(mut self, text: &str) -> Self {
        self.output.push((Stream::Stderr, text.to_owned()));
        self
    }

    /// The worker says this of it.
    pub(crate) fn heads(mut self, text: &str) -> Self {
        self.output.push((Stream::Header, text.to_owned()));
        self
    }

    /// It writes this to the file of a log.
    pub(crate) fn logs(mut self, name: &str, text: &str) -> Self {
        self.logs.push((name.to_owned(), text.to_owned()));
        self
    }

    /// It ends with this exit code.
    pub(crate) fn exits(mut self, rc: i64) -> Self {
        self.rc = rc;
        self
    }

    /// The file that is uploaded holds this.
    pub(crate) fn holds(mut self, text: &str) -> Self {
        text.clone_into(&mut self.holds);
        self
    }

    /// It finds these paths.
    pub(crate) fn finds(mut self, paths: &[&str]) -> Self {
        self.finds = paths.iter().map(|path| (*path).to_owned()).collect();
        self
    }

    /// The worker cannot carry it out, for this reason.
    pub(crate) fn breaks(mut self, why: &str) -> Self {
        self.breaks = Some(why.to_owned());
        self
    }

    /// The worker kills it, for this reason.
    pub(crate) fn kills(mut self, reason: &str) -> Self {
        self.killed = Some(reason.to_owned());
        self.exits(-1)
    }

    /// It runs this many seconds.
    pub(crate) fn takes(mut self, seconds: u64) -> Self {
        self.takes = Duration::from_secs(seconds);
        self
    }
}

/// The output of a command of a hand that lives by itself: lines that name it, `saying N line I`.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    /// What nobody else says.
    pub(crate) number: usize,
    /// How many lines there are.
    pub(crate) lines: usize,
    /// Its exit code, if it came to its end.
    pub(crate) rc: Option<i64>,
}

/// The far end of a link; clones are the same connection.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Inner>);

struct Inner {
    name: String,
    /// The process that it says it is.
    boot: Option<String>,
    state: Mutex<State>,
    observe: Arc<dyn Fn(String) + Send + Sync>,
}

#[derive(Default)]
struct State {
    expected: VecDeque<Expected>,
    obeys: bool,
    dawdles: Duration,
    is_deaf: bool,
    /// Decides about every command, once it lives by itself.
    chance: Option<Random>,
    /// What it said in commands, in order.
    sayings: Vec<Saying>,
    first: usize,
    /// Commands under way: (key, what, sink).
    running: Vec<(u64, String, mpsc::Sender<CommandEvent>)>,
    /// What came although nobody expected it.
    surprises: Vec<String>,
    is_closed: bool,
    /// Bytes of output that somebody took.
    printed: usize,
    /// What was written to files.
    written: Vec<String>,
}

impl Hand {
    pub(crate) fn new(
        name: &str,
        boot: Option<&str>,
        observe: Arc<dyn Fn(String) + Send + Sync>,
    ) -> Self {
        let (name, boot) = (name.to_owned(), boot.map(str::to_owned));
        Self(Arc::new(Inner { name, boot, state: Mutex::default(), observe }))
    }

    /// The next commands, in order.
    pub(crate) fn expect(&self, expected: impl IntoIterator<Item = Expected>) -> &Self {
        self.0.state.lock().unwrap().expected.extend(expected);
        self
    }

    /// Everything that is not expected succeeds at once.
    pub(crate) fn obey(&self) -> &Self {
        self.0.state.lock().unwrap().obeys = true;
        self
    }

    /// Everything succeeds after this many seconds.
    pub(crate) fn dawdle(&self, seconds: u64) -> &Self {
        self.0.state.lock().unwrap().dawdles = Duration::from_secs(seconds);
        self.obey()
    }

    /// It does not stop what it is told to stop.
    pub(crate) fn ignore_interrupts(&self) {
        self.0.state.lock().unwrap().is_deaf = true;
    }

    /// It lives by itself: commands print, take their time, and now and then fail. `first` numbers
    /// what it says, so that no two hands say the same.
    pub(crate) fn live(&self, chance: Random, first: usize) -> &Self {
        let mut state = self.0.state.lock().unwrap();
        state.chance = Some(chance);
        state.first = first;
        state.obeys = true;
        drop(state);
        self
    }

    /// Its worker's name.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// What it said.
    pub(crate) fn sayings(&self) -> Vec<Saying> {
        self.0.state.lock().unwrap().sayings.clone()
    }

    /// What it runs now.
    pub(crate) fn running(&self) -> Vec<String> {
        self.0.state.lock().unwrap().running.iter().map(|(_, what, _)| what.clone()).collect()
    }

    /// Bytes of output that the master took.
    pub(crate) fn printed(&self) -> usize {
        self.0.state.lock().unwrap().printed
    }

    /// What was written to files, in order.
    pub(crate) fn written(&self) -> Vec<String> {
        self.0.state.lock().unwrap().written.clone()
    }

    /// What came unexpectedly, and what was expected and did not come.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let state = self.0.state.lock().unwrap();
        let missing =
            state.expected.iter().map(|e| format!("{} never got {:?}", self.0.name, e.command));
        state.surprises.iter().cloned().chain(missing).collect()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.state.lock().unwrap().is_closed
    }

    fn see(&self, line: &str) {
        (self.0.observe)(format!("{}: {line}", self.0.name));
    }

    /// What becomes of a command.
    fn plan(&self, what: &str) -> Option<Expected> {
        let mut state = self.0.state.lock().unwrap();
        let next = state.expected.front().is_some_and(|e| e.command == what);
        if next {
            return state.expected.pop_front();
        }
        if let Some(chance) = state.chance.clone() {
            let mut plan = shell(what).takes(chance.below(120) as u64);
            plan.rc = i64::from(chance.below(6) == 0);
            let (number, lines) = (state.first + state.sayings.len(), chance.below(4));
            let line = |i| (Stream::Stdout, format!("saying {number} line {i}\n"));
            plan.output = (0..lines).map(line).collect();
            plan.says = Some(state.sayings.len());
            state.sayings.push(Saying { number, lines, rc: None });
            return Some(plan);
        }
        if state.obeys {
            return Some(shell(what).takes(state.dawdles.as_secs()));
        }
        state.surprises.push(format!("{} did not expect {what:?}", self.0.name));
        None
    }

    async fn perform(self, key: u64, plan: Expected, sink: mpsc::Sender<CommandEvent>) {
        for (stream, text) in &plan.output {
            let event = CommandEvent::Output {
                stream: *stream,
                data: text.clone().into(),
                ack: Ack::none(),
            };
            if sink.send(event).await.is_ok() {
                self.0.state.lock().unwrap().printed += text.len();
            }
        }
        for (name, text) in &plan.logs {
            let (name, data) = (name.clone(), text.clone().into());
            let _ = sink.send(CommandEvent::LogFile { name, data, ack: Ack::none() }).await;
        }
        if plan.command.starts_with("upload ") {
            for block in plan.holds.as_bytes().chunks(10).map(<[u8]>::to_vec) {
                let (answer, answered) = oneshot::channel();
                let _ = sink.send(CommandEvent::UploadBlock { data: block.into(), answer }).await;
                if let Ok(Err(why)) = answered.await {
                    let failure = Some(why);
                    let _ = sink.send(CommandEvent::Complete { failure, ack: Ack::none() }).await;
                    return;
                }
            }
        }
        if plan.command.starts_with("download ") {
            let mut text = Vec::new();
            loop {
                let (answer, answered) = oneshot::channel();
                let block = CommandEvent::DownloadBlock { length: 10, offset: None, answer };
                let _ = sink.send(block).await;
                match answered.await {
                    Ok(Ok(block)) if !block.is_empty() => text.extend(block),
                    _ => break,
                }
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            self.0.state.lock().unwrap().written.push(text);
        }
        tokio::time::sleep(plan.takes).await;
        let was_running = {
            let mut state = self.0.state.lock().unwrap();
            let before = state.running.len();
            state.running.retain(|(k, _, _)| *k != key);
            if let Some(says) = plan.says {
                state.sayings[says].rc = Some(plan.rc);
            }
            state.running.len() < before
        };
        if was_running {
            if !plan.finds.is_empty() {
                let _ = sink.send(CommandEvent::Files(plan.finds)).await;
            }
            if let Some(reason) = plan.killed {
                let _ = sink.send(CommandEvent::FailureReason(reason)).await;
            }
            let failure = plan.breaks;
            if failure.is_none() {
                let _ = sink.send(CommandEvent::Rc(plan.rc)).await;
            }
            let _ = sink.send(CommandEvent::Complete { failure, ack: Ack::none() }).await;
        }
    }
}

impl Link for Hand {
    fn start(&self, key: u64, command: Command, sink: mpsc::Sender<CommandEvent>) {
        let what = words(&command.what);
        self.see(&format!("gets {what:?}"));
        if self.is_closed() {
            let _ = sink.try_send(CommandEvent::Lost);
            return;
        }
        let Some(plan) = self.plan(&what) else {
            let _ = sink.try_send(CommandEvent::Refused("unexpected".to_owned()));
            return;
        };
        self.0.state.lock().unwrap().running.push((key, what, sink.clone()));
        #[expect(clippy::disallowed_methods, reason = "the fake is no part of the program")]
        tokio::spawn(self.clone().perform(key, plan, sink));
    }

    fn interrupt(&self, key: u64, why: &str) {
        self.see(&format!("is told to stop: {why}"));
        let mut state = self.0.state.lock().unwrap();
        if state.is_deaf {
            return;
        }
        if let Some(at) = state.running.iter().position(|(k, _, _)| *k == key) {
            let (_, _, sink) = state.running.remove(at);
            let _ = sink.try_send(CommandEvent::Rc(-1));
            let _ = sink.try_send(CommandEvent::Complete { failure: None, ack: Ack::none() });
        }
    }

    fn ping(&self) -> Future<'static, bool> {
        let alive = !self.is_closed();
        Box::pin(async move { alive })
    }

    fn shutdown(&self) {
        self.close("shut down");
    }

    fn boot(&self) -> Option<&str> {
        self.0.boot.as_deref()
    }

    fn close(&self, why: &str) {
        let mut state = self.0.state.lock().unwrap();
        if !state.is_closed {
            state.is_closed = true;
            drop(state);
            self.see(&format!("is cut off: {why}"));
        }
    }
}

/// A command as a story writes it.
fn words(kind: &CommandKind) -> String {
    match kind {
        CommandKind::Shell(shell) => {
            let words = match &shell.command {
                CommandLine::Shell(line) => line.clone(),
                CommandLine::Argv(args) => {
                    let args = args.iter().map(|a| match a {
                        Argument::Plain(text) | Argument::Obfuscated(_, text) => text.as_str(),
                    });
                    args.collect::<Vec<_>>().join(" ")
                }
            };
            if shell.on_master { format!("on the master: {words}") } else { words }
        }
        CommandKind::MakeDirectory { paths } => format!("mkdir {}", paths.join(" ")),
        CommandKind::RemoveDirectory { paths, .. } => format!("rmdir {}", paths.join(" ")),
        CommandKind::Stat { path } => format!("stat {path}"),
        CommandKind::ListDirectory { path } => format!("listdir {path}"),
        CommandKind::Glob { path } => format!("glob {path}"),
        CommandKind::RemoveFile { path } => format!("rmfile {path}"),
        CommandKind::UploadFile { path, .. } | CommandKind::UploadDirectory { path, .. } => {
            format!("upload {path}")
        }
        CommandKind::DownloadFile { path, .. } => format!("download {path}"),
        CommandKind::CopyDirectory { from, to, .. } => format!("cpdir {from} {to}"),
    }
}
