//! GitHub at a rehearsal: payloads made of a few words, in the shape of GitHub's documents as far as
//! hooks read them, and what its API would say of a pull request. Tests write
//! `master:pull_request { … }`; whoever has a real payload gives that.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::network::Canned;
use crate::http::Answer;

/// When every payload says that something happened.
const TIME: &str = "2026-01-01T00:00:00Z";

/// A push of one commit.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// `owner/name`.
    pub repository: String,
    /// The branch, or else `tag`.
    pub branch: String,
    /// The tag, instead of a branch.
    pub tag: Option<String>,
    /// The commit's hash; none = one that nothing else has.
    pub revision: Option<String>,
    /// The commit's message.
    pub message: String,
    /// Name of the author.
    pub author: String,
    /// Files that were modified.
    pub files: Vec<String>,
    /// Files that were added.
    pub added: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// The branch is new.
    pub created: bool,
    /// The branch was deleted.
    pub deleted: bool,
    /// History was rewritten.
    pub forced: bool,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            repository: "example/example".to_owned(),
            branch: "main".to_owned(),
            tag: None,
            revision: None,
            message: "A change".to_owned(),
            author: "contributor".to_owned(),
            files: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            created: false,
            deleted: false,
            forced: false,
        }
    }
}

impl Push {
    /// GitHub's payload; `fresh` is the hash of a commit without one.
    #[must_use]
    pub fn payload(&self, fresh: &str) -> Json {
        let sha = self.revision.as_deref().unwrap_or(fresh);
        let name = match &self.tag {
            Some(tag) => format!("refs/tags/{tag}"),
            None => format!("refs/heads/{}", self.branch),
        };
        let person =
            json!({ "name": self.author, "email": format!("{}@example.org", self.author) });
        let url = format!("https://github.com/{}", self.repository);
        let commit = json!({
            "id": sha, "message": self.message, "timestamp": TIME, "distinct": true,
            "url": format!("{url}/commit/{sha}"), "author": person, "committer": person,
            "added": self.added, "removed": self.removed, "modified": self.files,
        });
        let (head, commits) = match self.deleted {
            true => (Json::Null, json!([])),
            false => (commit.clone(), json!([commit])),
        };
        let zero = "0".repeat(40);
        json!({
            "ref": name, "before": zero, "after": if self.deleted { &zero } else { sha },
            "created": self.created, "deleted": self.deleted, "forced": self.forced,
            "repository": repository(&self.repository),
            "pusher": { "name": self.author }, "sender": { "login": self.author },
            "head_commit": head, "commits": commits,
        })
    }
}

/// Something that happened to a pull request.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullRequest {
    /// `owner/name` of the repository that it is in.
    pub repository: String,
    /// Its number.
    pub number: i64,
    /// `opened`, `synchronize`, `closed`, `labeled` and so on.
    pub action: String,
    /// Its title.
    pub title: String,
    /// What it says.
    pub body: Option<String>,
    /// Who caused it.
    pub author: String,
    /// The branch it wants to go into.
    pub base: String,
    /// The branch it comes from.
    pub head: String,
    /// `owner/name` of the repository that it comes from; none = the same.
    pub head_repository: Option<String>,
    /// The head commit's hash; none = one that nothing else has.
    pub revision: Option<String>,
    /// The head commit's message; none = the title.
    pub message: Option<String>,
    /// The files it touches.
    pub files: Vec<String>,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Logins of those asked to review.
    pub reviewers: Vec<String>,
    /// It is a draft.
    pub draft: bool,
    /// It was merged.
    pub merged: bool,
}

impl Default for PullRequest {
    fn default() -> Self {
        Self {
            repository: "example/example".to_owned(),
            number: 1,
            action: "opened".to_owned(),
            title: "A pull request".to_owned(),
            body: None,
            author: "contributor".to_owned(),
            base: "main".to_owned(),
            head: "feature".to_owned(),
            head_repository: None,
            revision: None,
            message: None,
            files: Vec::new(),
            labels: Vec::new(),
            reviewers: Vec::new(),
            draft: false,
            merged: false,
        }
    }
}

