//! Changes, newest first, each with what every scheduler made of it: why it built, or why not.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::part as parts;
use super::visible::{link, visible};
use crate::base::id::ChangeId;
use crate::base::text;
use crate::model::hold::Held;
use crate::store::Conn;
use crate::store::views::changes::{self, Shown};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// Changes on a page.
const PAGE: i64 = 30;

/// `GET /changes`, `?before=ID` for older ones
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let before = call.asked("before").and_then(|t| t.parse().ok());
    let (shown, held) = read(&site, before.unwrap_or(i64::MAX)).await?;
    let older = shown.last().map(|c| c.id).filter(|_| shown.len() as i64 == PAGE);
    let body = html! {
        h1 { "Changes" }
        (layout::all(&[list(&view, &shown, &held)]))
        nav.pages aria-label="Changes" {
            @if before.is_some() { a href="?" { "Newest" } " " }
            @if let Some(id) = older { a rel="next" href={ "?before=" (id) } { "Older" } }
        }
    };
    let live = before.is_none().then_some("changes");
    Ok(layout::page(&view, "Changes", live, &body, StatusCode::OK))
}

/// Changes, and for each the schedulers that hold it.
async fn read(site: &Site, before: i64) -> Result<(Vec<Shown>, Vec<Vec<Held>>), Problem> {
    let read = move |conn: &Conn<'_>| changes::newest(conn, before, PAGE);
    let shown = site.engine().store().read(read).await?;
    let held = held_by(site, &shown).await;
    Ok((shown, held))
}

/// For each change the schedulers that hold it.
pub(super) async fn held_by(site: &Site, shown: &[Shown]) -> Vec<Vec<Held>> {
    let ids = shown.iter().map(|change| ChangeId(change.id)).collect();
    let told = site.engine().holds(ids).await.unwrap_or_default();
    let mut told = told.into_iter();
    shown.iter().map(|_| told.next().unwrap_or_default()).collect()
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> Result<Vec<Fragment>, Problem> {
    let (shown, held) = read(site, i64::MAX).await?;
    Ok(vec![list(view, &shown, &held)])
}

fn list(view: &View, shown: &[Shown], held: &[Vec<Held>]) -> Fragment {
    fragment(
        "list",
        &html! {
            @if shown.is_empty() { p.quiet { "No changes yet." } }
            @for (change, held) in shown.iter().zip(held) { (part(view, change, held)) }
        },
    )
}

/// One change.
pub(super) fn part(view: &View, change: &Shown, held: &[Held]) -> Markup {
    let comments = visible(&change.comments);
    let (first, rest) = comments.split_once('\n').unwrap_or((&comments, ""));
    let revision = change.revision.as_deref().map(|r| text::shorten(&visible(r), 12));
    html! {
        article.change id={ "change-" (change.id) } {
            h3 { (text::shorten(first, 200)) }
            p {
                (visible(&change.author)) " · "
                @if let Some(revision) = revision {
                    @match change.revlink.as_deref().and_then(link) {
                        Some(url) => a href=(url) rel="noopener" { code { (revision) } },
                        None => code { (revision) },
                    } " "
                }
                @if let Some(branch) = &change.branch { "on " code { (visible(branch)) } " " }
                @if !change.project.is_empty() { "of " (visible(&change.project)) }
                @if let Some(category) = &change.category { " " span.tag { (visible(category)) } }
                " · " (parts::moment(view, change.when))
            }
            @if !rest.trim().is_empty() { pre.words { (text::shorten(rest.trim(), 4000)) } }
            @if !change.files.is_empty() {
                details id={ "files-" (change.id) } {
                    summary { (text::count(change.files.len(), "file")) }
                    ul { @for file in change.files.iter().take(500) { li { code { (visible(file)) } } } }
                    @if change.files.len() > 500 { p.quiet { "and " (change.files.len() - 500) " more" } }
                }
            }
            @if !change.verdicts.is_empty() {
                dl.verdicts {
                    @for (scheduler, verdict) in &change.verdicts {
                        dt { (visible(scheduler)) }
                        dd {
                            (visible(verdict))
                            @for held in held.iter().filter(|held| held.scheduler == *scheduler) {
                                "; the scheduler " (held.waits)
                            }
                        }
                    }
                }
            }
        }
    }
}
