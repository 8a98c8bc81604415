//! The stock rules: which changes a push or a pull request makes, from the payload alone. Pure, so
//! that the answer to a webhook can count without waiting for anybody. What only GitHub's API
//! knows is left open in [`Stock::needs`] and filled in by `reading`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::payload::{Facts, branch_of, list, text};
use super::{pulls, whitelist};
use crate::base::text::count;
use crate::model::change::NewChange;
use crate::model::config::{Codebase, GithubHook};
use crate::model::delivery::Cancel;

/// What the stock rules make of a delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stock {
    /// Changes, in order. Their codebase is empty when a function of the configuration says it.
    pub changes: Vec<NewChange>,
    /// Lines of development whose builds are not wanted any more.
    pub cancels: Vec<Cancel>,
    /// One sentence: what was made of it or why nothing was.
    pub verdict: String,
    /// What must still be asked of GitHub.
    pub needs: Option<Needs>,
}

/// What the API must be asked for before a pull request's change is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// `owner/name` of the repository that the pull request is in.
    pub repository: String,
    /// Number of the pull request.
    pub number: i64,
    /// Its head commit.
    pub sha: String,
}

impl Stock {
    fn nothing(verdict: impl Into<String>) -> Self {
        Self { verdict: verdict.into(), ..Self::default() }
    }

    /// What the sender is answered: `2 changes found` the way Buildbot says it, or
    /// `no change found`.
    #[must_use]
    pub fn answer(&self) -> String {
        match self.changes.len() {
            0 => "no change found".to_owned(),
            n => format!("{n} change found"),
        }
    }
}

/// Applies the stock rules for `facts.name`.
#[must_use]
pub fn stock(hook: &GithubHook, facts: &Facts) -> Stock {
    match facts.name.as_str() {
        "push" => push(hook, facts),
        "pull_request" => pull_request(hook, facts),
        "ping" => Stock::nothing("GitHub's ping: the hook is connected."),
        name => Stock::nothing(format!("The event {name} makes no changes.")),
    }
}

/// Whether a commit message asks for no builds; the pattern that found it.
#[must_use]
pub fn skipped_by<'a>(hook: &'a GithubHook, message: &str) -> Option<&'a str> {
    hook.skips.iter().find(|pattern| pattern.is_match(message)).map(regex::Regex::as_str)
}

fn push(hook: &GithubHook, facts: &Facts) -> Stock {
    let payload = &facts.payload;
    let name = facts.ref_.as_deref().unwrap_or_default();
    if branch_of(name).is_none() {
        return Stock::nothing(format!("{name} is neither a branch nor a tag."));
    }
    if payload["deleted"] == true {
        return Stock::nothing(format!("{name} was deleted."));
    }
    let commits = wanted_commits(payload);
    let Some(head) =
        payload.get("head_commit").filter(|c| c.is_object()).or(commits.last().copied())
    else {
        return Stock::nothing(format!("The push to {name} has no commits."));
    };
    let message = text(head, "/message").unwrap_or_default();
    if let Some(pattern) = skipped_by(hook, &message) {
        return Stock::nothing(format!("The head commit's message says to skip ({pattern})."));
    }
    let changes: Vec<NewChange> =
        commits.into_iter().map(|commit| commit_change(hook, facts, name, commit)).collect();
    let verdict = format!("{} on {name}.", count(changes.len(), "change"));
    Stock { changes, verdict, ..Stock::default() }
}

/// The commits that become changes. GitHub cuts long pushes short and lists none when a branch is
/// moved back by force, so the head commit is added wherever the list lacks it.
fn wanted_commits(payload: &Json) -> Vec<&Json> {
    let head = payload.get("head_commit").filter(|c| c.is_object());
    if payload["created"] == true {
        return head.into_iter().collect();
    }
    let mut commits: Vec<&Json> = list(payload, "/commits").iter().collect();
    commits.extend(head.filter(|head| !commits.iter().any(|c| c["id"] == head["id"])));
    commits
}

