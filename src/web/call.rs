//! A request on its way to a handler, and the problems that an answer can be. Handlers get a
//! [`Call`] whose sender is already known and allowed.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use super::auth::Who;
use crate::api::{ApiError, ErrorKind};
use crate::engine::Refusal;
use crate::store::StoreError;

/// A request whose sender may make it.
pub(super) struct Call {
    /// Method, path, headers.
    pub(super) parts: Parts,
    /// The body, unread.
    pub(super) body: Body,
    /// The parameters of the path, in order.
    pub(super) params: Vec<String>,
    /// Who sends it.
    pub(super) who: Who,
}

/// Time for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

impl Call {
    /// The headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The query string.
    pub(super) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or("")
    }

    /// The first value of `name` in the query.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        let pairs = crate::api::spec::pairs(self.query()).ok()?;
        pairs.into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The path parameter `index` as a row id.
    pub(super) fn id(&self, index: usize) -> Result<i64, Problem> {
        let text = self.params.get(index).map_or("", String::as_str);
        text.parse().map_err(|_| Problem::missing())
    }

    /// The path parameter `index`.
    pub(super) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// What leads from this page back to the root: all links are relative, so that any prefix of a
    /// proxy works.
    pub(super) fn root(&self) -> String {
        // As a browser resolves it: every slash after the first is a folder, also in `//`.
        let depth = self.parts.uri.path().matches('/').count().saturating_sub(1);
        if depth == 0 { "./".to_owned() } else { "../".repeat(depth) }
    }

    /// The media type of the body, without parameters, in lower case.
    pub(super) fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or("");
        value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// Reads the body, at most `limit` bytes of it.
    pub(super) async fn read_body(&mut self, limit: usize) -> Result<Bytes, Problem> {
        if self.header("content-encoding").is_some_and(|e| !e.eq_ignore_ascii_case("identity")) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Compressed requests are not accepted.",
            ));
        }
        let too_large = || {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body is larger than {limit} bytes."),
            )
        };
        let announced = self.header("content-length").and_then(|t| t.parse::<u64>().ok());
        if announced.is_some_and(|n| n > limit as u64) {
            return Err(too_large());
        }
        let body = std::mem::replace(&mut self.body, Body::empty());
        match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Problem::invalid("The body ended early.")),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive within 30 seconds.",
            )),
        }
    }

    /// Reads a form, at most `limit` bytes of it.
    pub(super) async fn read_form(&mut self, limit: usize) -> Result<Form, Problem> {
        if self.content_type() != "application/x-www-form-urlencoded" {
            return Err(Problem::invalid("Expected a form (application/x-www-form-urlencoded)."));
        }
        let body = self.read_body(limit).await?;
        let text = std::str::from_utf8(&body).map_err(|_| Problem::invalid("Not UTF-8."))?;
        Ok(Form(crate::api::spec::pairs(text).map_err(Problem::from)?))
    }
}

/// The fields of a form.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    /// The first value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) struct Problem {
    /// The status.
    pub(super) status: StatusCode,
    /// What went wrong, for people.
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here.")
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let status = match error.kind {
            ErrorKind::Missing => StatusCode::NOT_FOUND,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Missing(_) => StatusCode::NOT_FOUND,
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::Stale => StatusCode::CONFLICT,
            Refusal::Unstored(_) | Refusal::Ending => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut text = refusal.to_string();
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        if !text.ends_with('.') {
            // Writing to a String cannot fail.
            let _ = text.write_char('.');
        }
        Self::new(status, text)
    }
}

/// A redirect to another page of ours; `to` is relative and made by us, never by a client.
pub(super) fn see_other(to: &str) -> axum::response::Response {
    let mut response = axum::response::Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(value) = axum::http::HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}
