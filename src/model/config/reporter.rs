//! Who is told of builds: `ci.reporters.*`.

use serde::Serialize;

use super::{ScriptedReporter, Site};
use crate::base::secret::Secret;
use crate::model::render::Renderable;

/// `ci.reporters.*`.
#[derive(Clone, Debug, Serialize)]
pub struct ReporterConfig {
    /// Unique name (default: its kind).
    pub name: String,
    /// What it sends.
    #[serde(flatten)]
    pub kind: ReporterKind,
    /// Only builds of these builders; none = all.
    pub builders: Option<Vec<String>>,
    /// Where it is defined.
    pub site: Site,
}

/// The kinds of reporters.
#[expect(clippy::large_enum_variant, reason = "a configuration has few of them")]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReporterKind {
    /// `github_status`: commit statuses.
    GithubStatus(GithubStatus),
    /// Of a `ci.reporter_type`.
    Scripted(ScriptedReporter),
}

/// `ci.reporters.github_status`.
#[derive(Clone, Debug, Serialize)]
pub struct GithubStatus {
    /// The token that may write statuses.
    pub token: Secret,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// The status context (default `buildbot/%(prop:buildername)s`).
    pub context: Renderable,
    /// Description when a request is queued; none = no status for it.
    pub pending: Option<Renderable>,
    /// Description when a build starts (default `Build started.`).
    pub start: Renderable,
    /// Description when a build ends (default `Build done.`).
    pub finish: Renderable,
}
