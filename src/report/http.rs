//! `ci.reporters.http`: a POST for each thing that is told. Without words of the configuration it is
//! the build as Buildbot's data API shows it, with `event` beside it.

use serde_json::{Value as Json, json};

use super::compose::{Draft, Flaw};
use super::message::{self, Message};
use super::teller::Told;
use crate::base::clock::Timestamp;
use crate::base::id::OutboxId;
use crate::base::text::shorten;
use crate::http::{Client, ErrorKind, Request};
use crate::model::config::HttpReporter;
use crate::model::telling::Kind;

/// The most of an answer that is read.
const ANSWER: usize = 64 << 10;

/// The message of a row.
///
/// # Errors
/// What cannot be read, or a mistake in the words.
pub(super) async fn compose(reporter: &HttpReporter, draft: &Draft<'_>) -> Result<Message, Flaw> {
    if let Some(message) = draft.message().await? {
        return Ok(message);
    }
    let mut context = draft.context().await?;
    let mut body = match (&reporter.payload, draft.told.kind) {
        (Some(payload), _) => message::call("payload", payload, &context, draft.generation).await?,
        (None, Kind::WorkerMissing | Kind::WorkerReturned) => {
            json!({ "event": context["event"], "worker": context["worker"].take() })
        }
        (None, Kind::BuildsetFinished) => {
            let mut body = context["buildset"].take();
            body["event"] = context["event"].take();
            body["builds"] = context["builds"].take();
            body
        }
        (None, _) => {
            let mut body = context["build"].take();
            body["event"] = context["event"].take();
            body
        }
    };
    message::hide(&mut body, draft.generation);
    Ok(Message { subject: None, body, kind: "json".to_owned() })
}

/// One attempt.
pub(super) async fn send(
    reporter: &HttpReporter,
    client: &Client,
    id: OutboxId,
    message: &Message,
    now: Timestamp,
) -> Told {
    // A server that was told and whose answer was lost can know it again.
    let mut request =
        Request::new("POST", &reporter.url).header("idempotency-key", &format!("outbox-{id}"));
    request.max_body = ANSWER;
    request = match message.kind.as_str() {
        "json" => request.json(&message.body),
        kind if reporter.skip_encoding => {
            let kind = if kind == "html" { "text/html" } else { "text/plain" };
            request.body = message.text().into_bytes();
            request.header("content-type", &format!("{kind}; charset=utf-8"))
        }
        _ => request.json(&json!(message)),
    };
    if let Some((user, password)) = &reporter.login {
        use base64::Engine as _;
        let both = format!("{user}:{}", password.expose());
        let both = base64::engine::general_purpose::STANDARD.encode(both);
        request = request.header("authorization", &format!("Basic {both}"));
    }
    for (name, value) in &reporter.headers {
        request = request.header(name, value);
    }
    let answer = match client.request(request).await {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::Invalid => return Told::GivenUp(error.message),
        // It has answered; what, is nobody's concern.
        Err(error) if error.kind == ErrorKind::TooLarge => return Told::Sent,
        Err(error) => return Told::Failed(error.message, None),
    };
    if (200..300).contains(&answer.status) {
        return Told::Sent;
    }
    let text = answer.text();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let said = first.map(|line| format!(": {}", shorten(line, 200))).unwrap_or_default();
    let error = format!("The server answers {}{said}.", answer.status);
    if matches!(answer.status, 408 | 429) || answer.status >= 500 {
        let seconds = answer.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
        let at = seconds.map(|s| now + std::time::Duration::from_secs(s.min(2 * 3600)));
        return Told::Failed(error, at);
    }
    Told::GivenUp(error)
}

/// A message that a row keeps.
pub(super) fn kept(message: &Json) -> Option<Message> {
    serde_json::from_value(message.clone()).ok()
}
