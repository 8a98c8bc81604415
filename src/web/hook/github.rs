//! GitHub's deliveries: signature, event, JSON; the answer is what the stock rules make of the
//! payload alone. Nothing here waits for the network.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Verified, signature};
use crate::forge::github::payload::{self, PayloadError};
use crate::forge::github::stock::stock;
use crate::model::config::GithubHook;
use crate::model::delivery::NewDelivery;
use crate::web::call::{Call, Problem};

/// Headers that are kept with a delivery. The signature is not: it is an oracle for the secret.
const KEPT: [&str; 7] = [
    "content-type",
    "user-agent",
    "x-github-delivery",
    "x-github-event",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
];

/// Checks a delivery.
///
/// # Errors
/// 400 with what the sender got wrong.
pub(super) fn verify(hook: &GithubHook, call: &Call, body: &[u8]) -> Result<Verified, Problem> {
    signature::check(&hook.secret, hook.allow_sha1, call.headers(), body)
        .map_err(|error| Problem::invalid(error.text()))?;
    let text = match call.content_type().as_str() {
        "application/json" => body.to_vec(),
        "application/x-www-form-urlencoded" => form_payload(body)?,
        other => {
            return Err(Problem::invalid(format!(
                "Unknown content type '{other}': use application/json or \
                 application/x-www-form-urlencoded."
            )));
        }
    };
    let event = call.header("x-github-event").unwrap_or("").to_owned();
    if event.is_empty() || !event.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Problem::invalid("The header X-GitHub-Event is missing or malformed."));
    }
    let wrong = |error: PayloadError| Problem::invalid(error.to_string());
    let json = payload::parse(&event, &text).map_err(wrong)?;
    let facts = payload::facts(&event, &json).map_err(wrong)?;
    let answer = stock(hook, &facts).answer();
    let repository = facts.repository.as_deref().unwrap_or_default();
    let line = match (facts.number, &facts.ref_) {
        (Some(number), _) => format!("{repository}#{number}"),
        (None, Some(name)) => format!("{repository} {name}"),
        (None, None) => repository.to_owned(),
    };
    // Without GitHub's id, the same bytes are the same delivery.
    let guid = match call.header("x-github-delivery") {
        Some(id) if !id.is_empty() && id.len() <= 200 => id.to_owned(),
        _ => format!("sha256:{}", hex::encode(Sha256::digest(body))),
    };
    let headers: BTreeMap<String, String> = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), call.header(name)?.to_owned())))
        .collect();
    let dialect = "github".to_owned();
    let head = payload::head(&facts);
    Ok(Verified {
        delivery: NewDelivery { dialect, guid, event, line, headers, body: text, head },
        answer,
    })
}

fn form_payload(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::invalid("The form is not UTF-8."))?;
    let fields = crate::api::spec::pairs(text).map_err(Problem::from)?;
    fields
        .into_iter()
        .find(|(name, _)| name == "payload")
        .map(|(_, value)| value.into_bytes())
        .ok_or_else(|| {
            Problem::invalid(
                "The form has no field 'payload'. A sender of bare JSON says so with the content type \
                 application/json.",
            )
        })
}
