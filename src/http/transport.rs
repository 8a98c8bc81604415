//! The real transport: reqwest over rustls with ring. The only file that knows reqwest here. Two
//! lazily built clients: one for this machine itself, without certificates and without proxy, and
//! one for the world, which reads the system's certificates with its first request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use super::{Answer, ErrorKind, Future, HttpError, Request, Transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections are few and short-lived: an idle master shall hold no TLS buffers.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends over sockets.
#[derive(Default)]
pub(super) struct Sockets {
    local: Mutex<Option<reqwest::Client>>,
    public: Mutex<Option<reqwest::Client>>,
}

impl Transport for Sockets {
    fn send(&self, request: Request) -> Future<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let url = parse(&request.url)?;
            let site = site_of(&url);
            let client = self.client(&url)?;
            let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| {
                let message = format!("{:?} is not an HTTP method.", request.method);
                HttpError::new(ErrorKind::Invalid, message)
            })?;
            let mut builder = client.request(method, url).body(request.body);
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            let response = builder.send().await.map_err(|e| failure(&site, e))?;
            read(&site, response, request.max_body).await
        })
    }
}

impl Sockets {
    fn client(&self, url: &Url) -> Result<reqwest::Client, HttpError> {
        let is_local = url.scheme() == "http"
            && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let slot = if is_local { &self.local } else { &self.public };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = if is_local { local() } else { public() };
        let client = client.map_err(|e| {
            let message = format!(
                "No HTTPS is possible on this machine: {}. Install its CA certificates \
                 (the package is mostly called ca-certificates).",
                causes(&e)
            );
            HttpError::new(ErrorKind::Unreachable, message)
        })?;
        Ok(slot.insert(client).clone())
    }
}

fn builder() -> reqwest::ClientBuilder {
    // Only the first call in a process installs it; later ones find it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("halide-ci/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(4)
        // Redirects are followed by the client itself: its rules depend on the method.
        .redirect(reqwest::redirect::Policy::none())
}

fn local() -> reqwest::Result<reqwest::Client> {
    builder().no_proxy().tls_certs_only([]).build()
}

fn public() -> reqwest::Result<reqwest::Client> {
    builder().build()
}

async fn read(
    site: &str,
    mut response: reqwest::Response,
    max_body: usize,
) -> Result<Answer, HttpError> {
    let too_large = || {
        let message = format!("{site} answered with more than {max_body} bytes.");
        HttpError::new(ErrorKind::TooLarge, message)
    };
    let announced = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    if announced > max_body {
        return Err(too_large());
    }
    let status = response.status().as_u16();
    let text =
        |v: &reqwest::header::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    let headers =
        response.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect();
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(site, e))? {
        if body.len() + chunk.len() > max_body {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

fn failure(site: &str, error: reqwest::Error) -> HttpError {
    // A URL may carry what must not be logged; the site is named anyway.
    let error = error.without_url();
    if error.is_timeout() {
        return HttpError::new(ErrorKind::TimedOut, format!("{site} did not answer in time."));
    }
    if error.is_builder() {
        let message = format!("The request to {site} is malformed: {}.", causes(&error));
        return HttpError::new(ErrorKind::Invalid, message);
    }
    let message = format!("{site} cannot be reached: {}.", causes(&error));
    HttpError::new(ErrorKind::Unreachable, message)
}

/// The innermost cause says most; the outer ones are reqwest's words.
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn parse(url: &str) -> Result<Url, HttpError> {
    let invalid = || {
        let message = format!("{url:?} is not an http or https URL.");
        HttpError::new(ErrorKind::Invalid, message)
    };
    let url = Url::parse(url).map_err(|_| invalid())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(invalid())
    }
}

fn site_of(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Scheme, host and port of `url`, for messages.
pub(super) fn site(url: &str) -> Result<Arc<str>, HttpError> {
    parse(url).map(|url| site_of(&url).into())
}

/// Where `answer` sends `request`, if it is a redirect that may be followed.
pub(super) fn redirect(request: &Request, answer: &Answer) -> Result<Option<String>, HttpError> {
    let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
    // 301, 302 and 303 would turn a POST into a GET: for the caller that is no success.
    let follows = match answer.status {
        301..=303 => is_read,
        307 | 308 => true,
        _ => false,
    };
    let Some(location) = answer.header("location").filter(|_| follows) else { return Ok(None) };
    let from = parse(&request.url)?;
    let to = from.join(location).ok().filter(|to| to.origin() == from.origin());
    match to {
        Some(to) => Ok(Some(to.to_string())),
        None => {
            // Credentials go to the configured server and nowhere else.
            let message =
                format!("{} redirects to another server, which is not followed.", site_of(&from));
            Err(HttpError::new(ErrorKind::Redirected, message))
        }
    }
}
