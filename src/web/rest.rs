//! REST: `GET /api/v2/...` over the data API, with Buildbot's content types, errors and rules for
//! other origins.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::Site;
use super::call::{Call, Problem};
use super::headers::{set, typed};
use super::{origin, raw, transparency};
use crate::api::{Found, json};
use crate::model::config::Config;

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The raw path below `/api/v2/`; empty for the root.
pub(super) fn below(path: &str) -> &str {
    let path = path.strip_prefix("/api/v2").or_else(|| path.strip_prefix("/api/latest"));
    path.map_or("", |path| path.strip_prefix('/').unwrap_or(path))
}

/// `GET /api/v2/PATH`
pub(super) async fn get(site: Site, call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    let allowed = allowed_origin(call.headers(), &generation.config)?;
    let path = call.parts.uri.path();
    if path.ends_with("/v2/") {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Invalid path: "));
    }
    let found = match transparency::answer(&site, below(path)).await? {
        Some(json) => Ok(json.to_string()),
        None => match site.api().get(&generation.config, below(path), call.query()).await? {
            Found::Raw(log) => Err(log),
            Found::Json(answer) => Ok(answer.to_json()),
        },
    };
    let mut response = match found {
        Err(log) => raw::stream(&site, log, call.asked("exact").is_some_and(|v| v == "1")),
        // For programs that say so as it is, for people indented.
        Ok(text) if call.header("accept").is_some_and(|a| a.contains("application/json")) => {
            typed(StatusCode::OK, JSON, text)
        }
        Ok(text) => typed(StatusCode::OK, TEXT, json::indented(&text)),
    };
    if let Some(origin) = allowed {
        set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, &origin);
        set(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type");
        set(&mut response, header::ACCESS_CONTROL_MAX_AGE, "3600");
    }
    set(&mut response, header::VARY, "Accept, Origin");
    Ok(response)
}

/// The request's origin if it may read; none when it names no origin.
pub(super) fn allowed_origin(
    headers: &HeaderMap,
    config: &Config,
) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::ORIGIN) else { return Ok(None) };
    let origin = value.to_str().unwrap_or("").to_ascii_lowercase();
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let others = config.www.as_ref().and_then(|www| www.allowed_origins.as_deref());
    let is_let = |pattern: &String| crate::base::text::wildcard(pattern, &origin);
    if origin::is_ours(&origin, host, &config.url) || others.unwrap_or_default().iter().any(is_let)
    {
        Ok(Some(origin))
    } else {
        Err(Problem::invalid("invalid origin"))
    }
}

/// `OPTIONS /api/v2/PATH`: what another origin may do.
pub(super) async fn preflight(site: Site, call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    let Some(origin) = allowed_origin(call.headers(), &generation.config)? else {
        return Err(Problem::invalid("invalid HTTP method"));
    };
    if !matches!(call.header("access-control-request-method"), Some("GET" | "POST" | "HEAD")) {
        return Err(Problem::invalid("invalid method"));
    }
    let mut response = typed(StatusCode::OK, TEXT, Body::empty());
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, &origin);
    set(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type");
    set(&mut response, header::ACCESS_CONTROL_MAX_AGE, "3600");
    Ok(response)
}

/// `GET /api`: which versions there are, and where.
pub(super) async fn versions(site: Site, _: Call) -> Result<Response, Problem> {
    let url = format!("{}api/v2", site.engine().generation().config.url);
    let body = serde_json::json!({ "api_versions": { "v2": url } });
    Ok(typed(StatusCode::OK, JSON, body.to_string()))
}

/// An error in Buildbot's shape: JSON text, but plain.
pub(super) fn error(problem: &Problem) -> Response {
    let body = serde_json::json!({ "error": problem.text });
    typed(problem.status, TEXT, body.to_string())
}
