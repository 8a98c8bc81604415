//! GitHub's payloads, as far as a story needs them.

use serde_json::{Value as Json, json};

/// The repository of every story.
pub(crate) const REPOSITORY: &str = "halide/Halide";

/// A push of one commit to `branch`.
pub(crate) fn push(branch: &str, sha: &str, message: &str) -> Json {
    let commit = json!({
        "id": sha, "message": message, "timestamp": "2026-01-02T03:04:05Z",
        "url": format!("https://github.com/{REPOSITORY}/commit/{sha}"),
        "author": { "name": "A. Contributor", "email": "a@example.org" },
        "committer": { "name": "A. Contributor", "email": "a@example.org" },
        "added": [], "removed": [], "modified": ["src/IR.cpp"], "distinct": true,
    });
    json!({
        "ref": format!("refs/heads/{branch}"), "before": "0", "after": sha,
        "created": false, "deleted": false, "forced": false,
        "repository": {
            "full_name": REPOSITORY, "name": "Halide",
            "html_url": format!("https://github.com/{REPOSITORY}"),
        },
        "pusher": { "name": "contributor" }, "sender": { "login": "contributor" },
        "head_commit": commit.clone(), "commits": [commit],
    })
}

/// An action on a pull request whose head is `sha`.
pub(crate) fn pull_request(action: &str, number: i64, sha: &str) -> Json {
    json!({
        "action": action, "number": number,
        "repository": {
            "full_name": REPOSITORY, "html_url": format!("https://github.com/{REPOSITORY}"),
        },
        "sender": { "login": "contributor" },
        "pull_request": {
            "number": number, "title": "Simplify", "body": null, "commits": 1,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
            "labels": [], "requested_reviewers": [],
            "head": { "ref": "simplify", "sha": sha, "repo": { "full_name": REPOSITORY } },
            "base": { "ref": "main", "sha": "b0", "repo": { "full_name": REPOSITORY } },
            "_links": { "html": { "href": format!("https://github.com/{REPOSITORY}/pull/{number}") } },
            "html_url": format!("https://github.com/{REPOSITORY}/pull/{number}"),
        },
    })
}
