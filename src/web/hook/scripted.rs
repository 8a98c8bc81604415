//! Hooks that are written in Lua: the proof of the sender, then the request as it is kept. What it
//! means is read afterwards, from the stored row, by the hook's `read`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value as Json;
use subtle::ConstantTimeEq as _;

use super::{Verified, signature};
use crate::engine::ports::{Argument, Scripts};
use crate::model::config::{Proof, ScriptedHook};
use crate::model::delivery::NewDelivery;
use crate::web::call::Problem;

/// How long a function may take to say who the sender is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Headers that are never kept: they prove somebody, and a row is read by many.
const PROOFS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-hub-signature"];

/// Checks a request and makes a delivery of it; `fresh` is an id for one that has none.
///
/// # Errors
/// 401 when the sender does not prove itself, 400 for what makes no sense.
pub(super) async fn verify(
    hook: &ScriptedHook,
    scripts: &dyn Scripts,
    parts: &Parts,
    body: &[u8],
    fresh: String,
) -> Result<Verified, Problem> {
    let all = &parts.headers;
    let text = |name: &Option<String>| {
        let value = all.get(name.as_deref()?).and_then(|value| value.to_str().ok());
        value.filter(|value| !value.is_empty() && value.len() <= 200).map(str::to_owned)
    };
    let event = text(&hook.event_header).unwrap_or_else(|| "request".to_owned());
    let guid = text(&hook.delivery_header).unwrap_or(fresh);
    let mut delivery = NewDelivery {
        dialect: hook.name.clone(),
        guid,
        event,
        line: hook.name.clone(),
        headers: headers(all),
        body: body.to_vec(),
        head: None,
    };
    if let Some(query) = parts.uri.query() {
        delivery.headers.insert(NewDelivery::QUERY.to_owned(), query.to_owned());
    }
    prove(hook, scripts, all, &delivery).await?;
    let own = match &hook.proof {
        Proof::Signature { header, .. } | Proof::Token { header, .. } => Some(header),
        Proof::Function(_) => None,
    };
    delivery.headers.retain(|name, _| {
        !PROOFS.contains(&name.as_str()) && Some(name) != own && !name.contains("signature")
    });
    Ok(Verified { delivery, answer: "The request was stored.".to_owned() })
}

async fn prove(
    hook: &ScriptedHook,
    scripts: &dyn Scripts,
    all: &HeaderMap,
    delivery: &NewDelivery,
) -> Result<(), Problem> {
    let refused = |text: String| Err(Problem::new(StatusCode::UNAUTHORIZED, text));
    match &hook.proof {
        Proof::Signature { header, secret } => {
            signature::check_plain(secret, all, header, &delivery.body)
                .or_else(|why| refused(format!("Header {header}: {}", why.plainly())))
        }
        Proof::Token { header, secret } => {
            let given = signature::only(all, header).ok().flatten().unwrap_or_default();
            let (given, wanted) = (given.as_bytes(), secret.expose().as_bytes());
            if !wanted.is_empty() && bool::from(given.ct_eq(wanted)) {
                Ok(())
            } else {
                refused(format!("Header {header}: it is missing or not the configured secret."))
            }
        }
        Proof::Function(verify) => {
            let asked = scripts.call(verify, vec![Argument::Json(delivery.request())]);
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(Json::Bool(true))) => Ok(()),
                Ok(Ok(_)) => refused("The configuration does not know the sender.".to_owned()),
                Ok(Err(error)) => {
                    tracing::error!(hook = hook.name, %error, "`verify` failed; nobody is let in");
                    refused(
                        "The sender could not be verified; the master's log says why.".to_owned(),
                    )
                }
                Err(_) => {
                    let text = "The sender could not be verified in time; please send it again.";
                    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text))
                }
            }
        }
    }
}

/// All headers that are text, by lower-case name.
fn headers(all: &HeaderMap) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in all {
        let Ok(value) = value.to_str() else { continue };
        let entry = out.entry(name.as_str().to_owned()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(value);
    }
    out
}
