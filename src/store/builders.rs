//! `builders`: known ones. Their positions are those in the configuration; -1 is not configured any
//! more, -2 is virtual: made up by properties of builds, which are filed there.

use super::conn::{Conn, Result};
use crate::base::id::BuilderId;
use crate::model::config::BuilderConfig;
use crate::params;

/// The row of a configured builder, made if it is new.
///
/// # Errors
/// What the database refuses.
pub fn ensure(conn: &Conn<'_>, builder: &BuilderConfig, position: i64) -> Result<BuilderId> {
    let tags = serde_json::to_value(&builder.tags).unwrap_or_default();
    conn.query_one(
        "insert into builders (name, description, tags, position, next_number) values ($1, $2, $3, $4, 1) \
         on conflict (name) do update set description = excluded.description, tags = excluded.tags, \
         position = excluded.position returning id",
        params![&builder.name, builder.description.as_deref(), tags, position],
        |r| Ok(BuilderId(r.int(0)?)),
    )
}

/// The row of the virtual builder `name`, made if it is new; none = a configured one has that name,
/// and nobody's properties file builds under it.
///
/// # Errors
/// What the database refuses.
pub fn ensure_virtual(
    conn: &Conn<'_>,
    name: &str,
    description: Option<&str>,
    tags: &[String],
) -> Result<Option<BuilderId>> {
    let position =
        conn.query_opt("select position from builders where name = $1", params![name], |r| {
            r.int(0)
        })?;
    if position.is_some_and(|position| position >= 0) {
        return Ok(None);
    }
    let tags = serde_json::to_value(tags).unwrap_or_default();
    conn.query_opt(
        "insert into builders (name, description, tags, position, next_number) values ($1, $2, $3, -2, 1) \
         on conflict (name) do update set description = excluded.description, tags = excluded.tags, \
         position = excluded.position returning id",
        params![name, description, tags],
        |r| Ok(BuilderId(r.int(0)?)),
    )
}

/// Marks all builders as not configured: the first step of a start or reload.
///
/// # Errors
/// What the database refuses.
pub fn unconfigure_all(conn: &Conn<'_>) -> Result<()> {
    conn.execute("update builders set position = -1 where position >= 0", params![])?;
    Ok(())
}

/// The builder of this name, configured or not.
///
/// # Errors
/// What the database refuses.
pub fn id_of(conn: &Conn<'_>, name: &str) -> Result<Option<BuilderId>> {
    let id = |r: &super::conn::Row<'_>| r.int(0).map(BuilderId);
    conn.query_opt("select id from builders where name = $1", params![name], id)
}

/// The name of every builder that ever was.
///
/// # Errors
/// What the database refuses.
pub fn names(conn: &Conn<'_>) -> Result<Vec<(BuilderId, String)>> {
    conn.query("select id, name from builders order by id", params![], |r| {
        Ok((BuilderId(r.int(0)?), r.text(1)?))
    })
}
