//! What the first byte of a connection tells: a worker that speaks msgpack begins with an HTTP
//! request, one that speaks Perspective Broker waits until the master has spoken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::msgpack::websocket::HandshakeError;

/// How long somebody may say nothing who speaks first. A worker's request comes with the connection; one
/// that is later than this connects again.
const SILENCE: Duration = Duration::from_secs(1);
/// The first byte of a TLS handshake.
const TLS: u8 = 0x16;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// With the first letter of an HTTP request.
    Http(u8),
    /// The other end waits.
    Silence,
}

/// Waits for the first byte.
pub(super) async fn opening<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Opening, HandshakeError> {
    let mut byte = [0];
    match tokio::time::timeout(SILENCE, stream.read(&mut byte)).await {
        Err(_) => Ok(Opening::Silence),
        Ok(Ok(1)) if byte[0].is_ascii_uppercase() => Ok(Opening::Http(byte[0])),
        Ok(Ok(1)) if byte[0] == TLS => Err(HandshakeError::Tls),
        Ok(Ok(1)) => {
            Err(HandshakeError::Broken(format!("it begins with the byte {:#04x}", byte[0])))
        }
        Ok(Ok(_)) => Err(HandshakeError::Broken("it ended without a word".to_owned())),
        Ok(Err(error)) => Err(HandshakeError::Broken(error.to_string())),
    }
}

/// A stream whose first byte was read already, and is read again.
#[derive(Debug)]
pub(super) struct Preceded<S> {
    first: Option<u8>,
    inner: S,
}

impl<S> Preceded<S> {
    pub(super) fn new(first: u8, inner: S) -> Self {
        Self { first: Some(first), inner }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Preceded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Preceded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
