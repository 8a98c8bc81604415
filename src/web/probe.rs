//! For machines that look after the master: is it alive, is it ready, which version is it.

use axum::http::StatusCode;
use axum::response::Response;

use super::Site;
use super::call::{Call, Problem};
use super::headers::{plain, typed};
use crate::store::views::configuration;

/// The process answers.
pub(super) async fn health(_: Site, _: Call) -> Result<Response, Problem> {
    Ok(plain(StatusCode::OK, "ok"))
}

/// The database answers and the process is not ending.
pub(super) async fn ready(site: Site, _: Call) -> Result<Response, Problem> {
    let ending = site.0.web.tasks.token().is_cancelled();
    let answers = site.engine().store().read(|c| configuration::newest(c, 1)).await;
    match answers {
        Ok(_) if !ending => Ok(plain(StatusCode::OK, "ready")),
        Ok(_) => Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "the master is stopping")),
        Err(error) => {
            tracing::error!(%error, "not ready");
            Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"))
        }
    }
}

/// Name and version as JSON.
pub(super) async fn version(_: Site, _: Call) -> Result<Response, Problem> {
    let body = serde_json::json!({ "name": "halide-ci", "version": env!("CARGO_PKG_VERSION") });
    Ok(typed(StatusCode::OK, "application/json", body.to_string()))
}
