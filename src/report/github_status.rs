//! What a commit status says: from the facts of an outbox row and the reporter's options to posts,
//! one for each sourcestamp that has a revision.

use std::sync::Arc;

use serde_json::Value as Json;

use super::queue::Post;
use crate::base::results::Results;
use crate::engine::Generation;
use crate::engine::ports::ScriptError;
use crate::engine::render::render;
use crate::forge::github::status::{self, State, Status};
use crate::model::build::BuildView;
use crate::model::config::GithubStatus;
use crate::model::render::Renderable;
use crate::model::worker::WorkerInfo;
use crate::store::outbox::{Facts, Kind};

/// The posts of a row.
///
/// # Errors
/// A sentence: what cannot be rendered or is not as GitHub wants it. Trying again does not help.
pub(super) async fn compose(
    reporter: &GithubStatus,
    facts: Facts,
    generation: &Generation,
) -> Result<Vec<Post>, String> {
    let (description, state) = match facts.kind {
        Kind::RequestAdded => match &reporter.pending {
            Some(pending) => (pending, State::Pending),
            None => return Ok(Vec::new()),
        },
        Kind::BuildStarted => (&reporter.start, State::Pending),
        Kind::BuildFinished => {
            (&reporter.finish, State::of(facts.results.unwrap_or(Results::Exception)))
        }
    };
    let target = page(generation, &facts);
    let stamps = facts.sourcestamps.clone();
    if stamps.iter().all(|stamp| stamp.revision.is_none()) {
        return Ok(Vec::new());
    }
    let build = Arc::new(view(facts, generation));
    let context = text("context", &reporter.context, &build, generation).await?;
    let description = text("description", description, &build, generation).await?;
    let status = Status::new(state, &description, target, context)?;
    let mut posts: Vec<Post> = Vec::new();
    for stamp in stamps {
        let Some(sha) = stamp.revision.filter(|r| !r.is_empty()) else { continue };
        let repository =
            status::repository(&stamp.project, &stamp.repository).ok_or_else(|| {
                format!(
                    "Neither the project {:?} nor the repository {:?} names a GitHub repository.",
                    stamp.project, stamp.repository
                )
            })?;
        let post = Post { repository, sha, status: status.clone() };
        if !posts.contains(&post) {
            posts.push(post);
        }
    }
    Ok(posts)
}

/// The page that a status links to: the build's, or the builder's while there is no build.
pub(super) fn page(generation: &Generation, facts: &Facts) -> String {
    let config = &generation.config;
    match facts.number {
        Some(number) => config.build_url(facts.builder, number),
        None => format!("{}/builders/{}", config.url.trim_end_matches('/'), facts.builder),
    }
}

async fn text(
    what: &str,
    renderable: &Renderable,
    build: &Arc<BuildView>,
    generation: &Generation,
) -> Result<String, String> {
    let rendered = render(renderable, build, &*generation.scripts).await;
    match rendered {
        Ok(Json::String(text)) => Ok(text),
        Ok(Json::Null) => Ok(String::new()),
        Ok(Json::Number(number)) => Ok(number.to_string()),
        Ok(other) => Err(format!("The status's {what} must be text, it is {other}.")),
        Err(error) => Err(failure(what, &error)),
    }
}

fn failure(what: &str, error: &ScriptError) -> String {
    format!("The status's {what} could not be rendered: {error}")
}

/// The build as the options' functions see it. A request without build has number 0 and no worker.
fn view(facts: Facts, generation: &Generation) -> BuildView {
    let url = page(generation, &facts);
    let Facts { mut properties, .. } = facts;
    if properties.get("buildername").is_none() {
        properties.set("buildername", Json::from(facts.builder_name.as_str()), "Builder");
    }
    let worker = facts.worker.unwrap_or_default();
    let config = generation.config.worker(&worker);
    BuildView {
        builder: facts.builder_name,
        number: facts.number.unwrap_or(0),
        worker_info: Arc::new(worker_info(facts.worker_info)),
        max_builds: config.and_then(|c| c.max_builds),
        worker_properties: config.map(|c| c.properties.clone()).unwrap_or_default(),
        changes: Arc::new(facts.changes),
        sourcestamps: Arc::new(facts.sourcestamps),
        builddir: properties.text("builddir").unwrap_or_default().to_owned(),
        properties,
        worker,
        url,
        secrets: generation.config.provided.clone(),
    }
}

/// What the row keeps is what may be shown, all on one level.
fn worker_info(public: Json) -> WorkerInfo {
    let Json::Object(mut fields) = public else { return WorkerInfo::default() };
    let mut text = |name: &str| match fields.remove(name) {
        Some(Json::String(text)) => text,
        _ => String::new(),
    };
    let (basedir, system, version) = (text("basedir"), text("system"), text("version"));
    let numcpus = fields.remove("numcpus").and_then(|n| n.as_i64());
    let other = fields.into_iter().collect();
    WorkerInfo { basedir, system, version, numcpus, other, ..WorkerInfo::default() }
}
