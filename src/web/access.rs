//! Who may make a request: one rule per kind of route, checked before any handler runs. What no
//! rule names is denied.

use axum::http::{HeaderMap, StatusCode};

use super::auth::{Proof, Who};
use super::call::Problem;
use super::origin::{self, Origin};
use crate::model::config::Config;

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

/// Checks what can be said before the body is read.
pub(super) fn check(
    access: Access,
    who: &Who,
    headers: &HeaderMap,
    config: &Config,
) -> Result<(), Problem> {
    match access {
        Access::Read | Access::Signed => Ok(()),
        Access::OwnPage | Access::Control => same_origin(who, headers, config),
        Access::Action(action) => {
            same_origin(who, headers, config)?;
            may(action, who, config)
        }
    }
}

/// Whether `who` may do `action`.
pub(super) fn may(action: &str, who: &Who, config: &Config) -> Result<(), Problem> {
    if allows(action, who, config) {
        return Ok(());
    }
    let text = match &who.name {
        Some(name) => format!("{name} may not {action}: no rule of c.www.authz allows it."),
        None => format!("Log in first: nobody may {action} without a name."),
    };
    Err(Problem::new(StatusCode::FORBIDDEN, text))
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
