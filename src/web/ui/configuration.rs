//! The configuration: which generation runs, what the last reloads changed, and why one was
//! refused.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, Fragment, View, fragment};
use super::part;
use super::visible::visible;
use crate::base::text::count;
use crate::store::views::configuration::{self, Shown};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// `GET /configuration`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let parts = draw(&site, &view).await?;
    let body = html! {
        h1 { "Configuration" }
        (part::button(&view, "reload", "configuration/reload", "Reload"))
        (layout::all(&parts))
    };
    let scope = Some("configuration");
    Ok(layout::page(&view, "Configuration", scope, &body, StatusCode::OK))
}

/// The page's fragments.
pub(super) async fn draw(site: &Site, view: &View) -> Result<Vec<Fragment>, Problem> {
    let active = view.generation.id.0;
    let (shown, files) = site
        .engine()
        .store()
        .read(move |conn| {
            Ok((configuration::newest(conn, 20)?, configuration::files(conn, active)?))
        })
        .await?;
    Ok(vec![
        fragment("now", &now(view, &shown, &files)),
        fragment("history", &history(view, &shown)),
    ])
}

fn now(view: &View, shown: &[Shown], files: &[String]) -> Markup {
    let config = &view.generation.config;
    let active = shown.iter().find(|g| g.state == "active");
    let refused = shown.first().filter(|g| g.state == "rejected");
    html! {
        @if let Some(refused) = refused {
            div.notice.bad {
                p { "The newest configuration was refused " (part::moment(view, refused.loaded_at))
                    "; the one before it goes on." }
                pre.words { (visible(refused.error.as_deref().unwrap_or(""))) }
            }
        }
        p {
            "Generation " (view.generation.id)
            @if let Some(active) = active { ", loaded " (part::moment(view, active.loaded_at)) }
            ": " (count(config.builders.len(), "builder")) ", "
            (count(config.workers.len(), "worker")) ", "
            (count(config.schedulers.len(), "scheduler")) ", "
            (count(config.reporters.len(), "reporter")) "."
        }
        @if !files.is_empty() {
            p {
                "From "
                @for (i, path) in files.iter().enumerate() {
                    @if i > 0 { ", " }
                    // The folders are nobody's business on a public page.
                    code { (visible(path.rsplit(['/', '\\']).next().unwrap_or(path))) }
                }
            }
        }
    }
}

fn history(view: &View, shown: &[Shown]) -> Markup {
    html! {
        h2 { "Reloads" }
        @for generation in shown {
            article.change {
                h3 {
                    "Generation " (generation.id) " · " (word(&generation.state)) " · "
                    (part::moment(view, generation.loaded_at))
                }
                @if let Some(error) = &generation.error {
                    details id={ "error-" (generation.id) } {
                        summary { "Error" } pre.words { (visible(error)) }
                    }
                } @else if generation.changes.is_empty() {
                    p.quiet {
                        @if generation.id == 1 { "The first one." } @else { "Nothing changed." }
                    }
                } @else {
                    pre.words.diff {
                        @for line in &generation.changes {
                            span class=(diff(line)) { (visible(line)) } "\n"
                        }
                    }
                }
            }
        }
    }
}

fn word(state: &str) -> Markup {
    let (class, icon, word) = match state {
        "active" => ("success", "●", "running"),
        "rejected" => ("failure", "✗", "refused"),
        _ => ("skipped", "–", "replaced"),
    };
    html! { span class={ "status " (class) } { span.icon aria-hidden="true" { (icon) } " " (word) } }
}

fn diff(line: &str) -> &'static str {
    match line.as_bytes().first() {
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'~') => "changed",
        _ => "",
    }
}
