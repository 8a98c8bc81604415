//! Reporters: what the world is told of builds. The engine writes an outbox row in the transaction
//! of what it tells; here each reporter has a lane that empties its rows in order. The rows are the
//! truth: a lane can be killed anywhere and started again.
//!
//! # Where a new one goes
//!
//! * Where the newest message replaces older ones (a commit's state, a comment): a file beside
//!   `github_status.rs` that makes posts of a row, and an arm in `lane.rs` that sends one.
//! * Where each message stands for itself (mail, a chat, any server): a file beside `http.rs` that
//!   makes a message and sends it, and an arm in `teller.rs`.
//! * In Lua: a `ci.reporter_type` with a function `send`, in a file of one's own; nothing here changes.
//!
//! Its options are a reader in `script/read/reporter.rs` and a type in `model/config/reporter.rs`.

mod compose;
mod context;
mod github_comment;
mod github_status;
mod http;
mod lane;
mod message;
mod queue;
mod scripted;
mod teller;
mod view;

use std::collections::BTreeSet;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Generation};
use crate::http as network;
use crate::model::config::ReporterConfig;
use crate::model::event::Event;
use crate::store::outbox;

/// Sends what waits in the outbox, until the process ends.
pub async fn serve(engine: Engine, http: network::Client, tasks: Tasks) {
    let token = tasks.token();
    let mut events = engine.subscribe();
    let mut lanes = BTreeSet::new();
    loop {
        match engine.store().read(outbox::reporters).await {
            Ok(names) => {
                for name in names {
                    // A name may change its kind; each kind has a lane of its own.
                    let generation = engine.generation();
                    let one_by_one = teller::told_one_by_one(&generation, &name).is_some();
                    if !lanes.insert((name.clone(), one_by_one)) {
                        continue;
                    }
                    if one_by_one {
                        let lane = teller::Teller::new(engine.clone(), http.clone(), name);
                        tasks.spawn("reporter", lane.serve(token.clone()));
                    } else {
                        let lane = lane::Lane::new(engine.clone(), http.clone(), name);
                        tasks.spawn("reporter", lane.serve(token.clone()));
                    }
                }
            }
            Err(error) => tracing::error!("The outbox cannot be read: {error}."),
        }
        tokio::select! {
            biased;
            () = token.cancelled() => return,
            woken = woken(&mut events) => if !woken { return },
        }
    }
}

/// Waits for an announcement that may have put something into the outbox; false = there will be
/// none any more.
async fn woken(events: &mut Receiver<Event>) -> bool {
    loop {
        match events.recv().await {
            Ok(
                Event::RequestAdded { .. }
                | Event::BuildStarted { .. }
                | Event::BuildFinished { .. }
                | Event::RequestCompleted { .. }
                | Event::BuildsetCompleted { .. }
                | Event::WorkerMissing { .. }
                | Event::WorkerConnected { .. }
                | Event::GenerationActivated { .. },
            )
            | Err(RecvError::Lagged(_)) => break,
            Ok(_) => {}
            Err(RecvError::Closed) => return false,
        }
    }
    // One look at the rows serves everything that was announced until now.
    while !matches!(
        events.try_recv(),
        Err(tokio::sync::broadcast::error::TryRecvError::Empty
            | tokio::sync::broadcast::error::TryRecvError::Closed)
    ) {}
    true
}

/// The reporter of that name.
fn named<'g>(generation: &'g Generation, name: &str) -> Option<&'g ReporterConfig> {
    generation.config.reporters.iter().find(|reporter| reporter.name == name)
}

fn gone(name: &str) -> String {
    format!("The reporter {name} is not configured any more.")
}
