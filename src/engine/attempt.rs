//! The life of a build, as one task: its steps one after the other, what each result means, and
//! the end. It asks the engine for everything that must be durable and waits for the worker and for
//! Lua, which the engine never does. When the attempt is given up from outside, the task ends
//! without a word; whatever it still said would be stale.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::base::results::Results;
use crate::base::text::grouped;
use crate::engine::build_report::{BuildReport, Granted};
use crate::engine::common::Common;
use crate::engine::desk::AddedStep;
use crate::engine::input::Input;
use crate::engine::mask::Masker;
use crate::engine::output::LogWriter;
use crate::engine::ports::{Argument, Link, OnMaster, ScriptError};
use crate::engine::render::render;
use crate::engine::returned::is_true;
use crate::engine::state::Order;
use crate::engine::step::{self, StepEnd};
use crate::engine::teller::Teller;
use crate::engine::{Engine, Generation, Refusal};
use crate::model::build::{Build, BuildView, verdict};
use crate::model::change::Change;
use crate::model::config::{BuilderConfig, Condition, LockAccess, LockList, StepConfig};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::worker::WorkerInfo;

/// What a build's task starts with.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) build: Build,
    pub(super) builder: BuilderConfig,
    pub(super) generation: Arc<Generation>,
    pub(super) worker: String,
    pub(super) max_builds: Option<u32>,
    pub(super) worker_properties: BTreeMap<String, Json>,
    pub(super) link: Arc<dyn Link>,
    pub(super) info: Arc<WorkerInfo>,
    pub(super) properties: Properties,
    /// Locks that the build holds.
    pub(super) held: Vec<LockAccess>,
    pub(super) changes: Arc<Vec<Change>>,
    pub(super) sourcestamps: Arc<Vec<Sourcestamp>>,
    /// Absolute on the worker.
    pub(super) builddir: String,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) engine: Engine,
    pub(super) logs: LogWriter,
    pub(super) base_dir: Option<PathBuf>,
    /// Runs programs on the master's machine.
    pub(super) on_master: OnMaster,
}

/// A build under way. Clones are the same build, each with its own ear for orders.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) attempt: Attempt,
    /// What its steps share.
    pub(super) common: Common,
}

/// What `do_build_if` says.
enum Wanted {
    Yes,
    No,
    Failed(ScriptError),
    /// The build was stopped before it answered.
    Stopped(String),
    Abandoned,
}

/// Runs a build from its first step to its result. A bug in it ends this build, not the farm.
pub(super) async fn run(attempt: Attempt) {
    let (engine, build) = (attempt.engine.clone(), attempt.build.id);
    let common = Common::new(attempt.properties.clone());
    let mut running = Running { attempt, common };
    let ended = AssertUnwindSafe(running.steps()).catch_unwind().await;
    let (results, text) = match ended {
        Ok(None) => return,
        Ok(Some(ended)) => ended,
        Err(_) => {
            (Results::Exception, "a bug ended the build; the master's log has the place".to_owned())
        }
    };
    let report = |answer| BuildReport::Finished { results, text, answer };
    let finished = engine.ask(|answer| Input::Build { build, report: report(answer) }).await;
    if let Err(error @ (Refusal::Missing(_) | Refusal::Invalid(_) | Refusal::Unstored(_))) =
        finished
    {
        tracing::error!(build = build.0, %error, "a build could not be finished");
    }
}