impl PullRequest {
    /// GitHub's payload; `fresh` is the hash of a commit without one.
    #[must_use]
    pub fn payload(&self, fresh: &str) -> Json {
        let sha = self.revision.as_deref().unwrap_or(fresh);
        let from = self.head_repository.as_deref().unwrap_or(&self.repository);
        let page = format!("https://github.com/{}/pull/{}", self.repository, self.number);
        let logins = |names: &[String]| -> Vec<Json> {
            names.iter().map(|name| json!({ "login": name })).collect()
        };
        let labels: Vec<Json> = self.labels.iter().map(|name| json!({ "name": name })).collect();
        let mut payload = json!({
            "action": self.action, "number": self.number,
            "repository": repository(&self.repository),
            "sender": { "login": self.author },
            "pull_request": {
                "number": self.number, "title": self.title, "body": self.body, "commits": 1,
                "state": if self.action == "closed" { "closed" } else { "open" },
                "draft": self.draft, "merged": self.merged,
                "created_at": TIME, "updated_at": TIME, "user": { "login": self.author },
                "labels": labels, "requested_reviewers": logins(&self.reviewers),
                "head": { "ref": self.head, "sha": sha, "repo": repository(from) },
                "base": { "ref": self.base, "sha": "0".repeat(40), "repo": repository(&self.repository) },
                "_links": { "html": { "href": page } }, "html_url": page,
            },
        });
        if self.action == "review_requested"
            && let Some(asked) = self.reviewers.last()
        {
            payload["requested_reviewer"] = json!({ "login": asked });
        }
        payload
    }

    /// What GitHub's API at `api` says of it.
    #[must_use]
    pub fn answers(&self, api: &str, fresh: &str) -> Vec<Canned> {
        let sha = self.revision.as_deref().unwrap_or(fresh);
        let message = self.message.as_deref().unwrap_or(&self.title);
        answers(api, &self.repository, self.number, sha, message, &self.files)
    }
}

/// What GitHub's API at `api` would say of the pull request in `payload`, as far as the payload
/// knows: no files, and the title in place of the head commit's message. None for other payloads.
#[must_use]
pub fn presumed(api: &str, payload: &Json) -> Vec<Canned> {
    let text = |path: &str| payload.pointer(path).and_then(Json::as_str);
    let number = payload.get("number").and_then(Json::as_i64);
    let (Some(repository), Some(sha), Some(title), Some(number)) = (
        text("/pull_request/base/repo/full_name"),
        text("/pull_request/head/sha"),
        text("/pull_request/title"),
        number,
    ) else {
        return Vec::new();
    };
    answers(api, repository, number, sha, title, &[])
}

fn answers(
    api: &str,
    repository: &str,
    number: i64,
    sha: &str,
    message: &str,
    files: &[String],
) -> Vec<Canned> {
    let files: Vec<Json> = files.iter().map(|name| json!({ "filename": name })).collect();
    vec![
        canned(
            &format!("{api}/repos/{repository}/commits/{sha}"),
            &json!({ "sha": sha, "commit": { "message": message } }),
        ),
        canned(&format!("{api}/repos/{repository}/pulls/{number}/files"), &Json::Array(files)),
    ]
}

fn canned(url: &str, body: &Json) -> Canned {
    let body = body.to_string().into_bytes();
    let answer = Answer { status: 200, headers: Vec::new(), body };
    Canned { method: "GET".to_owned(), url: url.to_owned(), answer }
}

fn repository(full_name: &str) -> Json {
    let name = full_name.rsplit('/').next().unwrap_or(full_name);
    json!({
        "full_name": full_name, "name": name,
        "html_url": format!("https://github.com/{full_name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::payload::facts;

    #[test]
    fn the_payloads_have_what_hooks_need() {
        let push = Push { tag: Some("v1".to_owned()), ..Push::default() }.payload("abc");
        assert_eq!(facts("push", &push).unwrap().ref_.as_deref(), Some("refs/tags/v1"));
        let gone = Push { deleted: true, ..Push::default() }.payload("abc");
        assert!(facts("push", &gone).is_ok());
        let asked = PullRequest {
            action: "review_requested".to_owned(),
            reviewers: vec!["bot".to_owned()],
            ..PullRequest::default()
        };
        let payload = asked.payload("abc");
        assert_eq!(facts("pull_request", &payload).unwrap().reviewers, ["bot"]);
        assert_eq!(presumed("https://x", &payload).len(), 2);
        assert!(presumed("https://x", &push).is_empty());
    }
}
