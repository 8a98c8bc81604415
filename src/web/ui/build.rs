//! One build, the answer first: its result and the last lines of what failed or runs; then every
//! step with its logs, what caused it, its changes, its properties.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::visible::{link, visible};
use super::{ansi, artifacts, part, reason, tests};
use crate::base::id::{BuildId, RequestId};
use crate::base::results::Results;
use crate::base::text;
use crate::model::hold::Held;
use crate::model::log::Stream;
use crate::model::why::Reason;
use crate::store;
use crate::store::artifacts::Artifact;
use crate::store::frames::{self, Line};
use crate::store::views::builds::At;
use crate::store::views::steps::{Shown as Step, ShownLog};
use crate::store::views::test_results::{self, Failed};
use crate::store::views::triggers::{self, Child, Parent};
use crate::store::views::{builds, changes, properties, steps};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// Lines of a log that the page of its build shows.
const TAIL: i64 = 25;

struct Rows {
    build: builds::Detail,
    steps: Vec<Step>,
    changes: Vec<changes::Shown>,
    properties: Vec<(String, String, String)>,
    /// What the build and its steps wait for.
    reasons: Vec<Reason>,
    /// For each change the schedulers that hold it.
    held: Vec<Vec<Held>>,
    parent: Option<Parent>,
    children: Vec<Child>,
    /// How many tests failed, and the first of them.
    failed: (i64, Vec<Failed>),
    flaky: (i64, Vec<Failed>),
    artifacts: Vec<Artifact>,
}

/// Steps whose last lines the page shows: what failed and what runs is seldom more.
const TAILS: usize = 5;

/// The last lines of a log that answers the reader's question.
struct Tail {
    step: i64,
    log: ShownLog,
    lines: Vec<Line>,
}

/// A build's fragments, the steps whose logs belong to them, and the requests that it has triggered.
pub(super) struct Drawn {
    pub(super) fragments: Vec<Fragment>,
    pub(super) steps: Vec<i64>,
    pub(super) requests: Vec<i64>,
}

/// `GET /builders/{id}/builds/{number}`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let rows = read(&site, At::Number(call.id(0)?, call.id(1)?)).await?;
    let tails = tails(&site, &rows.steps).await?;
    let line = &rows.build.line;
    let title = format!("{} #{}", visible(&line.builder), line.number);
    let parts = fragments(&view, &rows, &tails);
    let body = html! {
        h1 {
            a href=(view.to(&format!("builders/{}", line.builder_id))) { (visible(&line.builder)) }
            " #" (line.number)
        }
        (layout::all(&parts))
        nav.pages aria-label="Builds" {
            @if line.number > 1 {
                a rel="prev" href=(view.to(&part::build_path(line.builder_id, line.number - 1))) {
                    "Build #" (line.number - 1)
                }
            }
        }
    };
    let scope = format!("build/{}", line.id);
    Ok(layout::page(&view, &title, Some(&scope), &body, StatusCode::OK))
}

async fn read(site: &Site, at: At) -> Result<Rows, Problem> {
    let rows = site.engine().store().read(move |conn| {
        let Some(build) = builds::detail(conn, at)? else { return Ok(None) };
        let id = build.line.id;
        Ok(Some(Rows {
            steps: steps::of_build(conn, id)?,
            changes: changes::of_buildset(conn, build.buildset)?,
            properties: properties::of_build(conn, id)?,
            reasons: Vec::new(),
            held: Vec::new(),
            parent: triggers::parent_of(conn, build.request)?,
            children: triggers::of_build(conn, id)?,
            failed: test_results::failed(conn, id, tests::SHOWN)?,
            flaky: test_results::flaky(conn, id, tests::SHOWN)?,
            artifacts: store::artifacts::of_build(conn, BuildId(id))?,
            build,
        }))
    });
    let mut rows = rows.await?.ok_or_else(Problem::missing)?;
    if rows.build.line.complete_at.is_none() {
        let why = site.engine().why(RequestId(rows.build.request)).await;
        // One that has ended meanwhile waits for nothing.
        rows.reasons = why.map(|why| why.reasons().to_vec()).unwrap_or_default();
    }
    rows.held = super::changes::held_by(site, &rows.changes).await;
    Ok(rows)
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View, id: i64) -> Result<Drawn, Problem> {
    let rows = read(site, At::Id(id)).await?;
    let tails = tails(site, &rows.steps).await?;
    Ok(Drawn {
        fragments: fragments(view, &rows, &tails),
        steps: rows.steps.iter().map(|s| s.id).collect(),
        requests: rows.children.iter().map(|c| c.request).collect(),
    })
}

