//! The engine's port to a generation's functions. When the last copy of [`Handle`] goes, the mailbox
//! closes and the Lua state ends. A state that has fallen silent is left behind, and the next call
//! finds a new one, made from the texts that were loaded: the same functions have the same numbers.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::bind::{event, request};
use super::host::{Answer, Job, Posted, ended};
use super::load::{LoadOptions, Made, make};
use super::texts::Texts;
use super::watchdog::Shared;
use crate::base::results::Results;
use crate::engine::ports::{Argument, Future, ScriptError, Scripts, StepRun};
use crate::forge::github::client::Client;
use crate::forge::github::reading::complete;
use crate::forge::github::stock::stock;
use crate::model::config::{BaseHook, Callback, Codebase, GithubHook, ScriptedHook, Site, Www};
use crate::model::delivery::{Delivery, Reading};

/// How many threads of one generation may compute where nothing reaches them. Each may hold as much
/// memory as the limits allow.
const MOST_THREADS: usize = 4;

/// A Lua state as its callers reach it.
pub(super) struct State {
    pub(super) mailbox: mpsc::UnboundedSender<Posted>,
    pub(super) shared: Arc<Shared>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// What makes a generation's state, and makes it again.
pub(super) struct Maker {
    pub(super) options: LoadOptions,
    pub(super) texts: Texts,
    pub(super) patience: u32,
    /// A copy is held by each thread.
    pub(super) threads: Arc<()>,
}

/// The engine's side of a generation.
pub(super) struct Handle {
    state: Mutex<Arc<State>>,
    /// None for a state that lives on the caller's thread.
    maker: Option<Maker>,
    /// Where the functions stand, by number.
    sites: Vec<Site>,
    making: tokio::sync::Mutex<()>,
    hook: Option<GithubHook>,
    github: Option<Client>,
    base: Option<BaseHook>,
    hooks: Vec<ScriptedHook>,
}

/// Posts a job and waits; letting go of the future gives the job up.
async fn post<T>(
    mailbox: &mpsc::UnboundedSender<Posted>,
    job: impl FnOnce(Answer<T>) -> Job,
) -> Result<T, ScriptError> {
    let (answer, answered) = oneshot::channel();
    let given_up = CancellationToken::new();
    let _guard = given_up.clone().drop_guard();
    mailbox.send(Posted { job: job(answer), given_up }).map_err(|_| ended())?;
    answered.await.map_err(|_| ended())?
}

impl Handle {
    pub(super) fn new(
        state: State,
        sites: Vec<Site>,
        maker: Option<Maker>,
        github: Option<Client>,
        www: Option<&Www>,
    ) -> Self {
        Self {
            state: Mutex::new(Arc::new(state)),
            maker,
            sites,
            making: tokio::sync::Mutex::default(),
            hook: www.and_then(|www| www.hooks.github.clone()),
            github,
            base: www.and_then(|www| www.hooks.base.clone()),
            hooks: www.map(|www| www.scripted.clone()).unwrap_or_default(),
        }
    }

    fn present(&self) -> Arc<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The state; a new one when the last one has fallen silent.
    async fn state(&self) -> Result<Arc<State>, ScriptError> {
        let state = self.present();
        let Some(maker) = self.maker.as_ref().filter(|_| state.shared.is_silent()) else {
            return Ok(state);
        };
        let _one = self.making.lock().await;
        let state = self.present();
        if !state.shared.is_silent() {
            return Ok(state);
        }
        let site = state.shared.pulse.site();
        let fail = |why: String| ScriptError {
            message: format!("this configuration's Lua state fell silent here, and {why}"),
            site: Some(site.clone()),
            is_failure: false,
        };
        if Arc::strong_count(&maker.threads) > MOST_THREADS {
            return Err(fail(format!(
                "{MOST_THREADS} threads of it still compute; no more are started. Correct the file \
                 and reload."
            )));
        }
        let (state, Made { sites, .. }) = make(maker)
            .await
            .map_err(|error| fail(format!("could not be made again: {}", error.plain())))?;
        if sites != self.sites {
            return Err(fail(
                "making it again gave other functions; the file depends on something that \
                            changes. Reload."
                    .to_owned(),
            ));
        }
        tracing::warn!(%site, "the configuration's Lua state was made again");
        let state = Arc::new(state);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state.clone();
        Ok(state)
    }