fn commit_change(hook: &GithubHook, facts: &Facts, name: &str, commit: &Json) -> NewChange {
    let payload = &facts.payload;
    let mut properties = whitelist::properties(payload, &hook.property_whitelist);
    let distinct = commit.get("distinct").cloned().unwrap_or(Json::Bool(true));
    properties.insert("github_distinct".to_owned(), distinct);
    properties.insert("event".to_owned(), Json::from("push"));
    let files = ["/added", "/modified", "/removed"]
        .into_iter()
        .flat_map(|path| list(commit, path))
        .filter_map(|file| file.as_str().map(str::to_owned))
        .collect();
    NewChange {
        author: person(&commit["author"]),
        committer: Some(person(&commit["committer"])).filter(|p| !p.is_empty()),
        comments: text(commit, "/message").unwrap_or_default(),
        files,
        revision: text(commit, "/id"),
        when_timestamp: text(commit, "/timestamp").and_then(|t| pulls::seconds(&t)),
        branch: facts.branch.clone(),
        category: name.starts_with("refs/tags/").then(|| "tag".to_owned()),
        revlink: text(commit, "/url"),
        properties,
        repository: text(payload, "/repository/html_url").unwrap_or_default(),
        project: facts.repository.clone().unwrap_or_default(),
        codebase: fixed_codebase(hook),
    }
}

fn pull_request(hook: &GithubHook, facts: &Facts) -> Stock {
    let number = facts.number.unwrap_or_default();
    let action = facts.action.as_deref().unwrap_or_default();
    let branch = format!("refs/pull/{number}/{}", hook.pullrequest_ref);
    let project = facts.repository.clone().unwrap_or_default();
    match action {
        "opened" | "reopened" | "synchronize" => {
            let change = pull_request_change(hook, facts, number, branch);
            let sha = change.revision.clone().unwrap_or_default();
            Stock {
                changes: vec![change],
                verdict: format!("Pull request {number} was {}.", past(action)),
                needs: Some(Needs { repository: project, number, sha }),
                ..Stock::default()
            }
        }
        "closed" if hook.cancel_on_close => {
            let reason = format!("pull request {number} was closed");
            Stock {
                cancels: vec![Cancel { project, branch, reason }],
                verdict: format!("Pull request {number} was closed: its builds are cancelled."),
                ..Stock::default()
            }
        }
        action => Stock::nothing(format!("The pull request action {action} makes no changes.")),
    }
}

fn past(action: &str) -> &str {
    if action == "synchronize" { "pushed to" } else { action }
}

fn pull_request_change(hook: &GithubHook, facts: &Facts, number: i64, branch: String) -> NewChange {
    let pull = &facts.payload["pull_request"];
    let link = text(pull, "/_links/html/href").unwrap_or_default();
    let mut properties = whitelist::properties(pull, &hook.property_whitelist);
    properties.extend(BTreeMap::from([
        ("pullrequesturl".to_owned(), Json::from(link.as_str())),
        ("event".to_owned(), Json::from("pull_request")),
        ("basename".to_owned(), Json::from(facts.base_branch.as_deref())),
    ]));
    NewChange {
        author: facts.sender.clone().unwrap_or_default(),
        comments: pulls::comments(pull, number),
        revision: text(pull, "/head/sha"),
        when_timestamp: text(pull, "/created_at").and_then(|t| pulls::seconds(&t)),
        branch: Some(branch),
        category: Some("pull".to_owned()),
        revlink: Some(link),
        properties,
        repository: text(&facts.payload, "/repository/html_url").unwrap_or_default(),
        project: facts.repository.clone().unwrap_or_default(),
        codebase: fixed_codebase(hook),
        ..NewChange::default()
    }
}

fn fixed_codebase(hook: &GithubHook) -> String {
    match &hook.codebase {
        Some(Codebase::Fixed(name)) => name.clone(),
        Some(Codebase::Callback(_)) | None => String::new(),
    }
}

/// `Name <email>`, or the name alone when there is no address.
fn person(json: &Json) -> String {
    let name = text(json, "/name").unwrap_or_default();
    match text(json, "/email").filter(|email| !email.is_empty()) {
        Some(email) => format!("{name} <{email}>"),
        None => name,
    }
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