/// The last lines of the steps that failed or run.
async fn tails(site: &Site, steps: &[Step]) -> Result<Vec<Tail>, Problem> {
    let logs: Vec<(i64, ShownLog)> = steps
        .iter()
        .filter(|s| s.results.map_or(s.started_at.is_some(), is_failed))
        .filter_map(|s| {
            let log = s.logs.iter().max_by_key(|l| (l.slug == "stdio", l.num_lines))?;
            Some((s.id, log.clone()))
        })
        .take(TAILS)
        .collect();
    if logs.is_empty() {
        return Ok(Vec::new());
    }
    let tails = site.engine().store().read_logs(move |conn| {
        let mut out = Vec::new();
        for (step, log) in logs {
            let first = (log.num_lines - TAIL).max(0);
            let lines = frames::lines(conn, log.id, first, TAIL, log.is_complete)?;
            let lines = lines.into_iter().filter(|line| !is_dump(line)).collect();
            out.push(Tail { step, log, lines });
        }
        Ok(out)
    });
    Ok(tails.await?)
}

fn is_failed(results: Results) -> bool {
    matches!(results, Results::Failure | Results::Exception)
}

/// Whether a line is of what a worker tells of a command before it runs it, below the command
/// itself: directory, arguments, environment. Workers indent these lines and no other header.
pub(super) fn is_dump(line: &Line) -> bool {
    line.stream == Stream::Header && line.text.starts_with(' ')
}

fn fragments(view: &View, rows: &Rows, tails: &[Tail]) -> Vec<Fragment> {
    let mut out = vec![fragment("summary", &summary(view, rows))];
    for step in rows.steps.iter().filter(|s| !s.hidden && !is_mere_preparation(view, s)) {
        let tail = tails.iter().find(|tail| tail.step == step.id);
        out.push(fragment(&format!("step-{}", step.number), &step_part(view, rows, step, tail)));
    }
    let builder = &rows.build.line.builder;
    out.push(fragment("artifacts-of-build", &artifacts::list(view, builder, &rows.artifacts)));
    out.push(fragment("triggered", &triggered(view, &rows.children)));
    out.push(fragment("cause", &cause(view, rows)));
    out.push(fragment("changes", &changes_part(view, rows)));
    out.push(fragment("properties", &properties_part(&rows.properties)));
    out
}

/// The step in which a build gets its worker: noise unless it failed or takes its time.
fn is_mere_preparation(view: &View, step: &Step) -> bool {
    let Some(from) = step.started_at else { return step.number == 0 };
    step.number == 0
        && step.results.is_none_or(|r| r == Results::Success)
        && step.complete_at.unwrap_or(view.now).since(from).as_secs() == 0
}

fn summary(view: &View, rows: &Rows) -> Markup {
    let line = &rows.build.line;
    let failed: Vec<_> = rows.steps.iter().filter(|s| s.results.is_some_and(is_failed)).collect();
    html! {
        p.answer {
            (part::status(line.results)) " "
            strong { (visible(&line.state)) }
            " · " (part::took(view, line.started_at, line.complete_at))
            " on " (visible(&line.worker))
            " · began " (part::moment(view, line.started_at))
        }
        @if !failed.is_empty() {
            p {
                "Failed in "
                @for (i, step) in failed.iter().take(20).enumerate() {
                    @if i > 0 { ", " }
                    a href={ "#step-" (step.number) } { (visible(&step.name)) }
                }
                @if failed.len() > 20 { " and " (failed.len() - 20) " more" }
                @if let [step] = failed.as_slice() { ": " (visible(&step.state)) }
            }
        }
        (counted(&sums(&rows.steps)))
        p {
            @if line.complete_at.is_none() {
                (part::button(view, "stop", &format!("builds/{}/stop", line.id), "Stop"))
            } @else {
                (part::button(view, "rebuild", &format!("builds/{}/rebuild", line.id), "Rebuild"))
            }
        }
        (waits(view, rows, None))
        (tests::failed(view, line.builder_id, rows.failed.0, &rows.failed.1))
        (tests::flaky(view, line.builder_id, rows.flaky.0, &rows.flaky.1))
        @if !rows.steps.is_empty() { h2 { "Steps" } }
    }
}

