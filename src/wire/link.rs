//! The engine's hold on a connected worker: each call becomes an order in the connection's queue,
//! so that none of them waits. Once the connection is over, commands are lost at once.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::ports::{CommandEvent, Future, Link};
use crate::model::command::Command;

/// How long a worker has to answer [`Link::ping`].
const PING_LIMIT: Duration = Duration::from_secs(10);

/// What a connection is told to do.
#[derive(Debug)]
pub(super) enum Order {
    Start { key: u64, command: Box<Command>, sink: mpsc::Sender<CommandEvent> },
    Interrupt { key: u64, why: String },
    Ping { answer: oneshot::Sender<()> },
    Shutdown,
    Close { why: String },
}

/// A connection as the engine sees it.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    orders: mpsc::UnboundedSender<Order>,
    boot: Option<String>,
}

impl Handle {
    /// A handle and the queue it fills; `boot` names the worker's process.
    pub(super) fn new(boot: Option<String>) -> (Self, mpsc::UnboundedReceiver<Order>) {
        let (orders, queue) = mpsc::unbounded_channel();
        (Self { orders, boot }, queue)
    }

    fn give(&self, order: Order) {
        if let Err(mpsc::error::SendError(Order::Start { sink, .. })) = self.orders.send(order) {
            lose(&sink);
        }
    }
}

/// Tells the sink of a command that never started that it is lost.
pub(super) fn lose(sink: &mpsc::Sender<CommandEvent>) {
    // The sink is new and empty; a closed one has nobody who waits.
    let _ = sink.try_send(CommandEvent::Lost);
}

impl Link for Handle {
    fn start(&self, key: u64, command: Command, sink: mpsc::Sender<CommandEvent>) {
        self.give(Order::Start { key, command: Box::new(command), sink });
    }

    fn interrupt(&self, key: u64, why: &str) {
        self.give(Order::Interrupt { key, why: why.to_owned() });
    }

    fn ping(&self) -> Future<'static, bool> {
        let (answer, answered) = oneshot::channel();
        self.give(Order::Ping { answer });
        Box::pin(
            async move { matches!(tokio::time::timeout(PING_LIMIT, answered).await, Ok(Ok(()))) },
        )
    }

    fn shutdown(&self) {
        self.give(Order::Shutdown);
    }

    fn close(&self, why: &str) {
        self.give(Order::Close { why: why.to_owned() });
    }

    fn boot(&self) -> Option<&str> {
        self.boot.as_deref()
    }
}
