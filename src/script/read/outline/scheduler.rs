//! Schedulers that wait for a build, a command line or a file rather than for changes and time.

use super::check;
use super::{Entry, Outline, nothing_more};
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
];
