//! What the engine does once its decisions are committed.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::base::id::BuildId;
use crate::engine::adviser::Question;
use crate::engine::attempt::Attempt;
use crate::engine::ports::Link;
use crate::engine::state::Order;
use crate::engine::supersede::Failed;
use crate::model::event::Event;

/// An effect.
pub(super) enum Act {
    /// Start the task of a build.
    StartBuild(Box<Attempt>),
    /// Tell the task of a build something.
    OrderBuild(BuildId, watch::Sender<Order>, Order),
    /// Put a question to functions of the configuration.
    Ask(Box<Question>),
    /// Ask whether the rest of a buildset is cancelled.
    CancelRest(Box<Failed>),
    /// There are deliveries to read.
    WakeIntake,
    /// There is something to tell scripted schedulers.
    WakePlanner,
    /// End a worker's connection.
    CloseLink(String, Arc<dyn Link>, String),
    /// Tell a worker to end its process.
    ShutDown(String, Arc<dyn Link>),
    /// The active configuration changed.
    ShowGeneration,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartBuild(attempt) => {
                write!(
                    f,
                    "start build {} of {} on {}",
                    attempt.build.number, attempt.builder.name, attempt.worker
                )
            }
            Self::OrderBuild(build, _, order) => write!(f, "order build {build}: {order:?}"),
            Self::Ask(question) => write!(f, "ask {}", question.what.word()),
            Self::CancelRest(failed) => write!(f, "ask {}", failed.word()),
            Self::WakeIntake => f.write_str("wake intake"),
            Self::WakePlanner => f.write_str("wake planner"),
            Self::ShutDown(worker, _) => write!(f, "shut {worker} down"),
            Self::CloseLink(worker, _, why) => write!(f, "close {worker}: {why}"),
            Self::ShowGeneration => f.write_str("show generation"),
        }
    }
}

/// What a turn of the beat leaves to be done after its commit, in this order.
#[derive(Default)]
pub(super) struct Outcome {
    /// Announcements.
    pub(super) events: Vec<Event>,
    /// Answers to those who asked.
    pub(super) answers: Vec<Box<dyn FnOnce() + Send>>,
    /// Effects.
    pub(super) acts: Vec<Act>,
}
