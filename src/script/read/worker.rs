//! `ci.worker`.

use mlua::Table;

use super::{Reader, lock};
use crate::model::config::WorkerConfig;
use crate::script::anchor::Anchor;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "name",
    "password",
    "max_builds",
    "properties",
    "default_properties",
    "locks",
    "notify_on_missing",
    "missing_timeout",
    "keepalive_interval",
    "data",
];

/// Reads a worker; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<WorkerConfig> {
    let mut f = reader.fields(table, "worker")?;
    let site = f.site();
    let name = f.name();
    let worker = WorkerConfig {
        password: f.required_secret("password"),
        max_builds: f
            .integer("max_builds", 1..=i64::from(u32::MAX))
            .and_then(|n| u32::try_from(n).ok()),
        properties: f.properties("properties"),
        default_properties: f.properties("default_properties"),
        locks: lock::fixed_accesses(&mut f),
        missing_timeout: f.seconds("missing_timeout").unwrap_or(WorkerConfig::MISSING_TIMEOUT),
        notify_on_missing: f.texts("notify_on_missing").unwrap_or_default(),
        name,
        site,
    };
    f.seconds("keepalive_interval");
    f.know(["data"]);
    f.finish();
    Some(worker)
}

impl<'l> Reader<'l> {
    /// A cursor over an object of `kind` or over its plain table; none for other objects.
    pub(in crate::script) fn fields(&self, table: &Table, kind: &str) -> Option<Fields<'_, 'l>> {
        self.seen.borrow_mut().insert(table.to_pointer());
        match self.object(table) {
            Some(object) if object.kind == kind => Some(Fields::of(self, &object)),
            Some(_) => None,
            None => {
                let key = self.plain_key.borrow().clone();
                let anchor = key.map_or(Anchor::Unknown, Anchor::Within);
                Some(Fields::new(self, &kind.replace('_', " "), table, anchor))
            }
        }
    }
}
