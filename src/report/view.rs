//! A row's build as the options of its reporter see it: the view that renderables look at, and the
//! pages that messages link to.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::Generation;
use crate::engine::render::render;
use crate::model::build::BuildView;
use crate::model::render::Renderable;
use crate::model::worker::WorkerInfo;
use crate::store::facts::Facts;

/// The page that a message links to: the build's, or the builder's while there is no build.
pub(super) fn page(generation: &Generation, facts: &Facts) -> String {
    let config = &generation.config;
    match facts.number {
        Some(number) => config.build_url(facts.builder, number),
        None => format!("{}/builders/{}", config.url.trim_end_matches('/'), facts.builder),
    }
}

/// A renderable as a text; `what` names it in errors.
///
/// # Errors
/// A sentence: it cannot be rendered, or is no text.
pub(super) async fn text(
    what: &str,
    renderable: &Renderable,
    build: &Arc<BuildView>,
    generation: &Generation,
) -> Result<String, String> {
    match render(renderable, build, &*generation.scripts).await {
        Ok(Json::String(text)) => Ok(text),
        Ok(Json::Null) => Ok(String::new()),
        Ok(Json::Number(number)) => Ok(number.to_string()),
        Ok(other) => Err(format!("The {what} must be text, it is {other}.")),
        Err(error) => Err(format!("The {what} could not be rendered: {error}")),
    }
}

/// The build as the options' functions see it. A request without build has number 0 and no worker.
pub(super) fn of(facts: &Facts, generation: &Generation) -> Arc<BuildView> {
    let mut properties = facts.properties.clone();
    if properties.get("buildername").is_none() {
        properties.set("buildername", Json::from(facts.builder_name.as_str()), "Builder");
    }
    let worker = facts.worker.clone().unwrap_or_default();
    let config = generation.config.worker(&worker);
    Arc::new(BuildView {
        builder: facts.builder_name.clone(),
        number: facts.number.unwrap_or(0),
        statistics: facts.statistics.clone(),
        worker_info: Arc::new(worker_info(facts.worker_info.clone())),
        max_builds: config.and_then(|c| c.max_builds),
        worker_properties: config.map(|c| c.properties.clone()).unwrap_or_default(),
        changes: Arc::new(facts.changes.clone()),
        sourcestamps: Arc::new(facts.sourcestamps.clone()),
        builddir: properties.text("builddir").unwrap_or_default().to_owned(),
        properties,
        worker,
        url: page(generation, facts),
        secrets: generation.config.provided.clone(),
    })
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
