//! The worker's requests to the master: numbers them, and gives each answer to who waits for it.
//! Output that is answered returns its room to the command's window.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::wire::msgpack::codec::Value;
use crate::wire::msgpack::message;
use crate::wire::msgpack::outbox::Outbox;

/// Sends requests. Cloning shares the connection.
#[derive(Clone)]
pub(super) struct Uplink {
    outbox: Outbox,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next_seq: i64,
    waiting: BTreeMap<i64, Waiting>,
    over: bool,
}

enum Waiting {
    Answer(oneshot::Sender<Result<Value, String>>),
    Room { _held: OwnedSemaphorePermit },
    Nothing,
}

impl Uplink {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self { outbox, state: Arc::default() }
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The master's error, or that the connection ended.
    pub(super) async fn ask<'a>(
        &self,
        op: &'a str,
        fields: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        self.send(op, fields, Waiting::Answer(answer));
        answered.await.unwrap_or_else(|_| Err("the connection to the master ended".to_owned()))
    }

    /// Tells; what `room` holds is given back with the answer.
    pub(super) fn tell<'a>(
        &self,
        op: &'a str,
        fields: impl IntoIterator<Item = (&'a str, Value)>,
        room: Option<OwnedSemaphorePermit>,
    ) {
        let waiting = room.map_or(Waiting::Nothing, |held| Waiting::Room { _held: held });
        self.send(op, fields, waiting);
    }

    fn send<'a>(
        &self,
        op: &'a str,
        fields: impl IntoIterator<Item = (&'a str, Value)>,
        waiting: Waiting,
    ) {
        // Numbering and queueing under one lock keep the numbers in order on the wire.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.over {
            return;
        }
        let seq = state.next_seq;
        state.next_seq += 1;
        state.waiting.insert(seq, waiting);
        self.outbox.send(message::request(op, seq, fields));
    }

    /// An answer arrived; one that nobody waits for is dropped.
    pub(super) fn answered(&self, seq: i64, result: Result<Value, String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.waiting.remove(&seq) {
            Some(Waiting::Answer(answer)) => {
                // The command may have been interrupted.
                let _ = answer.send(result);
            }
            Some(Waiting::Room { .. } | Waiting::Nothing) => {
                if let Err(why) = result {
                    tracing::warn!("The master refused an update of a command: {why}");
                }
            }
            None => {}
        }
    }

    /// The connection is over: nothing is sent any more, and nobody waits for an answer.
    pub(super) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        state.waiting.clear();
    }
}
