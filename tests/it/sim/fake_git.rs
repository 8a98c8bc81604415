//! Repositories without the program git: commits with their parents, and heads that a story moves.
//! They answer at once, or fail, or hang when the story wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use halide_ci::engine::ports::Future;
use halide_ci::model::config::GitPoller;
use halide_ci::poll::git::{Commit, Git, Heads};

#[derive(Default)]
struct Repositories {
    /// First parents by commit.
    parents: BTreeMap<String, Option<String>>,
    heads: BTreeMap<String, String>,
    /// Why every question fails; none = it does not.
    fault: Option<String>,
    /// Nothing is answered.
    hangs: bool,
    /// How many questions are under way, and the most that ever were.
    under_way: (usize, usize),
    looks: usize,
}

/// The fake; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct FakeGit(Arc<Mutex<Repositories>>);

impl FakeGit {
    fn inner(&self) -> MutexGuard<'_, Repositories> {
        self.0.lock().unwrap()
    }

    /// A commit on top of `branch`, which begins with it if it is new.
    pub(crate) fn commit(&self, branch: &str, sha: &str) {
        let mut inner = self.inner();
        let head = format!("refs/heads/{branch}");
        let parent = inner.heads.insert(head, sha.to_owned());
        inner.parents.insert(sha.to_owned(), parent);
    }

    /// `branch` is what `sha` is.
    pub(crate) fn point(&self, branch: &str, sha: &str) {
        self.inner().heads.insert(format!("refs/heads/{branch}"), sha.to_owned());
    }

    /// `branch` is no more.
    pub(crate) fn delete(&self, branch: &str) {
        self.inner().heads.remove(&format!("refs/heads/{branch}"));
    }

    /// Every question fails from now on, or none.
    pub(crate) fn fault(&self, why: Option<&str>) {
        self.inner().fault = why.map(str::to_owned);
    }

    /// No question is answered from now on, or all are.
    pub(crate) fn hang(&self, hangs: bool) {
        self.inner().hangs = hangs;
    }

    /// How often heads were asked for, and how many questions were under way at once at most.
    pub(crate) fn looks(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.looks, inner.under_way.1)
    }

    async fn wait(&self) -> Result<(), String> {
        let (hangs, fault) = {
            let inner = self.inner();
            (inner.hangs, inner.fault.clone())
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        fault.map_or(Ok(()), Err)
    }
}

impl Git for FakeGit {
    fn heads<'a>(&'a self, _: &'a GitPoller) -> Future<'a, Result<Heads, String>> {
        {
            let mut inner = self.inner();
            inner.looks += 1;
            inner.under_way.0 += 1;
            inner.under_way.1 = inner.under_way.1.max(inner.under_way.0);
        }
        Box::pin(async move {
            let waited = self.wait().await;
            self.inner().under_way.0 -= 1;
            waited?;
            let default = Some("refs/heads/main".to_owned());
            Ok(Heads { default, refs: self.inner().heads.clone() })
        })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a GitPoller,
        moved: &'a [String],
        _: &'a BTreeMap<String, String>,
    ) -> Future<'a, Result<BTreeMap<String, String>, String>> {
        Box::pin(async move {
            self.wait().await?;
            let inner = self.inner();
            let now = moved
                .iter()
                .filter_map(|name| Some((name.clone(), inner.heads.get(name)?.clone())));
            Ok(now.collect())
        })
    }

    fn commits<'a>(
        &'a self,
        _: &'a GitPoller,
        head: &'a str,
        known: Option<&'a [String]>,
    ) -> Future<'a, Result<Vec<Commit>, String>> {
        Box::pin(async move {
            self.wait().await?;
            let inner = self.inner();
            let line = |from: &str| {
                let mut out = vec![from.to_owned()];
                while let Some(parent) =
                    inner.parents.get(&out[out.len() - 1]).and_then(Clone::clone)
                {
                    out.push(parent);
                }
                out
            };
            let not: BTreeSet<String> =
                known.unwrap_or_default().iter().flat_map(|k| line(k)).collect();
            let mut new = line(head);
            match known {
                Some(known) if !known.is_empty() => new.retain(|sha| !not.contains(sha)),
                _ => new.truncate(1),
            }
            new.reverse();
            Ok(new
                .into_iter()
                .map(|sha| Commit {
                    author: "Ann <ann@example.org>".to_owned(),
                    committer: "Ben <ben@example.org>".to_owned(),
                    when: 1_767_000_000,
                    comments: format!("Commit {sha}"),
                    files: vec![format!("src/{sha}.cpp")],
                    revision: sha,
                })
                .collect())
        })
    }
}
