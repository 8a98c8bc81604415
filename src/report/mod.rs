//! Reporters: what the world is told of builds. The engine writes an outbox row in the transaction
//! of what it tells; here each reporter has a lane that empties its rows in order. The rows are the
//! truth: a lane can be killed anywhere and started again. A new kind of reporter is a file beside
//! `github_status.rs` and an arm in `lane.rs`; those written in Lua have `scripted.rs`.

mod github_status;
mod lane;
mod queue;
mod scripted;

use std::collections::BTreeSet;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::engine::Engine;
use crate::engine::tasks::Tasks;
use crate::http;
use crate::model::event::Event;
use crate::store::outbox;

/// Sends what waits in the outbox, until the process ends.
pub async fn serve(engine: Engine, http: http::Client, tasks: Tasks) {
    let token = tasks.token();
    let mut events = engine.subscribe();
    let mut lanes = BTreeSet::new();
    loop {
        match engine.store().read(outbox::reporters).await {
            Ok(names) => {
                for name in names {
                    // A name may change its kind; each kind has a lane of its own.
                    let in_lua = scripted::scripted(&engine.generation(), &name).is_some();
                    if !lanes.insert((name.clone(), in_lua)) {
                        continue;
                    }
                    if in_lua {
                        let lane = scripted::Teller::new(engine.clone(), name);
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
