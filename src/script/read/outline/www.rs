//! Parts of `c.www` that are objects: dashboards, and badges.

use super::check::{self, choice, count, need_callback, text};
use super::{Outline, nothing_more};

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "dashboard",
        owner: "dashboard",
        options: &[&[
            ("name", check::name),
            ("caption", text),
            ("icon", text),
            ("order", count),
            ("render", need_callback),
            ("data", check::anything),
        ]],
        whole: |f| {
            let name = f.text("name").unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !name.chars().all(fits) {
                let message = format!(
                    "the name of {} becomes its address: letters, digits, `_` and `-`.",
                    f.owner
                );
                f.problem("name", message);
            }
        },
    },
    Outline {
        kind: "badges",
        owner: "`badges` of `plugins`",
        options: &[&[
            ("left_pad", count),
            ("left_text", text),
            ("left_color", text),
            ("right_pad", count),
            ("border_radius", count),
            ("font_face", text),
            ("font_size", count),
            ("template_name", text),
            ("color_scheme", check::text_map),
            ("style", |f, k| choice(f, k, &["plastic", "flat", "flat-square"])),
        ]],
        whole: nothing_more,
    },
];
