//! The master side of the worker protocols: takes connections, checks who they are, sorts out
//! duplicates, and hands each worker to the engine as a [`Link`](crate::engine::ports::Link).
//! Buildbot's two protocols, [`msgpack`] over WebSocket and Perspective Broker ([`pb`]), come in at one
//! port: who speaks first is told apart by the first byte, and who waits is spoken to.

pub mod attach;
mod connection;
mod first;
mod gate;
mod link;
pub mod msgpack;
pub mod names;
pub mod pb;
mod reading;
pub mod session;
mod sinks;
mod speech;
pub mod transfers;
pub mod updates;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::connection::Ends;
use self::first::{Opening, Preceded};
pub use self::gate::{Claim, Gate, Proof};
use self::msgpack::websocket::{HandshakeError, Socket, accept};
use self::pb::speech::Perspective;
use self::speech::Msgpack;
use crate::engine::tasks::Tasks;

/// Connections that may be in their handshake at once; more wait in the system's queue.
const HANDSHAKES: usize = 256;
/// How long a handshake may take; Buildbot's worker gives up after 5 s itself.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: out of file descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// msgpack over WebSocket.
    Msgpack,
    /// Perspective Broker.
    Perspective,
}

/// Takes connections until `tasks` are told to end.
pub async fn serve<G: Gate>(listener: TcpListener, gate: G, tasks: Tasks) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let token = tasks.token();
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        let Some((accepted, permit)) = token.run_until_cancelled(accepted).await else {
            return;
        };
        match accepted {
            Ok((stream, from)) => {
                // Small messages must not wait for each other; failing to ask for it is no harm.
                let _ = stream.set_nodelay(true);
                let (gate, again) = (gate.clone(), tasks.clone());
                tasks.spawn("worker connection", async move {
                    greet(stream, &from.to_string(), gate, again, permit).await;
                });
            }
            Err(error) => {
                tracing::warn!("A worker's connection could not be accepted: {error}.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection over any stream, until it ends.
pub async fn serve_stream<S, G>(stream: S, gate: G, tasks: Tasks)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    G: Gate,
{
    greet(stream, "a stream", gate, tasks, None).await;
}

async fn greet<S, G>(
    stream: S,
    from: &str,
    gate: G,
    tasks: Tasks,
    permit: Option<OwnedSemaphorePermit>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    G: Gate,
{
    let shaken = shake(stream, &gate);
    let shaken =
        tasks.token().run_until_cancelled(tokio::time::timeout(HANDSHAKE_LIMIT, shaken)).await;
    let (shaken, claim) = match shaken {
        Some(Ok(Ok(shaken))) => shaken,
        Some(Ok(Err(HandshakeError::Refused))) => {
            tracing::warn!(
                "A worker from {from} was refused: its name is unknown or its password wrong. \
                 Compare `name` and `password` of its worker.lua or buildbot.tac with the master's."
            );
            return;
        }
        Some(Ok(Err(HandshakeError::Tls))) => {
            tracing::warn!(
                "A worker from {from} wants TLS, which this port does not have. Let it connect \
                 without (`tcp:` instead of `tls:`), or end TLS before the master, as stunnel does."
            );
            return;
        }
        Some(Ok(Err(error))) => {
            tracing::info!("A connection from {from} is no worker's: {error}.");
            return;
        }
        Some(Err(_)) => {
            tracing::info!("A connection from {from} did not finish its handshake in time.");
            return;
        }
        None => return,
    };
    drop(permit);
    let is_welcome = arbitrate(&gate, &claim, from).await;
    match shaken {
        Shaken::Msgpack(socket) if is_welcome => {
            let traffic = socket.get_ref().traffic();
            let (outgoing, incoming) = socket.split();
            let speech = Msgpack::new(&claim.name);
            let ends = Ends { incoming, outgoing, traffic };
            connection::serve(ends, speech, claim, gate, tasks).await;
        }
        Shaken::Msgpack(socket) => dismiss(*socket).await,
        Shaken::Perspective(entered) if is_welcome => {
            let (ends, visitor) = entered.ends();
            connection::serve(ends, Perspective::new(visitor), claim, gate, tasks).await;
        }
        // An error would end a stock worker's process; without a word it tries again later.
        Shaken::Perspective(mut entered) => {
            let _ = entered.stream.shutdown().await;
        }
    }
}

/// A connection after its handshake.
enum Shaken<S> {
    Msgpack(Box<Socket<Preceded<S>>>),
    Perspective(Box<pb::entrance::Entered<S>>),
}

/// Finds out what the other end speaks, and who it is.
async fn shake<S, G>(mut stream: S, gate: &G) -> Result<(Shaken<S>, Claim), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    G: Gate,
{
    match first::opening(&mut stream).await? {
        Opening::Http(byte) => {
            let checked = gate.clone();
            let check = move |claim: &Claim| checked.admits(claim);
            let (socket, claim) = accept(Preceded::new(byte, stream), check).await?;
            Ok((Shaken::Msgpack(Box::new(socket)), claim))
        }
        Opening::Silence => {
            let (entered, claim) = pb::entrance::enter(stream, gate).await?;
            Ok((Shaken::Perspective(Box::new(entered)), claim))
        }
    }
}

/// Whether this connection may take the worker's place: a live connection of another process
/// keeps it.
async fn arbitrate<G: Gate>(gate: &G, new: &Claim, from: &str) -> bool {
    let Some(old) = gate.link(&new.name).await else {
        return true;
    };
    if new.boot.is_some() && old.boot() == new.boot.as_deref() {
        old.close("the same worker process has connected again");
        return true;
    }
    if old.ping().await {
        tracing::warn!(
            worker = %new.name,
            "A second worker of this name tried to connect from {from} while the first one is \
             alive; it was sent away. Give each worker a name of its own."
        );
        return false;
    }
    old.close("it does not answer, and a new connection took its place");
    true
}

/// Sends a Close frame without a payload, as Buildbot's master does to a duplicate.
async fn dismiss<S: AsyncRead + AsyncWrite + Unpin>(mut socket: Socket<S>) {
    // Whatever goes wrong, the connection ends.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
}
