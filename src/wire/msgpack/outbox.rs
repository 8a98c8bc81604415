//! The way out of a connection: a queue that never makes the sender wait, and the loop that
//! empties it into the socket. It stands apart from reading so that neither half can block the
//! other; who reads looks at [`Outbox::queued`] and stops reading when it grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::websocket::Traffic;

/// How long the peer may take nothing while something waits to be sent.
const STALLED: Duration = Duration::from_secs(30);

/// Sends without waiting. Cloning shares the queue.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::UnboundedSender<Frame>,
    queued: Arc<AtomicUsize>,
}

/// The other end of an [`Outbox`].
#[derive(Debug)]
pub struct Outgoing {
    queue: mpsc::UnboundedReceiver<Frame>,
    queued: Arc<AtomicUsize>,
}

/// A new queue.
#[must_use]
pub fn outbox() -> (Outbox, Outgoing) {
    let (queue, waiting) = mpsc::unbounded_channel();
    let queued = Arc::new(AtomicUsize::new(0));
    (Outbox { queue, queued: queued.clone() }, Outgoing { queue: waiting, queued })
}

impl Outbox {
    /// Sends a message.
    pub fn send(&self, message: Bytes) {
        self.push(Frame::Binary(message));
    }

    /// Sends a WebSocket ping.
    pub fn ping(&self) {
        self.push(Frame::Ping(Bytes::new()));
    }

    /// Sends a Close frame without a payload; nothing goes out after it.
    pub fn close(&self) {
        self.push(Frame::Close(None));
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Sends a frame.
    pub fn push(&self, frame: Frame) {
        self.queued.fetch_add(frame.len(), Ordering::Relaxed);
        // A closed queue means that the connection is over; its reader says so.
        let _ = self.queue.send(frame);
    }
}

impl Outgoing {
    /// Writes what is queued until a Close was sent, every sender is gone, or writing fails.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn write_to<S>(mut self, mut sink: S, traffic: Traffic) -> Result<(), String>
    where
        S: Sink<Frame, Error: std::fmt::Display> + Unpin,
    {
        while let Some(frame) = self.queue.recv().await {
            let mut next = Some(frame);
            let mut closing = false;
            let mut taken = 0;
            // Small messages that wait together leave in one write.
            while let Some(frame) = next {
                taken += frame.len();
                closing = frame.is_close();
                moving(sink.feed(frame), &traffic).await?;
                next = if closing { None } else { self.queue.try_recv().ok() };
            }
            moving(sink.flush(), &traffic).await?;
            self.queued.fetch_sub(taken, Ordering::Relaxed);
            if closing {
                break;
            }
        }
        Ok(())
    }
}

/// Waits for `write` as long as bytes move.
async fn moving<E: std::fmt::Display>(
    write: impl Future<Output = Result<(), E>>,
    traffic: &Traffic,
) -> Result<(), String> {
    let mut write = std::pin::pin!(write);
    loop {
        let before = traffic.written();
        match tokio::time::timeout(STALLED, &mut write).await {
            Ok(done) => return done.map_err(|e| e.to_string()),
            Err(_) if traffic.written() == before => {
                return Err(format!("it took nothing for {} s", STALLED.as_secs()));
            }
            Err(_) => {}
        }
    }
}
