//! How senders prove themselves to the hooks of our own: the secret as a bearer token, or a signature
//! over the body with it as key; and the names and passwords of `change_hook_auth`, which stand
//! before every hook.

use axum::http::{HeaderMap, StatusCode};

use super::signature;
use crate::base::secret::Secret;
use crate::web::Site;
use crate::web::auth;
use crate::web::call::{Call, Problem};
use crate::web::route;

/// Checks the secret of a hook.
///
/// # Errors
/// 401 when the sender does not prove itself.
pub(super) fn check(
    secret: Option<&Secret>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Problem> {
    // Without one, `change_hook_auth` is required by the configuration's reader, and was asked.
    let Some(secret) = secret else { return Ok(()) };
    let bearer = signature::only(headers, "authorization").ok().flatten();
    let bearer = bearer.as_deref().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let is_proved = match bearer {
        Some(token) => !token.is_empty() && auth::same(secret.expose(), token),
        None => signature::check(secret, false, headers, body).is_ok(),
    };
    if is_proved {
        return Ok(());
    }
    let text = "The sender does not prove itself: send the hook's secret as `Authorization: Bearer …`, or \
                sign the body with it (X-Hub-Signature-256).";
    Err(Problem::new(StatusCode::UNAUTHORIZED, text))
}

/// Checks name and password against `users`, who are all that may use hooks; none = everybody may.
///
/// # Errors
/// 401 when they are missing or wrong, 429 when they were guessed too often.
pub(super) fn password(
    site: &Site,
    users: &[(String, Secret)],
    call: &Call,
) -> Result<(), Problem> {
    if users.is_empty() {
        return Ok(());
    }
    match auth::basic(call.headers()) {
        Some((name, password)) => {
            auth::check_password(site, users, &name, &password, &route::address(call))
        }
        None => {
            let text = "Hooks need a name and a password of c.www.change_hook_auth (HTTP Basic).";
            Err(Problem::new(StatusCode::UNAUTHORIZED, text))
        }
    }
}
