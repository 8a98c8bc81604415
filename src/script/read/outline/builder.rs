//! What builders may name beside workers and steps: projects, and secrets in files.

use mlua::Value;

use super::check::{self, NAMED, choice, need, renderable_map, text};
use super::{Outline, nothing_more};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "project",
        owner: "project",
        options: &[
            NAMED,
            &[
                ("slug", text),
                ("description", text),
                ("description_format", |f, k| choice(f, k, &["markdown"])),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "with_secrets",
        owner: "ci.with_secrets",
        options: &[&[
            ("files", |f, k| need(f, k, renderable_map)),
            ("steps", |f, k| need(f, k, steps)),
            ("data", check::anything),
        ]],
        whole: nothing_more,
    },
];

/// The steps that may read the files. Each is read for itself: they are steps that nobody uses yet.
fn steps(f: &mut Fields<'_, '_>, key: &'static str) {
    f.each(key, |f, number, item| {
        let is_step = match &item {
            Value::Table(table) => f.reader.object(table).is_some_and(|o| o.kind == "step"),
            _ => false,
        };
        if !is_step {
            let (owner, got) = (&f.owner, a_type(&item));
            let message = format!("item {number} of `{key}` of {owner} must be a step, not {got}.");
            f.problem(key, message);
        }
    });
}
