//! `ci.builder` and its factory.

use std::sync::Arc;

use mlua::{Table, Value};

use super::{Reader, callbacks, group, lock};
use crate::model::config::{BuilderConfig, StepConfig};
use crate::model::render::Renderable;
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "name",
    "workers",
    "factory",
    "tags",
    "description",
    "description_format",
    "project",
    "builddir",
    "workerbuilddir",
    "workdir",
    "max_builds_per_worker",
    "locks",
    "env",
    "properties",
    "default_properties",
    "collapse_requests",
    "next_worker",
    "next_build",
    "can_start_build",
    "do_build_if",
    "data",
];

/// Each has a directory of its own; more than this on one machine is a slip.
const MOST_ON_A_WORKER: i64 = 100;

/// Reads a builder; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<BuilderConfig> {
    let mut f = reader.fields(table, "builder")?;
    let site = f.site();
    let name = f.name();
    if name.starts_with('_') {
        f.problem("name", format!("the name of {} must not begin with `_`.", f.owner));
    }
    if name.chars().any(char::is_control) {
        f.problem("name", format!("the name of {} must not have control characters.", f.owner));
    }
    if let Some(format) = f.text("description_format")
        && format != "markdown"
    {
        let message = format!(
            "`description_format` of {} must be \"markdown\", not {format:?}; without it the \
             description is plain text.",
            f.owner
        );
        f.problem("description_format", message);
    }
    f.names("project", &["project"]);
    let is_given = !f.list("workers").unwrap_or_default().is_empty();
    let workers = match f.names("workers", &["worker"]) {
        Some(workers) if workers.is_empty() && !is_given => {
            f.problem("workers", format!("{} has no worker.", f.owner));
            workers
        }
        Some(workers) => workers,
        None => {
            f.missing("workers");
            Vec::new()
        }
    };
    let builder = BuilderConfig {
        workers,
        steps: steps(&mut f, &name),
        tags: tags(&mut f),
        description: f.text("description"),
        workerbuilddir: builddir(&mut f, &name),
        workdir: workdir(&mut f),
        max_builds_per_worker: f
            .integer("max_builds_per_worker", 1..=MOST_ON_A_WORKER)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(1),
        locks: lock::accesses(&mut f),
        env: env(&mut f),
        properties: f.properties("properties"),
        default_properties: f.properties("default_properties"),
        decisions: callbacks::of_builder(&mut f),
        name,
        site,
    };
    f.know(["data"]);
    f.finish();
    Some(builder)
}

fn steps(f: &mut Fields<'_, '_>, builder: &str) -> Vec<Arc<StepConfig>> {
    if f.value("factory").is_none() {
        if f.raw("factory").is_none_or(|v| !f.reader.is_broken(&v)) {
            f.missing("factory");
        }
        return Vec::new();
    }
    let mut out = Vec::new();
    for (at, value) in f.list("factory").unwrap_or_default().into_iter().enumerate() {
        match group::add(f.reader, &value, &mut out) {
            true => {}
            false => {
                let got = a_type(&value);
                let hint = match &value {
                    Value::Function(_) => "Call the constructor: ci.steps.shell { … }.",
                    _ => "A step is made by its constructor: ci.steps.shell { … }.",
                };
                let path = f.raw("factory").and_then(|list| f.reader.path_of(&list, at));
                let path = path.unwrap_or_default();
                let which: String = path.iter().rev().map(|at| format!("item {at} of ")).collect();
                let message = format!("{which}`factory` of {} is {got}; it takes steps.", f.owner);
                let spot = {
                    let spot = f.key_spot("factory");
                    f.reader.ground.sources.borrow().item(&spot, &path)
                };
                f.reader.ground.problem(&spot, message, vec![hint.to_owned()]);
            }
        }
    }
    let (out, tables) = out.into_iter().unzip();
    f.reader.objects.borrow_mut().steps.insert(builder.to_owned(), tables);
    out
}

fn tags(f: &mut Fields<'_, '_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for tag in f.texts("tags").unwrap_or_default() {
        if out.contains(&tag) {
            let message = format!("`tags` of {} holds {tag:?} twice.", f.owner);
            f.problem_at("tags", &tag, message, Vec::new());
        } else {
            out.push(tag);
        }
    }
    out
}

fn builddir(f: &mut Fields<'_, '_>, name: &str) -> String {
    let inside = |f: &mut Fields<'_, '_>, key: &str| {
        let dir = f.text(key)?;
        let outside = dir.is_empty()
            || dir.starts_with(['/', '\\'])
            || dir.get(1..2) == Some(":")
            || dir.split(['/', '\\']).any(|part| part == "..");
        if outside {
            let message = format!(
                "`{key}` of {} must stay inside the worker's base directory: a relative path \
                 without `..`, not {dir:?}.",
                f.owner
            );
            f.problem(key, message);
        }
        Some(dir)
    };
    // In Buildbot `builddir` is the master's, and the default of the worker's; only that is left.
    let (builddir, own) = (inside(f, "builddir"), inside(f, "workerbuilddir"));
    own.or(builddir).unwrap_or_else(|| name.replace('/', "_"))
}

fn workdir(f: &mut Fields<'_, '_>) -> Renderable {
    let workdir = f.renderable("workdir");
    if let Some(constant) = workdir.as_ref().and_then(Renderable::as_constant)
        && constant.as_str().is_none_or(str::is_empty)
    {
        f.problem("workdir", format!("`workdir` of {} must be a path.", f.owner));
    }
    workdir.unwrap_or_else(|| Renderable::text("build"))
}

fn env(f: &mut Fields<'_, '_>) -> Renderable {
    let env = f.renderable("env");
    if let Some(constant) = env.as_ref().and_then(Renderable::as_constant)
        && !constant.is_object()
        && !constant.is_null()
    {
        f.problem("env", format!("`env` of {} must be a table of variables.", f.owner));
    }
    env.unwrap_or_else(|| Renderable::Constant(serde_json::json!({})))
}
