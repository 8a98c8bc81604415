//! What every reporter takes to choose its builds, for the reporters that are only checked.

use super::Entry;
use super::check::{self, builders, schedulers, texts};
use crate::script::read::fields::Fields;
use crate::script::read::generator;

/// The option `generators`, whatever they tell.
fn generators(f: &mut Fields<'_, '_>, _: &'static str) {
    generator::generators(f, |_| true);
}

/// What every reporter takes to choose its builds.
pub(super) const CHOICE: &[Entry] = &[
    ("builders", builders),
    ("tags", texts),
    ("branches", texts),
    ("schedulers", schedulers),
    ("generators", generators),
    ("data", check::anything),
];
