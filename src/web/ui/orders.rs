//! What the buttons do: each order is a form post that asks the engine and leads to the page where
//! its effect shows. The same rules as the data API's control, because it is the same code.

use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde_json::{Map, Value as Json};

use super::layout::{self, View};
use super::part;
use super::visible::visible;
use crate::api::forces;
use crate::base::id::{BuildId, BuildsetId, RequestId, SchedulerId, StepId, WorkerId};
use crate::engine::Effect;
use crate::engine::input::{Started, WorkerOrder};
use crate::store::views::{builders, builds, buildsets};
use crate::web::Site;
use crate::web::call::{Call, Problem, see_other};
use crate::web::rpc::LARGEST;

/// Largest form of who has no name.
const LIMIT: usize = 1 << 20;

/// `POST /builders/{id}/force`
pub(crate) async fn force(site: Site, mut call: Call) -> Result<Response, Problem> {
    let id = call.id(0)?;
    let form = call.read_form(if call.who.name.is_some() { LARGEST } else { LIMIT }).await?;
    let generation = site.engine().generation();
    let name = form.get("scheduler").unwrap_or("");
    let (scheduler, force) = forces::find(&generation.config, name).ok_or_else(|| {
        Problem::invalid(format!("There is no force scheduler '{name}' in the configuration."))
    })?;
    let builder = site.engine().store().read(move |conn| builders::name(conn, id)).await?;
    let builder = builder.filter(|b| scheduler.builders.contains(b)).ok_or_else(|| {
        Problem::invalid(format!("The force scheduler '{name}' does not start this builder."))
    })?;
    let mut values: Map<String, Json> = Map::new();
    for (name, value) in &form.0 {
        let list = values.entry(name.clone()).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(value.as_str().into());
        }
    }
    let (user, validation) = (call.who.name.as_deref(), &generation.config.validation);
    let wish = forces::fill_in(scheduler, force, vec![builder], &values, validation, user)
        .map_err(|errors| {
            let errors: Vec<String> = errors.into_values().collect();
            Problem::invalid(errors.join(" "))
        })?;
    let started = site.engine().force(wish).await?;
    Ok(to_request(&call, &started))
}

/// `POST /builds/{id}/rebuild`
pub(crate) async fn rebuild(site: Site, call: Call) -> Result<Response, Problem> {
    let owner = call.who.name.clone().unwrap_or_else(|| "anonymous".to_owned());
    let started = site.engine().rebuild(BuildId(call.id(0)?), owner).await?;
    Ok(to_request(&call, &started))
}

/// `POST /builds/{id}/stop`
pub(crate) async fn stop(site: Site, call: Call) -> Result<Response, Problem> {
    site.engine().stop_build(BuildId(call.id(0)?), reason("stopped", &call)).await?;
    find_build(site, call).await
}

/// `POST /steps/{id}/stop`
pub(crate) async fn stop_step(site: Site, call: Call) -> Result<Response, Problem> {
    let id = StepId(call.id(0)?);
    let place = site.engine().store().read(move |conn| builds::place_of_step(conn, id)).await?;
    let (builder, number) = place.ok_or_else(Problem::missing)?;
    site.engine().stop_step(id, reason("stopped", &call)).await?;
    Ok(see_other(&format!("{}{}", call.root(), part::build_path(builder, number))))
}

/// `POST /buildrequests/{id}/cancel`
pub(crate) async fn cancel(site: Site, call: Call) -> Result<Response, Problem> {
    let id = call.id(0)?;
    site.engine().cancel(RequestId(id), reason("cancelled", &call)).await?;
    Ok(see_other(&format!("{}buildrequests/{id}", call.root())))
}

/// `POST /buildsets/{id}/cancel`
pub(crate) async fn cancel_buildset(site: Site, call: Call) -> Result<Response, Problem> {
    let id = BuildsetId(call.id(0)?);
    site.engine().cancel_buildset(id, reason("cancelled", &call)).await?;
    let first = site.engine().store().read(move |conn| buildsets::first_request(conn, id)).await?;
    let page = first.map_or_else(String::new, |request| format!("buildrequests/{request}"));
    Ok(see_other(&format!("{}{page}", call.root())))
}

