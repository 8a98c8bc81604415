//! The pump of one worker's connection: moves messages between the stream, the protocol, the
//! [`Session`], the engine's orders and the commands' sinks. All decisions are the session's. Reading
//! and writing are separate tasks, so that neither waits for the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{Sink, Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

use super::gate::{Claim, Gate};
use super::link::{Handle, Order, lose};
use super::msgpack::codec::Value;
use super::msgpack::outbox::{Outbox, outbox};
use super::msgpack::websocket::Traffic;
use super::session::{Output, Session};
use super::sinks::{Sinks, Taken};
use super::speech::Speech;
use crate::engine::input::Attached;
use crate::engine::tasks::Tasks;

/// Answers that wait to be written before the worker is not read any more.
const OUTBOX_LIMIT: usize = 8 << 20;
/// How long the last bytes may take to leave when a connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The two directions of a stream, and what counts their bytes.
pub(super) struct Ends<I, O> {
    pub(super) incoming: I,
    pub(super) outgoing: O,
    pub(super) traffic: Traffic,
}

/// One connection.
struct Connection<P, I, G: Gate> {
    name: String,
    claim: Claim,
    gate: G,
    speech: P,
    handle: Arc<Handle>,
    session: Session,
    sinks: Sinks,
    incoming: I,
    outbox: Outbox,
    traffic: Traffic,
    answers: FuturesUnordered<BoxFuture<'static, (i64, Result<Value, String>)>>,
    pings: BTreeMap<u64, oneshot::Sender<()>>,
    next_ping: u64,
    attached: Option<Attached>,
}

/// Serves a worker whose claim holds, until its connection ends.
pub(super) async fn serve<P, I, E, O, G>(
    ends: Ends<I, O>,
    speech: P,
    claim: Claim,
    gate: G,
    tasks: Tasks,
) where
    P: Speech,
    I: Stream<Item = Result<P::Piece, E>> + Unpin + Send,
    E: std::fmt::Display,
    O: Sink<Frame, Error: std::fmt::Display> + Unpin + Send + 'static,
    G: Gate,
{
    let (name, boot) = (claim.name.clone(), claim.boot.clone());
    let Ends { incoming, outgoing: sink, traffic } = ends;
    let (outbox, outgoing) = outbox();
    let writing = CancellationToken::new();
    let (wrote, mut written) = oneshot::channel();
    let cut = writing.clone();
    let counted = traffic.clone();
    tasks.spawn("worker connection, writing", async move {
        let write = outgoing.write_to(sink, counted);
        if let Some(done) = cut.run_until_cancelled(write).await {
            // The reader may be gone already.
            let _ = wrote.send(done);
        }
    });
    let (handle, orders) = Handle::new(boot);
    let (acks, acked) = mpsc::unbounded_channel();
    let builddirs = gate.builddirs(&name);
    let mut connection = Connection {
        name,
        claim,
        gate,
        speech,
        handle: Arc::new(handle),
        session: Session::new(P::PROTOCOL, builddirs, acks, Instant::now()),
        sinks: Sinks::default(),
        incoming,
        outbox,
        traffic,
        answers: FuturesUnordered::new(),
        pings: BTreeMap::new(),
        next_ping: 0,
        attached: None,
    };
    let mut inbox = Inbox { orders, acked, token: tasks.token() };
    let why = connection.run(&mut inbox, &mut written).await;
    connection.end(&why, inbox.orders, &tasks).await;
    // The Close frame gets a moment to leave; then the socket is let go.
    let _ = tokio::time::timeout(FAREWELL, written).await;
    writing.cancel();
}

/// What comes in from this side of the socket.
struct Inbox {
    orders: mpsc::UnboundedReceiver<Order>,
    acked: mpsc::UnboundedReceiver<i64>,
    token: CancellationToken,
}

