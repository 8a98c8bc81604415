//! The one style sheet, the one script and the icon, embedded in the binary. Their addresses carry
//! a hash of their text, so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use crate::web::Site;
use crate::web::call::{Call, Problem};
use crate::web::headers::{plain, set, typed};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");
const ICON: &str = include_str!("icon.svg");

fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| hash(STYLE));
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hash(SCRIPT));

/// The style sheet's address below the root.
pub(super) fn style_address() -> String {
    format!("static/style.css?v={}", *STYLE_HASH)
}

/// The script's address below the root.
pub(super) fn script_address() -> String {
    format!("static/live.js?v={}", *SCRIPT_HASH)
}

fn kept(call: &Call, kind: &'static str, text: &'static str, hash: &str) -> Response {
    let mut response = typed(StatusCode::OK, kind, text);
    let current = call.asked("v").is_some_and(|v| v == hash);
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, header::CACHE_CONTROL, keep);
    response
}

/// `GET /static/style.css`
pub(crate) async fn style(_: Site, call: Call) -> Result<Response, Problem> {
    Ok(kept(&call, "text/css; charset=utf-8", STYLE, &STYLE_HASH))
}

/// `GET /static/live.js`
pub(crate) async fn script(_: Site, call: Call) -> Result<Response, Problem> {
    Ok(kept(&call, "text/javascript; charset=utf-8", SCRIPT, &SCRIPT_HASH))
}

/// `GET /favicon.svg`
pub(crate) async fn icon(_: Site, _: Call) -> Result<Response, Problem> {
    let mut response = typed(StatusCode::OK, "image/svg+xml", ICON);
    set(&mut response, header::CACHE_CONTROL, "public, max-age=86400");
    Ok(response)
}

/// `GET /robots.txt`: search engines would walk through every log.
pub(crate) async fn robots(_: Site, _: Call) -> Result<Response, Problem> {
    Ok(plain(StatusCode::OK, "User-agent: *\nDisallow: /"))
}
