//! What an order is about, for the rules of who may give it: the builders, and who started it.

use crate::base::id::BuildsetId;
use crate::params;
use crate::store::buildsets;
use crate::store::conn::{Conn, Result};

/// The names of builders, and who started what is acted on.
pub type Target = (Vec<String>, Option<String>);

/// Of a build.
///
/// # Errors
/// What the database refuses.
pub fn of_build(conn: &Conn<'_>, id: i64) -> Result<Option<Target>> {
    let request =
        conn.query_opt("select request_id from builds where id = $1", params![id], |r| r.int(0))?;
    request.map_or(Ok(None), |request| of_request(conn, request))
}

/// Of a step.
///
/// # Errors
/// What the database refuses.
pub fn of_step(conn: &Conn<'_>, id: i64) -> Result<Option<Target>> {
    let build =
        conn.query_opt("select build_id from steps where id = $1", params![id], |r| r.int(0))?;
    build.map_or(Ok(None), |build| of_build(conn, build))
}

/// Of a build request.
///
/// # Errors
/// What the database refuses.
pub fn of_request(conn: &Conn<'_>, id: i64) -> Result<Option<Target>> {
    let found = conn.query_opt(
        "select b.name, r.buildset_id from buildrequests r join builders b on b.id = r.builder_id \
         where r.id = $1",
        params![id],
        |r| Ok((r.text(0)?, BuildsetId(r.int(1)?))),
    )?;
    let Some((builder, buildset)) = found else { return Ok(None) };
    Ok(Some((vec![builder], owner(conn, buildset)?)))
}

/// Of a buildset.
///
/// # Errors
/// What the database refuses.
pub fn of_buildset(conn: &Conn<'_>, id: i64) -> Result<Option<Target>> {
    let builders = conn.query(
        "select distinct b.name from buildrequests r join builders b on b.id = r.builder_id \
         where r.buildset_id = $1 order by b.name",
        params![id],
        |r| r.text(0),
    )?;
    if builders.is_empty() {
        return Ok(None);
    }
    Ok(Some((builders, owner(conn, BuildsetId(id))?)))
}

fn owner(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Option<String>> {
    let properties = buildsets::properties(conn, buildset)?;
    Ok(properties.text("owner").filter(|owner| !owner.is_empty()).map(str::to_owned))
}
