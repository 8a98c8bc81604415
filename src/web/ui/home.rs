//! The home page: which workers are here, whether the configuration is healthy, what runs, what
//! waits and why, what failed lately, what ended last.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::visible::visible;
use super::{part, reason};
use crate::base::id::RequestId;
use crate::model::why::Why;
use crate::store::views::{buildrequests, builds, configuration, workers};
use crate::store::{Conn, Result};
use crate::web::Site;
use crate::web::call::{Call, Problem};

struct Rows {
    running: Vec<builds::Line>,
    waiting: Vec<buildrequests::Shown>,
    failed: Vec<builds::Line>,
    latest: Vec<builds::Line>,
    missing: Vec<workers::Shown>,
    generations: Vec<configuration::Shown>,
}

/// How many lines of each list are shown.
const MOST: i64 = 50;

fn read(conn: &Conn<'_>) -> Result<Rows> {
    Ok(Rows {
        running: builds::running(conn, MOST)?,
        waiting: buildrequests::waiting(conn, None, MOST)?,
        failed: builds::failed(conn, 12)?,
        latest: builds::latest(conn, 10)?,
        missing: workers::missing(conn)?,
        generations: configuration::newest(conn, 1)?,
    })
}

/// `GET /`
pub(crate) async fn page(site: Site, call: Call) -> std::result::Result<Response, Problem> {
    let view = View::of(&site, &call);
    let parts = draw(&site, &view).await?;
    let body = html! { h1.hidden { "Home" } (layout::all(&parts)) };
    Ok(layout::page(&view, "Home", Some("home"), &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> std::result::Result<Vec<Fragment>, Problem> {
    let rows = site.engine().store().read(read).await?;
    let whys = whys(site, &rows.waiting).await;
    Ok(vec![
        fragment("health", &health(site, view, &rows)),
        fragment("running", &running(view, &rows.running)),
        fragment("waiting", &waiting(view, &rows.waiting, &whys, true)),
        fragment("failed", &failed(view, &rows.failed)),
        fragment("latest", &latest(view, &rows.latest)),
    ])
}

fn health(site: &Site, view: &View, rows: &Rows) -> Markup {
    let workers = site.engine().generation().config.workers.len();
    let here = workers.saturating_sub(rows.missing.len());
    html! {
        p {
            a href=(view.to("workers")) {
                (here) " of " (crate::base::text::count(workers, "worker")) " connected"
            }
            @if let Some(generation) = rows.generations.first().filter(|g| g.state == "active") {
                " · "
                a href=(view.to("configuration")) { "configuration " (generation.id) }
                " loaded "
                (part::moment(view, generation.loaded_at))
            }
        }
        @if rows.generations.first().is_some_and(|g| g.state == "rejected") {
            p.notice.bad {
                "The configuration on disk was refused; the one before it goes on. "
                a href=(view.to("configuration")) { "See the error" }
            }
        }
        @if !rows.missing.is_empty() {
            p.notice.warn {
                "Away: "
                @for (i, worker) in rows.missing.iter().take(20).enumerate() {
                    @if i > 0 { ", " }
                    (visible(&worker.name))
                }
                @if rows.missing.len() > 20 { " and " (rows.missing.len() - 20) " more" }
            }
        }
    }
}

fn running(view: &View, builds: &[builds::Line]) -> Markup {
    let rows = html! {
        @for build in builds {
            tr {
                td { (part::status(build.results)) }
                td {
                    a href=(view.to(&format!("builders/{}", build.builder_id))) {
                        (visible(&build.builder))
                    }
                    " "
                    a href=(view.to(&part::build_path(build.builder_id, build.number))) {
                        "#" (build.number)
                    }
                }
                td.wide { (visible(&build.state)) }
                td.wide { (visible(&build.worker)) }
                td.num { (part::took(view, build.started_at, None)) }
                td.wide { (part::progress(view, build)) }
            }
        }
    };
    let heads = ["Status", "Build", "~Doing", "~Worker", "#For", "~Progress"];
    html! {
        h2 { "Running" }
        (part::table(&heads, builds.is_empty(), "Nothing runs.", &rows))
    }
}

/// What waits, and for what.
pub(super) fn waiting(
    view: &View,
    requests: &[buildrequests::Shown],
    whys: &[Option<Why>],
    named: bool,
) -> Markup {
    let rows = html! {
        @for (request, why) in requests.iter().zip(whys) {
            tr {
                td {
                    a href=(view.to(&format!("buildrequests/{}", request.id))) {
                        "request " (request.id)
                    }
                }
                @if named {
                    td {
                        a href=(view.to(&format!("builders/{}", request.builder_id))) {
                            (visible(&request.builder))
                        }
                    }
                }
                td.reason { span.narrow-only { "waits: " } (reason::short(view, request.held_by.as_deref(), why.as_ref()))
                    @if let Some(trouble) = &request.trouble { "; " (visible(trouble)) } }
                td.wide { (visible(&request.reason)) }
                td.num { (part::moment(view, request.submitted_at)) }
                @if view.may("cancel") {
                    td {
                        (part::button(view, "cancel",
                            &format!("buildrequests/{}/cancel", request.id), "Cancel"))
                    }
                }
            }
        }
    };
    let mut heads = vec!["Request", "Builder", "Waits because", "~Wanted because", "#Since", ""];
    if !named {
        heads.remove(1);
    }
    if !view.may("cancel") {
        heads.pop();
    }
    html! {
        h2 { "Waiting" }
        (part::table(&heads, requests.is_empty(), "Nothing waits.", &rows))
    }
}

/// What each of these requests waits for, at one moment.
pub(super) async fn whys(site: &Site, requests: &[buildrequests::Shown]) -> Vec<Option<Why>> {
    let ids = requests.iter().map(|request| RequestId(request.id)).collect();
    let told = site.engine().whys(ids).await.unwrap_or_default();
    let mut told = told.into_iter().map(std::result::Result::ok);
    requests.iter().map(|_| told.next().flatten()).collect()
}

fn failed(view: &View, builds: &[builds::Line]) -> Markup {
    let rows = html! { @for build in builds { (part::build_row(view, build)) } };
    html! {
        h2 { "Failed lately" }
        (part::table(&part::BUILD_HEADS, builds.is_empty(), "Nothing has failed.", &rows))
    }
}

fn latest(view: &View, builds: &[builds::Line]) -> Markup {
    let rows = html! { @for build in builds { (part::build_row(view, build)) } };
    let none = "No build has ended yet. Push, or force one on a builder's page.";
    html! {
        h2 { "Latest builds" }
        (part::table(&part::BUILD_HEADS, builds.is_empty(), none, &rows))
    }
}
