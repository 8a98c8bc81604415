//! What a build has triggered and what triggered it, as pages show them.

use crate::base::results::Results;
use crate::params;
use crate::store::conn::{Conn, Result};

/// A request that a step of a build has started.
#[derive(Clone, Debug)]
pub struct Child {
    /// Row id.
    pub request: i64,
    /// The builder that was asked, or the one under which its newest build is filed.
    pub builder_id: i64,
    /// The builder's name.
    pub builder: String,
    /// Through which scheduler.
    pub scheduler: Option<String>,
    /// The step.
    pub step: Option<String>,
    /// Whether the step waits for it.
    pub is_waited_for: bool,
    /// Number of its newest build.
    pub number: Option<i64>,
    /// What that build says of itself; else why there is none.
    pub state: Option<String>,
    /// How it ended.
    pub results: Option<Results>,
}

/// What a build has triggered, in the order in which it did.
///
/// # Errors
/// What the database refuses.
pub fn of_build(conn: &Conn<'_>, build: i64) -> Result<Vec<Child>> {
    conn.query(
        "select q.id, d.id, d.name, h.name, s.parent_step, q.waited_for, b.number, \
         coalesce(b.state_string, q.ended_because), q.results \
         from buildsets s join buildrequests q on q.buildset_id = s.id \
         left join schedulers h on h.id = s.scheduler_id \
         left join builds b on b.id = (select max(n.id) from builds n where n.request_id = q.id) \
         join builders d on d.id = coalesce(b.builder_id, q.builder_id) \
         where s.parent_build_id = $1 order by q.id",
        params![build],
        |r| {
            Ok(Child {
                request: r.int(0)?,
                builder_id: r.int(1)?,
                builder: r.text(2)?,
                scheduler: r.opt_text(3)?,
                step: r.opt_text(4)?,
                is_waited_for: r.bool(5)?,
                number: r.opt_int(6)?,
                state: r.opt_text(7)?,
                results: r.opt_results(8)?,
            })
        },
    )
}

/// The build that started a buildset.
#[derive(Clone, Debug)]
pub struct Parent {
    /// What the buildset is to it, in words.
    pub relationship: String,
    /// The builder.
    pub builder_id: i64,
    /// The builder's name.
    pub builder: String,
    /// Its number.
    pub number: i64,
}

/// What triggered the buildset of a request; none = no build did.
///
/// # Errors
/// What the database refuses.
pub fn parent_of(conn: &Conn<'_>, request: i64) -> Result<Option<Parent>> {
    conn.query_opt(
        "select s.parent_relationship, p.builder_id, d.name, p.number \
         from buildrequests q join buildsets s on s.id = q.buildset_id \
         join builds p on p.id = s.parent_build_id join builders d on d.id = p.builder_id \
         where q.id = $1",
        params![request],
        |r| {
            Ok(Parent {
                relationship: r.opt_text(0)?.unwrap_or_default(),
                builder_id: r.int(1)?,
                builder: r.text(2)?,
                number: r.int(3)?,
            })
        },
    )
}
