//! All builders: the state of each, with the results and durations of its last builds.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::part;
use super::visible::visible;
use crate::store::views::{builders, builds};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// `GET /builders`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let parts = draw(&site, &view).await?;
    let body = html! {
        h1 { "Builders" }
        p.filter { label { "Filter " input type="search" data-filter="#list tbody tr"; } }
        (layout::all(&parts))
    };
    Ok(layout::page(&view, "Builders", Some("builders"), &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> Result<Vec<Fragment>, Problem> {
    let (all, latest) = site
        .engine()
        .store()
        .read(|conn| Ok((builders::configured(conn)?, builds::latest_of_each(conn)?)))
        .await?;
    let mut by_builder: BTreeMap<i64, Vec<builds::Line>> = BTreeMap::new();
    for build in latest {
        by_builder.entry(build.builder_id).or_default().push(build);
    }
    let none = Vec::new();
    let rows = html! {
        @for builder in &all {
            @let builds = by_builder.get(&builder.id).unwrap_or(&none);
            (row(view, builder, builds))
        }
    };
    let heads = ["Last", "Builder", "~Recent", "#Last build", "#Took", "#Waiting", "#Workers"];
    let list = part::table(&heads, all.is_empty(), "No builders are configured.", &rows);
    Ok(vec![fragment("list", &list)])
}

fn row(view: &View, builder: &builders::Shown, builds: &[builds::Line]) -> Markup {
    let last = builds.iter().find(|b| b.complete_at.is_some());
    let runs = builds.iter().any(|b| b.complete_at.is_none());
    html! {
        tr {
            td {
                @if runs { (part::status(None)) " " }
                @match last {
                    Some(build) => (part::status(build.results)),
                    None if !runs => span.quiet { "never built" },
                    None => {}
                }
            }
            td {
                a href=(view.to(&format!("builders/{}", builder.id))) { (visible(&builder.name)) }
                @for tag in &builder.tags { " " span.tag { (visible(tag)) } }
            }
            td.wide { (spark(view, builds)) }
            td.num {
                @if let Some(build) = last {
                    a href=(view.to(&part::build_path(builder.id, build.number))) { "#" (build.number) }
                    " " (part::moment(view, build.complete_at.unwrap_or(build.started_at)))
                }
            }
            td.num { @if let Some(b) = last { (part::took(view, b.started_at, b.complete_at)) } }
            td.num { @if builder.waiting > 0 { (builder.waiting) span.narrow-only { " waiting" } } }
            td.num { (builder.connected) " of " (builder.workers) span.narrow-only { " workers" } }
        }
    }
}

/// The last builds from old to new: one block each, as high as the build was long.
pub(super) fn spark(view: &View, builds: &[builds::Line]) -> Markup {
    let length = |b: &builds::Line| {
        b.complete_at.unwrap_or(view.now).0.saturating_sub(b.started_at.0).max(1)
    };
    let longest = builds.iter().map(length).max().unwrap_or(1);
    html! {
        span.spark {
            @for build in builds.iter().rev() {
                @let height = (length(build) * 8 / longest).clamp(1, 8);
                @let word = part::class(build.results);
                a class={ "bar h" (height) " " (word) }
                    href=(view.to(&part::build_path(build.builder_id, build.number)))
                    title={ "#" (build.number) " " (word) } aria-label={ "#" (build.number) " " (word) } {}
            }
        }
    }
}