fn step_part(view: &View, rows: &Rows, step: &Step, tail: Option<&Tail>) -> Markup {
    html! {
        div class={ "step " (part::class(step.results)) } {
            div.step-head {
                @match step.fault { Some(fault) => (part::fault(step.results, fault)), None => (part::status(step.results)) }
                span.step-name {
                    @if let Some(group) = &step.group { span.quiet { (visible(group)) " / " } }
                    (visible(&step.name))
                }
                span.wide { (visible(&step.state)) }
                span.num {
                    @if let Some(from) = step.started_at {
                        (part::took(view, from, step.complete_at))
                        (locks(step))
                        @if step.complete_at.is_none() {
                            " " (part::button(view, "stop", &format!("steps/{}/stop", step.id), "Stop step"))
                        }
                    }
                }
            }
            (waits(view, rows, Some(step.id)))
            (counted(&step.statistics))
            @if !step.logs.is_empty() || !step.urls.is_empty() {
                p.step-links {
                    @for log in &step.logs {
                        a href=(log_path(view, rows, step, log)) {
                            (visible(&log.name)) span.quiet { " " (part::lines(log.num_lines)) }
                        } " "
                    }
                    @for (name, url) in &step.urls {
                        @match link(url) {
                            Some(url) => a href=(url) rel="noopener nofollow" { (visible(name)) },
                            None => span { (visible(name)) ": " (visible(url)) },
                        } " "
                    }
                }
            }
            @if let Some(Tail { log, lines, .. }) = tail.filter(|tail| !tail.lines.is_empty()) {
                (tail_part(lines))
                @if log.num_lines > TAIL {
                    p.quiet {
                        "The end of "
                        a href=(log_path(view, rows, step, log)) { (part::lines(log.num_lines)) }
                    }
                }
            }
        }
    }
}

/// What was counted.
fn counted(statistics: &BTreeMap<String, f64>) -> Markup {
    html! {
        @if !statistics.is_empty() {
            p.step-links {
                @for (name, value) in statistics { span { (visible(name)) ": " (value) } " " }
            }
        }
    }
}

/// What all steps together have counted.
fn sums(steps: &[Step]) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    for (name, value) in steps.iter().flat_map(|step| &step.statistics) {
        *out.entry(name.clone()).or_insert(0.0) += value;
    }
    out
}

/// What a step waits for, or, without one, the build itself.
fn waits(view: &View, rows: &Rows, step: Option<i64>) -> Markup {
    let wanted = |reason: &&Reason| match reason {
        Reason::Lock { step: Some(id), .. } => step == Some(id.0),
        _ => step.is_none(),
    };
    html! {
        @for reason in rows.reasons.iter().filter(wanted) {
            p.quiet { "Waits because " (reason::full(view, reason)) }
        }
    }
}

/// Time spent waiting for locks, when it is worth a word.
fn locks(step: &Step) -> Markup {
    let waited = step.started_at.zip(step.locks_acquired_at).map(|(from, to)| to.0 - from.0);
    html! {
        @if let Some(waited) = waited.filter(|w| *w >= 1_000_000) {
            span.quiet { " (" (part::micros(waited)) " for locks)" }
        }
    }
}

fn tail_part(lines: &[Line]) -> Markup {
    let mut style = ansi::Style::default();
    html! {
        pre.tail tabindex="0" {
            @for line in lines {
                span class=(stream_class(line.stream)) { (ansi::line(&line.text, &mut style)) } "\n"
            }
        }
    }
}

