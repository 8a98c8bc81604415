//! What a master asks a worker before it gives it work: who it is, how it shall cut its lines,
//! which directories it has, which of them are left over, and which it must make. A machine
//! without IO: [`Attach::next`] is the question, the `on_` functions take its answer.

use serde_json::Value as Json;

use super::Protocol;
use super::msgpack::codec::Value;
use crate::model::command::FileStat;
use crate::model::worker::WorkerInfo;

/// What is to be asked now.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// `print "attached"`.
    Print,
    /// `get_worker_info`.
    Info,
    /// `set_worker_settings`.
    Settings,
    /// `setBuilderList`, which makes these directories and removes what is left over.
    Builders(Vec<String>),
    /// The command of this name, with its arguments.
    Command(&'static str, Value),
    /// Nothing: the worker is ready.
    Nothing,
}

/// What a command of the sequence found out.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Its exit code; none when the worker sent none.
    pub rc: Option<i64>,
    /// The names of listdir.
    pub files: Vec<String>,
    /// What stat saw.
    pub stat: Option<FileStat>,
}

/// Drawing: `Greeting → Asking → Setting → Listing → (Checking)* → (Removing) → (Making) → Ready`;
/// with Perspective Broker `Greeting → Asking → Placing → Ready`.
#[derive(Clone, Debug)]
enum Stage {
    Greeting,
    Asking,
    Setting,
    Placing,
    Listing,
    Checking { left: Vec<String>, found: Vec<String> },
    Removing { found: Vec<String> },
    Making,
    Ready,
}

/// The sequence, and what it has found out.
#[derive(Clone, Debug)]
pub struct Attach {
    protocol: Protocol,
    stage: Stage,
    builddirs: Vec<String>,
    missing: Vec<String>,
    info: WorkerInfo,
    deletes_leftovers: bool,
}

impl Attach {
    /// A sequence at whose end `builddirs` (relative to the base directory) exist.
    #[must_use]
    pub fn new(protocol: Protocol, builddirs: Vec<String>) -> Self {
        Self {
            protocol,
            stage: Stage::Greeting,
            builddirs,
            missing: Vec::new(),
            info: WorkerInfo::default(),
            deletes_leftovers: false,
        }
    }

    /// What the worker said about itself; empty before it did.
    #[must_use]
    pub fn info(&self) -> &WorkerInfo {
        &self.info
    }

    /// The question that stands.
    #[must_use]
    pub fn next(&self) -> Question {
        let absolute = |name: &String| self.info.join(&[&self.info.basedir, name]);
        let paths = |names: &[String]| {
            let all: Vec<String> = names.iter().map(absolute).collect();
            Value::map([("paths", Value::texts(all.iter().map(String::as_str)))])
        };
        match &self.stage {
            Stage::Greeting => Question::Print,
            Stage::Asking => Question::Info,
            Stage::Setting => Question::Settings,
            Stage::Placing => Question::Builders(self.builddirs.clone()),
            Stage::Listing => Question::Command(
                "listdir",
                Value::map([("path", Value::text(&self.info.basedir))]),
            ),
            Stage::Checking { left, .. } => {
                let path = left.last().map(absolute).unwrap_or_default();
                Question::Command("stat", Value::map([("path", Value::text(&path))]))
            }
            Stage::Removing { found } => Question::Command("rmdir", paths(found)),
            Stage::Making => Question::Command("mkdir", paths(&self.missing)),
            Stage::Ready => Question::Nothing,
        }
    }

    /// The answer to a question that is not a command.
    ///
    /// # Errors
    /// Why this worker cannot be used.
    pub fn on_answer(&mut self, answer: &Value) -> Result<(), String> {
        self.stage = match self.stage {
            Stage::Greeting => Stage::Asking,
            Stage::Asking => {
                self.info = read_info(answer)?;
                self.deletes_leftovers =
                    answer.get("delete_leftover_dirs").is_some_and(Value::is_truthy);
                match self.protocol {
                    Protocol::Msgpack => Stage::Setting,
                    Protocol::Perspective => Stage::Placing,
                }
            }
            Stage::Setting => Stage::Listing,
            Stage::Placing => Stage::Ready,
            _ => return Err("it answered a question that was not asked".to_owned()),
        };
        Ok(())
    }