impl Running {
    /// Runs the steps; none = the attempt was given up.
    async fn steps(&mut self) -> Option<(Results, String)> {
        match self.is_wanted().await {
            Wanted::Yes => {}
            Wanted::No => return Some((Results::Skipped, "build skipped".to_owned())),
            Wanted::Failed(error) => {
                let error = self.masker().text(&format!("do_build_if failed: {error}"));
                return Some((Results::Exception, error));
            }
            Wanted::Stopped(reason) => {
                return Some((Results::Cancelled, format!("cancelled ({reason})")));
            }
            Wanted::Abandoned => return None,
        }
        let mut results = Results::Success;
        let mut summary = None;
        let mut goes_on = true;
        let steps = std::mem::take(&mut self.attempt.builder.steps);
        let mut number = 0;
        if let Err(end) = self.take_rendered_locks().await {
            return end;
        }
        let mut line: VecDeque<(usize, Arc<StepConfig>)> = steps.into_iter().enumerate().collect();
        while let Some(first) = line.pop_front() {
            match self.take_order() {
                Some(Order::Abandon) => return None,
                Some(Order::Stop(reason)) => {
                    results = results.worse(Results::Cancelled);
                    goes_on = false;
                    summary.get_or_insert(format!("cancelled ({reason})"));
                }
                Some(Order::Run | Order::StopStep(..)) | None => {}
            }
            let mut together = together(first, &mut line);
            together.retain(|(_, config)| goes_on || config.flags.always_run);
            let ends = self.run_together(&together, &mut number).await;
            let mut is_mute = false;
            for ((_, config), end) in together.iter().zip(ends) {
                let (step_results, text, stopped) = match end {
                    StepEnd::Abandoned => return None,
                    StepEnd::Finished { results, text, stopped } => (results, text, stopped),
                };
                let verdict = verdict(config.flags, step_results, results);
                if verdict.results != results && !verdict.results.is_good() {
                    summary = Some(match &stopped {
                        Some(stopped) if stopped.ends_build => {
                            format!("cancelled ({}) {text}", stopped.reason)
                        }
                        _ => text,
                    });
                }
                results = verdict.results;
                goes_on &= verdict.go_on;
                is_mute |= stopped.is_some_and(|stopped| stopped.is_mute);
            }
            if is_mute {
                // Not even what always runs would ever end there.
                break;
            }
            let (next, last) = self.common.take_added();
            let pair = |step: AddedStep| (step.place, step.config);
            next.into_iter().rev().for_each(|step| line.push_front(pair(step)));
            line.extend(last.into_iter().map(pair));
        }
        if let Some(Order::Abandon) = self.take_order() {
            return None;
        }
        let text = build_text(results, summary.as_deref(), &self.view().statistics);
        Some((results, text))
    }

    /// Runs steps at the same time, each in a view of the build of its own.
    async fn run_together(
        &mut self,
        steps: &[(usize, Arc<StepConfig>)],
        number: &mut i64,
    ) -> Vec<StepEnd> {
        let mut numbers = std::iter::repeat_with(|| {
            *number += 1;
            *number
        });
        if let [(place, config)] = steps {
            let number = numbers.next().unwrap_or_default();
            return vec![step::run(self, config, *place, number).await];
        }
        let branches = steps.iter().zip(numbers).map(|((place, config), number)| {
            let mut branch = self.clone();
            async move { step::run(&mut branch, config, *place, number).await }
        });
        join_all(branches.collect::<Vec<_>>()).await
    }

    /// Whether the build does anything at all; asked before the worker hears of it.
    async fn is_wanted(&mut self) -> Wanted {
        let Some(condition) = self.attempt.builder.decisions.do_build_if.clone() else {
            return Wanted::Yes;
        };
        let (view, generation) = (self.view(), self.attempt.generation.clone());
        let scripts = generation.scripts.as_ref();
        let answer = async {
            match &condition {
                Condition::Value(value) => render(value, &view, scripts).await,
                Condition::Callback(callback) => {
                    scripts.call(callback, vec![Argument::Build(view.clone())]).await
                }
            }
        };
        tokio::select! {
            biased;
            answer = answer => match answer {
                Ok(answer) if is_true(&answer) => Wanted::Yes,
                Ok(_) => Wanted::No,
                Err(error) => Wanted::Failed(error),
            },
            stopped = Self::end_of_build(&mut self.attempt.orders) => {
                stopped.map_or(Wanted::Abandoned, Wanted::Stopped)
            }
        }
    }

    /// Takes the builder's locks that a function of the build names; the others came with the claim.
    async fn take_rendered_locks(&mut self) -> Result<(), Option<(Results, String)>> {
        let list = self.attempt.builder.locks.clone();
        if list.rendered.is_empty() {
            return Ok(());
        }
        let only_rendered = LockList { fixed: Vec::new(), ..list };
        let locks = step::wanted_locks(self, &only_rendered).await.map_err(|error| {
            let text = format!("the locks of builder {:?}: {error}", self.attempt.builder.name);
            Some((Results::Exception, self.masker().text(&text)))
        })?;
        let mut orders = self.attempt.orders.clone();
        let wanted = locks.clone();
        let asked =
            self.ask(|answer| BuildReport::LocksWanted { locks: wanted, step: None, answer });
        let outcome = tokio::select! {
            biased;
            answer = asked => match answer {
                Ok(Granted::AtOnce | Granted::Waited) => Ok(()),
                Ok(Granted::Never { results, why }) => {
                    Err(Some((results, format!("{}: {why}", results.word()))))
                }
                Err(_) => Err(None),
            },
            stopped = Self::end_of_build(&mut orders) => {
                Err(stopped.map(|reason| (Results::Cancelled, format!("cancelled ({reason})"))))
            }
        };
        self.attempt.orders = orders;
        self.attempt.held.extend(locks);
        outcome
    }

