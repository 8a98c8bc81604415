//! The page for a problem: what went wrong, in the frame of every other page.

use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::layout::{self, View};
use crate::web::call::Problem;

/// The page for `problem`.
pub(crate) fn page(view: &View, problem: &Problem) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Problem");
    let body = html! {
        h1 { (title) }
        p.notice.bad role="alert" { (problem.text) }
        @if problem.status == StatusCode::FORBIDDEN && view.can_log_in && view.who.name.is_none() {
            p { a href=(view.to("login")) { "Log in" } }
        }
        p { a href=(view.root) { "To the home page" } }
    };
    layout::page(view, title, None, &body, problem.status)
}