    /// What a change that somebody posted turned out to be.
    async fn posted(&self, hook: &BaseHook, posted: &Delivery) -> Result<Reading, ScriptError> {
        let mut change = request::posted(posted)?;
        match &hook.codebase {
            Some(Codebase::Fixed(name)) if change.codebase.is_empty() => {
                change.codebase.clone_from(name);
            }
            Some(Codebase::Callback(callback)) if change.codebase.is_empty() => {
                let args = vec![Argument::Json(request::shown(&change))];
                change.codebase = match self.call(callback, args).await? {
                    Json::String(name) => name,
                    Json::Null => String::new(),
                    other => {
                        return Err(ScriptError {
                            message: format!("`codebase` must return a string, not {other}."),
                            site: Some(callback.site.clone()),
                            is_failure: false,
                        });
                    }
                };
            }
            _ => {}
        }
        let Some(callback) = &hook.on_event else {
            let verdict = "A change was posted.".to_owned();
            return Ok(Reading { changes: vec![change], verdict, ..Reading::default() });
        };
        let answer = self.call(callback, vec![Argument::Json(request::shown(&change))]).await?;
        request::of_posted(answer, &callback.site)
    }

    /// Has `job` done.
    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, ScriptError> {
        let state = self.state().await?;
        state.shared.unless_silent(post(&state.mailbox, job)).await?
    }
}

impl Scripts for Handle {
    fn call(
        &self,
        callback: &Callback,
        args: Vec<Argument>,
    ) -> Future<'_, Result<Json, ScriptError>> {
        let callback = callback.clone();
        Box::pin(self.ask(|answer| Job::Call { callback, args, answer }))
    }

    fn run_step(&self, step: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        let step = Box::new(step);
        Box::pin(self.ask(|answer| Job::Step { step, answer }))
    }

    fn read_delivery(&self, delivery: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        Box::pin(async move {
            if let Some(hook) = self.hooks.iter().find(|h| h.name == delivery.what.dialect) {
                let args = vec![Argument::Json(delivery.what.request())];
                let answer = self.call(&hook.read, args).await?;
                return request::reading(answer, &hook.read.site);
            }
            if let Some(hook) = self.base.as_ref().filter(|_| is_base(&delivery)) {
                return self.posted(hook, &delivery).await;
            }
            let github = self.github.as_ref().filter(|_| delivery.what.dialect == "github");
            let (Some(hook), Some(github)) = (&self.hook, github) else {
                let verdict = "No hook is configured for this delivery any more.".to_owned();
                return Ok(Reading { verdict, ..Reading::default() });
            };
            let has_function = event::callback_of(hook, &delivery.what.event).is_some()
                || matches!(hook.codebase, Some(Codebase::Callback(_)));
            if !has_function {
                let facts = event::facts_of(&delivery)?;
                return Ok(complete(hook, github, stock(hook, &facts)).await);
            }
            let delivery = Box::new(delivery);
            self.ask(|answer| Job::Delivery { delivery, answer }).await
        })
    }
}

fn is_base(delivery: &Delivery) -> bool {
    delivery.what.dialect == BaseHook::DIALECT
}

/// Calls from inside a call; it does not keep the generation alive.
pub(super) struct Inside(pub(super) mpsc::WeakUnboundedSender<Posted>);

impl Scripts for Inside {
    fn call(
        &self,
        callback: &Callback,
        args: Vec<Argument>,
    ) -> Future<'_, Result<Json, ScriptError>> {
        let callback = callback.clone();
        Box::pin(async move {
            let mailbox = self.0.upgrade().ok_or_else(ended)?;
            post(&mailbox, |answer| Job::Call { callback, args, answer }).await
        })
    }

    fn run_step(&self, _: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        Box::pin(async { Err(ended()) })
    }

    fn read_delivery(&self, _: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        Box::pin(async { Err(ended()) })
    }
}
