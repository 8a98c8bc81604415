//! GitHub's API: one request at a time, with its manners. When GitHub says "later" (`Retry-After`,
//! a used-up rate limit), every clone of the client keeps silent until then. Waiting and trying
//! again is the caller's business, but for [`Client::get`], which is patient for a while.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;

use super::status::Status;
use crate::base::clock::{Clock, Timestamp};
use crate::base::secret::Secret;
use crate::base::text::shorten;
use crate::http::{self, Request};

/// The longest silence that a server can impose on us.
const LONGEST_SILENCE: Duration = Duration::from_secs(2 * 3600);
/// What GitHub asks for when it limits without saying for how long.
const UNNAMED_SILENCE: Duration = Duration::from_secs(60);

/// How long a question is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first attempt to the last, waits included.
    pub total: Duration,
    /// Wait after the first failure; it doubles with each.
    pub first: Duration,
    /// The longest wait that is not GitHub's own wish.
    pub longest: Duration,
}

impl Patience {
    /// For what a delivery needs: five minutes.
    pub const DELIVERY: Self = Self {
        total: Duration::from_secs(300),
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
    };
    /// For what a callback asks while others wait: half a minute.
    pub const CALLBACK: Self = Self {
        total: Duration::from_secs(30),
        first: Duration::from_secs(1),
        longest: Duration::from_secs(8),
    };
}

/// An answer of the API, whatever its status.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// Status code.
    pub status: u16,
    /// The body; null when it is empty or no JSON.
    pub json: Json,
    /// Lower-case header names and their values.
    pub headers: Vec<(String, String)>,
}

/// Why the API did not do what was asked.
#[derive(Clone, Debug)]
pub struct ClientError {
    /// A sentence.
    pub message: String,
    /// Asking again makes no sense.
    pub is_final: bool,
    /// GitHub's own word on when to ask again.
    pub retry_at: Option<Timestamp>,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClientError {}

/// The client of one API with one token.
#[derive(Clone, Debug)]
pub struct Client {
    http: http::Client,
    /// The forge, for messages.
    forge: &'static str,
    api: Arc<str>,
    token: Option<Secret>,
    clock: Clock,
    silent_until: Arc<Mutex<Timestamp>>,
}

impl Client {
    /// A client of the API at `api` (`https://api.github.com`).
    #[must_use]
    pub fn new(http: http::Client, api: &str, token: Option<Secret>, clock: Clock) -> Self {
        let api = Arc::from(api.trim_end_matches('/'));
        Self { http, forge: "GitHub", api, token, clock, silent_until: Arc::default() }
    }

    /// A client of Gitea or Forgejo at `server` (`https://git.example.org`), whose API has the same
    /// shape where commit statuses are concerned.
    #[must_use]
    pub fn gitea(http: http::Client, server: &str, token: Option<Secret>, clock: Clock) -> Self {
        let api = format!("{}/api/v1", server.trim_end_matches('/'));
        Self { forge: "Gitea", ..Self::new(http, &api, token, clock) }
    }

    /// `GET path?query`, patient for half a minute where GitHub is overloaded or away.
    ///
    /// # Errors
    /// When there is no answer, GitHub stays overloaded, or the rate limit lasts longer.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<ApiAnswer, ClientError> {
        self.get_patiently(path, query, Patience::CALLBACK).await
    }

    /// `GET path?query`, as patient as you like.
    ///
    /// # Errors
    /// When there is no answer, GitHub stays overloaded, or the rate limit lasts longer.
    pub async fn get_patiently(
        &self,
        path: &str,
        query: &[(&str, &str)],
        patience: Patience,
    ) -> Result<ApiAnswer, ClientError> {
        let end = self.clock.now() + patience.total;
        let mut wait = patience.first;
        loop {
            let error = match self.ask(Request::new("GET", &self.url(path, query))).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let at = error.retry_at.unwrap_or_else(|| self.clock.now() + wait);
            if error.is_final || at > end {
                return Err(error);
            }
            self.clock.sleep_until(at).await;
            wait = (wait * 2).min(patience.longest);
        }
    }

