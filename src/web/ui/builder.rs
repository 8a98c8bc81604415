//! One builder: its history, its queue, how often it succeeds, and the forms that start it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::visible::visible;
use super::{builders as list, form, home, part};
use crate::base::text;
use crate::model::why::Why;
use crate::store::views::{builders, buildrequests, builds};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// Builds on a page.
const PAGE: i64 = 40;

struct Rows {
    builder: builders::Shown,
    history: Vec<builds::Line>,
    waiting: Vec<buildrequests::Shown>,
    /// What each of them waits for.
    whys: Vec<Option<Why>>,
}

/// `GET /builders/{id}`, `?before=NUMBER` for older builds
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let id = call.id(0)?;
    let before = call.asked("before").and_then(|t| t.parse().ok());
    let rows = read(&site, id, before).await?;
    let name = visible(&rows.builder.name);
    let last = rows.history.last().map(|b| b.number).filter(|n| *n > 1);
    let older = last.filter(|_| rows.history.len() as i64 == PAGE);
    let forms = form::all(&view, &rows.builder);
    let parts = fragments(&view, &rows, before.is_some());
    let body = html! {
        h1 { (name) @for tag in &rows.builder.tags { " " span.tag { (visible(tag)) } } }
        @if let Some(words) = &rows.builder.description { p { (visible(words)) } }
        @if !rows.builder.is_configured {
            p.notice.warn { "This builder is not in the configuration any more." }
        }
        (forms)
        (layout::all(&parts))
        nav.pages aria-label="History" {
            @if before.is_some() { a href="?" { "Newest" } " " }
            @if let Some(number) = older { a rel="next" href={ "?before=" (number) } { "Older" } }
        }
    };
    let scope = format!("builder/{id}");
    // Older pages do not change.
    let live = before.is_none().then_some(scope.as_str());
    Ok(layout::page(&view, &name, live, &body, StatusCode::OK))
}

async fn read(site: &Site, id: i64, before: Option<i64>) -> Result<Rows, Problem> {
    let rows = site.engine().store().read(move |conn| {
        let Some(builder) = builders::one(conn, id)? else { return Ok(None) };
        Ok(Some(Rows {
            builder,
            history: builds::of_builder(conn, id, before.unwrap_or(i64::MAX), PAGE)?,
            waiting: buildrequests::waiting(conn, Some(id), 50)?,
            whys: Vec::new(),
        }))
    });
    let mut rows = rows.await?.ok_or_else(Problem::missing)?;
    rows.whys = home::whys(site, &rows.waiting).await;
    Ok(rows)
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View, id: i64) -> Result<Vec<Fragment>, Problem> {
    Ok(fragments(view, &read(site, id, None).await?, false))
}

fn fragments(view: &View, rows: &Rows, older: bool) -> Vec<Fragment> {
    let mut out = Vec::new();
    if !older {
        // Also when it is empty: the place where live requests appear.
        out.push(fragment("queue", &queue(view, rows)));
    }
    out.push(fragment("history", &history(view, &rows.history)));
    out
}

/// What waits, if anything does: who comes here asks for the history first.
fn queue(view: &View, rows: &Rows) -> Markup {
    let Rows { waiting, whys, .. } = rows;
    html! { @if !waiting.is_empty() { (home::waiting(view, waiting, whys, false)) } }
}

fn history(view: &View, builds: &[builds::Line]) -> Markup {
    let done: Vec<_> = builds.iter().filter_map(|b| b.results).collect();
    let good = done.iter().filter(|r| r.is_good()).count();
    let rows = html! {
        @for build in builds {
            tr {
                td { (part::status(build.results)) }
                td { a href=(view.to(&part::build_path(build.builder_id, build.number))) { "#" (build.number) } }
                td.wide { (visible(&build.state)) }
                td.wide { (visible(&build.worker)) }
                td.num { (part::took(view, build.started_at, build.complete_at)) }
                td.num { (part::moment(view, build.started_at)) }
            }
        }
    };
    let heads = ["Status", "Build", "~Text", "~Worker", "#Took", "#Began"];
    html! {
        h2 { "Builds" }
        @if !done.is_empty() {
            p {
                (list::spark(view, &builds[..builds.len().min(24)])) " "
                (good * 100 / done.len()) " % of the last "
                (text::count(done.len(), "finished build")) " succeeded."
            }
        }
        (part::table(&heads, builds.is_empty(), "No builds yet.", &rows))
    }
}
