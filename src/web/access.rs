//! Who may make a request: one rule per kind of route, checked before any handler runs. What no
//! rule names is denied.

use axum::http::{HeaderMap, StatusCode};

use serde_json::{Value as Json, json};

use super::Site;
use super::auth::{Proof, Who};
use super::call::Problem;
use super::origin::{self, Origin};
use crate::engine::Generation;
use crate::engine::ports::Argument;
use crate::model::config::{Callback, Config, Ruling, Target};
use crate::store::views::{builders, targets};

/// What a route asks of its caller. Every route declares one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading: everybody.
    Read,
    /// Everybody, but only from our own pages or from no page at all: login and logout.
    OwnPage,
    /// A sender that proves itself by a signature over the body: the hooks.
    Signed,
    /// The action of `authz` with this name.
    Action(&'static str),
    /// The action is named in the body; the handler asks `may` when it has read it.
    Control,
}

/// Checks what can be said before the body is read; `path` is the route's
/// pattern, `id` the row in its address.
pub(super) async fn check(
    site: &Site,
    generation: &Generation,
    access: Access,
    path: &str,
    (who, headers, id): (&Who, &HeaderMap, Option<i64>),
) -> Result<(), Problem> {
    let config = &generation.config;
    match access {
        Access::Read | Access::Signed => Ok(()),
        Access::OwnPage | Access::Control => same_origin(who, headers, config),
        Access::Action(action) => {
            same_origin(who, headers, config)?;
            may(generation, action, who, target(site, path, id)).await
        }
    }
}

/// What the order of a page's button is about.
async fn target(site: &Site, path: &str, id: Option<i64>) -> Result<Target, Problem> {
    let store = site.engine().store();
    // A path without the id of a row is answered by its handler.
    let Some(id) = id else { return Ok(Target::default()) };
    let found = match path.split('/').nth(1) {
        Some("builders") => {
            store.read(move |c| builders::name(c, id)).await?.map(|name| (vec![name], None))
        }
        Some("builds") => store.read(move |c| targets::of_build(c, id)).await?,
        Some("steps") => store.read(move |c| targets::of_step(c, id)).await?,
        Some("buildrequests") => store.read(move |c| targets::of_request(c, id)).await?,
        Some("buildsets") => store.read(move |c| targets::of_buildset(c, id)).await?,
        _ => None,
    };
    Ok(found.map_or_else(Target::default, |(builders, owner)| Target { builders, owner }))
}

/// Whether `who` may do `action`; what it is about is only looked up when a rule asks.
pub(super) async fn may(
    generation: &Generation,
    action: &str,
    who: &Who,
    target: impl Future<Output = Result<Target, Problem>> + Send,
) -> Result<(), Problem> {
    let name = who.name.as_deref();
    if let Some(www) = &generation.config.www {
        let needed = www.authz.needs_target(action);
        let target = if needed { target.await? } else { Target::default() };
        match www.authz.ruling(action, name, &target) {
            Ruling::Yes => return Ok(()),
            Ruling::No => {}
            Ruling::Ask(callbacks) => {
                for callback in callbacks {
                    if says_yes(generation, &callback, action, name, &target).await {
                        return Ok(());
                    }
                }
            }
        }
    }
    let text = match name {
        Some(name) => format!("{name} may not {action}: no rule of c.www.authz allows it."),
        None => format!("Log in first: nobody may {action} without a name."),
    };
    Err(Problem::new(StatusCode::FORBIDDEN, text))
}

/// Asks a function of the configuration; one that fails says no.
async fn says_yes(
    generation: &Generation,
    callback: &Callback,
    action: &str,
    name: Option<&str>,
    target: &Target,
) -> bool {
    let user = name.map_or(Json::Null, |name| json!({ "name": name }));
    let builder = match &target.builders[..] {
        [one] => Some(one),
        _ => None,
    };
    let request = json!({
        "action": action, "builder": builder, "builders": target.builders, "owner": target.owner,
    });
    let args = vec![Argument::Json(user), Argument::Json(request)];
    match generation.scripts.call(callback, args).await {
        Ok(answer) => !answer.is_null() && answer != Json::Bool(false),
        Err(error) => {
            tracing::error!(action, %error, "a function of c.www.authz failed; nobody is allowed");
            false
        }
    }
}

/// The same question as a plain yes or no, for buttons.
pub(super) fn allows(action: &str, who: &Who, config: &Config) -> bool {
    config.www.as_ref().is_some_and(|www| www.authz.allows(action, who.name.as_deref()))
}

/// A browser adds cookies and remembered passwords by itself, whatever page makes it send a
/// request; so another site's pages are refused, and a cookie without a word about its origin.
fn same_origin(who: &Who, headers: &HeaderMap, config: &Config) -> Result<(), Problem> {
    let allowed = match origin::of(headers, &config.url) {
        Origin::Own => true,
        Origin::Foreign => false,
        Origin::Unsaid => who.proof != Proof::Cookie,
    };
    if allowed {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "This request comes from another site's page."))
}
