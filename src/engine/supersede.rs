//! Builds that a newer change makes old, and builds that a failed one of their buildset makes
//! pointless: what `ci.cancellers.*` ask for. Whatever a function has a say in is asked outside the
//! beat: for a newer change while it is judged, for a failed build in a task after its commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::base::id::{BuilderId, BuildsetId, RequestId};
use crate::base::results::Results;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Input, JudgedChange, Judgement, Superseded};
use crate::engine::intake::refusal;
use crate::engine::ports::Argument;
use crate::engine::{Engine, Generation};
use crate::model::change::{Change, NewChange};
use crate::model::config::{
    Callback, CancellerConfig, CancellerFilter, CancellerKind, SchedulerConfig, SchedulerKind,
    branch_key,
};
use crate::model::filter::Verdict;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::{Result, requests, sourcestamps};

/// What `change` makes old, by every canceller that looks at its source.
pub(super) async fn by(
    engine: &Engine,
    generation: &Generation,
    change: &NewChange,
) -> Vec<Superseded> {
    let Some(branch) = &change.branch else { return Vec::new() };
    let mut out = Vec::new();
    for canceller in &generation.config.cancellers {
        let CancellerKind::OldBuilds { branch_key: own_key } = &canceller.kind else { continue };
        let mut branches = None;
        for filter in &canceller.filters {
            if !matches(generation, canceller, filter, &change.sourcestamp()).await {
                continue;
            }
            if branches.is_none() {
                branches =
                    Some(same_branch(engine, generation, own_key.as_ref(), change, branch).await);
            }
            out.push(Superseded {
                by: canceller.name.clone(),
                builders: filter.builders.clone(),
                branches: branches.clone().unwrap_or_default(),
            });
        }
    }
    out
}

/// Whether a canceller's filter lets a source in. One that fails cancels nothing.
async fn matches(
    generation: &Generation,
    canceller: &CancellerConfig,
    filter: &CancellerFilter,
    stamp: &Sourcestamp,
) -> bool {
    match refusal(generation, &filter.filter, &of_stamp(stamp)).await {
        Ok(no) => no.is_none(),
        Err(error) => {
            let canceller = &canceller.name;
            tracing::error!(canceller, %error, "a filter failed; nothing is cancelled");
            false
        }
    }
}

/// A sourcestamp as filters see it.
fn of_stamp(stamp: &Sourcestamp) -> NewChange {
    let Sourcestamp { branch, revision, repository, project, codebase, patch: _ } = stamp.clone();
    NewChange { branch, revision, repository, project, codebase, ..NewChange::default() }
}

/// The branches of unfinished requests that count as the change's own.
async fn same_branch(
    engine: &Engine,
    generation: &Generation,
    own_key: Option<&Callback>,
    change: &NewChange,
    branch: &str,
) -> BTreeSet<String> {
    let mut out = BTreeSet::from([branch.to_owned()]);
    if own_key.is_none() && branch_key(branch) == branch {
        // Mostly so: a branch is its name, and nothing need be read.
        return out;
    }
    let stamps = match engine.store().read(sourcestamps::of_unfinished).await {
        Ok(stamps) => stamps,
        Err(error) => {
            tracing::error!(%error, "sources of requests cannot be read; only the same branch counts");
            return out;
        }
    };
    let key = key_of(generation, own_key, &change.sourcestamp()).await;
    for stamp in stamps {
        if is_beside(&stamp, change)
            && key.is_some()
            && key_of(generation, own_key, &stamp).await == key
        {
            out.extend(stamp.branch);
        }
    }
    out
}

/// Whether both are of one project, repository and codebase.
fn is_beside(stamp: &Sourcestamp, change: &NewChange) -> bool {
    (&stamp.project, &stamp.repository, &stamp.codebase)
        == (&change.project, &change.repository, &change.codebase)
}

/// What a source counts as; none = its function failed or has no key for it.
async fn key_of(
    generation: &Generation,
    own_key: Option<&Callback>,
    stamp: &Sourcestamp,
) -> Option<String> {
    let Some(callback) = own_key else {
        return stamp.branch.as_deref().map(|branch| branch_key(branch).to_owned());
    };
    let args = vec![Argument::Json(json!(stamp))];
    match generation.scripts.call(callback, args).await {
        Ok(Json::String(key)) => Some(key),
        Ok(Json::Null) => None,
        Ok(other) => {
            tracing::error!(site = %callback.site, "branch_key must return a string or nil, not {other}");
            None
        }
        Err(error) => {
            tracing::error!(%error, "branch_key failed; nothing is cancelled");
            None
        }
    }
}

/// The rest of a buildset of which a build failed, where a function of a filter has the last word.
pub(super) struct Failed {
    engine: Engine,
    generation: Arc<Generation>,
    canceller: CancellerConfig,
    filter: CancellerFilter,
    stamps: Arc<Vec<Sourcestamp>>,
    rest: Vec<RequestId>,
}

/// Asks, and cancels.
pub(super) async fn settle(failed: Failed) {
    let Failed { engine, generation, canceller, filter, stamps, rest } = failed;
    for stamp in stamps.iter() {
        if matches(&generation, &canceller, &filter, stamp).await {
            let reason = because_one_failed(&canceller);
            for request in rest {
                // One that has ended meanwhile needs no cancelling.
                let reason = reason.clone();
                let cancel = |answer| Input::CancelWanted { request, reason, answer };
                let _ = engine.ask(cancel).await;
            }
            return;
        }
    }
}

