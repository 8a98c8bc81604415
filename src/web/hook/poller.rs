//! The hook `poller`: lets change sources look at once. What it asks is on disk before it is answered.

use axum::http::StatusCode;
use axum::response::Response;

use super::proof;
use crate::api::spec;
use crate::engine::Refusal;
use crate::model::config::PollerHook;
use crate::web::Site;
use crate::web::call::{Call, Problem};
use crate::web::headers::plain;

/// The sources that `POST /change_hook/poller?poller=NAME` asks for, none = all. There may be as many
/// names as wanted.
///
/// # Errors
/// 401 when the sender does not prove itself, 400 for a name that is not allowed.
pub(super) fn asked(
    hook: &PollerHook,
    call: &Call,
    body: &[u8],
) -> Result<Option<Vec<String>>, Problem> {
    proof::check(hook.secret.as_ref(), call.headers(), body)?;
    let mut pairs = spec::pairs(call.query()).map_err(Problem::from)?;
    if call.content_type() == "application/x-www-form-urlencoded" {
        let text = std::str::from_utf8(body);
        let text = text.map_err(|_| Problem::invalid("The form is not UTF-8."))?;
        pairs.extend(spec::pairs(text).map_err(Problem::from)?);
    }
    let asked = pairs.into_iter().filter(|(name, _)| name == "poller").map(|(_, value)| value);
    let mut names: Vec<String> = asked.collect();
    if let Some(allowed) = &hook.allowed {
        if let Some(name) = names.iter().find(|name| !allowed.contains(name)) {
            return Err(Problem::invalid(format!("The poller {name:?} may not be asked here.")));
        }
        if names.is_empty() {
            names.clone_from(allowed);
        }
        return Ok(Some(names));
    }
    Ok(Some(names).filter(|names| !names.is_empty()))
}

/// Lets them look.
pub(super) async fn look(site: &Site, names: Option<Vec<String>>) -> Result<Response, Problem> {
    let is_nobody = names.as_ref().is_some_and(Vec::is_empty);
    let looked = match is_nobody {
        true => Ok(()),
        false => site.engine().look(names.unwrap_or_default()).await,
    };
    match looked {
        Ok(()) => Ok(plain(StatusCode::OK, "no change found")),
        Err(Refusal::Missing(text)) => Err(Problem::invalid(format!("Sorry, {text}."))),
        Err(refusal) => Err(refusal.into()),
    }
}
