//! `ci.formatters.*`: what a report says. A template is a renderable: text with selectors, or a
//! function of the build.

use super::check::{boolean, callback, choice, need, renderable, renderable_map};
use super::{Entry, Outline, nothing_more};
use crate::script::read::fields::Fields;

/// What the text may look at; each costs reading rows.
const WANTS: &[Entry] = &[
    ("want_properties", boolean),
    ("want_steps", boolean),
    ("want_logs", boolean),
    ("want_logs_content", |f, k| match f.value(k) {
        Some(mlua::Value::Table(_) | mlua::Value::String(_)) => {
            f.texts(k);
        }
        _ => boolean(f, k),
    }),
];

fn template_type(f: &mut Fields<'_, '_>, key: &'static str) {
    choice(f, key, &["plain", "html", "json"]);
}

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "message_formatter",
        owner: "ci.formatters.message",
        options: &[
            &[
                ("template", renderable),
                ("subject", renderable),
                ("template_type", template_type),
                ("context", renderable_map),
                ("extra_info", callback),
            ],
            WANTS,
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "raw_formatter",
        owner: "ci.formatters.raw",
        options: &[&[("f", |f, k| need(f, k, callback)), ("template_type", template_type)], WANTS],
        whole: nothing_more,
    },
    Outline {
        kind: "missing_worker_formatter",
        owner: "ci.formatters.missing_worker",
        options: &[&[
            ("template", renderable),
            ("subject", renderable),
            ("template_type", template_type),
            ("context", renderable_map),
        ]],
        whole: nothing_more,
    },
];