    /// Sets a commit status: one attempt. To repeat it is harmless.
    ///
    /// # Errors
    /// When GitHub refuses it, which is final, or cannot be asked now.
    pub async fn set_status(
        &self,
        repository: &str,
        sha: &str,
        status: &Status,
    ) -> Result<(), ClientError> {
        let path = format!("/repos/{repository}/statuses/{}", segment(sha));
        let body = serde_json::json!(status);
        self.once("POST", &path, &[], Some(&body)).await.map(|_| ())
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// One request that must succeed; its JSON.
    ///
    /// # Errors
    /// When GitHub refuses it, which is final, or cannot be asked now.
    pub(super) async fn once(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Result<Json, ClientError> {
        let request = Request::new(method, &self.url(path, query));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = self.ask(request).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.json);
        }
        // 401 and 403 come from a token that an operator may correct: worth another attempt.
        let is_final = !matches!(answer.status, 401 | 403 | 408);
        Err(ClientError { message: self.refusal(&answer), is_final, retry_at: None })
    }

    /// One request. 5xx, rate limits and missing answers are errors, all else is an answer.
    async fn ask(&self, request: Request) -> Result<ApiAnswer, ClientError> {
        let silent_until = *self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        if silent_until > self.clock.now() {
            let message = format!("{} wants no requests before {silent_until}.", self.forge);
            return Err(ClientError { message, is_final: false, retry_at: Some(silent_until) });
        }
        let mut request = request
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        if let Some(token) = &self.token {
            request = request.header("authorization", &format!("token {}", token.expose()));
        }
        let answer = self.http.request(request).await.map_err(|error| ClientError {
            is_final: error.kind == http::ErrorKind::Invalid,
            message: error.message,
            retry_at: None,
        })?;
        let retry_at = self.silence(&answer);
        let json = serde_json::from_slice(&answer.body).unwrap_or(Json::Null);
        let answer = ApiAnswer { status: answer.status, json, headers: answer.headers };
        if retry_at.is_some() || answer.status >= 500 {
            return Err(ClientError { message: self.refusal(&answer), is_final: false, retry_at });
        }
        Ok(answer)
    }

    /// Whether an answer means "later", and until when; remembered for all clones.
    fn silence(&self, answer: &http::Answer) -> Option<Timestamp> {
        let now = self.clock.now();
        let asked = answer.header("retry-after").and_then(|v| retry_after(v, now));
        let is_limited = matches!(answer.status, 403 | 429);
        let until = match asked {
            Some(at) if is_limited || answer.status >= 500 => at,
            _ if !is_limited => return None,
            _ => limit_reset(answer, now)?,
        };
        let until = until.min(now + LONGEST_SILENCE);
        let mut silent_until = self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        *silent_until = until.max(*silent_until);
        Some(*silent_until)
    }

    fn refusal(&self, answer: &ApiAnswer) -> String {
        let status = answer.status;
        let reason = answer.json["message"].as_str().map(|m| format!(": {}", shorten(m, 300)));
        let errors = answer.json["errors"].as_array().filter(|list| !list.is_empty());
        let errors = errors.map(|list| {
            let words =
                |e: &Json| e["message"].as_str().map_or_else(|| e.to_string(), str::to_owned);
            let list: Vec<String> = list.iter().map(words).collect();
            format!(" ({})", shorten(&list.join("; "), 300))
        });
        let (reason, errors) = (reason.unwrap_or_default(), errors.unwrap_or_default());
        format!("{} answers {status}{reason}{errors}.", self.forge)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}/{}", self.api, path.trim_start_matches('/'));
        for (i, (name, value)) in query.iter().enumerate() {
            url.push(if i == 0 && !path.contains('?') { '?' } else { '&' });
            url.push_str(&segment(name));
            url.push('=');
            url.push_str(&segment(value));
        }
        url
    }
}

/// `Retry-After` in seconds or as a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(now + Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(Timestamp(date.timestamp().as_microsecond()))
}

/// When a used-up limit is full again; none when the refusal is no matter of limits.
fn limit_reset(answer: &http::Answer, now: Timestamp) -> Option<Timestamp> {
    if answer.header("x-ratelimit-remaining") == Some("0") {
        let reset: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
        // A clock that differs from GitHub's must not make a loop without waiting.
        return Some(Timestamp::from_secs(reset).max(now + Duration::from_secs(1)));
    }
    let is_unnamed = answer.status == 429 || answer.text().to_lowercase().contains("rate limit");
    is_unnamed.then(|| now + UNNAMED_SILENCE)
}

/// `text` as one segment of a path or one part of a query.
fn segment(text: &str) -> String {
    const SET: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, SET).to_string()
}

#[cfg(test)]
mod tests;
