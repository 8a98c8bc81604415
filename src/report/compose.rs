//! From a row to what its reporter sends: reads the row's facts, finds the words that it was left
//! for, and hands both to the kind of reporter that it is.

use serde_json::Value as Json;

use super::message::{self, Message};
use super::{context, view};
use crate::base::id::OutboxId;
use crate::engine::{Engine, Generation};
use crate::model::config::{Generator, ReporterConfig, Wants, Word};
use crate::store::StoreError;
use crate::store::facts::{self, About, Facts, Told};

/// Why a row is not composed.
pub(super) enum Flaw {
    /// Rows could not be read; they can be later.
    Rows(StoreError),
    /// A sentence. Trying again does not help.
    Words(String),
}

impl From<StoreError> for Flaw {
    fn from(error: StoreError) -> Self {
        Self::Rows(error)
    }
}

impl From<String> for Flaw {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// A row on its way to a message.
pub(super) struct Draft<'a> {
    pub(super) engine: &'a Engine,
    pub(super) generation: &'a Generation,
    pub(super) told: Told,
    /// The generator that it was left for; none = the reporter's own words.
    generator: Option<&'a Generator>,
}

impl<'a> Draft<'a> {
    /// Reads the row.
    ///
    /// # Errors
    /// When it cannot be read, or its generator is gone.
    pub(super) async fn read(
        engine: &'a Engine,
        generation: &'a Generation,
        reporter: &'a ReporterConfig,
        id: OutboxId,
    ) -> Result<Self, Flaw> {
        let told = engine.store().read(move |conn| facts::told(conn, id)).await?;
        let generator = match told.word {
            Word::Own => None,
            Word::Generator(at) => {
                // A reload may have moved or removed it; then the words would be another's.
                let generator = reporter.generators.as_ref().and_then(|all| all.get(at));
                let gone = || {
                    format!(
                        "The generator {} of {} is not configured any more.",
                        at + 1,
                        reporter.name
                    )
                };
                Some(generator.ok_or_else(gone)?)
            }
        };
        Ok(Self { engine, generation, told, generator })
    }

    /// What the row is about, if that is a build, a request or a buildset.
    pub(super) fn build(&self) -> Option<&Facts> {
        match &self.told.about {
            About::Build(facts) => Some(facts),
            About::Worker(_) => None,
        }
    }

    /// The context for words that want no more than the usual.
    pub(super) async fn context(&self) -> Result<Json, Flaw> {
        self.context_with(&Wants::default()).await
    }

    async fn context_with(&self, wants: &Wants) -> Result<Json, Flaw> {
        Ok(match &self.told.about {
            About::Build(facts) => {
                context::of_build(facts, self.generator, wants, self.engine, self.generation)
                    .await?
            }
            About::Worker(facts) => context::of_worker(self.told.kind, facts, self.generation),
        })
    }

    /// What the generator's formatter says; none = the reporter's own words.
    pub(super) async fn message(&self) -> Result<Option<Message>, Flaw> {
        let formatter = self.generator.and_then(|generator| generator.formatter(self.told.kind));
        let (Some(formatter), Some(generator)) = (formatter, self.generator) else {
            return Ok(None);
        };
        let context = self.context_with(&formatter.wants).await?;
        let build = self.build().map(|facts| view::of(facts, self.generation));
        let made = message::format(formatter, context, build.as_ref(), self.generation).await;
        made.map(Some).map_err(|error| Flaw::Words(format!("{}: {error}", generator.site)))
    }
}
