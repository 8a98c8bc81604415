//! `ci.generators.*`: of which builds, requests and workers a reporter tells.

use super::check::{self, boolean, builders, choices, renderable, schedulers, texts, workers};
use super::{Entry, Outline, nested, nothing_more};
use crate::script::read::fields::Fields;

/// Results, and how they compare with the build before.
const MODES: [&str; 8] =
    ["all", "failing", "passing", "warnings", "exception", "cancelled", "change", "problem"];

/// Which builds.
const WHICH: &[Entry] = &[
    ("builders", builders),
    ("tags", texts),
    ("branches", texts),
    ("schedulers", schedulers),
    ("add_logs", |f, k| match f.value(k) {
        Some(mlua::Value::Table(_) | mlua::Value::String(_)) => {
            f.texts(k);
        }
        _ => boolean(f, k),
    }),
    ("add_patch", boolean),
];

fn mode(f: &mut Fields<'_, '_>, key: &'static str) {
    choices(f, key, &MODES);
}

fn message(f: &mut Fields<'_, '_>, key: &'static str) {
    formatter(f, key, &["message_formatter", "raw_formatter"]);
}

/// A formatter of one of `kinds`, or a renderable, which is the text.
fn formatter(f: &mut Fields<'_, '_>, key: &'static str, kinds: &[&str]) {
    let Some(mlua::Value::Table(table)) = f.value(key) else { return renderable(f, key) };
    let kind = f.reader.object(&table).map(|o| o.kind);
    match kind {
        Some(kind) if kinds.contains(&kind.as_str()) => nested(f, key, &kind),
        Some(kind) if !super::super::render::KINDS.contains(&kind.as_str()) => {
            let words = kind.replace('_', " ");
            f.problem(key, format!("`{key}` of {} must be a formatter, not a {words}.", f.owner));
        }
        _ => renderable(f, key),
    }
}

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "build_status_generator",
        owner: "ci.generators.build_status",
        options: &[
            WHICH,
            &[("mode", mode), ("message_formatter", message), ("report_new", boolean)],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "build_start_end_generator",
        owner: "ci.generators.build_start_end",
        options: &[WHICH, &[("start_formatter", message), ("end_formatter", message)]],
        whole: nothing_more,
    },
    Outline {
        kind: "build_request_generator",
        owner: "ci.generators.build_request",
        options: &[WHICH, &[("formatter", message)]],
        whole: nothing_more,
    },
    Outline {
        kind: "buildset_status_generator",
        owner: "ci.generators.buildset_status",
        options: &[WHICH, &[("mode", mode), ("message_formatter", message)]],
        whole: nothing_more,
    },
    Outline {
        kind: "buildset_combined_status_generator",
        owner: "ci.generators.buildset_combined_status",
        options: &[&[("message_formatter", message)]],
        whole: nothing_more,
    },
    Outline {
        kind: "worker_missing_generator",
        owner: "ci.generators.worker_missing",
        options: &[&[
            ("workers", |f, k| {
                // "all" is Buildbot's word for every worker.
                if !matches!(f.value(k), Some(mlua::Value::String(s)) if s.to_string_lossy() == "all")
                {
                    workers(f, k);
                }
            }),
            ("message_formatter", |f, k| formatter(f, k, &["missing_worker_formatter"])),
        ]],
        whole: nothing_more,
    },
];

/// The kinds that `generators` takes.
const KINDS: [&str; 6] = [
    "build_status_generator",
    "build_start_end_generator",
    "build_request_generator",
    "buildset_status_generator",
    "buildset_combined_status_generator",
    "worker_missing_generator",
];

/// The option `generators` of a reporter.
pub(in crate::script::read) fn generators(f: &mut Fields<'_, '_>, key: &'static str) {
    let made_by = "ci.generators.*";
    f.each(key, |f, _, item| match item {
        mlua::Value::Table(table) if super::object(f.reader, &table, &KINDS) => {}
        other => {
            let got = crate::script::convert::a_type(&other);
            let message =
                format!("`{key}` of {} holds {got}; it takes what {made_by} makes.", f.owner);
            f.problem(key, message);
        }
    });
}

/// What every reporter takes to choose its builds.
pub(in crate::script::read) const CHOICE: &[Entry] = &[
    ("builders", builders),
    ("tags", texts),
    ("branches", texts),
    ("schedulers", schedulers),
    ("generators", generators),
    ("data", check::anything),
];
