//! Deliveries that GitHub should have sent: made of what its API says now, in the shape of its own
//! payloads, so that hooks and their functions read them like any other.

use serde_json::{Value as Json, json};

use super::payload::{list, text};
use crate::model::delivery::{Head, NewDelivery};

/// The event header of such a delivery, by which a function can tell it from GitHub's own.
const MARK: &str = "x-halide-ci-reconciled";

/// What is known of a branch's head before.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    /// All about the repository.
    pub repository: &'a Json,
    /// `refs/heads/main`
    pub name: &'a str,
    /// The head that was known; none = the branch is new.
    pub before: Option<&'a str>,
    /// All about the commit that it is now.
    pub commit: &'a Json,
    /// What differs between the two, if that could be asked.
    pub compared: Option<&'a Json>,
}

/// A push that was missed: one change for the head, with the files of everything in between.
#[must_use]
pub fn push(moved: &Moved<'_>, guid: String) -> Option<NewDelivery> {
    let sha = text(moved.commit, "/sha")?;
    let files = moved.compared.map_or_else(|| list(moved.commit, "/files"), |c| list(c, "/files"));
    let of = |statuses: &[&str]| -> Vec<String> {
        let fits = |file: &&Json| {
            let status = file["status"].as_str().unwrap_or("modified");
            statuses.contains(&status) || (statuses.contains(&"modified") && status == "changed")
        };
        files.iter().filter(fits).filter_map(|file| text(file, "/filename")).collect()
    };
    let mut removed = of(&["removed"]);
    removed.extend(files.iter().filter_map(|file| text(file, "/previous_filename")));
    let person = |path: &str| {
        json!({
            "name": text(moved.commit, &format!("{path}/name")).unwrap_or_default(),
            "email": text(moved.commit, &format!("{path}/email")),
        })
    };
    let committed = text(moved.commit, "/commit/committer/date");
    let commit = json!({
        "id": sha, "distinct": true,
        "message": text(moved.commit, "/commit/message").unwrap_or_default(),
        "timestamp": committed.or_else(|| text(moved.commit, "/commit/author/date")).unwrap_or_default(),
        "url": text(moved.commit, "/html_url"),
        "author": person("/commit/author"), "committer": person("/commit/committer"),
        "added": of(&["added", "renamed", "copied"]), "modified": of(&["modified"]), "removed": removed,
    });
    let sender =
        text(moved.commit, "/committer/login").or_else(|| text(moved.commit, "/author/login"));
    let body = json!({
        "ref": moved.name, "before": moved.before.unwrap_or(NONE), "after": sha,
        "created": moved.before.is_none(), "deleted": false, "forced": false,
        "repository": moved.repository, "head_commit": commit, "commits": [commit],
        "pusher": { "name": sender }, "sender": { "login": sender },
    });
    let name = format!("{} {}", text(moved.repository, "/full_name")?, moved.name);
    Some(delivery("push", guid, Head { name, revision: Some(sha) }, &body))
}

/// A branch whose end was missed.
#[must_use]
pub fn deletion(repository: &Json, name: &str, before: &str, guid: String) -> Option<NewDelivery> {
    let body = json!({
        "ref": name, "before": before, "after": NONE, "created": false, "deleted": true,
        "forced": false, "repository": repository, "head_commit": null, "commits": [],
        "pusher": { "name": null }, "sender": { "login": null },
    });
    let head = Head { name: format!("{} {name}", text(repository, "/full_name")?), revision: None };
    Some(delivery("push", guid, head, &body))
}

/// Something that was missed of a pull request: `opened`, `synchronize`, `reopened`, `closed`. `pull` is
/// all about it.
#[must_use]
pub fn pull_request(action: &str, pull: &Json, guid: String) -> Option<NewDelivery> {
    let number = pull["number"].as_i64()?;
    let repository = pull.pointer("/base/repo")?;
    let revision = match action {
        "closed" => None,
        _ => Some(text(pull, "/head/sha")?),
    };
    let body = json!({
        "action": action, "number": number, "pull_request": pull, "repository": repository,
        "sender": pull.get("user"),
    });
    let name = format!("{}#{number}", text(repository, "/full_name")?);
    Some(delivery("pull_request", guid, Head { name, revision }, &body))
}

/// The commit of what does not exist.
const NONE: &str = "0000000000000000000000000000000000000000";

fn delivery(event: &str, guid: String, head: Head, body: &Json) -> NewDelivery {
    let headers = [("x-github-event", event), ("x-github-delivery", &guid), (MARK, "1")];
    NewDelivery {
        dialect: "github".to_owned(),
        event: event.to_owned(),
        line: head.name.clone(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: body.to_string().into_bytes(),
        head: Some(head),
        guid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::payload::{facts, head, parse};

    #[test]
    fn a_push_that_was_missed_reads_like_one_of_githubs() {
        let repository = json!({ "full_name": "o/r", "html_url": "https://github.com/o/r" });
        let commit = json!({
            "sha": "abc", "html_url": "https://github.com/o/r/commit/abc",
            "commit": {
                "message": "Fix it",
                "author": { "name": "Ann", "email": "a@b", "date": "2026-01-01T00:00:00Z" },
                "committer": { "name": "Ben", "email": "b@c", "date": "2026-01-02T00:00:00Z" },
            },
            "committer": { "login": "ben" },
        });
        let compared = json!({ "files": [
            { "filename": "new", "status": "added" },
            { "filename": "to", "previous_filename": "from", "status": "renamed" },
            { "filename": "same", "status": "modified" },
            { "filename": "mode", "status": "changed" },
            { "filename": "old", "status": "removed" },
        ] });
        let moved = Moved {
            repository: &repository,
            name: "refs/heads/main",
            before: Some("aaa"),
            commit: &commit,
            compared: Some(&compared),
        };
        let delivery = push(&moved, "g".to_owned()).unwrap();
        let json = parse("push", &delivery.body).unwrap();
        let facts = facts("push", &json).unwrap();
        assert_eq!(head(&facts), delivery.head);
        assert_eq!(delivery.line, "o/r refs/heads/main");
        let commit = &json["commits"][0];
        assert_eq!(commit["added"], json!(["new", "to"]));
        assert_eq!(commit["modified"], json!(["same", "mode"]));
        assert_eq!(commit["removed"], json!(["old", "from"]));
        assert_eq!(json["created"], false);
        let gone = deletion(&repository, "refs/heads/main", "aaa", "g".to_owned()).unwrap();
        let json = parse("push", &gone.body).unwrap();
        let facts = super::super::payload::facts("push", &json).unwrap();
        assert_eq!(head(&facts), gone.head);
    }

    #[test]
    fn what_was_missed_of_a_pull_request_carries_its_head() {
        let pull = json!({
            "number": 7, "head": { "sha": "abc" }, "base": { "repo": { "full_name": "o/r" } },
        });
        let head = |action: &str| pull_request(action, &pull, "g".to_owned()).unwrap().head;
        let at = Head { name: "o/r#7".to_owned(), revision: Some("abc".to_owned()) };
        assert_eq!(head("opened"), Some(at.clone()));
        assert_eq!(head("closed"), Some(Head { revision: None, ..at }));
    }
}
