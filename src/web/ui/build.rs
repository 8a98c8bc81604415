//! One build, the answer first: its result and the last lines of what failed or runs; then every
//! step with its logs, what caused it, its changes, its properties.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::visible::{link, visible};
use super::{ansi, part};
use crate::base::results::Results;
use crate::base::text;
use crate::model::log::Stream;
use crate::store::frames::{self, Line};
use crate::store::views::builds::At;
use crate::store::views::steps::{Shown as Step, ShownLog};
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
}

/// The last lines of the log that answers the reader's question: (step, log, lines).
type Tail = Option<(i64, ShownLog, Vec<Line>)>;

/// A build's fragments, and the steps whose logs belong to them.
pub(super) struct Drawn {
    pub(super) fragments: Vec<Fragment>,
    pub(super) steps: Vec<i64>,
}

/// `GET /builders/{id}/builds/{number}`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let rows = read(&site, At::Number(call.id(0)?, call.id(1)?)).await?;
    let tail = tail(&site, &rows.steps).await?;
    let line = &rows.build.line;
    let title = format!("{} #{}", visible(&line.builder), line.number);
    let parts = fragments(&view, &rows, &tail);
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
            build,
        }))
    });
    rows.await?.ok_or_else(Problem::missing)
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View, id: i64) -> Result<Drawn, Problem> {
    let rows = read(site, At::Id(id)).await?;
    let tail = tail(site, &rows.steps).await?;
    Ok(Drawn {
        fragments: fragments(view, &rows, &tail),
        steps: rows.steps.iter().map(|s| s.id).collect(),
    })
}

/// The last lines of the first step that failed, or else of the one that runs.
async fn tail(site: &Site, steps: &[Step]) -> Result<Tail, Problem> {
    let failed = steps.iter().find(|s| {
        matches!(s.results, Some(Results::Failure | Results::Exception)) && !s.logs.is_empty()
    });
    let running = || steps.iter().rev().find(|s| s.complete_at.is_none() && !s.logs.is_empty());
    let Some(step) = failed.or_else(running) else { return Ok(None) };
    let Some(log) = step.logs.iter().max_by_key(|l| (l.slug == "stdio", l.num_lines)).cloned()
    else {
        return Ok(None);
    };
    let (id, first, complete) = (log.id, (log.num_lines - TAIL).max(0), log.is_complete);
    let lines = site
        .engine()
        .store()
        .read_logs(move |conn| frames::lines(conn, id, first, TAIL, complete))
        .await?;
    Ok(Some((step.id, log, lines)))
}

fn fragments(view: &View, rows: &Rows, tail: &Tail) -> Vec<Fragment> {
    let mut out = vec![fragment("summary", &summary(view, rows))];
    for step in rows.steps.iter().filter(|s| !s.hidden && !is_mere_preparation(s)) {
        let tail = tail.as_ref().filter(|(id, ..)| *id == step.id);
        out.push(fragment(&format!("step-{}", step.number), &step_part(view, rows, step, tail)));
    }
    out.push(fragment("cause", &cause(view, rows)));
    out.push(fragment("changes", &changes_part(view, &rows.changes)));
    out.push(fragment("properties", &properties_part(&rows.properties)));
    out
}

/// The step in which a build gets its worker: noise unless it failed or took its time.
fn is_mere_preparation(step: &Step) -> bool {
    let took = step.started_at.zip(step.complete_at).map(|(from, to)| to.since(from));
    step.number == 0
        && step.results == Some(Results::Success)
        && took.is_some_and(|took| took.as_secs() == 0)
}

fn summary(view: &View, rows: &Rows) -> Markup {
    let line = &rows.build.line;
    let failed = rows
        .steps
        .iter()
        .find(|s| matches!(s.results, Some(Results::Failure | Results::Exception)));
    html! {
        p.answer {
            (part::status(line.results)) " "
            strong { (visible(&line.state)) }
            " · " (part::took(view, line.started_at, line.complete_at))
            " on " (visible(&line.worker))
            " · began " (part::moment(view, line.started_at))
        }
        @if let Some(step) = failed {
            p {
                "Failed in " a href={ "#step-" (step.number) } { (visible(&step.name)) }
                ": " (visible(&step.state))
            }
        }
        p {
            @if line.complete_at.is_none() {
                (part::button(view, "stop", &format!("builds/{}/stop", line.id), "Stop"))
            } @else {
                (part::button(view, "rebuild", &format!("builds/{}/rebuild", line.id), "Rebuild"))
            }
        }
        @if !rows.steps.is_empty() { h2 { "Steps" } }
    }
}

fn step_part(
    view: &View,
    rows: &Rows,
    step: &Step,
    tail: Option<&(i64, ShownLog, Vec<Line>)>,
) -> Markup {
    html! {
        div class={ "step " (part::class(step.results)) } {
            div.step-head {
                (part::status(step.results))
                span.step-name { (visible(&step.name)) }
                span.wide { (visible(&step.state)) }
                span.num {
                    @if let Some(from) = step.started_at {
                        (part::took(view, from, step.complete_at))
                        (locks(step))
                    }
                }
            }
            @if !step.logs.is_empty() || !step.urls.is_empty() {
                p.step-links {
                    @for log in &step.logs {
                        a href=(log_path(view, rows, step, log)) {
                            (visible(&log.name)) span.quiet { " " (log.num_lines) " lines" }
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
            @if let Some((_, log, lines)) = tail {
                (tail_part(lines))
                @if log.num_lines > TAIL {
                    p.quiet {
                        "The last " (lines.len()) " of "
                        a href=(log_path(view, rows, step, log)) { (log.num_lines) " lines" }
                    }
                }
            }
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

fn cause(view: &View, rows: &Rows) -> Markup {
    let build = &rows.build;
    html! {
        h2 { "Cause" }
        dl {
            dt { "Reason" } dd { (visible(&build.reason)) }
            @if let Some(scheduler) = &build.scheduler {
                dt { "Scheduler" } dd { (visible(scheduler)) }
            }
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

fn changes_part(view: &View, changes: &[changes::Shown]) -> Markup {
    html! {
        @if !changes.is_empty() {
            h2 { (text::count(changes.len(), "change")) }
            @for change in changes { (super::changes::part(view, change)) }
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
