//! The stream under Perspective Broker: the login on it, and its two directions for what comes after.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::codec::{BytesCodec, Encoder, FramedRead, FramedWrite};

use super::door::{Door, Visitor};
use crate::wire::connection::Ends;
use crate::wire::gate::{Claim, Gate};
use crate::wire::msgpack::websocket::{Counted, HandshakeError};

/// How long a refused worker has to close the connection itself, which it does after a moment.
const LINGER: Duration = Duration::from_secs(4);

/// A stream whose worker has shown who it is.
pub(in crate::wire) struct Entered<S> {
    pub(in crate::wire) stream: Counted<S>,
    visitor: Visitor,
}

/// Lets a worker log in over `stream`.
pub(in crate::wire) async fn enter<S, G>(
    stream: S,
    gate: &G,
) -> Result<(Entered<S>, Claim), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    G: Gate,
{
    let mut stream = Counted::new(stream);
    let mut door = Door::new(gate.challenge());
    let mut piece = vec![0; 4096];
    let claim = loop {
        send(&mut stream, &mut door).await?;
        let count = stream.read(&mut piece).await.map_err(|e| broken(&e))?;
        if count == 0 {
            return Err(HandshakeError::Broken("it ended before its login".to_owned()));
        }
        let claim = door.feed(&piece[..count]).map_err(HandshakeError::Broken)?;
        if let Some(claim) = claim {
            break claim;
        }
    };
    if !gate.admits(&claim) {
        door.refuse();
        send(&mut stream, &mut door).await?;
        let closed = async { while stream.read(&mut piece).await.is_ok_and(|count| count > 0) {} };
        let _ = tokio::time::timeout(LINGER, closed).await;
        return Err(HandshakeError::Refused);
    }
    let visitor = door.open();
    let visitor = visitor.ok_or_else(|| HandshakeError::Broken("it did not log in".to_owned()))?;
    Ok((Entered { stream, visitor }, claim))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Entered<S> {
    /// The stream's directions, and the rest of the conversation.
    pub(in crate::wire) fn ends(
        self,
    ) -> (
        Ends<
            impl Stream<Item = io::Result<Bytes>> + Unpin,
            impl Sink<Frame, Error = io::Error> + Unpin,
        >,
        Visitor,
    ) {
        let Self { stream, visitor } = self;
        let traffic = stream.traffic();
        let (incoming, outgoing) = tokio::io::split(stream);
        let incoming = FramedRead::new(incoming, BytesCodec::new()).map_ok(BytesMut::freeze);
        let outgoing = FramedWrite::new(outgoing, Plain);
        (Ends { incoming, outgoing, traffic }, visitor)
    }
}

/// Writes what frames hold, one after the other.
struct Plain;

impl Encoder<Frame> for Plain {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, out: &mut BytesMut) -> io::Result<()> {
        // The end of the connection has no bytes of its own.
        if let Frame::Binary(bytes) = frame {
            out.extend_from_slice(&bytes);
        }
        Ok(())
    }
}

async fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    door: &mut Door,
) -> Result<(), HandshakeError> {
    while let Some(bytes) = door.take() {
        stream.write_all(&bytes).await.map_err(|e| broken(&e))?;
    }
    stream.flush().await.map_err(|e| broken(&e))
}

fn broken(error: &io::Error) -> HandshakeError {
    HandshakeError::Broken(error.to_string())
}
