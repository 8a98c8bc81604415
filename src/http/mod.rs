//! HTTP requests to the outside: one client for `forge`, `report` and the scripts' `ci.http`. It
//! limits what a foreign server can do to us (time, size, redirects) in one place. The sockets are
//! behind [`Transport`], so that a simulation answers in process and owns the time.

mod transport;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

/// What a [`Transport`] returns.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// Carries one request to its server: no redirects, no retry. The client adds the rest.
pub trait Transport: Send + Sync {
    /// Sends `request` and reads the whole answer, at most `request.max_body` bytes of it.
    fn send(&self, request: Request) -> Future<'_, Result<Answer, HttpError>>;
}

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Absolute URL, `http` or `https`.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// Body, may be empty.
    pub body: Vec<u8>,
    /// Seconds for everything together: connecting, redirects, the whole answer (default 30 s).
    pub timeout: Duration,
    /// Largest answer in bytes (default 16 MiB); a larger one is an error.
    pub max_body: usize,
    /// What a rehearsal, which asks nobody, takes for the answer; the real network knows nothing of it.
    pub rehearsal: Option<Answer>,
}

impl Request {
    /// A request without headers and body, with the default limits.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(30),
            max_body: 16 << 20,
            rehearsal: None,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With `body` as JSON.
    #[must_use]
    pub fn json(mut self, body: &Json) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Lower-case header names and their values, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header called `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense: a URL that is none, a header with a line break.
    Invalid,
    /// Name, connection or TLS failed, or the connection broke.
    Unreachable,
    /// It took longer than the request allows.
    TimedOut,
    /// The answer is larger than the request allows.
    TooLarge,
    /// The server redirects elsewhere, or in circles.
    Redirected,
}

/// A request without answer, as a sentence. It names the server, never headers or query.
#[derive(Clone, Debug)]
pub struct HttpError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The sentence.
    pub message: String,
}

impl HttpError {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HttpError {}

/// The client. Cheap to clone and to make: sockets and certificates are looked at with the first
/// request.
#[derive(Clone)]
pub struct Client(Arc<dyn Transport>);

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http::Client")
    }
}

impl Client {
    /// A client over real sockets.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(transport::Sockets::default()))
    }

    /// A client over `transport`, for simulations.
    #[must_use]
    pub fn with_transport(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }

    /// `GET url`.
    ///
    /// # Errors
    /// When there is no answer; a status such as 500 is an answer.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, HttpError> {
        let request = headers.iter().fold(Request::new("GET", url), |r, (n, v)| r.header(n, v));
        self.request(request).await
    }

    /// `POST url` with a JSON body.
    ///
    /// # Errors
    /// When there is no answer; a status such as 500 is an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &Json,
    ) -> Result<Answer, HttpError> {
        let request =
            headers.iter().fold(Request::new("POST", url).json(body), |r, (n, v)| r.header(n, v));
        self.request(request).await
    }

    /// Sends `request` and follows redirects within the same scheme, host and port.
    ///
    /// # Errors
    /// When there is no answer within the request's limits.
    pub async fn request(&self, request: Request) -> Result<Answer, HttpError> {
        let site = transport::site(&request.url)?;
        let limit = request.timeout;
        let answer = tokio::time::timeout(limit, self.follow(request)).await;
        answer.unwrap_or_else(|_| {
            let seconds = limit.as_secs_f64();
            let message = format!("{site} did not answer within {seconds} s.");
            Err(HttpError::new(ErrorKind::TimedOut, message))
        })
    }

    async fn follow(&self, mut request: Request) -> Result<Answer, HttpError> {
        for _ in 0..6 {
            let answer = self.0.send(request.clone()).await?;
            match transport::redirect(&request, &answer)? {
                None => return Ok(answer),
                Some(next) => request.url = next,
            }
        }
        let site = transport::site(&request.url)?;
        let message = format!("{site} redirects more than 5 times.");
        Err(HttpError::new(ErrorKind::Redirected, message))
    }
}

#[cfg(test)]
mod tests;
