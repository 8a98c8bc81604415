//! A worker that only takes notes: every command succeeds at once and says nothing, unless a test
//! has told it otherwise. It has no files: nothing exists, no pattern finds anything. Two answers
//! are not empty, because shipped steps cannot go on without them: `git rev-parse` names a commit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::record::{Record, Sent};
use crate::engine::ports::{Ack, CommandEvent, Future, Link};
use crate::engine::tasks::Tasks;
use crate::model::command::{Command, CommandKind, FileStat};
use crate::model::log::Stream;

/// What a worker answers to a command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Exit code; for everything but programs, 0 is success.
    pub rc: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Simulated seconds that it takes.
    pub seconds: f64,
    /// Why the worker killed it: `timeout`, `timeout_without_output`, `max_lines_failure`.
    pub failure_reason: Option<String>,
    /// What listdir and glob find.
    pub files: Vec<String>,
    /// What a file holds that is read or uploaded.
    pub content: String,
    /// That stat finds a `file` or a `directory`.
    pub exists: Option<Exists>,
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exists {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// Which commands a rule is about.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The first words of the program, or of the text for the shell; or the words `stat PATH`,
    /// `glob PATTERN` and so on.
    pub words: Vec<String>,
    /// What it answers.
    pub answer: Answer,
}

/// The far end of a rehearsed worker's link. Clones are the same worker.
#[derive(Clone)]
pub(super) struct Worker(Arc<Inner>);

struct Inner {
    name: String,
    record: Record,
    tasks: Tasks,
    rules: Mutex<VecDeque<Rule>>,
    /// The commit that was checked out last, for `git rev-parse`.
    commit: Mutex<Option<String>>,
}

impl Worker {
    pub(super) fn new(name: &str, record: Record, tasks: Tasks) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            record,
            tasks,
            rules: Mutex::default(),
            commit: Mutex::default(),
        }))
    }

    /// From now on; the newest rule that fits decides.
    pub(super) fn on(&self, rule: Rule) {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner).push_front(rule);
    }

    fn answer(&self, words: &[String]) -> Answer {
        let rules = self.0.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |rule: &&Rule| words.starts_with(&rule.words);
        match rules.iter().find(fits) {
            Some(rule) => rule.answer.clone(),
            None => self.git(words),
        }
    }

    /// What git says where a step needs to hear it.
    fn git(&self, words: &[String]) -> Answer {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut commit = self.0.commit.lock().unwrap_or_else(PoisonError::into_inner);
        match &words[..] {
            ["git", "checkout", rest @ ..] => {
                let is_hash = |w: &&&str| w.len() >= 7 && w.bytes().all(|b| b.is_ascii_hexdigit());
                *commit = rest.iter().find(is_hash).map(|w| (*w).to_owned());
                Answer::default()
            }
            ["git", "rev-parse", ..] => {
                let commit = commit.clone().unwrap_or_else(|| "0".repeat(40));
                Answer { stdout: format!("{commit}\n"), ..Answer::default() }
            }
            _ => Answer::default(),
        }
    }
}

/// A command as rules name it.
fn words(kind: &CommandKind, sent: &Sent) -> Vec<String> {
    use serde_json::Value as Json;
    let texts = match &sent.command {
        Json::Array(items) => items.iter().map(|i| i.as_str().unwrap_or("").to_owned()).collect(),
        Json::String(text) if matches!(kind, CommandKind::Shell(_)) => {
            text.split_whitespace().map(str::to_owned).collect()
        }
        Json::String(text) => vec![text.clone()],
        _ => Vec::new(),
    };
    match kind {
        CommandKind::Shell(_) => texts,
        _ => std::iter::once(sent.kind.to_owned()).chain(texts).collect(),
    }
}

async fn perform(what: CommandKind, answer: Answer, sink: mpsc::Sender<CommandEvent>) {
    let mut events = Vec::new();
    let output = |stream, text: &str| CommandEvent::Output {
        stream,
        data: text.to_owned().into(),
        ack: Ack::none(),
    };
    if !answer.stdout.is_empty() {
        events.push(output(Stream::Stdout, &answer.stdout));
    }
    if !answer.stderr.is_empty() {
        events.push(output(Stream::Stderr, &answer.stderr));
    }
    let mut rc = answer.rc;
    match &what {
        CommandKind::Stat { .. } => match answer.exists {
            Some(exists) => {
                let mode = if exists == Exists::Directory { 0o040_755 } else { 0o100_644 };
                events.push(CommandEvent::Stat(FileStat { mode, size: 0, mtime: 0 }));
            }
            None => rc = 1,
        },
        CommandKind::ListDirectory { .. } | CommandKind::Glob { .. } => {
            events.push(CommandEvent::Files(answer.files.clone()));
        }
        CommandKind::UploadFile { .. } => {
            // The block is taken or refused; either way the command ends as it was told to.
            let data = answer.content.clone().into();
            events.push(CommandEvent::UploadBlock { data, answer: oneshot::channel().0 });
        }
        CommandKind::UploadDirectory { .. }
        | CommandKind::DownloadFile { .. }
        | CommandKind::CopyDirectory { .. }
        | CommandKind::Shell(_)
        | CommandKind::MakeDirectory { .. }
        | CommandKind::RemoveDirectory { .. }
        | CommandKind::RemoveFile { .. } => {}
    }
    events.extend(answer.failure_reason.map(CommandEvent::FailureReason));
    events.push(CommandEvent::Rc(rc));
    events.push(CommandEvent::Complete { failure: None, ack: Ack::none() });
    if answer.seconds > 0.0
        && let Ok(time) = Duration::try_from_secs_f64(answer.seconds)
    {
        tokio::time::sleep(time).await;
    }
    for event in events {
        // A step that was stopped listens no more.
        let _ = sink.send(event).await;
    }
}

impl Link for Worker {
    fn start(&self, _key: u64, command: Command, sink: mpsc::Sender<CommandEvent>) {
        self.0.record.sent(&self.0.name, &command);
        let answer = self.answer(&words(&command.what, &Sent::of(&command.what)));
        self.0.tasks.spawn("rehearsed command", perform(command.what, answer, sink));
    }

    // Commands end by themselves, in simulated time.
    fn interrupt(&self, _key: u64, _why: &str) {}

    fn ping(&self) -> Future<'static, bool> {
        Box::pin(async { true })
    }

    fn shutdown(&self) {}

    fn close(&self, _why: &str) {}
}
