//! Filter, order, limit and offset compiled to SQL over a closed set of columns. Names never come
//! from a request: a request picks [`Column`]s of a [`Table`], and every value is bound. Apart
//! from the data API because pages and events read through the same tables.

mod sql;

use self::sql::Sql;
use super::conn::{Conn, Result, Row, Value};

/// What a column holds: how it is compared and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// Microseconds since the epoch, shown and compared as whole seconds (rounded down).
    Time,
    /// Kept as 0 and 1.
    Bool,
    /// A fact with two conditions of its own, so that an index can serve either.
    Flag {
        /// The condition for true.
        yes: &'static str,
        /// The condition for false.
        no: &'static str,
    },
    /// Text.
    Text,
    /// A JSON list of texts, kept as text.
    Texts,
    /// An id or null, shown as a list of one or none.
    Ids,
    /// The id of a master or null, shown as a list of `{masterid}`.
    MasterIds,
    /// Any JSON, kept as text; cannot be compared.
    Json,
    /// Read by a further query for all rows at once; the column holds the key for it. Cannot be
    /// compared.
    Filled,
}

/// A column of a [`Table`].
#[derive(Debug)]
pub struct Column {
    /// Name in answers and requests.
    pub name: &'static str,
    /// The expression.
    pub sql: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// What can be listed.
#[derive(Debug)]
pub struct Table {
    /// The plural under which rows are answered.
    pub plural: &'static str,
    /// The `from` clause.
    pub from: &'static str,
    /// The id's expression: default order and last tie-breaker.
    pub id: &'static str,
    /// Everything that can be asked for, in alphabetical order.
    pub columns: &'static [Column],
}

impl Table {
    /// The column called `name`.
    #[must_use]
    pub fn column(&'static self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal, or one of several.
    Eq,
    /// Different from all.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// A part of a text, an element of a list; any of several.
    Contains,
}

/// A condition on a column. Values are as a client writes them: seconds for times, 0 and 1 for
/// booleans.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Which column.
    pub column: &'static Column,
    /// How it is compared.
    pub op: Op,
    /// With what; at least one.
    pub values: Vec<Value>,
}

/// Which rows and columns are wanted.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The columns, in the order of the answer.
    pub columns: Vec<&'static Column>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// By what, and whether descending; the id comes last in any case.
    pub order: Vec<(&'static Column, bool)>,
    /// At most this many; none = all.
    pub limit: Option<i64>,
    /// Leave out this many first.
    pub offset: i64,
}

/// Conditions of the place a list is asked at, `?` for each value, and the values in order.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The conditions; all must hold.
    pub conditions: Vec<&'static str>,
    /// One value for each `?`, in order.
    pub values: Vec<Value>,
}

/// The rows of `page`, each with the values of `page.columns`.
///
/// # Errors
/// What the database refuses.
pub fn select(
    conn: &Conn<'_>,
    table: &Table,
    scope: &Scope,
    page: &Page,
) -> Result<Vec<Vec<Value>>> {
    let sql = statement(table, scope, page);
    let width = page.columns.len();
    conn.query(&sql.text, &sql.params, |row| (0..width).map(|i| row.value(i)).collect())
}

fn statement(table: &Table, scope: &Scope, page: &Page) -> Sql {
    let mut sql = Sql::default();
    sql.push("select ");
    for (i, column) in page.columns.iter().enumerate() {
        if i > 0 {
            sql.push(", ");
        }
        sql.push(column.sql);
    }
    if page.columns.is_empty() {
        sql.push("1");
    }
    sql.push(" from ");
    sql.push(table.from);
    sql.conditions(scope, &page.filters);
    sql.push(" order by ");
    let mut descending = false;
    for (column, down) in &page.order {
        descending = *down;
        sql.push(column.sql);
        sql.push(if *down { " desc, " } else { ", " });
    }
    // In the direction of what came before it, so that one index serves both.
    sql.push(table.id);
    sql.push(if descending { " desc" } else { "" });
    if page.limit.is_some() || page.offset > 0 {
        sql.push(" limit ");
        sql.bind(Value::Int(page.limit.unwrap_or(i64::MAX)));
        sql.push(" offset ");
        sql.bind(Value::Int(page.offset));
    }
    sql
}

/// How many rows there are before limit and offset.
///
/// # Errors
/// What the database refuses.
pub fn count(conn: &Conn<'_>, table: &Table, scope: &Scope, filters: &[Filter]) -> Result<i64> {
    let mut sql = Sql::default();
    sql.push("select count(*) from ");
    sql.push(table.from);
    sql.conditions(scope, filters);
    conn.query_one(&sql.text, &sql.params, |r| r.int(0))
}

/// Where the ids of a whole table begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The smallest id; 0 = the table is empty.
    pub first: i64,
    /// The largest.
    pub last: i64,
    /// How many ids lie above the one that was known.
    pub newer: i64,
}

/// What a remembered total needs to be brought up to date without reading the whole table.
///
/// # Errors
/// What the database refuses.
pub fn extent(conn: &Conn<'_>, table: &Table, known: i64) -> Result<Extent> {
    let (id, from) = (table.id, table.from);
    // One statement for each end: only then does SQLite answer from the ends of the index.
    let end = |function: &str| {
        let sql = format!("select coalesce({function}({id}), 0) from {from}");
        conn.query_one(&sql, &[], |r| r.int(0))
    };
    let sql = format!("select count(*) from {from} where {id} > $1");
    let newer = conn.query_one(&sql, &[Value::Int(known)], |r| r.int(0))?;
    Ok(Extent { first: end("min")?, last: end("max")?, newer })
}

