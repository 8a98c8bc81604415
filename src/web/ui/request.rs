//! One request: where it stands, and the way to its build as soon as there is one.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::visible::visible;
use super::{build, part, reason};
use crate::base::id::{BuildsetId, RequestId};
use crate::model::why::{Reason, Why};
use crate::store::views::buildrequests::{self, Shown};
use crate::store::views::buildsets;
use crate::store::views::triggers::{self, Parent};
use crate::web::Site;
use crate::web::call::{Call, Problem, see_other};

struct Rows {
    request: Shown,
    parent: Option<Parent>,
}

/// `GET /buildrequests/{id}`; with `?follow` to its build as soon as there is one.
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let id = call.id(0)?;
    let rows = read(&site, id).await?;
    if let Some((builder, number)) = rows.request.build.filter(|_| call.asked("follow").is_some()) {
        let build = part::build_path(builder, number);
        return Ok(see_other(&format!("{}{build}", call.root())));
    }
    let parts = fragments(&site, &view, &rows).await;
    let body = html! { h1 { "Request " (id) } (layout::all(&parts)) };
    let scope = format!("request/{id}");
    Ok(layout::page(&view, &format!("Request {id}"), Some(&scope), &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View, id: i64) -> Result<Vec<Fragment>, Problem> {
    Ok(fragments(site, view, &read(site, id).await?).await)
}

async fn read(site: &Site, id: i64) -> Result<Rows, Problem> {
    let read = move |conn: &crate::store::Conn<'_>| {
        let Some(request) = buildrequests::one(conn, id)? else { return Ok(None) };
        Ok(Some(Rows { request, parent: triggers::parent_of(conn, id)? }))
    };
    site.engine().store().read(read).await?.ok_or_else(Problem::missing)
}

async fn fragments(site: &Site, view: &View, rows: &Rows) -> Vec<Fragment> {
    let id = RequestId(rows.request.id);
    // One that has ended meanwhile waits for nothing.
    let why = site.engine().why(id).await.ok();
    let set = set_of(site, id).await;
    vec![fragment("request", &part(view, rows, why.as_ref().map_or(&[], Why::reasons), set))]
}

/// The buildset of a request, if more than one request of it is open.
async fn set_of(site: &Site, request: RequestId) -> Option<BuildsetId> {
    let read = move |conn: &crate::store::Conn<'_>| {
        let Some(set) = buildsets::of_request(conn, request)? else { return Ok(None) };
        Ok((buildsets::open_requests(conn, set)?.len() > 1).then_some(set))
    };
    // Without it one button is missing.
    site.engine().store().read(read).await.ok().flatten()
}

fn part(view: &View, rows: &Rows, reasons: &[Reason], set: Option<BuildsetId>) -> Markup {
    let Rows { request, parent } = rows;
    html! {
        p.answer {
            @match (request.complete_at, request.build) {
                (Some(_), _) => (part::status(request.results)),
                (None, Some(_)) => (part::status(None)),
                (None, None) => (part::waiting()),
            }
            " for "
            a href=(view.to(&format!("builders/{}", request.builder_id))) { (visible(&request.builder)) }
            @if let Some((builder, number)) = request.build {
                " · " a href=(view.to(&part::build_path(builder, number))) data-forward {
                    "Build #" (number)
                }
            }
        }
        dl {
            dt { "Reason" } dd { (visible(&request.reason)) }
            @if let Some(parent) = parent { (build::parent_part(view, parent)) }
            dt { "Made" } dd { (part::moment(view, request.submitted_at)) }
            dt { "Priority" } dd { (priority(view, request)) }
            dt { "Attempts" } dd { (request.attempts) }
            @if request.complete_at.is_none() && (!reasons.is_empty() || request.held_by.is_some()) {
                dt { "Waits because" }
                dd {
                    @if let Some(by) = &request.held_by { div { "no from " (visible(by)) } }
                    // The row has said it.
                    @for reason in reasons.iter().filter(|r| !matches!(r, Reason::Refused { .. })) {
                        div { (reason::full(view, reason)) }
                    }
                }
            }
            @if let Some(trouble) = &request.trouble {
                dt { "Trouble" } dd { (visible(trouble)) }
            }
            @if let Some(why) = &request.ended_because {
                dt { "Ended because" } dd { (visible(why)) }
            }
        }
        @if request.complete_at.is_none() {
            (part::button(view, "cancel", &format!("buildrequests/{}/cancel", request.id), "Cancel"))
            @if let Some(set) = set {
                " " (part::button(view, "cancel", &format!("buildsets/{set}/cancel"), "Cancel its whole buildset"))
            }
        }
    }
}

/// A request's priority, and the way to another one while that matters.
fn priority(view: &View, request: &Shown) -> Markup {
    html! {
        (request.priority)
        @if request.complete_at.is_none() && view.may("priority") {
            " "
            form.inline method="post" action=(view.to(&format!("buildrequests/{}/priority", request.id))) {
                input type="number" name="priority" value=(request.priority) required
                    aria-label="New priority, higher goes first";
                " " button type="submit" { "Change" }
            }
        }
    }
}
