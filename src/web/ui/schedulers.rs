//! All schedulers: what each is, whether it is on, what it holds, when it last built by the clock,
//! and the switch.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::part;
use super::visible::visible;
use crate::store::views::schedulers::{self, Shown};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// `GET /schedulers`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let parts = draw(&site, &view).await?;
    let body = html! {
        h1 { "Schedulers" }
        (layout::all(&parts))
        p.quiet {
            "What comes while a scheduler is off is lost to it; what it holds it keeps, and builds \
             when it is on again. A time that passed meanwhile is made up for once."
        }
    };
    Ok(layout::page(&view, "Schedulers", Some("schedulers"), &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> Result<Vec<Fragment>, Problem> {
    let all = site.engine().store().read(schedulers::configured).await?;
    let rows = html! { @for scheduler in &all { (row(view, scheduler)) } };
    let mut heads = vec!["State", "Scheduler", "Kind", "#Holds", "#Last built"];
    if view.may("scheduler") {
        heads.push("");
    }
    let list = part::table(&heads, all.is_empty(), "No schedulers are configured.", &rows);
    Ok(vec![fragment("list", &list)])
}

fn row(view: &View, scheduler: &Shown) -> Markup {
    let (class, icon, word) = match scheduler.is_enabled {
        true => ("success", "●", "on"),
        false => ("cancelled", "○", "off"),
    };
    let (order, button) = if scheduler.is_enabled { ("off", "Off") } else { ("on", "On") };
    html! {
        tr {
            td { span class={ "status " (class) } { span.icon aria-hidden="true" { (icon) } " " (word) } }
            td { (visible(&scheduler.name)) }
            td { (visible(&scheduler.kind)) }
            td.num {
                @if scheduler.held > 0 {
                    a href=(view.to("changes")) { (crate::base::text::count(scheduler.held, "change")) }
                }
            }
            td.num { @if let Some(at) = scheduler.last_built { (part::moment(view, at)) } }
            @if view.may("scheduler") {
                td {
                    (part::button(view, "scheduler",
                        &format!("schedulers/{}/{order}", scheduler.id), button))
                }
            }
        }
    }
}
