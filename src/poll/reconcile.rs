//! What GitHub did not tell us, or told while nobody listened: at the start, and then from time to
//! time, the heads of branches and open pull requests are compared with those that deliveries told
//! of, and what is missing is delivered by ourselves. Repositories are those that deliveries came
//! from. What a repository had before the first look is nobody's news.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Outside;
use crate::engine::input::{Input, Reconciled};
use crate::engine::{Engine, Refusal};
use crate::forge::github::client::{Client, ClientError};
use crate::forge::github::{missed, pulls};
use crate::model::config::GithubHook;
use crate::model::delivery::Head;
use crate::model::event::Event;
use crate::store::received_heads;

/// When to ask again after GitHub could not be asked.
const AGAIN: Duration = Duration::from_secs(30);

/// The revisions of each head, the newest last; one that is empty means that it is gone.
type Known = BTreeMap<String, Vec<String>>;

/// Reconciles until the process ends, while the configuration wants it.
pub(super) async fn serve(engine: Engine, outside: Outside, token: CancellationToken) {
    let mut events = engine.subscribe();
    loop {
        let hook = wanted(&engine);
        let wait = match &hook {
            None => None,
            Some((hook, interval)) => {
                let asked = tokio::select! {
                    () = token.cancelled() => return,
                    asked = all(&engine, &outside, hook) => asked,
                };
                Some(if asked { *interval } else { AGAIN.min(*interval) })
            }
        };
        let clock = engine.clock();
        let timer = async {
            match wait {
                Some(wait) => clock.sleep_until(clock.now() + wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(timer);
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                () = &mut timer => break,
                event = events.recv() => match event {
                    Ok(Event::GenerationActivated { .. }) | Err(RecvError::Lagged(_)) => {
                        if wanted(&engine).map(|(_, wait)| wait) != hook.as_ref().map(|(_, wait)| *wait) {
                            break;
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// The hook, and the seconds between two questions.
fn wanted(engine: &Engine) -> Option<(GithubHook, Duration)> {
    let generation = engine.generation();
    let hook = generation.config.www.as_ref()?.hooks.github.as_ref()?;
    Some((hook.clone(), Duration::from_secs_f64(hook.reconcile?)))
}

/// Looks at every repository; whether all could be asked.
async fn all(engine: &Engine, outside: &Outside, hook: &GithubHook) -> bool {
    let known = match engine.store().read(received_heads::all).await {
        Ok(heads) => heads,
        Err(error) => {
            tracing::error!("Known heads cannot be read: {error}.");
            return false;
        }
    };
    let mut heads: BTreeMap<String, Known> = BTreeMap::new();
    for head in known {
        let Some(end) = head.name.find(['#', ' ']) else { continue };
        let of_repository = heads.entry(head.name[..end].to_owned()).or_default();
        of_repository.entry(head.name.clone()).or_default().push(head.revision);
    }
    let client = Client::new(outside.http.clone(), &hook.api, hook.token.clone(), engine.clock());
    let mut asked_all = true;
    for (repository, known) in heads {
        let look = Look { engine, client: &client, repository: &repository, known: &known };
        match look.run().await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(repository, "GitHub cannot be asked what was missed: {error}");
                // What is refused for good is not asked more often than the rest.
                asked_all &= error.is_final;
            }
        }
    }
    asked_all
}

struct Look<'a> {
    engine: &'a Engine,
    client: &'a Client,
    repository: &'a str,
    known: &'a Known,
}

impl Look<'_> {
    async fn run(&self) -> Result<(), ClientError> {
        let name = self.repository.to_owned();
        let read = move |conn: &crate::store::Conn<'_>| received_heads::is_reconciled(conn, &name);
        let is_first = !self.engine.store().read(read).await.unwrap_or(false);
        let mut found = Reconciled {
            repository: self.repository.to_owned(),
            as_of: self.engine.clock().now(),
            known: Vec::new(),
            missed: Vec::new(),
        };
        self.pull_requests(is_first, &mut found).await?;
        self.branches(is_first, &mut found).await?;
        let found = Box::new(found);
        match self.engine.ask(|answer| Input::Reconciled { found, answer }).await {
            Ok(0) => {}
            Ok(taken) => {
                let taken = crate::base::text::count(taken, "event");
                tracing::info!(repository = self.repository, "{taken} of GitHub had been missed.");
            }
            Err(Refusal::Ending | Refusal::Stale) => {}
            Err(error) => tracing::error!(%error, "What was missed was not taken."),
        }
        Ok(())
    }

    async fn pull_requests(
        &self,
        is_first: bool,
        found: &mut Reconciled,
    ) -> Result<(), ClientError> {
        let mut open = BTreeSet::new();
        for pull in pulls::open(self.client, self.repository).await? {
            let name = format!("{}#{}", self.repository, pull.number);
            open.insert(name.clone());
            let action = match self.known.get(&name).map(Vec::as_slice) {
                Some(known) if known.contains(&pull.head) => continue,
                Some([.., last]) if last.is_empty() => "reopened",
                Some(_) => "synchronize",
                None if is_first => {
                    found.known.push(Head { name, revision: Some(pull.head) });
                    continue;
                }
                None => "opened",
            };
            let whole = pulls::one(self.client, self.repository, pull.number).await?;
            found.missed.extend(missed::pull_request(action, &whole, self.guid()));
        }
        for (name, known) in self.known.iter().filter(|(name, _)| !open.contains(*name)) {
            let number = name.split_once('#').and_then(|(_, number)| number.parse().ok());
            let (Some(number), false) = (number, known.iter().any(String::is_empty)) else {
                continue;
            };
            let whole = pulls::one(self.client, self.repository, number).await?;
            if whole["state"] == "closed" {
                found.missed.extend(missed::pull_request("closed", &whole, self.guid()));
            }
        }
        Ok(())
    }

    async fn branches(&self, is_first: bool, found: &mut Reconciled) -> Result<(), ClientError> {
        let mut there = BTreeSet::new();
        let mut moved = Vec::new();
        for (branch, sha) in pulls::branches(self.client, self.repository).await? {
            let full = format!("refs/heads/{branch}");
            let name = format!("{} {full}", self.repository);
            there.insert(name.clone());
            match self.known.get(&name) {
                Some(known) if known.contains(&sha) => {}
                None if is_first => found.known.push(Head { name, revision: Some(sha) }),
                known => {
                    let before = known.and_then(|known| known.last()).filter(|sha| !sha.is_empty());
                    moved.push((full, before.cloned(), sha));
                }
            }
        }
        let gone: Vec<(&String, &String)> = self
            .known
            .iter()
            .filter(|(name, _)| name.contains(" refs/heads/") && !there.contains(*name))
            .filter_map(|(name, known)| Some((name, known.last()?)))
            .filter(|(_, last)| !last.is_empty())
            .collect();
        if moved.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let repository = pulls::repository(self.client, self.repository).await?;
        for (name, before, sha) in moved {
            let commit = pulls::commit(self.client, self.repository, &sha).await?;
            let compared = match &before {
                // After a push by force they may have nothing in common any more.
                Some(before) => {
                    pulls::compare(self.client, self.repository, before, &sha).await.ok()
                }
                None => None,
            };
            let moved = missed::Moved {
                repository: &repository,
                name: &name,
                before: before.as_deref(),
                commit: &commit,
                compared: compared.as_ref(),
            };
            found.missed.extend(missed::push(&moved, self.guid()));
        }
        for (name, last) in gone {
            let Some((_, full)) = name.split_once(' ') else { continue };
            found.missed.extend(missed::deletion(&repository, full, last, self.guid()));
        }
        Ok(())
    }

    fn guid(&self) -> String {
        format!("reconciled-{}", self.engine.random().token())
    }
}
