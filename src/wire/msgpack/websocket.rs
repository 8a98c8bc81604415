//! The WebSocket under the messages: both handshakes as Buildbot's peers do them, the limits, and
//! a count of the bytes that move, by which a dead peer is told from a slow one.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};

use super::message::{BOOT_HEADER, MAX_MESSAGE};
use crate::base::secret::Secret;
use crate::wire::gate::Claim;

/// A connection after its handshake.
pub type Socket<S> = WebSocketStream<Counted<S>>;

/// Bytes that went through a connection, either way. Cloning shares the counters.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<[AtomicU64; 2]>);

impl Traffic {
    /// Bytes read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub struct Counted<S> {
    inner: S,
    traffic: Traffic,
}

impl<S> Counted<S> {
    /// Counts the bytes of `inner` from here on.
    pub fn new(inner: S) -> Self {
        Self { inner, traffic: Traffic::default() }
    }

    /// Its counters.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let moved = buf.filled().len() - before;
        self.traffic.0[0].fetch_add(moved as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.traffic.0[1].fetch_add(moved as u64, Ordering::Relaxed);
        Poll::Ready(Ok(moved))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// What a worker says in its handshake.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The worker's name; without `:`.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// The process, if it is one of ours.
    pub boot: Option<String>,
}

impl Credentials {
    /// From the handshake's headers; the error is the status to answer with.
    fn read(request: &Request) -> Result<Self, StatusCode> {
        let value = request.headers().get(header::AUTHORIZATION).ok_or(StatusCode::UNAUTHORIZED)?;
        let encoded = value
            .to_str()
            .ok()
            .and_then(|v| v.strip_prefix("Basic "))
            .ok_or(StatusCode::BAD_REQUEST)?;
        let decoded = BASE64.decode(encoded.trim()).map_err(|_| StatusCode::BAD_REQUEST)?;
        let text = String::from_utf8(decoded).map_err(|_| StatusCode::BAD_REQUEST)?;
        let (name, password) = text.split_once(':').ok_or(StatusCode::BAD_REQUEST)?;
        let boot = request.headers().get(BOOT_HEADER).and_then(|v| v.to_str().ok());
        Ok(Self {
            name: name.to_owned(),
            password: Secret::new(password),
            boot: boot.map(ToOwned::to_owned),
        })
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum HandshakeError {
    /// The name is unknown or the password wrong.
    Refused,
    /// It begins with a TLS handshake.
    Tls,
    /// The other end answered with this status instead.
    Status(u16),
    /// Something else, in words.
    Broken(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the name is unknown or the password is wrong"),
            Self::Tls => f.write_str("it begins with a TLS handshake"),
            Self::Status(code) => write!(f, "the answer was HTTP status {code}"),
            Self::Broken(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for HandshakeError {}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .write_buffer_size(64 << 10)
        .read_buffer_size(64 << 10)
}

/// The master's side: takes any path, reads the credentials and asks `check` whether the claim holds.
/// Wrong ones are answered with a bare `401 Unauthorized` and the end of the connection.
///
/// # Errors
/// [`HandshakeError`]; the peer has been answered.
pub async fn accept<S>(
    stream: S,
    check: impl FnOnce(&Claim) -> bool + Unpin,
) -> Result<(Socket<S>, Claim), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut found = None;
    let mut refused = false;
    #[expect(clippy::result_large_err, reason = "the shape that the library asks for")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let deny = |status| {
            let mut answer = ErrorResponse::new(None);
            *answer.status_mut() = status;
            answer
        };
        let claim = Claim::from(Credentials::read(request).map_err(deny)?);
        if !check(&claim) {
            refused = true;
            return Err(deny(StatusCode::UNAUTHORIZED));
        }
        found = Some(claim);
        Ok(response)
    };
    let stream = Counted::new(stream);
    let done =
        tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(limits())).await;
    match (done, found) {
        (Ok(socket), Some(claim)) => Ok((socket, claim)),
        _ if refused => Err(HandshakeError::Refused),
        (Err(error), _) => Err(broken(error)),
        (Ok(_), None) => Err(HandshakeError::Broken("it brought no credentials".to_owned())),
    }
}

/// The worker's side: asks the master at `host:port` to let `credentials` in.
///
/// # Errors
/// [`HandshakeError`].
pub async fn connect<S>(
    stream: S,
    host: &str,
    port: u16,
    credentials: &Credentials,
) -> Result<Socket<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = format!("ws://{bracketed}:{port}/").into_client_request().map_err(broken)?;
    let secret = format!("{}:{}", credentials.name, credentials.password.expose());
    let invalid = |_| HandshakeError::Broken("the worker's name cannot be sent".to_owned());
    let mut basic =
        HeaderValue::from_str(&format!("Basic {}", BASE64.encode(secret))).map_err(invalid)?;
    basic.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, basic);
    if let Some(boot) = &credentials.boot {
        let boot = HeaderValue::from_str(boot).map_err(invalid)?;
        request.headers_mut().insert(BOOT_HEADER, boot);
    }
    let stream = Counted::new(stream);
    match tokio_tungstenite::client_async_with_config(request, stream, Some(limits())).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) if answer.status() == StatusCode::UNAUTHORIZED => {
            Err(HandshakeError::Refused)
        }
        Err(error) => Err(broken(error)),
    }
}

fn broken(error: tungstenite::Error) -> HandshakeError {
    match error {
        tungstenite::Error::Http(answer) => HandshakeError::Status(answer.status().as_u16()),
        other => HandshakeError::Broken(other.to_string()),
    }
}
