//! A delivery's JSON: is it what its event says, and what are the facts in it. Everything that a
//! hook's rules or callbacks rely on is checked here, before anybody reads it, so that a field that
//! GitHub renames is an error with a name and not a nil somewhere in Lua.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::delivery::Head;

/// Why a payload cannot be used: the sender's fault, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError(pub String);

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PayloadError {}

/// What a field must be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Object,
    List,
    Bool,
}

impl Kind {
    fn fits(self, value: &Json) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Bool => value.is_boolean(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "an integer",
            Self::Object => "an object",
            Self::List => "a list",
            Self::Bool => "true or false",
        }
    }
}

const PUSH: &[(&str, Kind)] = &[
    ("/ref", Kind::Text),
    ("/deleted", Kind::Bool),
    ("/created", Kind::Bool),
    ("/repository/full_name", Kind::Text),
    ("/repository/html_url", Kind::Text),
    ("/commits", Kind::List),
];

const COMMIT: &[(&str, Kind)] = &[
    ("/id", Kind::Text),
    ("/message", Kind::Text),
    ("/timestamp", Kind::Text),
    ("/author", Kind::Object),
    ("/author/name", Kind::Text),
];

const PULL_REQUEST: &[(&str, Kind)] = &[
    ("/action", Kind::Text),
    ("/number", Kind::Integer),
    ("/repository/full_name", Kind::Text),
    ("/repository/html_url", Kind::Text),
    ("/sender/login", Kind::Text),
    ("/pull_request/title", Kind::Text),
    ("/pull_request/commits", Kind::Integer),
    ("/pull_request/created_at", Kind::Text),
    ("/pull_request/head/sha", Kind::Text),
    ("/pull_request/head/ref", Kind::Text),
    ("/pull_request/base/ref", Kind::Text),
    ("/pull_request/base/repo/full_name", Kind::Text),
    ("/pull_request/_links/html/href", Kind::Text),
];

/// Reads `body` and checks that it has what `event` needs.
///
/// # Errors
/// When it is not a JSON object, or a field is missing or of another kind; the error names it.
pub fn parse(event: &str, body: &[u8]) -> Result<Json, PayloadError> {
    let json: Json = serde_json::from_slice(body)
        .map_err(|e| PayloadError(format!("The payload is not JSON: {e}.")))?;
    check(event, &json)?;
    Ok(json)
}

fn check(event: &str, json: &Json) -> Result<(), PayloadError> {
    if !json.is_object() {
        return Err(PayloadError("The payload is not a JSON object.".to_owned()));
    }
    match event {
        "push" => {
            need(event, "", json, PUSH)?;
            for (i, commit) in list(json, "/commits").iter().enumerate() {
                need(event, &format!("/commits/{i}"), commit, COMMIT)?;
            }
            match json.get("head_commit") {
                None | Some(Json::Null) => Ok(()),
                Some(commit) => need(event, "/head_commit", commit, COMMIT),
            }
        }
        "pull_request" => need(event, "", json, PULL_REQUEST),
        _ => Ok(()),
    }
}

