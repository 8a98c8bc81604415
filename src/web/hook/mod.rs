//! Webhooks: `POST /change_hook/DIALECT`. A dialect proves the sender and reads enough to refuse
//! nonsense; then the delivery is stored, and only a stored delivery is answered with 200. What it
//! means is found out afterwards, from the stored row.

mod github;
mod scripted;
mod signature;

use axum::http::StatusCode;
use axum::response::Response;

use super::Site;
use super::call::{Call, Problem};
use super::headers::plain;
use crate::engine::Refusal;
use crate::model::delivery::NewDelivery;

/// GitHub's own largest delivery.
const LIMIT: usize = 25 << 20;

/// A delivery that was verified, and what its sender is told.
struct Verified {
    delivery: NewDelivery,
    answer: String,
}

/// `POST /change_hook/DIALECT`
pub(super) async fn post(site: Site, mut call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    let www = generation.config.www.as_ref();
    let verified = match (call.param(0), www.and_then(|www| www.github.as_ref())) {
        ("github", Some(hook)) => {
            let body = call.read_body(LIMIT).await?;
            github::verify(hook, &call, &body).inspect_err(|problem| {
                let id = call.header("x-github-delivery").unwrap_or("without an id");
                tracing::warn!("A delivery ({id}) was refused: {}", problem.text);
            })?
        }
        (dialect, _) => {
            let own = www.and_then(|www| www.scripted.iter().find(|hook| hook.name == dialect));
            if let Some(hook) = own {
                let body = call.read_body(LIMIT).await?;
                let (scripts, fresh) =
                    (generation.scripts.as_ref(), site.engine().random().token());
                let verified = scripted::verify(hook, scripts, &call.parts, &body, fresh).await;
                let verified = verified.inspect_err(|problem| {
                    tracing::warn!(hook = hook.name, "A request was refused: {}", problem.text);
                })?;
                return store(&site, verified).await;
            }
            let text = format!(
                "The hook '{dialect}' is not configured; c.www.change_hooks in master.lua has none \
                 of that name."
            );
            return Err(Problem::new(StatusCode::NOT_FOUND, text));
        }
    };
    store(&site, verified).await
}

/// Answers when the delivery is on disk, and not before.
async fn store(site: &Site, verified: Verified) -> Result<Response, Problem> {
    match site.engine().deliver(verified.delivery).await {
        // A duplicate was stored before: the sender need not know the difference.
        Ok(_) => Ok(plain(StatusCode::OK, &verified.answer)),
        Err(refusal) => {
            if let Refusal::Unstored(error) = &refusal {
                tracing::error!(%error, "a delivery could not be stored");
            }
            let text = "The delivery could not be stored; please send it again.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}
