//! Of what a reporter tells, and in which words: `ci.generators.*` and `ci.formatters.*`. Which
//! occasion a generator tells of is decided here; filling the words in is the reporters' work.

use serde::Serialize;

use super::{Callback, Site};
use crate::model::render::Renderable;
use crate::model::telling::{Kind, Mode, Occasion, Scope};

/// `ci.generators.*`.
#[derive(Clone, Debug, Serialize)]
pub struct Generator {
    /// What it tells.
    #[serde(flatten)]
    pub kind: GeneratorKind,
    /// Of which builds.
    #[serde(flatten)]
    pub scope: Scope,
    /// Logs that go with it.
    pub add_logs: Logs,
    /// Where it is defined.
    pub site: Site,
}

/// The kinds of generators.
#[expect(clippy::large_enum_variant, reason = "a configuration has few of them")]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GeneratorKind {
    /// Builds that have ended.
    BuildStatus {
        /// Which ends.
        mode: Vec<Mode>,
        /// Builds that begin, too.
        report_new: bool,
        /// The words; none = the reporter's own.
        message_formatter: Option<Formatter>,
    },
    /// Builds that begin and end.
    BuildStartEnd {
        /// The words at the start; none = the reporter's own.
        start_formatter: Option<Formatter>,
        /// The words at the end; none = the reporter's own.
        end_formatter: Option<Formatter>,
    },
    /// Requests that wait.
    BuildRequest {
        /// The words; none = the reporter's own.
        formatter: Option<Formatter>,
    },
    /// Buildsets that are complete, if one of their builds ended so.
    BuildsetStatus {
        /// Which ends.
        mode: Vec<Mode>,
        /// The words; none = the reporter's own.
        message_formatter: Option<Formatter>,
    },
    /// Buildsets that are complete, as one result.
    BuildsetCombinedStatus {
        /// The words; none = the reporter's own.
        message_formatter: Option<Formatter>,
    },
    /// Workers that are missing, and back.
    WorkerMissing {
        /// Names of workers; none = all.
        workers: Option<Vec<String>>,
        /// The words; none = the reporter's own.
        message_formatter: Option<Formatter>,
    },
}

/// Which logs go with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Logs {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those of these names, or of `step.log`.
    Named(Vec<String>),
}

impl Logs {
    /// Whether the log `log` of `step` is among them.
    #[must_use]
    pub fn has(&self, step: &str, log: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(names) => {
                let full = format!("{step}.{log}");
                names.iter().any(|name| name == log || *name == full)
            }
        }
    }
}

impl Generator {
    /// Whether it tells of `occasion`.
    #[must_use]
    pub fn tells(&self, occasion: &Occasion<'_>) -> bool {
        if !self.scope.covers(occasion.origin) {
            return false;
        }
        let ends = |modes: &[Mode]| {
            occasion.results.is_some_and(|results| {
                modes.iter().any(|mode| mode.covers(results, occasion.previous))
            })
        };
        match (&self.kind, occasion.kind) {
            (GeneratorKind::BuildStatus { report_new, .. }, Kind::BuildStarted) => *report_new,
            (GeneratorKind::BuildStatus { mode, .. }, Kind::BuildFinished) => {
                occasion.has_build && ends(mode)
            }
            (GeneratorKind::BuildStartEnd { .. }, Kind::BuildStarted)
            | (GeneratorKind::BuildRequest { .. }, Kind::RequestAdded)
            | (GeneratorKind::BuildsetCombinedStatus { .. }, Kind::BuildsetFinished) => true,
            (GeneratorKind::BuildStartEnd { .. }, Kind::BuildFinished) => occasion.has_build,
            (GeneratorKind::BuildsetStatus { mode, .. }, Kind::BuildsetFinished) => ends(mode),
            _ => false,
        }
    }

    /// Whether it tells how a request ends without a build, of which was told that it waits.
    #[must_use]
    pub fn ends_requests(&self) -> bool {
        matches!(self.kind, GeneratorKind::BuildStartEnd { .. })
    }

    /// Whether it tells of the worker `name`.
    #[must_use]
    pub fn tells_worker(&self, name: &str) -> bool {
        let GeneratorKind::WorkerMissing { workers, .. } = &self.kind else { return false };
        workers.as_ref().is_none_or(|workers| workers.iter().any(|worker| worker == name))
    }

    /// The words for `kind`; none = the reporter's own.
    #[must_use]
    pub fn formatter(&self, kind: Kind) -> Option<&Formatter> {
        match &self.kind {
            GeneratorKind::BuildStatus { message_formatter, .. }
            | GeneratorKind::BuildsetStatus { message_formatter, .. }
            | GeneratorKind::BuildsetCombinedStatus { message_formatter }
            | GeneratorKind::WorkerMissing { message_formatter, .. } => message_formatter.as_ref(),
            GeneratorKind::BuildRequest { formatter } => formatter.as_ref(),
            GeneratorKind::BuildStartEnd { start_formatter, .. } if kind == Kind::BuildStarted => {
                start_formatter.as_ref()
            }
            GeneratorKind::BuildStartEnd { end_formatter, .. } => end_formatter.as_ref(),
        }
    }

    /// The ends that it looks for.
    #[must_use]
    pub fn modes(&self) -> &[Mode] {
        match &self.kind {
            GeneratorKind::BuildStatus { mode, .. }
            | GeneratorKind::BuildsetStatus { mode, .. } => mode,
            _ => &[Mode::All],
        }
    }
}

/// `ci.formatters.*`, or a text in its place.
#[derive(Clone, Debug, Serialize)]
pub struct Formatter {
    /// What makes the text.
    pub template: Words,
    /// What makes the subject; none = the reporter's own.
    pub subject: Option<Words>,
    /// What the text is.
    pub template_type: TextType,
    /// More for the template to look at.
    pub context: Option<Renderable>,
    /// A function whose result is in the context as `extra_info`.
    pub extra_info: Option<Callback>,
    /// What the text may look at.
    #[serde(flatten)]
    pub wants: Wants,
}

impl Formatter {
    /// One that is only a text.
    #[must_use]
    pub fn text(template: Words) -> Self {
        Self {
            template,
            subject: None,
            template_type: TextType::Plain,
            context: None,
            extra_info: None,
            wants: Wants::default(),
        }
    }
}

/// What makes a text.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// A template in Jinja's language.
    Template(String),
    /// A function of the context.
    Function(Callback),
    /// A value that may depend on the build.
    Renderable(Renderable),
    /// A function of the context that makes the whole message: text, or subject, body and type.
    Whole(Callback),
}

/// What a message's text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextType {
    /// Plain text.
    #[default]
    Plain,
    /// HTML.
    Html,
    /// JSON.
    Json,
}

impl TextType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Html, Self::Json];

    /// As the configuration writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Html => "html",
            Self::Json => "json",
        }
    }

    /// The type that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What a text may look at; each costs reading rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wants {
    /// Properties (default true).
    pub want_properties: bool,
    /// Steps.
    pub want_steps: bool,
    /// Steps with their logs.
    pub want_logs: bool,
    /// Logs with their text.
    pub want_logs_content: Logs,
}

impl Default for Wants {
    fn default() -> Self {
        Self {
            want_properties: true,
            want_steps: false,
            want_logs: false,
            want_logs_content: Logs::None,
        }
    }
}