/// Runs `sql` once for each slice of `ids`; `{ids}` in it becomes their placeholders, `{more}` those
/// of `more`, which must come later in the text. For the second query of a list: never one query
/// per row.
///
/// # Errors
/// What the database refuses, and what `read` fails with.
pub fn by_ids<T>(
    conn: &Conn<'_>,
    sql: &str,
    ids: &[i64],
    more: &[Value],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let marks = |from: usize, n: usize| {
        let marks: Vec<String> = (from..from + n).map(|i| format!("${i}")).collect();
        marks.join(", ")
    };
    let mut out = Vec::new();
    for slice in ids.chunks(500) {
        // Few different lengths, so that the prepared statements are found again.
        let width = match slice.len() {
            1 => 1,
            2..=50 => 50,
            _ => 500,
        };
        let last = slice.last().copied().unwrap_or(0);
        let params: Vec<Value> = slice
            .iter()
            .copied()
            .chain(std::iter::repeat(last))
            .take(width)
            .map(Value::Int)
            .chain(more.iter().cloned())
            .collect();
        let text =
            sql.replace("{ids}", &marks(1, width)).replace("{more}", &marks(width + 1, more.len()));
        out.extend(conn.query(&text, &params, &mut read)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: Table = Table {
        plural: "things",
        from: "things t",
        id: "t.id",
        columns: &[
            Column { name: "at", sql: "t.at", kind: Kind::Time },
            Column { name: "name", sql: "t.name", kind: Kind::Text },
            Column { name: "tags", sql: "t.tags", kind: Kind::Texts },
        ],
    };

    #[test]
    fn values_are_bound_and_never_spliced() {
        let column = TABLE.column("name").expect("name");
        let page = Page {
            columns: vec![column],
            filters: vec![Filter {
                column,
                op: Op::Eq,
                values: vec![Value::from("'; drop table things; --"), Value::from("b")],
            }],
            order: vec![(TABLE.column("at").expect("at"), true)],
            limit: Some(5),
            offset: 0,
        };
        let scope = Scope { conditions: vec!["t.x = ?"], values: vec![Value::Int(7)] };
        let sql = statement(&TABLE, &scope, &page);
        assert_eq!(
            sql.text,
            "select t.name from things t where t.x = $1 and t.name in ($2, $3) \
             order by t.at desc, t.id desc limit $4 offset $5"
        );
        assert_eq!(sql.params[1], Value::from("'; drop table things; --"));
    }

    #[test]
    fn times_compare_as_whole_seconds_on_the_stored_column() {
        let filter = |op| Filter {
            column: TABLE.column("at").expect("at"),
            op,
            values: vec![Value::Int(2)],
        };
        for (op, text, params) in [
            (Op::Gt, "(t.at >= $1)", vec![3_000_000]),
            (Op::Le, "(t.at < $1)", vec![3_000_000]),
            (Op::Eq, "((t.at >= $1 and t.at < $2))", vec![2_000_000, 3_000_000]),
        ] {
            let mut sql = Sql::default();
            sql.filter(&filter(op));
            assert_eq!(sql.text, text);
            assert_eq!(sql.params, params.into_iter().map(Value::Int).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_listed_order_is_served_by_an_index() {
        use crate::store::views::{
            buildrequests, builds, buildsets, changes, logs, sourcestamps, steps,
        };
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.sqlite");
        let options = crate::store::StoreOptions { path, durable: false, inline: true };
        let mut opened = crate::store::Store::open(&options).expect("a store");
        let builder = builds::scope::OF_BUILDER;
        for (table, condition, order) in [
            (&builds::TABLE, None, None),
            (&builds::TABLE, None, Some("buildid")),
            (&builds::TABLE, None, Some("number")),
            (&builds::TABLE, None, Some("started_at")),
            (&builds::TABLE, None, Some("complete_at")),
            (&builds::TABLE, None, Some("buildrequestid")),
            (&builds::TABLE, Some(builder), Some("number")),
            (&builds::TABLE, Some(builds::scope::OF_WORKER), Some("buildid")),
            (&builds::TABLE, Some(builds::scope::OF_REQUEST), None),
            (&buildsets::TABLE, None, None),
            (&buildsets::TABLE, None, Some("submitted_at")),
            (&buildrequests::TABLE, None, None),
            (&buildrequests::TABLE, None, Some("submitted_at")),
            (&buildrequests::TABLE, Some(buildrequests::scope::OF_BUILDER), None),
            (&changes::TABLE, None, Some("changeid")),
            (&sourcestamps::TABLE, None, None),
            (&steps::TABLE, Some(steps::scope::OF_BUILD), Some("number")),
            (&logs::TABLE, Some(logs::scope::ID), None),
        ] {
            let page = Page {
                columns: table.columns.iter().collect(),
                order: order.and_then(|o| table.column(o)).map(|c| (c, true)).into_iter().collect(),
                limit: Some(50),
                ..Page::default()
            };
            let scope = Scope {
                conditions: condition.into_iter().collect(),
                values: condition.map(|_| Value::Int(1)).into_iter().collect(),
            };
            let sql = statement(table, &scope, &page);
            let plan = opened
                .state
                .transaction(|c| {
                    c.query(&format!("explain query plan {}", sql.text), &sql.params, |r| r.text(3))
                })
                .expect("a plan")
                .join("\n");
            assert!(!plan.contains("TEMP B-TREE"), "{}\n{plan}", sql.text);
        }
    }
}
