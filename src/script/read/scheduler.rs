//! `ci.schedulers.*`.

use mlua::Table;

use super::{Reader, callbacks, filter, scripted};
use crate::model::config::{
    BranchScheduler, Choices, ForceScheduler, Priority, SchedulerConfig, SchedulerKind,
};
use crate::script::fields::Fields;

pub(super) const BRANCH_OPTIONS: &[&str] = &[
    "name",
    "builders",
    "change_filter",
    "file_is_important",
    "only_important",
    "tree_stable_timer",
    "properties",
    "reason",
    "priority",
    "data",
];
pub(super) const FORCE_OPTIONS: &[&str] =
    &["name", "builders", "button_name", "codebases", "reason", "data"];

/// Reads a scheduler; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<SchedulerConfig> {
    let object = reader.object(table)?;
    if object.kind == "scheduler" {
        return scripted::scheduler(reader, &object, table);
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner = format!("{} scheduler", object.kind);
    let site = f.spot().site;
    match object.kind.as_str() {
        "any_branch" | "single_branch" | "force" => {}
        _ => return None,
    }
    let name = f.name();
    let is_force = object.kind == "force";
    let choices = if is_force { Choices::default() } else { callbacks::of_scheduler(&mut f) };
    let builders = if choices.builders.is_some() { Vec::new() } else { builders(&mut f) };
    let scheduler = if is_force {
        let kind = force(&mut f, &name);
        let (properties, reason, priority) = (Default::default(), None, Priority::default());
        SchedulerConfig { name, builders, choices, priority, properties, reason, kind, site }
    } else {
        let kind = branch(&mut f, object.kind == "single_branch");
        let priority = callbacks::priority(&mut f);
        let (properties, reason) = (f.data("properties"), f.text("reason"));
        SchedulerConfig { name, builders, choices, priority, properties, reason, kind, site }
    };
    f.know(["data"]);
    f.finish();
    Some(scheduler)
}

pub(super) fn builders(f: &mut Fields<'_, '_>) -> Vec<String> {
    match f.names("builders", &["builder"]) {
        Some(builders) if builders.is_empty() => {
            f.problem("builders", format!("{} names no builder.", f.owner));
            builders
        }
        Some(builders) => builders,
        None => {
            f.missing("builders");
            Vec::new()
        }
    }
}

fn branch(f: &mut Fields<'_, '_>, single: bool) -> SchedulerKind {
    SchedulerKind::Branch(BranchScheduler {
        single,
        tree_stable_timer: f.seconds("tree_stable_timer"),
        change_filter: filter::read(f, "change_filter"),
        file_is_important: f.callback("file_is_important"),
        only_important: f.boolean("only_important", false),
    })
}

fn force(f: &mut Fields<'_, '_>, name: &str) -> SchedulerKind {
    let codebases = f.texts("codebases").unwrap_or_default();
    SchedulerKind::Force(ForceScheduler {
        button_name: f.text("button_name").unwrap_or_else(|| name.to_owned()),
        codebases: if codebases.is_empty() { vec![String::new()] } else { codebases },
        reason_default: f.text("reason").unwrap_or_else(|| "force build".to_owned()),
    })
}