/// `POST /buildrequests/{id}/priority`
pub(crate) async fn priority(site: Site, mut call: Call) -> Result<Response, Problem> {
    let id = call.id(0)?;
    let form = call.read_form(LIMIT).await?;
    let given = form.get("priority").unwrap_or("").trim();
    let priority = given.parse().map_err(|_| {
        Problem::invalid(format!("The priority must be a whole number, not '{given}'."))
    })?;
    site.engine().set_priority(RequestId(id), priority).await?;
    Ok(see_other(&format!("{}buildrequests/{id}", call.root())))
}

/// `POST /workers/{id}/pause`
pub(crate) async fn pause_worker(site: Site, mut call: Call) -> Result<Response, Problem> {
    let form = call.read_form(LIMIT).await?;
    let given = form.get("reason").unwrap_or("").trim();
    let reason = if given.is_empty() { reason("paused", &call) } else { given.to_owned() };
    order_worker(&site, call, WorkerOrder::Pause(reason)).await
}

/// `POST /workers/{id}/unpause`
pub(crate) async fn unpause_worker(site: Site, call: Call) -> Result<Response, Problem> {
    order_worker(&site, call, WorkerOrder::Unpause).await
}

/// `POST /workers/{id}/stop`
pub(crate) async fn stop_worker(site: Site, call: Call) -> Result<Response, Problem> {
    order_worker(&site, call, WorkerOrder::Stop).await
}

/// `POST /workers/{id}/kill`
pub(crate) async fn kill_worker(site: Site, call: Call) -> Result<Response, Problem> {
    order_worker(&site, call, WorkerOrder::Kill).await
}

async fn order_worker(site: &Site, call: Call, order: WorkerOrder) -> Result<Response, Problem> {
    site.engine().order_worker(WorkerId(call.id(0)?), order).await?;
    Ok(see_other(&format!("{}workers", call.root())))
}

/// `POST /schedulers/{id}/on`
pub(crate) async fn scheduler_on(site: Site, call: Call) -> Result<Response, Problem> {
    switch_scheduler(&site, call, true).await
}

/// `POST /schedulers/{id}/off`
pub(crate) async fn scheduler_off(site: Site, call: Call) -> Result<Response, Problem> {
    switch_scheduler(&site, call, false).await
}

async fn switch_scheduler(site: &Site, call: Call, on: bool) -> Result<Response, Problem> {
    site.engine().switch_scheduler(SchedulerId(call.id(0)?), on).await?;
    Ok(see_other(&format!("{}schedulers", call.root())))
}

/// `GET /builds/{id}`: to the build's page.
pub(crate) async fn find_build(site: Site, call: Call) -> Result<Response, Problem> {
    let id = call.id(0)?;
    let place = site.engine().store().read(move |conn| builds::place(conn, id)).await?;
    let (builder, number) = place.ok_or_else(Problem::missing)?;
    Ok(see_other(&format!("{}{}", call.root(), part::build_path(builder, number))))
}

/// `POST /configuration/reload`
pub(crate) async fn reload(site: Site, call: Call) -> Result<Response, Problem> {
    match (site.0.web.reload)(Effect::Apply).await {
        Ok(_) => Ok(see_other(&format!("{}configuration", call.root()))),
        Err(error) => {
            let view = View::of(&site, &call);
            let body = html! {
                h1 { "The configuration was refused" }
                p { "The one that runs goes on unchanged." }
                pre.words { (visible(&error)) }
                p { a href=(view.to("configuration")) { "To the configuration" } }
            };
            Ok(layout::page(&view, "Reload", None, &body, StatusCode::BAD_REQUEST))
        }
    }
}

/// To the request, which leads on to its build as soon as there is one.
fn to_request(call: &Call, started: &Started) -> Response {
    match started.requests.first() {
        Some((_, request)) => see_other(&format!("{}buildrequests/{request}?follow", call.root())),
        None => see_other(&call.root()),
    }
}

fn reason(what: &str, call: &Call) -> String {
    match &call.who.name {
        Some(name) => format!("{what} by {name}"),
        None => format!("{what} from the page"),
    }
}
