//! The rest of a pull request's change: its head commit's message, for the skip patterns, and its
//! files. Asked of the API after the delivery is stored. When GitHub cannot be asked for good, the
//! change goes on without and says so: an outage there must not swallow a pull request.

use serde_json::Value as Json;

use super::client::{ApiAnswer, Client, ClientError, Patience};
use super::payload::text;
use super::stock::{Needs, Stock, skipped_by};
use crate::model::config::GithubHook;
use crate::model::delivery::Reading;

/// GitHub lists at most 3,000 files of a pull request, 100 on a page.
const PAGES: usize = 30;
const PER_PAGE: usize = 100;

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
    match files(client, &needs).await {
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
    let path = format!("/repos/{}/commits/{}", needs.repository, needs.sha);
    let answer = ask(client, &path, &[]).await?;
    text(&answer.json, "/commit/message").ok_or_else(|| unexpected(&path, "a commit message"))
}

async fn files(client: &Client, needs: &Needs) -> Result<Vec<String>, ClientError> {
    let path = format!("/repos/{}/pulls/{}/files", needs.repository, needs.number);
    let mut files = Vec::new();
    for page in 1..=PAGES {
        let (per_page, page) = (PER_PAGE.to_string(), page.to_string());
        let query = [("per_page", per_page.as_str()), ("page", page.as_str())];
        let answer = ask(client, &path, &query).await?;
        let list = answer.json.as_array().ok_or_else(|| unexpected(&path, "a list of files"))?;
        for file in list {
            files.extend(text(file, "/filename"));
            files.extend(text(file, "/previous_filename"));
        }
        if list.len() < PER_PAGE {
            break;
        }
    }
    Ok(files)
}

async fn ask(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<ApiAnswer, ClientError> {
    let answer = client.get_patiently(path, query, Patience::DELIVERY).await?;
    if answer.status == 200 {
        return Ok(answer);
    }
    let reason = answer.json["message"].as_str().unwrap_or("no reason given");
    let message = format!("GitHub answers {} to {path}: {reason}.", answer.status);
    Err(ClientError { message, is_final: true, retry_at: None })
}

fn unexpected(path: &str, wanted: &str) -> ClientError {
    let message = format!("GitHub's answer to {path} is not {wanted}.");
    ClientError { message, is_final: true, retry_at: None }
}
