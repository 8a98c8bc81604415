//! What builders may name beside workers and steps: projects.

use super::check::{NAMED, choice, text};
use super::{Outline, nothing_more};

pub(super) const ALL: &[Outline] = &[Outline {
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
}];