    /// An order that came since the last look.
    fn take_order(&mut self) -> Option<Order> {
        match self.attempt.orders.has_changed() {
            Ok(true) => Some(self.attempt.orders.borrow_and_update().clone()),
            // Without its other end the engine is gone.
            Err(_) => Some(Order::Abandon),
            Ok(false) => None,
        }
    }

    /// Waits for an order.
    pub(super) async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
        match orders.changed().await {
            Ok(()) => orders.borrow_and_update().clone(),
            Err(_) => Order::Abandon,
        }
    }

    /// Waits for an order that ends the build, and says why; none = the attempt is over.
    async fn end_of_build(orders: &mut watch::Receiver<Order>) -> Option<String> {
        loop {
            match Self::next_order(orders).await {
                Order::Stop(reason) => return Some(reason),
                Order::Abandon => return None,
                Order::Run | Order::StopStep(..) => {}
            }
        }
    }

    /// The build as functions see it now.
    pub(super) fn view(&self) -> Arc<BuildView> {
        let attempt = &self.attempt;
        Arc::new(BuildView {
            builder: attempt.builder.name.clone(),
            number: attempt.build.number,
            properties: self.common.properties(),
            statistics: self.common.statistics(),
            worker: attempt.worker.clone(),
            worker_info: attempt.info.clone(),
            max_builds: attempt.max_builds,
            worker_properties: attempt.worker_properties.clone(),
            changes: attempt.changes.clone(),
            sourcestamps: attempt.sourcestamps.clone(),
            builddir: attempt.builddir.clone(),
            url: attempt.generation.config.build_url(attempt.build.filed, attempt.build.number),
            secrets: attempt.generation.config.provided.clone(),
        })
    }

    /// Hides the secrets of the build's configuration.
    pub(super) fn masker(&self) -> &Arc<Masker> {
        &self.attempt.generation.masker
    }

    /// Sets properties, in the build and, without secrets, in its rows.
    pub(super) async fn set_properties(&self, properties: Properties) {
        self.common.set_properties(&properties);
        let properties = self.masker().properties(&properties);
        self.tell(BuildReport::PropertiesSet { properties }).await;
    }

    /// Speaks for this build.
    pub(super) fn teller(&self) -> Teller {
        Teller::new(self.attempt.engine.clone(), self.attempt.build.id)
    }

    pub(super) async fn tell(&self, report: BuildReport) {
        self.teller().tell(report).await;
    }

    pub(super) async fn ask<T>(
        &self,
        report: impl FnOnce(crate::engine::input::Answer<T>) -> BuildReport,
    ) -> Result<T, Refusal> {
        self.teller().ask(report).await
    }
}

/// The step `first`, and those behind it in `line` that run at the same time.
fn together(
    first: (usize, Arc<StepConfig>),
    line: &mut VecDeque<(usize, Arc<StepConfig>)>,
) -> Vec<(usize, Arc<StepConfig>)> {
    let group = first.1.group.clone().filter(|group| group.is_parallel);
    let mut out = vec![first];
    let Some(group) = group else { return out };
    let is_of_it = |(_, config): &(usize, Arc<StepConfig>)| {
        config.group.as_ref().is_some_and(|other| Arc::ptr_eq(other, &group))
    };
    while line.front().is_some_and(is_of_it) {
        out.extend(line.pop_front());
    }
    out
}

/// What a build's page says at the end, and what reporters tell; `statistics` are the sums of its steps.
fn build_text(
    results: Results,
    summary: Option<&str>,
    statistics: &BTreeMap<String, f64>,
) -> String {
    let text = match (results, summary) {
        (Results::Success | Results::Skipped, _) => "build successful".to_owned(),
        (Results::Failure, Some(text)) => format!("failed {text}"),
        (_, Some(text)) if text.starts_with("cancelled") => text.to_owned(),
        (_, Some(text)) => format!("{} {text}", results.word()),
        (_, None) => results.word().to_owned(),
    };
    match tests_text(statistics) {
        // The step that decides has said it, of its own tests.
        Some(tests) if !text.contains("tests failed") => format!("{text}: {tests}"),
        _ => text,
    }
}

/// What is said of all tests of a build; none = it had none.
fn tests_text(statistics: &BTreeMap<String, f64>) -> Option<String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, never negative"
    )]
    let count = |name: &str| statistics.get(name).map_or(0, |value| value.max(0.0) as usize);
    let (total, failed) = (count("tests-total"), count("tests-failed"));
    let mut text = match failed {
        _ if total == 0 => return None,
        0 if total == 1 => "1 test passed".to_owned(),
        0 => format!("{} tests passed", grouped(total)),
        _ => format!("{} of {} tests failed", grouped(failed), grouped(total)),
    };
    if count("tests-warnings") > 0 {
        text.push_str(&format!(", {} flaky", count("tests-warnings")));
    }
    Some(text)
}
