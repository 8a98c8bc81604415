//! Who is told of builds: `ci.reporters.*`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Callback, Generator, ScriptedReporter, Site};
use crate::base::results::Results;
use crate::base::secret::Secret;
use crate::model::render::Renderable;
use crate::model::telling::{Kind, Occasion, Scope};

/// `ci.reporters.*`.
#[derive(Clone, Debug, Serialize)]
pub struct ReporterConfig {
    /// Unique name (default: its kind).
    pub name: String,
    /// What it sends.
    #[serde(flatten)]
    pub kind: ReporterKind,
    /// Of which builds.
    #[serde(flatten)]
    pub scope: Scope,
    /// Of what it tells; none = what its kind tells by itself.
    pub generators: Option<Vec<Generator>>,
    /// Where it is defined.
    pub site: Site,
}

/// The kinds of reporters.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReporterKind {
    /// `github_status`: commit statuses.
    GithubStatus(GithubStatus),
    /// `gitea_status`: the same at Gitea and Forgejo.
    GiteaStatus(GithubStatus),
    /// `github_comment`: comments on pull requests.
    GithubComment(GithubComment),
    /// `http`: JSON to any server.
    Http(HttpReporter),
    /// Of a `ci.reporter_type`.
    Scripted(ScriptedReporter),
}

/// `ci.reporters.github_status` and `gitea_status`.
#[derive(Clone, Debug, Serialize)]
pub struct GithubStatus {
    /// The token that may write statuses.
    pub token: Secret,
    /// Base URL without a final `/`: of GitHub's API (default `https://api.github.com`), or of the
    /// Gitea server.
    pub api: String,
    /// The status context (default `buildbot/%(prop:buildername)s`).
    pub context: Renderable,
    /// Description when a request is queued; none = no status for it.
    pub pending: Option<Renderable>,
    /// Description when a build starts (default `Build started.`).
    pub start: Renderable,
    /// Description when a build ends (default `Build done.`).
    pub finish: Renderable,
    /// Each status in the log.
    pub verbose: bool,
}

/// `ci.reporters.github_comment`.
#[derive(Clone, Debug, Serialize)]
pub struct GithubComment {
    /// The token that may comment.
    pub token: Secret,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// What the comment is about: a pull request has one comment for each (default
    /// `buildbot/%(prop:buildername)s`).
    pub context: Renderable,
    /// The text when a build ends.
    pub finish: Option<Renderable>,
}

/// `ci.reporters.http`.
#[derive(Clone, Debug, Serialize)]
pub struct HttpReporter {
    /// Where it posts to.
    pub url: String,
    /// Who it is there.
    pub login: Option<(String, Secret)>,
    /// More headers.
    pub headers: BTreeMap<String, String>,
    /// A text is posted as it is, not inside JSON.
    pub skip_encoding: bool,
    /// A function of the context that makes what is posted.
    pub payload: Option<Callback>,
}

/// Which word a reporter leaves of an occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// What its kind tells by itself.
    Own,
    /// What this generator tells, by position.
    Generator(usize),
}

impl ReporterConfig {
    /// The words that it leaves of `occasion`. `told` is what it has been left of the same request
    /// before: what it began to tell it ends, even if it would not begin now.
    #[must_use]
    pub fn words(&self, occasion: &Occasion<'_>, told: &[Word]) -> Vec<Word> {
        let covers = self.scope.covers(occasion.origin);
        let is_end = occasion.kind == Kind::BuildFinished;
        let Some(generators) = &self.generators else {
            let is_own = self.tells_by_itself(occasion);
            let wants = is_own && (covers || (is_end && !told.is_empty()));
            // A request that ends without a build is news only to whom it was told.
            let is_new = occasion.has_build || !is_end || !told.is_empty();
            return if wants && is_new { vec![Word::Own] } else { Vec::new() };
        };
        let tells = |at: usize, generator: &Generator| {
            if is_end && !occasion.has_build {
                return generator.ends_requests() && !told.is_empty();
            }
            let began = is_end && generator.ends_requests() && told.contains(&Word::Generator(at));
            began || (covers && generator.tells(occasion))
        };
        let all = generators.iter().enumerate().filter(|(at, generator)| tells(*at, generator));
        all.map(|(at, _)| Word::Generator(at)).collect()
    }

    /// Whether its kind tells of such an occasion where no generators are given.
    fn tells_by_itself(&self, occasion: &Occasion<'_>) -> bool {
        match &self.kind {
            ReporterKind::GithubStatus(status) | ReporterKind::GiteaStatus(status) => {
                match occasion.kind {
                    Kind::RequestAdded => status.pending.is_some(),
                    Kind::BuildStarted | Kind::BuildFinished => true,
                    _ => false,
                }
            }
            ReporterKind::GithubComment(_) => {
                let has_verdict = occasion.results.is_some_and(|r| r != Results::Retry);
                occasion.kind == Kind::BuildFinished && occasion.has_build && has_verdict
            }
            ReporterKind::Http(_) => {
                let is_build = matches!(occasion.kind, Kind::BuildStarted | Kind::BuildFinished);
                is_build && occasion.has_build
            }
            ReporterKind::Scripted(scripted) => {
                scripted.events.iter().any(|event| event == occasion.kind.word())
            }
        }
    }

    /// The words that it leaves of the worker `name`.
    #[must_use]
    pub fn words_of_worker(&self, kind: Kind, name: &str) -> Vec<Word> {
        if let ReporterKind::Scripted(scripted) = &self.kind {
            let tells = scripted.events.iter().any(|event| event == kind.word());
            return if tells { vec![Word::Own] } else { Vec::new() };
        }
        let generators = self.generators.iter().flatten().enumerate();
        let telling = generators.filter(|(_, generator)| generator.tells_worker(name));
        telling.map(|(at, _)| Word::Generator(at)).collect()
    }
}