/// The class of a line.
pub(super) fn stream_class(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "o",
        Stream::Stderr => "e",
        Stream::Header => "h",
    }
}

fn log_path(view: &View, rows: &Rows, step: &Step, log: &ShownLog) -> String {
    let line = &rows.build.line;
    let build = part::build_path(line.builder_id, line.number);
    view.to(&format!("{build}/steps/{}/logs/{}", step.number, log.slug))
}

/// What the build has triggered.
fn triggered(view: &View, children: &[Child]) -> Markup {
    let rows = html! {
        @for child in children {
            tr {
                td {
                    @if child.number.is_some() || child.results.is_some() {
                        (part::status(child.results))
                    } @else {
                        (part::waiting())
                    }
                }
                td {
                    a href=(view.to(&format!("builders/{}", child.builder_id))) { (visible(&child.builder)) }
                    " "
                    @match child.number {
                        Some(number) => a href=(view.to(&part::build_path(child.builder_id, number))) { "#" (number) },
                        None => a href=(view.to(&format!("buildrequests/{}", child.request))) {
                            "request " (child.request)
                        },
                    }
                }
                td.wide { @if let Some(state) = &child.state { (visible(state)) } }
                td.wide { @if let Some(scheduler) = &child.scheduler { (visible(scheduler)) } }
                td.wide {
                    @if let Some(step) = &child.step { (visible(step)) }
                    @if child.is_waited_for && child.results.is_none() { span.quiet { " waits" } }
                }
            }
        }
    };
    html! {
        @if !children.is_empty() {
            h2 { "Triggered" }
            (part::table(&["Status", "Build", "~Text", "~Scheduler", "~By step"], false, "", &rows))
        }
    }
}

/// The build that triggered this.
pub(super) fn parent_part(view: &View, parent: &Parent) -> Markup {
    html! {
        dt { (visible(&parent.relationship)) }
        dd {
            a href=(view.to(&part::build_path(parent.builder_id, parent.number))) {
                (visible(&parent.builder)) " #" (parent.number)
            }
        }
    }
}

fn cause(view: &View, rows: &Rows) -> Markup {
    let build = &rows.build;
    html! {
        h2 { "Cause" }
        dl {
            dt { "Reason" } dd { (visible(&build.reason)) }
            @if let Some(scheduler) = &build.scheduler {
                dt { "Scheduler" } dd { (visible(scheduler)) }
            }
            @if let Some(parent) = &rows.parent { (parent_part(view, parent)) }
            @if let Some((builder, number)) = build.rebuild_of {
                dt { "Rebuild of" }
                dd { a href=(view.to(&part::build_path(builder, number))) { "#" (number) } }
            }
            dt { "Request" }
            dd {
                a href=(view.to(&format!("buildrequests/{}", build.request))) { (build.request) }
                ", made " (part::moment(view, build.submitted_at))
                @if build.attempt > 1 { ", attempt " (build.attempt) }
            }
            @if build.locks_duration >= 1_000_000 {
                dt { "Locks" } dd { "waited " (part::micros(build.locks_duration)) }
            }
            dt { "Configuration" } dd { "generation " (build.generation) }
        }
    }
}

fn changes_part(view: &View, rows: &Rows) -> Markup {
    let Rows { changes, held, .. } = rows;
    html! {
        @if !changes.is_empty() {
            h2 { (text::count(changes.len(), "change")) }
            @for (change, held) in changes.iter().zip(held) { (super::changes::part(view, change, held)) }
        }
    }
}

fn properties_part(properties: &[(String, String, String)]) -> Markup {
    let rows = html! {
        @for (name, value, source) in properties {
            tr {
                td { (visible(name)) }
                td.wrap { code { (visible(&text::shorten(value, 2000))) } }
                td.wide { (visible(source)) }
            }
        }
    };
    html! {
        @if !properties.is_empty() {
            details id="all-properties" {
                summary { "Properties (" (properties.len()) ")" }
                (part::table(&["Name", "Value", "~Source"], false, "", &rows))
            }
        }
    }
}
