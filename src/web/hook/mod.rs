//! Webhooks: `POST /change_hook/DIALECT`. A dialect proves the sender and reads enough to refuse
//! nonsense; then the delivery is stored, and only a stored delivery is answered with 200. What it
//! means is found out afterwards, from the stored row.

mod base;
mod github;
mod poller;
mod proof;
mod scripted;
mod signature;

use axum::http::StatusCode;
use axum::response::Response;

use super::Site;
use super::call::{Call, Problem};
use super::headers::plain;
use crate::engine::Refusal;
use crate::model::config::BaseHook;
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
    let Some(www) = generation.config.www.as_ref() else { return Err(Problem::missing()) };
    proof::password(&site, &www.change_hook_auth, &call).inspect_err(|problem| {
        tracing::warn!("A request to a hook was refused: {}", problem.text);
    })?;
    let (dialect, hooks) = (call.param(0).to_owned(), &www.hooks);
    let own = www.scripted.iter().find(|hook| hook.name == dialect);
    let fresh = || site.engine().random().token();
    let body = match dialect.as_str() {
        "github" if hooks.github.is_some() => call.read_body(LIMIT).await?,
        BaseHook::DIALECT if hooks.base.is_some() => call.read_body(LIMIT).await?,
        "poller" if hooks.poller.is_some() => call.read_body(LIMIT).await?,
        _ if own.is_some() => call.read_body(LIMIT).await?,
        _ => {
            let text = format!(
                "The hook '{dialect}' is not configured; c.www.change_hooks in master.lua has none \
                 of that name."
            );
            return Err(Problem::new(StatusCode::NOT_FOUND, text));
        }
    };
    let verified = match (dialect.as_str(), own) {
        (_, Some(hook)) => {
            let scripts = generation.scripts.as_ref();
            scripted::verify(hook, scripts, &call.parts, &body, fresh()).await
        }
        ("github", None) => match &hooks.github {
            Some(hook) => github::verify(hook, &call, &body),
            None => Err(Problem::missing()),
        },
        ("poller", None) => {
            let Some(hook) = &hooks.poller else { return Err(Problem::missing()) };
            let asked = poller::asked(hook, &call, &body)
                .inspect_err(|problem| refused(&dialect, &call, problem))?;
            return poller::look(&site, asked).await;
        }
        _ => {
            let secret = hooks.base.as_ref().and_then(|hook| hook.secret.as_ref());
            proof::check(secret, call.headers(), &body)
                .and_then(|()| base::read(&call, &body, fresh()))
        }
    };
    let verified = verified.inspect_err(|problem| refused(&dialect, &call, problem))?;
    store(&site, verified).await
}

fn refused(hook: &str, call: &Call, problem: &Problem) {
    let id = call.header("x-github-delivery").unwrap_or("without an id");
    tracing::warn!(hook, "A delivery ({id}) was refused: {}", problem.text);
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
