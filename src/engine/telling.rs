//! Word for the reporters: whenever something happens that one of them tells, a row of the outbox is
//! written in the same transaction, so that a crash neither loses nor doubles it. Which reporter and
//! which of its generators tell is decided here, from rows; what is said is composed later.

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, RequestId, WorkerId};
use crate::base::results::Results;
use crate::engine::beat::Turn;
use crate::engine::input::Input;
use crate::model::config::{ReporterConfig, Word};
use crate::model::telling::{Kind, Occasion, Origin};
use crate::store::outbox::{self, About, New, Part};
use crate::store::{Result, builds};

impl Turn<'_> {
    /// Leaves word of a request or its build for every reporter that wants to know.
    pub(super) fn report(
        &mut self,
        kind: Kind,
        builder: BuilderId,
        request: RequestId,
        build: Option<BuildId>,
        results: Option<Results>,
    ) -> Result<()> {
        let generation = self.state.generation.clone();
        let reporters = &generation.config.reporters;
        if reporters.is_empty() {
            return Ok(());
        }
        let Some(origin) = self.origin(builder, request)? else { return Ok(()) };
        let is_end = kind == Kind::BuildFinished;
        let previous = match build {
            Some(build) if is_end => builds::previous_results(self.conn, build)?,
            _ => None,
        };
        // Only an end looks back at what was told before.
        let mut told: BTreeMap<String, Vec<Word>> = BTreeMap::new();
        if is_end {
            for (reporter, word) in outbox::tellers(self.conn, request)? {
                told.entry(reporter).or_default().push(word);
            }
        }
        let has_build = build.is_some();
        let occasion = Occasion { kind, origin: &origin, has_build, results, previous };
        for reporter in reporters {
            let told = told.get(&reporter.name).map(Vec::as_slice).unwrap_or_default();
            for word in reporter.words(&occasion, told) {
                self.leave(
                    reporter,
                    word,
                    kind,
                    About::Request(request, build),
                    results,
                    previous,
                )?;
            }
        }
        Ok(())
    }

    /// Leaves word of a complete buildset: a row stands for the first of its requests that counts,
    /// and for it alone the modes may say no.
    pub(super) fn report_buildset(&mut self, buildset: BuildsetId, results: Results) -> Result<()> {
        let generation = self.state.generation.clone();
        let listens = |reporter: &&ReporterConfig| reporter.generators.is_some();
        if !generation.config.reporters.iter().any(|reporter| listens(&reporter)) {
            return Ok(());
        }
        let kind = Kind::BuildsetFinished;
        let mut parts = Vec::new();
        for part in outbox::parts(self.conn, buildset)? {
            let Some(origin) = self.origin(part.builder, part.request)? else { continue };
            let previous = match part.build {
                Some(build) => builds::previous_results(self.conn, build)?,
                None => None,
            };
            parts.push((part, origin, previous));
        }
        // What has a build says more than what was cancelled before it had one.
        parts.sort_by_key(|(part, _, _)| (part.build.is_none(), part.request));
        for reporter in generation.config.reporters.iter().filter(listens) {
            let mut left: Vec<Word> = Vec::new();
            for (Part { request, build, results: ended, .. }, origin, previous) in &parts {
                let has_build = build.is_some();
                let (results_of_part, previous) = (*ended, *previous);
                let occasion =
                    Occasion { kind, origin, has_build, results: results_of_part, previous };
                for word in reporter.words(&occasion, &[]) {
                    if left.contains(&word) {
                        continue;
                    }
                    left.push(word);
                    let about = About::Request(*request, *build);
                    self.leave(reporter, word, kind, about, Some(results), previous)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves word of a worker that is missing or back, away since then.
    pub(super) fn report_worker(
        &mut self,
        kind: Kind,
        worker: WorkerId,
        since: Timestamp,
    ) -> Result<()> {
        let Some(name) = self.state.workers.get(&worker).map(|w| w.name.clone()) else {
            return Ok(());
        };
        let generation = self.state.generation.clone();
        for reporter in &generation.config.reporters {
            for word in reporter.words_of_worker(kind, &name) {
                self.leave(reporter, word, kind, About::Worker(worker, since), None, None)?;
            }
        }
        Ok(())
    }

    fn leave(
        &mut self,
        reporter: &ReporterConfig,
        word: Word,
        kind: Kind,
        about: About,
        results: Option<Results>,
        previous: Option<Results>,
    ) -> Result<()> {
        let reporter = reporter.name.as_str();
        let new = New { reporter, word, kind, about, results, previous };
        if self.env.sabotage.tell_later {
            let (reporter, now) = (reporter.to_owned(), self.now);
            let add = Input::Write(Box::new(move |conn| {
                let reporter = reporter.as_str();
                outbox::add(conn, &New { reporter, word, kind, about, results, previous }, now)?;
                Ok(Box::new(|| {}))
            }));
            let engine = self.env.engine.clone();
            self.out.answers.push(Box::new(move || drop(engine.0.inputs.try_send(add))));
            return Ok(());
        }
        outbox::add(self.conn, &new, self.now)
    }

    /// Where a request comes from, as scopes ask; rows are read only if one asks for more than the
    /// builder.
    fn origin(&self, builder: BuilderId, request: RequestId) -> Result<Option<Origin>> {
        let Some(name) = self.state.builders.get(&builder).map(|b| b.name.clone()) else {
            return Ok(None);
        };
        let config = &self.state.generation.config;
        let tags = config.builder(&name).map(|b| b.tags.clone()).unwrap_or_default();
        let mut origin = Origin { builder: name, tags, ..Origin::default() };
        let scopes = config.reporters.iter().flat_map(|reporter| {
            let generators = reporter.generators.iter().flatten().map(|g| &g.scope);
            std::iter::once(&reporter.scope).chain(generators)
        });
        if scopes.into_iter().any(|s| s.branches.is_some() || s.schedulers.is_some()) {
            (origin.branches, origin.scheduler) = outbox::origin(self.conn, request)?;
        }
        Ok(Some(origin))
    }
}