impl<P, I, E, G> Connection<P, I, G>
where
    P: Speech,
    I: Stream<Item = Result<P::Piece, E>> + Unpin + Send,
    E: std::fmt::Display,
    G: Gate,
{
    /// Runs until there is a reason to stop, and returns it.
    async fn run(
        &mut self,
        inbox: &mut Inbox,
        written: &mut oneshot::Receiver<Result<(), String>>,
    ) -> String {
        loop {
            if let Some(why) = self.carry_out().await {
                return why;
            }
            let native = self.session.is_native();
            let reads = self.outbox.queued() < OUTBOX_LIMIT && (native || !self.sinks.is_stuck());
            if !reads {
                // Nobody listens at the moment: silence says nothing about the worker.
                self.session.alive(Instant::now(), self.traffic.read());
            }
            let timeout = self.session.poll_timeout();
            tokio::select! {
                // In this order, so that a simulated world goes the same way each time.
                biased;
                () = inbox.token.cancelled() => return "the master is stopping".to_owned(),
                Some(order) = inbox.orders.recv() => {
                    if let Some(why) = self.obey(order) {
                        return why;
                    }
                }
                Some(seq) = inbox.acked.recv() => self.session.settle(seq, Ok(Value::Nil)),
                Some((seq, result)) = self.answers.next() => self.session.settle(seq, result),
                Some((key, taken)) = self.sinks.drain() => self.on_taken(key, taken),
                done = &mut *written => return match done {
                    Ok(Err(why)) => why,
                    _ => "nothing can be sent to it any more".to_owned(),
                },
                () = tokio::time::sleep_until(timeout) => {
                    self.session.tick(Instant::now(), self.traffic.read());
                }
                piece = self.incoming.next(), if reads => match piece {
                    Some(Ok(piece)) => {
                        self.session.alive(Instant::now(), self.traffic.read());
                        if let Err(why) = self.speech.hear(piece) {
                            return why;
                        }
                    }
                    Some(Err(error)) => return error.to_string(),
                    None => return "it closed the connection".to_owned(),
                },
            }
        }
    }

    /// Does what the session and the worker want; some = the connection is to end.
    async fn carry_out(&mut self) -> Option<String> {
        loop {
            while let Some(message) = self.speech.heard() {
                self.session.on(message);
            }
            let output = self.session.poll();
            let is_idle = output.is_none();
            if let Some(why) = self.carry_out_one(output).await {
                return Some(why);
            }
            while let Some(frame) = self.speech.said() {
                self.outbox.push(frame);
            }
            // What was carried out may have brought an answer at once.
            if is_idle {
                return None;
            }
        }
    }

    async fn carry_out_one(&mut self, output: Option<Output>) -> Option<String> {
        if let Some(output) = output {
            match output {
                Output::Request(op, seq, fields) => self.speech.request(op, seq, fields),
                Output::Response(seq, result) => self.speech.response(seq, result),
                Output::Ping => self.speech.ping(),
                Output::Event(key, event) => {
                    let taken = self.sinks.give(key, event);
                    self.on_taken(key, taken);
                }
                Output::Await(seq, awaited) => {
                    self.answers.push(Box::pin(async move { (seq, awaited.answer().await) }));
                }
                Output::Pong(number) => {
                    if let Some(answer) = self.pings.remove(&number) {
                        // Who asked may have given up.
                        let _ = answer.send(());
                    }
                }
                Output::Ready(info) => {
                    // Greeting takes time; a password that was changed meanwhile holds.
                    if !self.gate.admits(&self.claim) {
                        return Some("its password was changed meanwhile".to_owned());
                    }
                    let link = self.handle.clone();
                    match self.gate.attach(self.name.clone(), *info, link).await {
                        Ok(attached) => self.attached = Some(attached),
                        Err(refusal) => return Some(format!("it was not let in: {refusal}")),
                    }
                }
                Output::Retire => {
                    if let Some(attached) = self.attached {
                        tracing::info!(worker = %self.name, "The worker wants to end.");
                        self.gate.retire(attached).await;
                    }
                }
                Output::Close(why) => return Some(why),
            }
        }
        None
    }

    fn on_taken(&mut self, key: u64, taken: Taken) {
        if taken == Taken::Closed {
            self.session.interrupt(key, "the step has ended");
        }
    }

    fn obey(&mut self, order: Order) -> Option<String> {
        match order {
            Order::Start { key, command, sink } => {
                self.sinks.add(key, sink);
                self.session.start(key, &command);
            }
            Order::Interrupt { key, why } => self.session.interrupt(key, &why),
            Order::Ping { answer } => {
                self.pings.insert(self.next_ping, answer);
                self.session.ping(self.next_ping);
                self.next_ping += 1;
            }
            Order::Shutdown => self.session.shutdown(),
            Order::Close { why } => return Some(why),
        }
        None
    }

    /// Tells everybody that the connection is over.
    async fn end(self, why: &str, mut orders: mpsc::UnboundedReceiver<Order>, tasks: &Tasks) {
        match self.attached {
            Some(_) => tracing::info!(worker = %self.name, "The worker's connection ended: {why}."),
            None => tracing::warn!(worker = %self.name, "The worker did not come in: {why}."),
        }
        if self.session.strays() > 0 {
            tracing::warn!(
                worker = %self.name,
                "It spoke of {} commands that this connection does not know.",
                self.session.strays()
            );
        }
        self.outbox.close();
        orders.close();
        while let Some(order) = orders.recv().await {
            if let Order::Start { sink, .. } = order {
                lose(&sink);
            }
        }
        // A full sink must not delay the news that the worker is gone.
        tasks.spawn("lost commands", self.sinks.lose());
        if let Some(attached) = self.attached {
            self.gate.detach(attached).await;
        }
    }
}
