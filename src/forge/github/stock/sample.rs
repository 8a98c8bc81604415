//! Payloads in GitHub's documented shape, for tests.

use regex::Regex;
use serde_json::{Value as Json, json};

use crate::base::secret::Secret;
use crate::model::config::GithubHook;

/// A hook with the default options.
pub(crate) fn hook() -> GithubHook {
    GithubHook {
        secret: Secret::new("webhook"),
        allow_sha1: false,
        codebase: None,
        property_whitelist: Vec::new(),
        skips: [r"\[ *skip *ci *\]", r"\[ *ci *skip *\]"].map(|p| Regex::new(p).unwrap()).to_vec(),
        api: "https://api.github.com".to_owned(),
        pullrequest_ref: "merge".to_owned(),
        token: None,
        reconcile: None,
        cancel_on_close: true,
        on_push: None,
        on_pull_request: None,
        on_event: None,
    }
}

/// A commit of a push.
pub(crate) fn commit(id: &str, message: &str) -> Json {
    json!({
        "id": id,
        "distinct": true,
        "message": message,
        "timestamp": "2024-05-31T08:15:30+02:00",
        "url": format!("https://github.com/halide/Halide/commit/{id}"),
        "author": { "name": "Ada", "email": "ada@example.org", "username": "ada" },
        "committer": { "name": "GitHub", "email": "noreply@github.com", "username": "web-flow" },
        "added": ["src/New.cpp"], "removed": ["src/Old.cpp"], "modified": ["README.md"],
    })
}

/// A push of two commits to main.
pub(crate) fn push() -> Json {
    json!({
        "ref": "refs/heads/main",
        "before": "aaaa", "after": "cccc",
        "created": false, "deleted": false, "forced": false,
        "base_ref": null,
        "compare": "https://github.com/halide/Halide/compare/aaaa...cccc",
        "repository": {
            "id": 1, "name": "Halide", "full_name": "halide/Halide",
            "html_url": "https://github.com/halide/Halide", "private": false,
        },
        "pusher": { "name": "pusher", "email": "pusher@example.org" },
        "sender": { "login": "pusher" },
        "commits": [commit("bbbb", "First"), commit("cccc", "Second")],
        "head_commit": commit("cccc", "Second"),
    })
}

/// An action on pull request 7.
pub(crate) fn pull_request(action: &str) -> Json {
    json!({
        "action": action,
        "number": 7,
        "repository": {
            "id": 1, "full_name": "halide/Halide", "html_url": "https://github.com/halide/Halide",
        },
        "sender": { "login": "contributor" },
        "pull_request": {
            "title": "Faster blur", "body": "It is faster.", "commits": 3, "number": 7,
            "created_at": "2024-05-31T06:15:30Z", "updated_at": "2024-06-01T06:15:30Z",
            "labels": [{ "name": "build" }, { "name": "wip" }],
            "requested_reviewers": [{ "login": "reviewer" }],
            "head": {
                "ref": "feature", "sha": "dddd",
                "repo": { "full_name": "contributor/Halide" },
            },
            "base": {
                "ref": "main", "sha": "aaaa", "repo": { "full_name": "halide/Halide" },
            },
            "_links": { "html": { "href": "https://github.com/halide/Halide/pull/7" } },
        },
    })
}
