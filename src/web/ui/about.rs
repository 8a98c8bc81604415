//! What this is, and where machines can ask.

use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::layout::{self, View};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// `GET /about`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let body = html! {
        h1 { "About" }
        p { "halide-ci " (env!("CARGO_PKG_VERSION")) ", a continuous-integration engine programmed in Lua." }
        h2 { "For machines" }
        ul {
            li { a href=(view.to("api/v2")) { code { "api/v2" } } " – Buildbot's data API, version 2" }
            li { code { "ws" } " – live events over WebSocket" }
            li { a href=(view.to("healthz")) { code { "healthz" } } ", "
                a href=(view.to("readyz")) { code { "readyz" } } ", "
                a href=(view.to("version")) { code { "version" } } }
        }
        h2 { "Keys" }
        dl.keys {
            dt { kbd { "/" } } dd { "filter the list" }
            dt { kbd { "j" } " " kbd { "k" } } dd { "next, previous row" }
            dt { kbd { "f" } } dd { "follow a log" }
            dt { kbd { "?" } } dd { "this page" }
        }
    };
    Ok(layout::page(&view, "About", None, &body, StatusCode::OK))
}
