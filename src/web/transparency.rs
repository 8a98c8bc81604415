//! What the data API tells beyond Buildbot's: why a request or a build waits, and what every
//! scheduler made of a change and still waits for. The engine answers, not the rows.

use serde_json::Value as Json;

use super::Site;
use super::call::Problem;
use crate::base::id::{ChangeId, RequestId};
use crate::store::views::builds::{self, At};

/// `buildrequests/ID/why`, `builds/ID/why`, `changes/ID/verdicts`; none for every other path.
pub(super) async fn answer(site: &Site, path: &str) -> Result<Option<Json>, Problem> {
    let mut parts = path.split('/');
    let (Some(kind), Some(id), Some(what), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Ok(None);
    };
    let Ok(id) = id.parse::<i64>() else { return Ok(None) };
    Ok(Some(match (kind, what) {
        ("buildrequests", "why") => site.engine().why(RequestId(id)).await?.to_json(),
        ("builds", "why") => of_build(site, id).await?,
        ("changes", "verdicts") => site.engine().verdicts(ChangeId(id)).await?,
        _ => return Ok(None),
    }))
}

async fn of_build(site: &Site, id: i64) -> Result<Json, Problem> {
    let build = site.engine().store().read(move |conn| builds::detail(conn, At::Id(id))).await?;
    let build = build.ok_or_else(Problem::missing)?;
    if build.line.complete_at.is_some() {
        return Err(Problem::invalid(format!("Build {id} waits for nothing: it is complete.")));
    }
    Ok(site.engine().why(RequestId(build.request)).await?.to_json())
}
