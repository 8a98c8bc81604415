//! Events on their way to the commands' sinks. A sink is bounded and its reader may be slow: what
//! it does not take at once waits here, in order, without holding up other commands. The
//! connection looks at [`Sinks::is_stuck`] to stop reading from a worker that has no window.

use std::collections::{BTreeMap, VecDeque};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendError, TrySendError};

use crate::engine::ports::{CommandEvent, Future};

type Permit = mpsc::OwnedPermit<CommandEvent>;
type Room = Result<Permit, SendError<()>>;

/// The sinks of the running commands.
#[derive(Default)]
pub(super) struct Sinks {
    sinks: BTreeMap<u64, Sink>,
    room: FuturesUnordered<Future<'static, (u64, Room)>>,
    stuck: usize,
}

struct Sink {
    sender: mpsc::Sender<CommandEvent>,
    waiting: VecDeque<CommandEvent>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was taken, or waits.
    Yes,
    /// Nobody reads this command's events any more.
    Closed,
}

impl Sinks {
    pub(super) fn add(&mut self, key: u64, sender: mpsc::Sender<CommandEvent>) {
        self.sinks.insert(key, Sink { sender, waiting: VecDeque::new() });
    }

    /// Whether a sink is full.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck > 0
    }

    /// Hands `event` over, now or later.
    pub(super) fn give(&mut self, key: u64, event: CommandEvent) -> Taken {
        let Some(sink) = self.sinks.get_mut(&key) else {
            // Its reader is gone, which was said before; the event's answers go with it.
            return Taken::Yes;
        };
        if !sink.waiting.is_empty() {
            sink.waiting.push_back(event);
            return Taken::Yes;
        }
        let last = is_last(&event);
        match sink.sender.try_send(event) {
            Ok(()) => {
                if last {
                    self.sinks.remove(&key);
                }
                Taken::Yes
            }
            Err(TrySendError::Full(event)) => {
                sink.waiting.push_back(event);
                self.stuck += 1;
                self.wait_for_room(key);
                Taken::Yes
            }
            Err(TrySendError::Closed(_)) => {
                self.sinks.remove(&key);
                Taken::Closed
            }
        }
    }

    /// Waits until a full sink has room and fills it; none = no sink is full. Cancel-safe.
    pub(super) async fn drain(&mut self) -> Option<(u64, Taken)> {
        let (key, room) = self.room.next().await?;
        let Some(sink) = self.sinks.get_mut(&key) else {
            return Some((key, Taken::Yes));
        };
        let Ok(permit) = room else {
            self.stuck = self.stuck.saturating_sub(1);
            self.sinks.remove(&key);
            return Some((key, Taken::Closed));
        };
        let mut last = false;
        if let Some(event) = sink.waiting.pop_front() {
            last = is_last(&event);
            permit.send(event);
        }
        if sink.waiting.is_empty() {
            self.stuck = self.stuck.saturating_sub(1);
            if last {
                self.sinks.remove(&key);
            }
        } else {
            self.wait_for_room(key);
        }
        Some((key, Taken::Yes))
    }

    fn wait_for_room(&mut self, key: u64) {
        if let Some(sink) = self.sinks.get(&key) {
            let sender = sink.sender.clone();
            self.room.push(Box::pin(async move { (key, sender.reserve_owned().await) }));
        }
    }

    /// The connection is over: every sink still gets what waits for it, and then `Lost`.
    pub(super) fn lose(self) -> Future<'static, ()> {
        Box::pin(async move {
            let ends = self.sinks.into_values().map(|sink| async move {
                let ended = sink.waiting.iter().any(is_last);
                let lost = (!ended).then_some(CommandEvent::Lost);
                for event in sink.waiting.into_iter().chain(lost) {
                    if sink.sender.send(event).await.is_err() {
                        break;
                    }
                }
            });
            futures_util::future::join_all(ends).await;
        })
    }
}

fn is_last(event: &CommandEvent) -> bool {
    matches!(event, CommandEvent::Complete { .. } | CommandEvent::Refused(_) | CommandEvent::Lost)
}
