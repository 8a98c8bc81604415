//! Everything that answers, in one table: method, path, who may, how its problems look, handler.
//! A route that is not here does not exist; one without an access rule cannot be written.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

pub use super::access::Access;
use super::auth::{self, Who};
use super::call::{Call, Problem};
use super::server::Peer;
use super::{Site, access, artifacts, headers, hook, live, login, probe, rest, rpc, trying, ui};

/// What a client of a route expects, also when something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A page for people.
    Page,
    /// The data API.
    Api,
    /// Plain words.
    Plain,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// A way in.
pub struct Route {
    /// The method; `GET` also answers `HEAD`.
    pub method: &'static str,
    /// The path, `{name}` for a parameter.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What the client expects.
    pub surface: Surface,
    handler: fn(Site, Call) -> Answer,
}

macro_rules! routes {
    ($($method:literal $path:literal $access:expr, $surface:ident => $handler:path;)*) => {
        &[$(Route {
            method: $method,
            path: $path,
            access: $access,
            surface: Surface::$surface,
            handler: |site, call| Box::pin($handler(site, call)),
        }),*]
    };
}

use Access::{Action, Control, OwnPage, Read, Signed};

/// The table.
pub static TABLE: &[Route] = routes! {
    "GET" "/" Read, Page => ui::home::page;
    "GET" "/builders" Read, Page => ui::builders::page;
    "GET" "/builders/{id}" Read, Page => ui::builder::page;
    "POST" "/builders/{id}/force" Action("force"), Page => ui::orders::force;
    "GET" "/builders/{id}/tests" Read, Page => ui::tests::page;
    "GET" "/builders/{id}/builds/{number}" Read, Page => ui::build::page;
    "GET" "/builders/{id}/builds/{number}/steps/{step}/logs/{slug}" Read, Page => ui::log::page;
    "GET" "/builds/{id}" Read, Page => ui::orders::find_build;
    "POST" "/builds/{id}/stop" Action("stop"), Page => ui::orders::stop;
    "POST" "/builds/{id}/rebuild" Action("rebuild"), Page => ui::orders::rebuild;
    "POST" "/steps/{id}/stop" Action("stop"), Page => ui::orders::stop_step;
    "GET" "/buildrequests/{id}" Read, Page => ui::request::page;
    "POST" "/buildrequests/{id}/cancel" Action("cancel"), Page => ui::orders::cancel;
    "POST" "/buildsets/{id}/cancel" Action("cancel"), Page => ui::orders::cancel_buildset;
    "POST" "/buildrequests/{id}/priority" Action("priority"), Page => ui::orders::priority;
    "GET" "/workers" Read, Page => ui::workers::page;
    "POST" "/workers/{id}/pause" Action("worker"), Page => ui::orders::pause_worker;
    "POST" "/workers/{id}/unpause" Action("worker"), Page => ui::orders::unpause_worker;
    "POST" "/workers/{id}/stop" Action("worker"), Page => ui::orders::stop_worker;
    "POST" "/workers/{id}/kill" Action("worker"), Page => ui::orders::kill_worker;
    "GET" "/schedulers" Read, Page => ui::schedulers::page;
    "POST" "/schedulers/{id}/on" Action("scheduler"), Page => ui::orders::scheduler_on;
    "POST" "/schedulers/{id}/off" Action("scheduler"), Page => ui::orders::scheduler_off;
    "GET" "/artifacts/{builder}/{build}" Read, Plain => artifacts::list;
    "GET" "/artifacts/{builder}/{build}/{*name}" Read, Plain => artifacts::get;
    "GET" "/changes" Read, Page => ui::changes::page;
    "GET" "/configuration" Read, Page => ui::configuration::page;
    "POST" "/configuration/reload" Action("reload"), Page => ui::orders::reload;
    "GET" "/about" Read, Page => ui::about::page;
    "GET" "/login" Read, Page => login::page;
    "POST" "/auth/login" OwnPage, Page => login::submit;
    "GET" "/auth/login" Read, Page => login::basic;
    "POST" "/auth/logout" OwnPage, Page => login::logout;
    "GET" "/static/style.css" Read, Plain => ui::assets::style;
    "GET" "/static/live.js" Read, Plain => ui::assets::script;
    "GET" "/favicon.svg" Read, Plain => ui::assets::icon;
    "GET" "/robots.txt" Read, Plain => ui::assets::robots;
    "GET" "/healthz" Read, Plain => probe::health;
    "GET" "/readyz" Read, Plain => probe::ready;
    "GET" "/version" Read, Plain => probe::version;
    "GET" "/ws" Read, Plain => live::connect;
    "GET" "/api" Read, Api => rest::versions;
    "GET" "/api/v2" Read, Api => rest::get;
    "GET" "/api/v2/" Read, Api => rest::get;
    "GET" "/api/v2/{*path}" Read, Api => rest::get;
    "OPTIONS" "/api/v2/{*path}" Read, Api => rest::preflight;
    "POST" "/api/v2/{*path}" Control, Api => rpc::post;
    "GET" "/api/v2/tryschedulers/{name}" Signed, Api => trying::get;
    "POST" "/api/v2/tryschedulers/{name}" Signed, Api => trying::post;
    "POST" "/api/v2/reload" Action("reload"), Api => rpc::reload;
    "GET" "/api/latest" Read, Api => rest::get;
    "GET" "/api/latest/{*path}" Read, Api => rest::get;
    "POST" "/api/latest/{*path}" Control, Api => rpc::post;
    "POST" "/change_hook/{dialect}" Signed, Plain => hook::post;
};

