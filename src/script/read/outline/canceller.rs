//! `ci.cancellers.*`: what stops builds that nobody waits for any more.

use mlua::{Table, Value};

use super::check::{self, NAMED, need};
use super::{Outline, nothing_more};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::script::read::filter;

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "old_builds",
        owner: "old_builds canceller",
        options: &[
            NAMED,
            &[("filters", |f, k| need(f, k, filters)), ("branch_key", check::callback)],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "failing_buildsets",
        owner: "failing_buildsets canceller",
        options: &[NAMED, &[("filters", |f, k| need(f, k, filters))]],
        whole: nothing_more,
    },
    Outline {
        kind: "canceller_filter",
        owner: "the filter",
        options: &[&[
            ("builders", check::builders),
            ("filter", |f, k| {
                filter::stamps(f, k);
            }),
        ]],
        whole: nothing_more,
    },
];

/// A list of `{ builders = …, filter = … }`.
fn filters(f: &mut Fields<'_, '_>, key: &'static str) {
    f.each(key, |f, number, item| {
        let owner = format!("filter {number} of {}", f.owner);
        match item {
            Value::Table(table) if is_plain(f, &table) => {
                let inner = f.inside(key, "canceller_filter", &owner, &table);
                if let Some(outline) = super::of("canceller_filter") {
                    outline.read(inner);
                }
            }
            other => {
                let got = a_type(&other);
                let message = format!("{owner} must be {{ builders = …, filter = … }}, not {got}.");
                f.problem(key, message);
            }
        }
    });
}

fn is_plain(f: &Fields<'_, '_>, table: &Table) -> bool {
    f.reader.object(table).is_none() && !f.reader.is_renderable(table)
}
