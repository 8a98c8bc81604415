//! Questions to GitHub's API about pull requests, branches and commits, as patient as a delivery is.
//! An answer that is not 200, or not what was asked for, is an error.

use serde_json::Value as Json;

use super::client::{Client, ClientError, Patience};
use super::payload::text;
use crate::base::text::count;

/// The most on a page.
const PER_PAGE: usize = 100;
/// GitHub lists at most 3,000 files of a pull request.
const FILE_PAGES: usize = 30;
/// As many pull requests or branches as anybody has.
const LIST_PAGES: usize = 200;

/// A pull request in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// Its number.
    pub number: i64,
    /// The commit at its head.
    pub head: String,
    /// The branch that it wants to go into.
    pub base: String,
    /// All that the list says of it.
    pub json: Json,
}

/// The open pull requests of `repository` (`owner/name`), oldest first.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn open(client: &Client, repository: &str) -> Result<Vec<Open>, ClientError> {
    let path = format!("/repos/{repository}/pulls");
    let list = pages(client, &path, &[("state", "open")], LIST_PAGES).await?;
    let read = |json: Json| {
        Some(Open {
            number: json["number"].as_i64()?,
            head: text(&json, "/head/sha")?,
            base: text(&json, "/base/ref")?,
            json,
        })
    };
    let open: Option<Vec<Open>> = list.into_iter().map(read).collect();
    let mut open = open.ok_or_else(|| unexpected("a list of pull requests"))?;
    open.sort_by_key(|pull| pull.number);
    open.dedup_by_key(|pull| pull.number);
    Ok(open)
}

/// All about one pull request.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn one(client: &Client, repository: &str, number: i64) -> Result<Json, ClientError> {
    ask(client, &format!("/repos/{repository}/pulls/{number}"), &[]).await
}

/// The branches of a repository, each with its head.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn branches(
    client: &Client,
    repository: &str,
) -> Result<Vec<(String, String)>, ClientError> {
    let path = format!("/repos/{repository}/branches");
    let list = pages(client, &path, &[], LIST_PAGES).await?;
    let read = |json: &Json| Some((text(json, "/name")?, text(json, "/commit/sha")?));
    let branches: Option<Vec<_>> = list.iter().map(read).collect();
    branches.ok_or_else(|| unexpected("a list of branches"))
}

/// All about a repository.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn repository(client: &Client, repository: &str) -> Result<Json, ClientError> {
    ask(client, &format!("/repos/{repository}"), &[]).await
}

/// What differs between two commits.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn compare(
    client: &Client,
    repository: &str,
    before: &str,
    after: &str,
) -> Result<Json, ClientError> {
    ask(client, &format!("/repos/{repository}/compare/{before}...{after}"), &[]).await
}

/// All about one commit.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn commit(client: &Client, repository: &str, sha: &str) -> Result<Json, ClientError> {
    ask(client, &format!("/repos/{repository}/commits/{sha}"), &[]).await
}

/// The files of a pull request, both names of one that was renamed.
///
/// # Errors
/// When GitHub cannot be asked or refuses.
pub async fn files(
    client: &Client,
    repository: &str,
    number: i64,
) -> Result<Vec<String>, ClientError> {
    let path = format!("/repos/{repository}/pulls/{number}/files");
    let list = pages(client, &path, &[], FILE_PAGES).await?;
    Ok(list
        .iter()
        .flat_map(|file| [text(file, "/filename"), text(file, "/previous_filename")])
        .flatten()
        .collect())
}

/// What a change says of a pull request, as Buildbot words it.
#[must_use]
pub fn comments(pull: &Json, number: i64) -> String {
    let commits = pull["commits"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let title = text(pull, "/title").unwrap_or_default();
    let body = text(pull, "/body").unwrap_or_default();
    let head = format!("GitHub Pull Request #{number} ({})", count(commits, "commit"));
    if body.is_empty() { format!("{head}\n{title}") } else { format!("{head}\n{title}\n{body}") }
}

/// Seconds since the epoch of GitHub's `2024-05-31T08:15:30+02:00` or `…Z`.
#[must_use]
pub fn seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// Every item of a list, page by page.
pub(super) async fn pages(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
    most: usize,
) -> Result<Vec<Json>, ClientError> {
    let mut out = Vec::new();
    for page in 1..=most {
        let (per_page, page) = (PER_PAGE.to_string(), page.to_string());
        let mut query = query.to_vec();
        query.extend([("per_page", per_page.as_str()), ("page", page.as_str())]);
        let Json::Array(list) = ask(client, path, &query).await? else {
            return Err(unexpected("a list"));
        };
        let is_last = list.len() < PER_PAGE;
        out.extend(list);
        if is_last {
            break;
        }
    }
    Ok(out)
}

pub(super) async fn ask(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Json, ClientError> {
    let answer = client.get_patiently(path, query, Patience::DELIVERY).await?;
    if answer.status == 200 {
        return Ok(answer.json);
    }
    let reason = answer.json["message"].as_str().unwrap_or("no reason given");
    let message = format!("GitHub answers {} to {path}: {reason}.", answer.status);
    Err(ClientError { message, is_final: true, retry_at: None })
}

pub(super) fn unexpected(wanted: &str) -> ClientError {
    let message = format!("GitHub's answer is not {wanted}.");
    ClientError { message, is_final: true, retry_at: None }
}
