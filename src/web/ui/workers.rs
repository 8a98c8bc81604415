//! All workers: connected or away, since when, what they are, what runs on them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::part;
use super::visible::visible;
use crate::base::clock::Timestamp;
use crate::store::views::{builds, workers};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// `GET /workers`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let parts = draw(&site, &view).await?;
    let body = html! { h1 { "Workers" } (layout::all(&parts)) };
    Ok(layout::page(&view, "Workers", Some("workers"), &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> Result<Vec<Fragment>, Problem> {
    let (all, running) = site
        .engine()
        .store()
        .read(|conn| Ok((workers::configured(conn)?, builds::running(conn, 1000)?)))
        .await?;
    let mut by_worker: BTreeMap<&str, Vec<&builds::Line>> = BTreeMap::new();
    for build in &running {
        by_worker.entry(&build.worker).or_default().push(build);
    }
    let none = Vec::new();
    let rows = html! {
        @for worker in &all { (row(view, worker, by_worker.get(&*worker.name).unwrap_or(&none))) }
    };
    let mut heads = vec!["State", "Worker", "#Since", "~System", "~Version", "#Builds", "Runs"];
    if view.may("worker") {
        heads.push("Orders");
    }
    let list = part::table(&heads, all.is_empty(), "No workers are configured.", &rows);
    Ok(vec![fragment("list", &list)])
}

fn row(view: &View, worker: &workers::Shown, builds: &[&builds::Line]) -> Markup {
    let limit = view.generation.config.worker(&worker.name).and_then(|w| w.max_builds);
    html! {
        tr {
            td { (state(view, worker)) }
            td { (visible(&worker.name)) }
            td.num {
                @match (worker.connected_since, worker.last_seen) {
                    (Some(at), _) | (None, Some(at)) => (part::moment(view, at)),
                    (None, None) => span.quiet { "never seen" },
                }
            }
            td.wide { (visible(&words(worker, &["os_release", "system"]))) }
            td.wide { (visible(&words(worker, &["version"]))) }
            td.num { (builds.len()) @if let Some(limit) = limit { " of " (limit) } span.narrow-only { " builds" } }
            td {
                @for build in builds {
                    a href=(view.to(&part::build_path(build.builder_id, build.number))) {
                        (visible(&build.builder)) " #" (build.number)
                    } " "
                }
            }
            @if view.may("worker") { td { (orders(view, worker)) } }
        }
    }
}

/// What a worker can be told.
fn orders(view: &View, worker: &workers::Shown) -> Markup {
    let to = |order: &str| view.to(&format!("workers/{}/{order}", worker.id));
    let button = |order: &str, words: &str| {
        part::button(view, "worker", &format!("workers/{}/{order}", worker.id), words)
    };
    let is_held = worker.is_paused || worker.is_graceful || quarantine(view, worker).is_some();
    html! {
        @if is_held { (button("unpause", "Unpause")) " " }
        @if !worker.is_paused {
            form.inline method="post" action=(to("pause")) {
                input name="reason" placeholder="reason" aria-label="Why it is paused";
                " " button type="submit" { "Pause" }
            } " "
        }
        @if worker.connected_since.is_some() {
            @if !worker.is_graceful { (button("stop", "Stop when idle")) " " }
            (button("kill", "Stop now"))
        }
    }
}

/// The end of its quarantine, if it is in one.
fn quarantine(view: &View, worker: &workers::Shown) -> Option<Timestamp> {
    worker.quarantined_until.filter(|until| *until > view.now)
}

fn state(view: &View, worker: &workers::Shown) -> Markup {
    let until = quarantine(view, worker);
    let (class, icon, word) = match (worker.connected_since, worker.is_paused, worker.is_graceful) {
        (None, ..) => ("cancelled", "○", "away"),
        (Some(_), true, _) => ("warnings", "‖", "paused"),
        (Some(_), _, true) => ("warnings", "↓", "leaving"),
        (Some(_), ..) if until.is_some() => ("exception", "⚠", "quarantined"),
        (Some(_), ..) => ("success", "●", "connected"),
    };
    html! {
        span class={ "status " (class) } { span.icon aria-hidden="true" { (icon) } " " (word) }
        @if let Some(why) = &worker.pause_reason {
            " " span.quiet {
                @if worker.connected_since.is_none() { "paused: " }
                (visible(why))
            }
        }
        @if let Some(until) = until {
            " " span.quiet {
                "until " time datetime=(until) data-at=(until.secs()) { (until) }
                ": " (visible(worker.quarantine_reason.as_deref().unwrap_or_default()))
            }
        }
    }
}

/// The first of these that the worker said.
fn words(worker: &workers::Shown, names: &[&str]) -> String {
    let said = names.iter().find_map(|n| worker.info.get(*n).and_then(|v| v.as_str()));
    said.unwrap_or("").to_owned()
}
