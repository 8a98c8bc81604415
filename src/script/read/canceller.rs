//! `ci.cancellers.*`: what stops builds that nobody waits for any more.

use mlua::{Table, Value};

use super::{Reader, filter};
use crate::model::config::{CancellerConfig, CancellerFilter, CancellerKind};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OLD_OPTIONS: &[&str] = &["name", "filters", "branch_key", "data"];
pub(super) const FAILING_OPTIONS: &[&str] = &["name", "filters", "data"];
pub(super) const FILTER_OPTIONS: &[&str] = &["builders", "filter"];
pub(super) const FAILING_FILTER_OPTIONS: &[&str] = &["builders", "builders_to_cancel", "filter"];

/// Reads a canceller; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<CancellerConfig> {
    let object = reader.object(table)?;
    let is_failing = match object.kind.as_str() {
        "old_builds" => false,
        "failing_buildsets" => true,
        _ => return None,
    };
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner = format!("{} canceller", object.kind);
    let site = f.site();
    let name = f.name();
    f.know(["data"]);
    if f.value("filters").is_none() {
        f.missing("filters");
    }
    let mut filters = Vec::new();
    f.each("filters", |f, number, item| {
        let owner = format!("filter {number} of {}", f.owner);
        match item {
            Value::Table(table) if is_plain(f, &table) => {
                let kind = if is_failing { "failing_filter" } else { "canceller_filter" };
                let mut inner = f.inside("filters", kind, &owner, &table);
                let to_cancel = is_failing.then(|| builders(&mut inner, "builders_to_cancel"));
                filters.push(CancellerFilter {
                    builders: builders(&mut inner, "builders"),
                    builders_to_cancel: to_cancel.flatten(),
                    filter: filter::stamps(&mut inner, "filter"),
                });
                inner.finish();
            }
            other => {
                let got = a_type(&other);
                let message = format!("{owner} must be {{ builders = …, filter = … }}, not {got}.");
                f.problem("filters", message);
            }
        }
    });
    let kind = if is_failing {
        CancellerKind::FailingBuildsets
    } else {
        CancellerKind::OldBuilds { branch_key: f.callback("branch_key") }
    };
    f.finish();
    Some(CancellerConfig { name, filters, kind, site })
}

/// Builders by name; none = nothing is said of them.
fn builders(f: &mut Fields<'_, '_>, key: &str) -> Option<Vec<String>> {
    let names = f.names(key, &["builder"])?;
    f.refer(key, "builder", names.clone());
    Some(names)
}

fn is_plain(f: &Fields<'_, '_>, table: &Table) -> bool {
    f.reader.object(table).is_none() && !f.reader.is_renderable(table)
}