fn need(
    event: &str,
    prefix: &str,
    json: &Json,
    fields: &[(&str, Kind)],
) -> Result<(), PayloadError> {
    for (path, kind) in fields {
        let name = format!("{prefix}{path}")[1..].replace('/', ".");
        match json.pointer(path) {
            None => {
                let message = format!("The payload of event {event} lacks the field {name}.");
                return Err(PayloadError(message));
            }
            Some(value) if !kind.fits(value) => {
                let message =
                    format!("The payload's field {name} must be {} ({event}).", kind.words());
                return Err(PayloadError(message));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What a delivery says, in the words of hook callbacks; they may change every field before the
/// stock rules read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The event: `push`, `pull_request`, …
    pub name: String,
    /// What happened: `opened`, `synchronize`, `closed`; pushes have none.
    pub action: Option<String>,
    /// The full ref of a push: `refs/heads/main`.
    #[serde(rename = "ref")]
    pub ref_: Option<String>,
    /// The branch or tag of a push, the head branch of a pull request.
    pub branch: Option<String>,
    /// Names of a pull request's labels.
    pub labels: Vec<String>,
    /// Logins of those asked to review, also of the one asked just now.
    pub reviewers: Vec<String>,
    /// Login of who caused it.
    pub sender: Option<String>,
    /// Number of the pull request (or issue).
    pub number: Option<i64>,
    /// `owner/name` of the repository it is about.
    pub repository: Option<String>,
    /// The branch that a pull request wants to go into.
    pub base_branch: Option<String>,
    /// `owner/name` of the repository that a pull request comes from; none when it was deleted.
    pub head_repository: Option<String>,
    /// Everything.
    pub payload: Json,
}

/// Takes the facts out of a payload.
///
/// # Errors
/// As [`parse`], for payloads that were not parsed for this event.
pub fn facts(event: &str, payload: &Json) -> Result<Facts, PayloadError> {
    check(event, payload)?;
    let mut facts = Facts {
        name: event.to_owned(),
        action: text(payload, "/action"),
        sender: text(payload, "/sender/login"),
        repository: text(payload, "/repository/full_name"),
        number: payload.get("number").and_then(Json::as_i64),
        ..Facts::default()
    };
    match event {
        "push" => {
            facts.ref_ = text(payload, "/ref");
            facts.branch = facts.ref_.as_deref().and_then(branch_of).map(str::to_owned);
            facts.sender = facts.sender.or_else(|| text(payload, "/pusher/name"));
        }
        "pull_request" => {
            let pull = &payload["pull_request"];
            facts.branch = text(pull, "/head/ref");
            facts.base_branch = text(pull, "/base/ref");
            facts.head_repository = text(pull, "/head/repo/full_name");
            facts.repository = text(pull, "/base/repo/full_name");
            facts.labels = names(pull, "/labels", "/name");
            facts.reviewers = names(pull, "/requested_reviewers", "/login");
            let asked = text(payload, "/requested_reviewer/login");
            facts.reviewers.extend(asked.filter(|login| !facts.reviewers.contains(login)));
        }
        "issue_comment" | "issues" => {
            facts.number = payload.pointer("/issue/number").and_then(Json::as_i64);
            facts.labels = names(payload, "/issue/labels", "/name");
        }
        _ => {}
    }
    facts.payload = payload.clone();
    Ok(facts)
}

/// Where a delivery says that a branch or pull request is now; none for events that do not say, and for
/// a pull request's that do not move it.
#[must_use]
pub fn head(facts: &Facts) -> Option<Head> {
    let repository = facts.repository.as_deref()?;
    match (facts.name.as_str(), facts.action.as_deref()) {
        ("push", _) => {
            let name = facts.ref_.as_deref().filter(|name| name.starts_with("refs/heads/"))?;
            let is_gone = facts.payload["deleted"] == true;
            let after = text(&facts.payload, "/after");
            let after = after.or_else(|| text(&facts.payload, "/head_commit/id"));
            let revision = if is_gone { None } else { Some(after?) };
            Some(Head { name: format!("{repository} {name}"), revision })
        }
        ("pull_request", Some(action)) => {
            let revision = match action {
                "opened" | "reopened" | "synchronize" => {
                    Some(text(&facts.payload, "/pull_request/head/sha")?)
                }
                "closed" => None,
                _ => return None,
            };
            Some(Head { name: format!("{repository}#{}", facts.number?), revision })
        }
        _ => None,
    }
}

/// The branch or tag that a full ref names; none for other refs.
#[must_use]
pub fn branch_of(ref_: &str) -> Option<&str> {
    ref_.strip_prefix("refs/heads/").or_else(|| ref_.strip_prefix("refs/tags/"))
}

/// The text at `path`, if there is text.
pub(super) fn text(json: &Json, path: &str) -> Option<String> {
    json.pointer(path).and_then(Json::as_str).map(str::to_owned)
}

/// The list at `path`; empty when there is none.
pub(super) fn list<'a>(json: &'a Json, path: &str) -> &'a [Json] {
    json.pointer(path).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn names(json: &Json, path: &str, field: &str) -> Vec<String> {
    list(json, path).iter().filter_map(|item| text(item, field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::stock::sample;

    #[test]
    fn a_missing_field_is_named() {
        let mut push = sample::push();
        push["commits"][1]["author"].as_object_mut().unwrap().remove("name");
        let error = parse("push", push.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.0, "The payload of event push lacks the field commits.1.author.name.");
        let mut pull = sample::pull_request("opened");
        pull["number"] = Json::from("7");
        let error = parse("pull_request", pull.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.0, "The payload's field number must be an integer (pull_request).");
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        assert!(parse("star", b"[]").unwrap_err().0.contains("not a JSON object"));
        assert!(parse("star", b"{").unwrap_err().0.contains("not JSON"));
        assert!(parse("star", b"{}").is_ok());
    }

    #[test]
    fn the_payload_of_one_event_does_not_pass_for_another() {
        let push = sample::push().to_string();
        let pull = sample::pull_request("opened").to_string();
        assert!(parse("pull_request", push.as_bytes()).is_err());
        assert!(parse("push", pull.as_bytes()).is_err());
    }

    #[test]
    fn a_pull_requests_facts_are_at_hand() {
        let mut pull = sample::pull_request("review_requested");
        pull["requested_reviewer"] = serde_json::json!({ "login": "halidebuildbots" });
        let facts = facts("pull_request", &pull).unwrap();
        assert_eq!(facts.action.as_deref(), Some("review_requested"));
        assert_eq!(facts.labels, ["build", "wip"]);
        assert_eq!(facts.reviewers, ["reviewer", "halidebuildbots"]);
        assert_eq!(facts.base_branch.as_deref(), Some("main"));
        assert_eq!(facts.branch.as_deref(), Some("feature"));
        assert_eq!(facts.head_repository.as_deref(), Some("contributor/Halide"));
        assert_eq!(facts.number, Some(7));
        pull["pull_request"]["head"]["repo"] = Json::Null;
        assert_eq!(super::facts("pull_request", &pull).unwrap().head_repository, None);
    }

    #[test]
    fn a_pushs_facts_are_at_hand() {
        let facts = facts("push", &sample::push()).unwrap();
        assert_eq!(facts.ref_.as_deref(), Some("refs/heads/main"));
        assert_eq!(facts.branch.as_deref(), Some("main"));
        assert_eq!(facts.repository.as_deref(), Some("halide/Halide"));
        assert_eq!(facts.sender.as_deref(), Some("pusher"));
    }
}
