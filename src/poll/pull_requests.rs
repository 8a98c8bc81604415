//! What a look at a repository's open pull requests finds: those whose head is not the one that was
//! seen last. Unlike commits, a pull request that is open when the poller is new is news.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Look;
use crate::base::clock::Clock;
use crate::engine::input::Seen;
use crate::engine::ports::Argument;
use crate::forge::github::client::Client;
use crate::forge::github::{pulls, whitelist};
use crate::http;
use crate::model::change::NewChange;
use crate::model::config::PullRequestPoller;
use crate::model::delivery::NewDelivery;

/// Looks at the pull requests; `before` is the head of each that the last look saw.
pub(super) async fn look(
    look: &Look<'_>,
    http: http::Client,
    clock: Clock,
    poller: &PullRequestPoller,
    before: Option<&BTreeMap<String, String>>,
) -> Result<Seen, String> {
    let client = Client::new(http, &poller.api, poller.token.clone(), clock);
    let repository = format!("{}/{}", poller.owner, poller.repo);
    let fail = |error: crate::forge::github::client::ClientError| error.to_string();
    let mut seen = Seen::default();
    for open in pulls::open(&client, &repository).await.map_err(fail)? {
        let branches = poller.branches.as_ref();
        if branches.is_some_and(|branches| !branches.contains(&open.base)) {
            continue;
        }
        let name = open.number.to_string();
        let known = before.and_then(|before| before.get(&name));
        seen.heads.insert(name, open.head.clone());
        if known == Some(&open.head) {
            continue;
        }
        if let Some(filter) = &poller.pull_request_filter
            && !look.says_yes(filter, vec![Argument::Json(open.json.clone())]).await?
        {
            continue;
        }
        let whole = pulls::one(&client, &repository, open.number).await.map_err(fail)?;
        let files = pulls::files(&client, &repository, open.number).await.map_err(fail)?;
        let change = look.finished(change(look, poller, &open, &whole, files)).await?;
        let line = format!("{} #{}", look.source.name, open.number);
        let kind = look.source.kind.word();
        seen.deliveries.push(NewDelivery::found(look.random.token(), kind, line, &[change]));
    }
    Ok(seen)
}

fn change(
    look: &Look<'_>,
    poller: &PullRequestPoller,
    open: &pulls::Open,
    whole: &Json,
    files: Vec<String>,
) -> NewChange {
    let text = |path: &str| whole.pointer(path).and_then(Json::as_str).map(str::to_owned);
    let side = if poller.magic_link { "base" } else { "head" };
    let address = format!("/{side}/repo/{}", poller.repository_type.field());
    let branch = match poller.magic_link {
        true => Some(format!("refs/pull/{}/merge", open.number)),
        false => text("/head/ref"),
    };
    let link = text("/html_url").unwrap_or_default();
    let mut properties = whitelist::properties(whole, &poller.github_property_whitelist);
    properties.insert("pullrequesturl".to_owned(), Json::from(link.as_str()));
    let project = look.source.project.clone().or_else(|| text("/base/repo/full_name"));
    NewChange {
        author: text("/user/login").unwrap_or_default(),
        comments: pulls::comments(whole, open.number),
        files,
        revision: Some(open.head.clone()),
        when_timestamp: text("/updated_at").and_then(|at| pulls::seconds(&at)),
        branch,
        // The repository of a head may be gone; its own is not.
        repository: text(&address).or_else(|| text("/base/repo/clone_url")).unwrap_or_default(),
        revlink: Some(link).filter(|link| !link.is_empty()),
        project: project.unwrap_or_default(),
        properties,
        ..NewChange::default()
    }
}
