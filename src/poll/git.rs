//! What a look at a git repository finds: which heads have moved since the last one, and the commits
//! that are new by it. The program git is behind [`Git`], so that a simulation has repositories
//! of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Look;
use crate::base::text::count;
use crate::engine::input::Seen;
use crate::engine::ports::{Argument, Future};
use crate::model::change::NewChange;
use crate::model::config::{Branches, GitPoller};
use crate::model::delivery::NewDelivery;

/// What a repository says of its refs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The ref that HEAD stands for.
    pub default: Option<String>,
    /// Each branch or tag, by its whole ref, and its commit.
    pub refs: BTreeMap<String, String>,
}

/// A commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub revision: String,
    /// `Name <email>`
    pub author: String,
    /// `Name <email>`
    pub committer: String,
    /// When it was committed, in seconds since the epoch.
    pub when: i64,
    /// The message.
    pub comments: String,
    /// The files it touches; of a merge, against its first parent.
    pub files: Vec<String>,
}

/// Repositories. Failures are sentences for people.
pub trait Git: Send + Sync {
    /// The branches of a poller's repository, or its tags.
    fn heads<'a>(&'a self, poller: &'a GitPoller) -> Future<'a, Result<Heads, String>>;

    /// Fetches the refs `moved`, and what is lacking of `rest`; where each of `moved` is now.
    fn fetch<'a>(
        &'a self,
        poller: &'a GitPoller,
        moved: &'a [String],
        rest: &'a BTreeMap<String, String>,
    ) -> Future<'a, Result<BTreeMap<String, String>, String>>;

    /// The commits on the line of first parents of `head` that none of `known` contains, oldest
    /// first; only `head` when `known` is none, or none of it is there any more.
    fn commits<'a>(
        &'a self,
        poller: &'a GitPoller,
        head: &'a str,
        known: Option<&'a [String]>,
    ) -> Future<'a, Result<Vec<Commit>, String>>;
}

/// Looks at a repository; `before` is what the last look saw, none for the first one.
pub(super) async fn look(
    look: &Look<'_>,
    git: &dyn Git,
    poller: &GitPoller,
    before: Option<&BTreeMap<String, String>>,
) -> Result<Seen, String> {
    let mut heads = git.heads(poller).await?;
    // What is there already when a poller is new is nobody's news.
    let Some(before) = before else {
        return Ok(Seen { heads: heads.refs, deliveries: Vec::new() });
    };
    let mut chosen = BTreeMap::new();
    for name in heads.refs.keys().chain(before.keys()) {
        if !chosen.contains_key(name) {
            let is_wanted = wants(look, poller, name, heads.default.as_deref()).await?;
            chosen.insert(name.clone(), is_wanted);
        }
    }
    let is_chosen = |name: &String| chosen.get(name) == Some(&true);
    let (moved, rest): (Vec<_>, Vec<_>) = heads
        .refs
        .iter()
        .filter(|(name, _)| is_chosen(name))
        .partition(|(name, revision)| before.get(*name) != Some(revision));
    let moved: Vec<String> = moved.into_iter().map(|(name, _)| name.clone()).collect();
    if moved.is_empty() {
        return Ok(Seen { heads: heads.refs, deliveries: Vec::new() });
    }
    let rest = rest.into_iter().map(|(name, revision)| (name.clone(), revision.clone())).collect();
    // They may have moved on since they were listed.
    heads.refs.extend(git.fetch(poller, &moved, &rest).await?);
    let mut known: BTreeSet<String> = before
        .iter()
        .filter(|(name, _)| is_chosen(name))
        .map(|(_, revision)| revision.clone())
        .collect();
    let mut deliveries = Vec::new();
    for name in &moved {
        let Some(revision) = heads.refs.get(name) else { continue };
        let mut commits = Vec::new();
        if !known.contains(revision) {
            let known: Vec<String> = known.iter().cloned().collect();
            commits = git.commits(poller, revision, Some(&known)).await?;
        }
        if commits.is_empty() && poller.build_pushes_with_no_commits {
            commits = git.commits(poller, revision, None).await?;
        }
        if commits.len() >= super::mirror::MOST {
            let news = count(commits.len(), "commit");
            tracing::warn!(
                source = look.source.name,
                head = name,
                "{news}, and none older, count."
            );
        }
        known.insert(revision.clone());
        if !commits.is_empty() {
            deliveries.push(delivery(look, poller, name, commits).await?);
        }
    }
    Ok(Seen { heads: heads.refs, deliveries })
}

async fn wants(
    look: &Look<'_>,
    poller: &GitPoller,
    name: &str,
    default: Option<&str>,
) -> Result<bool, String> {
    if poller.only_tags {
        return Ok(true);
    }
    let default = default.map(short);
    if let Some(says) = poller.branches.take(short(name), default) {
        return Ok(says);
    }
    let Branches::Callback(callback) = &poller.branches else { return Ok(false) };
    let args = vec![Argument::Json(Json::from(name))];
    look.says_yes(callback, args).await
}

/// A branch or tag without what all branches or tags begin with.
fn short(name: &str) -> &str {
    let rest = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/"));
    rest.unwrap_or(name)
}

async fn delivery(
    look: &Look<'_>,
    poller: &GitPoller,
    name: &str,
    commits: Vec<Commit>,
) -> Result<NewDelivery, String> {
    let mut changes = Vec::new();
    for commit in commits {
        let change = NewChange {
            author: commit.author,
            committer: Some(commit.committer),
            comments: commit.comments,
            files: commit.files,
            revision: Some(commit.revision),
            when_timestamp: poller.use_timestamps.then_some(commit.when),
            branch: Some(short(name).to_owned()),
            repository: poller.repo.clone(),
            project: look.source.project.clone().unwrap_or_default(),
            ..NewChange::default()
        };
        changes.push(look.finished(change).await?);
    }
    let line = format!("{} {}", look.source.name, short(name));
    Ok(NewDelivery::found(look.random.token(), look.source.kind.word(), line, &changes))
}
