//! Schedulers that wait for a build, a command line or a file rather than for changes and time.

use mlua::Value;

use super::check::{self, need};
use super::{Entry, Outline, nothing_more};
use crate::script::read::fields::Fields;
use crate::script::read::{callbacks, scheduler};

/// What every scheduler takes.
const COMMON: &[Entry] = &[
    ("name", check::name),
    ("builders", |f, _| {
        scheduler::builders(f);
    }),
    ("properties", check::data),
    ("codebases", |f, _| {
        scheduler::codebases(f);
    }),
    ("reason", check::text),
    ("priority", |f, _| {
        callbacks::priority(f);
    }),
    ("data", check::anything),
];

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "triggerable",
        owner: "triggerable scheduler",
        options: &[COMMON],
        whole: nothing_more,
    },
    Outline {
        kind: "nightly_triggerable",
        owner: "nightly_triggerable scheduler",
        options: &[
            COMMON,
            &[
                ("minute", check::anything),
                ("hour", check::anything),
                ("day_of_month", check::anything),
                ("month", check::anything),
                ("day_of_week", check::anything),
                ("timezone", check::anything),
            ],
        ],
        whole: |f| {
            scheduler::cron(f, "");
        },
    },
    Outline {
        kind: "try_userpass",
        owner: "try_userpass scheduler",
        options: &[COMMON, &[("port", port), ("users", |f, k| need(f, k, check::passwords))]],
        whole: nothing_more,
    },
];

/// A port, or where it listens in Twisted's words, as Buildbot takes it.
fn port(f: &mut Fields<'_, '_>, key: &'static str) {
    match f.value(key) {
        Some(Value::String(_)) => {
            let text = f.text(key).unwrap_or_default();
            if crate::script::read::listen::endpoint(&text).is_none() {
                let message = format!("`{key}` of {} is not a port: {text:?}.", f.owner);
                f.problem_with(
                    key,
                    message,
                    vec![r#"Write 8031 or "tcp:8031:interface=127.0.0.1"."#.to_owned()],
                );
            }
        }
        _ => check::port(f, key),
    }
}