    /// The end of a command.
    ///
    /// # Errors
    /// Why this worker cannot be used.
    pub fn on_command(&mut self, finding: &Finding) -> Result<(), String> {
        let stage = std::mem::replace(&mut self.stage, Stage::Ready);
        let rc = finding.rc.unwrap_or(-1);
        self.stage = match stage {
            Stage::Listing if rc == 0 => self.listed(&finding.files),
            Stage::Listing => {
                return Err(format!(
                    "its base directory {} cannot be listed (code {rc})",
                    self.info.basedir
                ));
            }
            Stage::Checking { mut left, mut found } => {
                let name = left.pop();
                if finding.stat.is_some_and(FileStat::is_directory) {
                    found.extend(name);
                }
                self.checked(left, found)
            }
            // What could not be removed does no harm; the worker has said why in its own log.
            Stage::Removing { .. } => self.made(),
            Stage::Making if rc == 0 => Stage::Ready,
            Stage::Making => {
                return Err(format!(
                    "it cannot make directories in {} (code {rc})",
                    self.info.basedir
                ));
            }
            other => {
                self.stage = other;
                return Err("it ended a command that was not started".to_owned());
            }
        };
        Ok(())
    }

    fn listed(&mut self, files: &[String]) -> Stage {
        let info = "info".to_owned();
        let mut wanted: Vec<String> = self.builddirs.iter().cloned().chain([info]).collect();
        wanted.sort();
        wanted.dedup();
        // A builddir may be a path (`a/b`): its first part is what a listing shows.
        let first = |name: &str| name.split(['/', '\\']).next().unwrap_or(name).to_owned();
        let kept: Vec<String> = wanted.iter().map(|w| first(w)).collect();
        self.missing = wanted.into_iter().filter(|w| !files.contains(w)).collect();
        if !self.deletes_leftovers {
            return self.made();
        }
        let left = files.iter().filter(|f| !kept.contains(f)).cloned().collect();
        self.checked(left, Vec::new())
    }

    fn checked(&self, left: Vec<String>, found: Vec<String>) -> Stage {
        if !left.is_empty() {
            Stage::Checking { left, found }
        } else if found.is_empty() {
            self.made()
        } else {
            Stage::Removing { found }
        }
    }

    fn made(&self) -> Stage {
        if self.missing.is_empty() { Stage::Ready } else { Stage::Making }
    }
}

/// The map of `get_worker_info`.
fn read_info(answer: &Value) -> Result<WorkerInfo, String> {
    let Value::Map(pairs) = answer else {
        return Err("its answer to get_worker_info is not a map".to_owned());
    };
    let texts = |value: &Value| match value {
        Value::Map(pairs) => pairs
            .iter()
            .filter_map(|(k, v)| Some((k.as_str().to_owned(), v.as_str()?.to_owned())))
            .collect(),
        _ => std::collections::BTreeMap::new(),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut info = WorkerInfo::default();
    for (key, value) in pairs {
        match key.as_str() {
            "basedir" => info.basedir = text(value),
            "system" => info.system = text(value),
            "version" => info.version = text(value),
            "numcpus" => info.numcpus = value.as_int(),
            "environ" => info.environ = texts(value),
            "worker_commands" => info.worker_commands = texts(value),
            "halide_ci" => {
                info.verifies_files = value.get("transfers").is_some_and(Value::is_truthy);
            }
            "delete_leftover_dirs" => {}
            name => {
                if let Some(json) = scalar(value) {
                    info.other.insert(name.to_owned(), json);
                }
            }
        }
    }
    if info.basedir.is_empty() {
        return Err("its answer to get_worker_info has no `basedir`".to_owned());
    }
    Ok(info)
}

fn scalar(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(b) => Some(Json::Bool(*b)),
        Value::Int(_) => value.as_int().map(Json::from),
        Value::Float(f) => Some(Json::from(*f)),
        Value::Str(s) => Some(Json::String(s.as_str().to_owned())),
        _ => None,
    }
}
