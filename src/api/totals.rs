//! `meta.total` of whole tables without counting them each time: what was counted is kept and only
//! newer rows are counted. Forgotten when the oldest row changes, because then rows were dropped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::store::page::{self, Filter, Scope, Table};
use crate::store::{Conn, Result};

/// Remembered totals of whole tables, by plural.
#[derive(Default)]
pub(super) struct Totals(Mutex<HashMap<&'static str, Known>>);

#[derive(Clone, Copy)]
struct Known {
    first: i64,
    last: i64,
    count: i64,
}

impl Totals {
    /// How many rows there are.
    ///
    /// # Errors
    /// What the database refuses.
    pub(super) fn count(
        &self,
        conn: &Conn<'_>,
        table: &'static Table,
        scope: &Scope,
        filters: &[Filter],
    ) -> Result<i64> {
        if !scope.conditions.is_empty() || !filters.is_empty() {
            return page::count(conn, table, scope, filters);
        }
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(table.plural).copied();
        let extent = page::extent(conn, table, known.map_or(0, |k| k.last))?;
        let count = match known {
            Some(known) if known.first == extent.first => known.count + extent.newer,
            _ => page::count(conn, table, scope, filters)?,
        };
        lock().insert(table.plural, Known { first: extent.first, last: extent.last, count });
        Ok(count)
    }
}
