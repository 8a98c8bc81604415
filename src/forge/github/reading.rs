//! The rest of a pull request's change: its head commit's message, for the skip patterns, and its
//! files. Asked of the API after the delivery is stored. When GitHub cannot be asked for good, the
//! change goes on without and says so: an outage there must not swallow a pull request.

use serde_json::Value as Json;

use super::client::{Client, ClientError};
use super::payload::text;
use super::pulls;
use super::stock::{Needs, Stock, skipped_by};
use crate::model::config::GithubHook;
use crate::model::delivery::Reading;

/// Set on a change that could not be completed; the value says what is missing and why.
pub const INCOMPLETE: &str = "github_incomplete";

/// Completes what the stock rules left open; five minutes at most when GitHub is away.
pub async fn complete(hook: &GithubHook, client: &Client, stock: Stock) -> Reading {
    let Stock { mut changes, cancels, mut verdict, needs } = stock;
    let Some(needs) = needs else { return Reading { changes, cancels, verdict } };
    let mut missing = Vec::new();
    match head_message(client, &needs).await {
        Ok(message) => {
            if let Some(pattern) = skipped_by(hook, &message) {
                let verdict = format!("The head commit's message says to skip ({pattern}).");
                return Reading { changes: Vec::new(), cancels, verdict };
            }
        }
        Err(error) => missing.push(format!("The head commit's message is unknown: {error}")),
    }
    match pulls::files(client, &needs.repository, needs.number).await {
        Ok(files) => changes.iter_mut().for_each(|change| change.files.clone_from(&files)),
        Err(error) => missing.push(format!("The list of files is unknown: {error}")),
    }
    if !missing.is_empty() {
        let missing = missing.join(" ");
        for change in &mut changes {
            change.properties.insert(INCOMPLETE.to_owned(), Json::from(missing.as_str()));
        }
        verdict = format!("{verdict} {missing}");
    }
    Reading { changes, cancels, verdict }
}

async fn head_message(client: &Client, needs: &Needs) -> Result<String, ClientError> {
    let commit = pulls::commit(client, &needs.repository, &needs.sha).await?;
    text(&commit, "/commit/message").ok_or_else(|| pulls::unexpected("a commit with a message"))
}