/// The router over the table.
pub(super) fn router(site: Site) -> Router {
    let mut router = Router::new();
    for route in TABLE {
        router = router.route(route.path, method(site.clone(), route));
    }
    let (lost, wrong) = (site.clone(), site);
    router
        .fallback(move |request: Request| stray(lost.clone(), request, StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(move |request: Request| {
            stray(wrong.clone(), request, StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

fn method(site: Site, route: &'static Route) -> MethodRouter {
    let filter = match route.method {
        "POST" => MethodFilter::POST,
        "OPTIONS" => MethodFilter::OPTIONS,
        _ => MethodFilter::GET,
    };
    on(filter, move |request: Request| dispatch(site.clone(), route, request))
}

/// Finds out who asks, checks the rule, runs the handler, dresses the answer.
async fn dispatch(site: Site, route: &'static Route, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let params = match RawPathParams::from_request_parts(&mut parts, &()).await {
        Ok(params) => params.iter().map(|(_, value)| value.to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    let mut call = Call { parts, body, params, who: Who::NOBODY };
    let generation = site.engine().generation();
    let config = &generation.config;
    let peer = address(&call);
    let who = match route.access {
        // Senders of hooks have names and passwords of their own.
        Access::Signed => Ok(Who::NOBODY),
        _ => auth::who(&site, config, call.headers(), &peer).await,
    };
    let answer = match who {
        Ok(who) => {
            call.who = who;
            let (parts, id) = (&call.parts, call.id(0).ok());
            let asks = (&call.who, &parts.headers, id);
            access::check(&site, &generation, route.access, route.path, asks).await
        }
        Err(problem) => Err(problem),
    };
    let (view, who) = (ui::layout::View::of(&site, &call), call.who.clone());
    let answer = match answer {
        Ok(()) => (route.handler)(site.clone(), call).await,
        Err(problem) => Err(problem),
    };
    let response = answer.unwrap_or_else(|problem| show(&view, route.surface, &problem));
    headers::dress(response, route.surface, &who)
}

/// A path that is not in the table, or not with this method.
async fn stray(site: Site, request: Request, status: StatusCode) -> Response {
    let (parts, body) = request.into_parts();
    let is_api = parts.uri.path().starts_with("/api");
    let surface = if is_api { Surface::Api } else { Surface::Page };
    let problem = match (status, is_api) {
        (StatusCode::METHOD_NOT_ALLOWED, true) => Problem::invalid("invalid HTTP method"),
        (StatusCode::METHOD_NOT_ALLOWED, false) => {
            Problem::new(status, "This page cannot be asked that way.")
        }
        (_, true) => {
            Problem::new(status, format!("Invalid path: {}", rest::below(parts.uri.path())))
        }
        (_, false) => Problem::missing(),
    };
    let call = Call { parts, body, params: Vec::new(), who: Who::NOBODY };
    let view = ui::layout::View::of(&site, &call);
    headers::dress(show(&view, surface, &problem), surface, &call.who)
}

fn show(view: &ui::layout::View, surface: Surface, problem: &Problem) -> Response {
    match surface {
        Surface::Page => ui::problem::page(view, problem),
        Surface::Api => rest::error(problem),
        Surface::Plain => headers::plain(problem.status, &problem.text),
    }
}

/// Where a request comes from, for limits. A proxy on this machine is believed about the address
/// that it adds last.
pub(super) fn address(call: &Call) -> String {
    let peer = call.parts.extensions.get::<Peer>().map(|p| p.0.ip());
    let forwarded = call
        .header("x-forwarded-for")
        .and_then(|list| list.rsplit(',').next())
        .map(|address| address.trim().to_owned());
    match (peer, forwarded) {
        (Some(peer), Some(forwarded)) if peer.is_loopback() => forwarded,
        (Some(peer), _) => peer.to_string(),
        (None, _) => "unknown".to_owned(),
    }
}
