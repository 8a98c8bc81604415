//! What a live page watches: named by the page, drawn again when an event touches it.

use std::collections::HashSet;

use super::layout::{Fragment, View};
use super::{
    ansi, build, builder, builders, changes, configuration, home, log, request, schedulers, workers,
};
use crate::base::id::LogId;
use crate::model::event::Event;
use crate::store::frames;
use crate::store::page::Scope as At;
use crate::store::views::logs;
use crate::web::Site;
use crate::web::auth::Who;
use crate::web::call::Problem;

/// A live page.
pub(crate) struct Scope {
    kind: Kind,
    /// Steps whose logs show on the page.
    steps: HashSet<i64>,
    /// Requests that the page's build has triggered.
    requests: HashSet<i64>,
}

enum Kind {
    Home,
    Builders,
    Builder(i64),
    Build(i64),
    Request(i64),
    Workers,
    Schedulers,
    Changes,
    Configuration,
    Log { log: i64, next: i64, style: ansi::Style },
}

/// What changed.
pub(crate) enum Change {
    /// Elements to be swapped.
    Fragments(Vec<Fragment>),
    /// Lines to be appended.
    Lines(Lines),
}

/// New lines of a log.
pub(crate) struct Lines {
    /// As list items.
    pub(crate) html: String,
    /// The number of the line after them, from 0.
    pub(crate) next: i64,
    /// The log has ended, and these are its last lines.
    pub(crate) complete: bool,
    /// There may be more already.
    pub(crate) more: bool,
}

