//! What the task of a build tells the engine while it runs, and asks of it. A report of an attempt
//! that is over is refused: the fence.

use serde_json::Value as Json;

use crate::base::id::{LogId, RequestId, StepId};
use crate::base::results::Results;
use crate::engine::input::Answer;
use crate::engine::ports::Ack;
use crate::model::config::LockAccess;
use crate::model::log::LogKind;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::step::Fault;
use crate::model::test_results::{NewSet, TestResult};
use crate::model::trigger::{RequestEnd, Triggered};
use crate::store::artifacts::NewArtifact;

/// What the task of a build reports. A report of an attempt that is over is refused: the fence.
pub enum BuildReport {
    /// A step wants these locks; the answer comes when it holds them all, or never can.
    LocksWanted { locks: Vec<LockAccess>, step: Option<StepId>, answer: Answer<Granted> },
    /// What the build is doing, in words.
    StateChanged { text: String },
    /// A property was set.
    PropertiesSet { properties: Properties },
    /// A step begins.
    StepStarted { begin: Begin, answer: Answer<StepId> },
    /// A step shows something else.
    StepUpdated { step: StepId, change: StepChange },
    /// A set of test results is opened.
    TestSetOpened { step: StepId, set: NewSet, answer: Answer<i64> },
    /// Test results go into a set.
    TestResultsAdded { set: i64, category: String, results: Vec<TestResult>, answer: Answer<()> },
    /// The step is tried again: its test results do not hold.
    TestResultsForgotten { step: StepId },
    /// An artifact is on the disk; the answer is its number.
    ArtifactKept { artifact: Box<NewArtifact>, answer: Answer<i64> },
    /// A log is opened.
    LogOpened { step: StepId, name: String, kind: LogKind, answer: Answer<LogId> },
    /// A request of a step goes to the worker; `log` is opened with it, in the same commit.
    CommandSent {
        step: StepId,
        seq: i64,
        request: Json,
        log: Option<String>,
        answer: Answer<Option<LogId>>,
    },
    /// The worker has answered it, or is gone; it is acknowledged after the commit. `blame` = the
    /// worker could not do what every worker can.
    CommandEnded {
        step: StepId,
        seq: i64,
        state: &'static str,
        reply: Json,
        blame: Option<String>,
        ack: Ack,
    },
    /// A step starts builds through schedulers.
    TriggerWanted { trigger: Box<Trigger>, answer: Answer<Triggered> },
    /// A step waits for the result of a request.
    RequestAwaited { request: RequestId, answer: Answer<RequestEnd> },
    /// A step ended.
    StepFinished { step: StepId, ending: Ending },
    /// The build ended.
    Finished { results: Results, text: String, answer: Answer<()> },
}

/// A step that begins.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its name, which no other step of the build has.
    pub name: String,
    /// Its number, from 1.
    pub number: i64,
    /// What its page says.
    pub text: String,
    /// Its position in the factory, from 0; none = it was added while the build ran.
    pub place: Option<usize>,
    /// The group that it stands in.
    pub group: Option<String>,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its result.
    pub results: Results,
    /// What its page says.
    pub text: String,
    /// Hidden unless somebody asks.
    pub hidden: bool,
    /// Whose fault it is that it did not do its work.
    pub fault: Option<Fault>,
}

/// What a step shows of itself while it runs.
#[derive(Debug)]
pub enum StepChange {
    /// What it does.
    Text(String),
    /// Its links, a JSON list.
    Urls(Json),
    /// What it has counted, a JSON map.
    Statistics(Json),
}

/// How a wish for locks ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// They were free.
    AtOnce,
    /// They are held now.
    Waited,
    /// Nobody of those who wait for each other could ever go on: the attempt ends.
    Never {
        /// How: another attempt, or none because it would end the same.
        results: Results,
        /// Who waits for whom.
        why: String,
    },
}

/// What a step wants to be started.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The step's name.
    pub step: String,
    /// Each scheduler's name, and properties over its own.
    pub parts: Vec<(String, Properties)>,
    /// The source; empty = what each scheduler declares.
    pub stamps: Vec<Sourcestamp>,
    /// The source is the build's own, and so are the changes.
    pub is_of_build: bool,
    /// Whether the step waits for the results.
    pub is_waited_for: bool,
    /// What the new builds are to this one, in words.
    pub relationship: String,
}

impl BuildReport {
    /// The report in a few words, for a transcript.
    pub(super) fn word(&self) -> String {
        match self {
            Self::LocksWanted { step: Some(step), .. } => format!("step {step} wants locks"),
            Self::LocksWanted { step: None, .. } => "wants locks".to_owned(),
            Self::StateChanged { text } => format!("is {text}"),
            Self::PropertiesSet { properties } => {
                let names: Vec<&str> = properties.0.keys().map(String::as_str).collect();
                format!("sets {}", names.join(", "))
            }
            Self::StepStarted { begin: Begin { name, number, .. }, .. } => {
                format!("starts step {number} {name:?}")
            }
            Self::StepUpdated { step, .. } => format!("updates step {step}"),
            Self::TestSetOpened { set, .. } => format!("opens test results {:?}", set.description),
            Self::TestResultsAdded { results, .. } => {
                format!("adds {} test results", results.len())
            }
            Self::TestResultsForgotten { step } => format!("forgets test results of step {step}"),
            Self::ArtifactKept { artifact, .. } => format!("keeps {:?}", artifact.name),
            Self::LogOpened { name, .. } => format!("opens log {name:?}"),
            Self::CommandSent { request, .. } => format!("sends {request}"),
            Self::CommandEnded { state, reply, .. } => format!("command {state}: {reply}"),
            Self::TriggerWanted { trigger, .. } => {
                let names: Vec<&str> =
                    trigger.parts.iter().map(|(name, _)| name.as_str()).collect();
                format!("triggers {}", names.join(", "))
            }
            Self::RequestAwaited { request, .. } => format!("waits for request {request}"),
            Self::StepFinished { step, ending: Ending { results, .. } } => {
                format!("step {step} ends: {}", results.word())
            }
            Self::Finished { results, text, .. } => format!("ends: {} ({text})", results.word()),
        }
    }
}
