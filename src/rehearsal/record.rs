//! What a rehearsed build did, step by step: `Witness` stands before the configuration's functions
//! and sees each step begin with its rendered options; the workers note the commands they get. What
//! the rows know (results, texts) is not noted twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value as Json;

use crate::base::results::Results;
use crate::engine::ports::{Argument, Future, ScriptError, Scripts, StepRun, StepValue};
use crate::model::change::NewChange;
use crate::model::command::{Argument as Word, Command, CommandKind, CommandLine};
use crate::model::config::Callback;
use crate::model::delivery::{Delivery, Reading};

/// The dialect of deliveries that hold a change as it is, with no hook in between.
/// No hook can be called so.
pub(super) const CHANGE: &str = "rehearsal:change";

/// A command as it reached a worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sent {
    /// `shell`, `mkdir`, `rmdir`, `cpdir`, `stat`, `listdir`, `glob`, `rmfile`, `upload_file`,
    /// `download_file`.
    pub kind: &'static str,
    /// A program with its arguments (a list), text for the worker's shell, or a path or paths.
    pub command: Json,
    /// Where; of programs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Variables that are set (null = removed); of programs only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Json>,
    /// Seconds without output after which it is killed; of programs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Seconds in all after which it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time: Option<f64>,
    /// Text for standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// It would run on the master.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_master: bool,
}

impl Sent {
    /// A command in the words of a record.
    #[must_use]
    pub(super) fn of(kind: &CommandKind) -> Self {
        let name = kind.name();
        let plain = |command: Json| Self { kind: name, command, ..Self::default() };
        match kind {
            CommandKind::Shell(shell) => Self {
                kind: name,
                command: match &shell.command {
                    CommandLine::Shell(line) => Json::from(line.as_str()),
                    CommandLine::Argv(words) => words.iter().map(word).collect(),
                },
                workdir: Some(shell.workdir.clone()),
                env: shell.env.clone(),
                timeout: shell.timeout,
                max_time: shell.max_time,
                stdin: shell.initial_stdin.clone(),
                on_master: shell.on_master,
            },
            CommandKind::MakeDirectory { paths } | CommandKind::RemoveDirectory { paths, .. } => {
                match &paths[..] {
                    [path] => plain(Json::from(path.as_str())),
                    paths => plain(paths.iter().map(String::as_str).collect()),
                }
            }
            CommandKind::Stat { path }
            | CommandKind::ListDirectory { path }
            | CommandKind::Glob { path }
            | CommandKind::RemoveFile { path }
            | CommandKind::DownloadFile { path, .. }
            | CommandKind::UploadFile { path, .. }
            | CommandKind::UploadDirectory { path, .. } => plain(Json::from(path.as_str())),
            CommandKind::CopyDirectory { from, to, .. } => {
                plain([from.as_str(), to.as_str()].into_iter().collect())
            }
        }
    }
}

fn word(word: &Word) -> String {
    match word {
        Word::Plain(text) | Word::Obfuscated(_, text) => text.clone(),
    }
}

/// A step whose function was called.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// The step's name, unique in its build.
    pub(super) name: String,
    /// Where its function stands.
    pub(super) site: String,
    /// Its working directory, absolute on the worker.
    pub(super) workdir: String,
    /// Its options, rendered; functions by their place.
    pub(super) options: BTreeMap<String, Json>,
    /// What it sent.
    pub(super) commands: Vec<Sent>,
}

/// A build by its builder and number.
type BuildKey = (String, i64);

#[derive(Default)]
struct Notes {
    /// Step runs by build and step number.
    runs: BTreeMap<BuildKey, BTreeMap<i64, Run>>,
    /// What runs now, by worker and builder: a worker runs one build of a builder at a time.
    now: BTreeMap<(String, String), BuildKey>,
}

/// The record of one rehearsal. Clones are the same record.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Notes>>);

impl Record {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step's function is about to be called.
    fn begin(&self, run: &StepRun) {
        let build = &run.view.build;
        let key = (build.builder.clone(), build.number);
        let options = run.options.iter().map(|(name, value)| {
            let shown = match value {
                StepValue::Json(json) => json.clone(),
                StepValue::Unset(_) => Json::Null,
                StepValue::Function(f) => serde_json::to_value(f).unwrap_or_default(),
            };
            (name.clone(), shown)
        });
        let noted = Run {
            name: run.view.name.clone(),
            site: run.run.site.to_string(),
            workdir: run.view.workdir.clone(),
            options: options.collect(),
            commands: Vec::new(),
        };
        let mut notes = self.notes();
        let place = (build.worker.clone(), build.builder.clone());
        notes.now.insert(place, key.clone());
        let runs = notes.runs.entry(key).or_default();
        // An attempt before this one has sent commands too.
        let before = runs.remove(&run.view.number).unwrap_or_default();
        runs.insert(run.view.number, Run { commands: before.commands, ..noted });
    }

    /// A worker got a command.
    pub(super) fn sent(&self, worker: &str, command: &Command) {
        let mut notes = self.notes();
        let place = (worker.to_owned(), command.builder.clone());
        let Some(key) = notes.now.get(&place).cloned() else { return };
        let mut runs = notes.runs.get_mut(&key).into_iter().flat_map(BTreeMap::values_mut);
        if let Some(run) = runs.find(|run| run.name == command.step) {
            run.commands.push(Sent::of(&command.what));
        }
    }

    /// The steps of a build that ran, by number.
    pub(super) fn of_build(&self, builder: &str, number: i64) -> BTreeMap<i64, Run> {
        self.notes().runs.get(&(builder.to_owned(), number)).cloned().unwrap_or_default()
    }
}

/// The configuration's functions, watched.
pub(super) struct Witness {
    scripts: Arc<dyn Scripts>,
    record: Record,
}

impl Witness {
    pub(super) fn new(scripts: Arc<dyn Scripts>, record: Record) -> Self {
        Self { scripts, record }
    }
}

impl Scripts for Witness {
    fn call(
        &self,
        callback: &Callback,
        args: Vec<Argument>,
    ) -> Future<'_, Result<Json, ScriptError>> {
        self.scripts.call(callback, args)
    }

    fn run_step(&self, step: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        self.record.begin(&step);
        self.scripts.run_step(step)
    }

    fn read_delivery(&self, delivery: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        if delivery.what.dialect != CHANGE {
            return self.scripts.read_delivery(delivery);
        }
        Box::pin(async move {
            let change: NewChange =
                serde_json::from_slice(&delivery.what.body).map_err(|error| ScriptError {
                    message: format!("this is no change: {error}."),
                    site: None,
                    is_failure: false,
                })?;
            Ok(Reading { changes: vec![change], ..Reading::default() })
        })
    }
}