impl Scope {
    /// The scope that a page names; none when there is no such scope.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let name = parts.next()?;
        let mut id = || parts.next()?.parse::<i64>().ok();
        let kind = match name {
            "home" => Kind::Home,
            "builders" => Kind::Builders,
            "builder" => Kind::Builder(id()?),
            "build" => Kind::Build(id()?),
            "request" => Kind::Request(id()?),
            "workers" => Kind::Workers,
            "schedulers" => Kind::Schedulers,
            "changes" => Kind::Changes,
            "configuration" => Kind::Configuration,
            "log" => Kind::Log { log: id()?, next: id()?.max(0), style: ansi::Style::default() },
            _ => return None,
        };
        Some(Self { kind, steps: HashSet::new(), requests: HashSet::new() })
    }

    /// How many folders deep the page lies.
    fn depth(&self) -> usize {
        match self.kind {
            Kind::Builder(_) | Kind::Request(_) => 1,
            Kind::Build(_) => 3,
            Kind::Log { .. } => 7,
            _ => 0,
        }
    }

    /// Whether `event` may change the page.
    pub(crate) fn is_touched(&mut self, event: &Event) -> bool {
        use Event as E;
        match &self.kind {
            Kind::Home => matches!(
                event,
                E::BuildStarted { .. }
                    | E::BuildUpdated { .. }
                    | E::BuildFinished { .. }
                    | E::RequestAdded { .. }
                    | E::RequestUpdated { .. }
                    | E::WorkerUpdated { .. }
                    | E::RequestClaimed { .. }
                    | E::RequestUnclaimed { .. }
                    | E::RequestCompleted { .. }
                    | E::WorkerConnected { .. }
                    | E::WorkerDisconnected { .. }
                    | E::GenerationActivated { .. }
                    | E::GenerationRejected { .. }
            ),
            Kind::Builders => matches!(
                event,
                E::BuildStarted { .. }
                    | E::BuildFinished { .. }
                    | E::RequestAdded { .. }
                    | E::RequestClaimed { .. }
                    | E::RequestCompleted { .. }
                    | E::WorkerConnected { .. }
                    | E::WorkerDisconnected { .. }
                    | E::GenerationActivated { .. }
            ),
            Kind::Builder(id) => match event {
                E::BuildStarted { builder, .. }
                | E::BuildUpdated { builder, .. }
                | E::BuildFinished { builder, .. }
                | E::RequestAdded { builder, .. }
                | E::RequestUpdated { builder, .. }
                | E::RequestClaimed { builder, .. }
                | E::RequestUnclaimed { builder, .. }
                | E::RequestCompleted { builder, .. } => builder.0 == *id,
                E::WorkerConnected { .. }
                | E::WorkerDisconnected { .. }
                | E::WorkerUpdated { .. } => true,
                _ => false,
            },
            Kind::Build(id) => match event {
                E::BuildStarted { build, .. }
                | E::BuildUpdated { build, .. }
                | E::BuildFinished { build, .. }
                | E::StepUpdated { build, .. }
                | E::StepFinished { build, .. } => build.0 == *id,
                E::StepStarted { build, step } => {
                    let mine = build.0 == *id;
                    if mine {
                        self.steps.insert(step.0);
                    }
                    mine
                }
                E::LogAdded { step, .. }
                | E::LogAppended { step, .. }
                | E::LogFinished { step, .. } => self.steps.contains(&step.0),
                E::RequestClaimed { request, .. }
                | E::RequestUnclaimed { request, .. }
                | E::RequestCompleted { request, .. } => self.requests.contains(&request.0),
                _ => false,
            },
            Kind::Request(id) => match event {
                E::RequestClaimed { request, .. }
                | E::RequestUpdated { request, .. }
                | E::RequestUnclaimed { request, .. }
                | E::RequestCompleted { request, .. } => request.0 == *id,
                E::BuildStarted { .. } | E::WorkerUpdated { .. } => true,
                _ => false,
            },
            Kind::Schedulers => matches!(
                event,
                E::SchedulerUpdated { .. }
                    | E::ChangeAdded { .. }
                    | E::BuildsetAdded { .. }
                    | E::GenerationActivated { .. }
            ),
            Kind::Workers => matches!(
                event,
                E::WorkerConnected { .. }
                    | E::WorkerUpdated { .. }
                    | E::WorkerDisconnected { .. }
                    | E::BuildStarted { .. }
                    | E::BuildFinished { .. }
                    | E::GenerationActivated { .. }
            ),
            Kind::Changes => matches!(
                event,
                E::ChangeAdded { .. }
                    | E::DeliveryHandled { .. }
                    | E::BuildsetAdded { .. }
                    | E::SchedulerUpdated { .. }
            ),
            Kind::Configuration => {
                matches!(event, E::GenerationActivated { .. } | E::GenerationRejected { .. })
            }
            Kind::Log { log: id, .. } => match event {
                E::LogAppended { log, .. } | E::LogFinished { log, .. } => log.0 == *id,
                _ => false,
            },
        }
    }

    /// Draws the page's fragments, or reads a log's new lines.
    pub(crate) async fn draw(&mut self, site: &Site, who: &Who) -> Result<Change, Problem> {
        let view = View::at_depth(site, who.clone(), self.depth());
        let fragments = match &mut self.kind {
            Kind::Home => home::draw(site, &view).await?,
            Kind::Builders => builders::draw(site, &view).await?,
            Kind::Builder(id) => builder::draw(site, &view, *id).await?,
            Kind::Build(id) => {
                let drawn = build::draw(site, &view, *id).await?;
                self.steps.extend(drawn.steps);
                self.requests.extend(drawn.requests);
                drawn.fragments
            }
            Kind::Request(id) => request::draw(site, &view, *id).await?,
            Kind::Workers => workers::draw(site, &view).await?,
            Kind::Schedulers => schedulers::draw(site, &view).await?,
            Kind::Changes => changes::draw(site, &view).await?,
            Kind::Configuration => configuration::draw(site, &view).await?,
            Kind::Log { log, next, style } => return lines(site, *log, next, style).await,
        };
        Ok(Change::Fragments(fragments))
    }
}

async fn lines(
    site: &Site,
    log: i64,
    next: &mut i64,
    style: &mut ansi::Style,
) -> Result<Change, Problem> {
    let scope = At { conditions: vec![logs::scope::ID], values: vec![log.into()] };
    let place = site.engine().store().read(move |conn| logs::place(conn, &scope)).await?;
    let place = place.ok_or_else(Problem::missing)?;
    let complete = place.is_complete;
    let from = *next;
    let lines = site
        .engine()
        .store()
        .read_logs(move |conn| frames::lines(conn, LogId(log), from, log::WINDOW, complete))
        .await?;
    *next += lines.len() as i64;
    let html = log::rows(&lines, from, style, log::References::of(&place)).into_string();
    let more = lines.len() as i64 == log::WINDOW;
    Ok(Change::Lines(Lines { html, next: *next, complete: complete && !more, more }))
}