fn because_one_failed(canceller: &CancellerConfig) -> String {
    format!("another build of the same buildset failed ({})", canceller.name)
}

impl Turn<'_> {
    /// Cancels what a change makes old that somebody has taken.
    pub(super) fn supersede(&mut self, judged: &JudgedChange, change: &Change) -> Result<()> {
        if judged.supersedes.is_empty() {
            return Ok(());
        }
        let generation = self.state.generation.clone();
        let takers: Vec<&SchedulerConfig> = generation
            .config
            .schedulers
            .iter()
            .filter(|s| judged.judgements.get(&s.name) == Some(&Judgement::Important))
            .filter(|s| {
                self.state.schedulers.values().any(|row| row.name == s.name && row.is_enabled)
            })
            .collect();
        let is_built_again = |builder: &str| {
            let starts = |s: &SchedulerConfig| {
                s.choices.builders.is_some() || s.builders.iter().any(|b| b == builder)
            };
            let by_changes = generation
                .config
                .schedulers
                .iter()
                .filter(|s| matches!(s.kind, SchedulerKind::Branch(_)));
            takers.iter().any(|s| starts(s)) || !by_changes.into_iter().any(starts)
        };
        if takers.is_empty() {
            return Ok(());
        }
        let mut old: Vec<(RequestId, String)> = Vec::new();
        for request in self.state.requests.values() {
            let Some(builder) = self.state.builders.get(&request.builder) else { continue };
            if !is_built_again(&builder.name) {
                continue;
            }
            let is_old = |s: &&Superseded| {
                let covers = s.builders.as_ref().is_none_or(|names| names.contains(&builder.name));
                let is_of_it = |stamp: &Sourcestamp| {
                    let branch = stamp.branch.as_ref();
                    is_beside(stamp, &change.what) && branch.is_some_and(|b| s.branches.contains(b))
                };
                covers && request.sourcestamps.iter().any(is_of_it)
            };
            if let Some(superseded) = judged.supersedes.iter().find(is_old) {
                let of = change.what.branch.as_deref().unwrap_or_default();
                old.push((
                    request.id,
                    format!("change {} of {of} is newer ({})", change.id, superseded.by),
                ));
            }
        }
        for (request, reason) in old {
            self.cancel_request(request, &reason)?;
        }
        Ok(())
    }

    /// Cancels the rest of a buildset of which a build of `builder` failed.
    pub(super) fn cancel_rest(&mut self, buildset: BuildsetId, builder: BuilderId) -> Result<()> {
        let generation = self.state.generation.clone();
        let is_meant = |c: &&CancellerConfig| matches!(c.kind, CancellerKind::FailingBuildsets);
        let Some(name) = self.state.builders.get(&builder).map(|b| b.name.clone()) else {
            return Ok(());
        };
        for canceller in generation.config.cancellers.iter().filter(is_meant) {
            for filter in canceller.filters.iter().filter(|f| f.covers(&name)) {
                self.cancel_rest_by(canceller, filter, buildset)?;
            }
        }
        Ok(())
    }

    fn cancel_rest_by(
        &mut self,
        canceller: &CancellerConfig,
        filter: &CancellerFilter,
        buildset: BuildsetId,
    ) -> Result<()> {
        let is_named = |id: &BuilderId| {
            let name = self.state.builders.get(id).map(|b| &b.name);
            filter
                .builders_to_cancel
                .as_ref()
                .is_none_or(|names| name.is_some_and(|n| names.contains(n)))
        };
        let rest = self.state.requests.values().filter(|r| r.buildset == buildset);
        let rest: Vec<_> = rest.filter(|r| is_named(&r.builder)).collect();
        let Some(first) = rest.first() else { return Ok(()) };
        let stamps = first.sourcestamps.clone();
        let rest: Vec<RequestId> = rest.iter().map(|r| r.id).collect();
        let verdicts: Vec<Verdict> =
            stamps.iter().map(|s| filter.filter.check(&of_stamp(s))).collect();
        let is_sure = |v: &Verdict| matches!(v, Verdict::Ask(calls) if calls.is_empty());
        if filter.filter.filter.is_none() && verdicts.iter().any(is_sure) {
            for request in rest {
                self.cancel_request(request, &because_one_failed(canceller))?;
            }
        } else if verdicts.iter().any(|v| matches!(v, Verdict::Ask(_))) {
            self.out.acts.push(Act::CancelRest(Box::new(Failed {
                engine: self.env.engine.clone(),
                generation: self.state.generation.clone(),
                canceller: canceller.clone(),
                filter: filter.clone(),
                stamps,
                rest,
            })));
        }
        Ok(())
    }

    /// Cancels the rest of the buildsets of which a build failed before the master ended.
    pub(super) fn cancel_rests(&mut self) -> Result<()> {
        for (buildset, builder) in requests::failed_in_open_sets(self.conn)? {
            self.cancel_rest(buildset, builder)?;
        }
        Ok(())
    }
}

/// Whether a result makes the rest of its buildset pointless.
pub(super) fn is_failure(results: Results) -> bool {
    results == Results::Failure
}

impl Failed {
    /// In a few words, for a transcript.
    pub(super) fn word(&self) -> String {
        format!("{} whether to cancel {} requests", self.canceller.name, self.rest.len())
    }
}
