//! What a worker or a master takes from this process: the time, randomness, and the environment that
//! commands inherit.

use std::collections::BTreeMap;

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::worker::Surroundings;

/// The environment. Variables that are not Unicode are left out.
pub(super) fn environ() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The surroundings of a worker in this process.
pub(super) fn here() -> Surroundings {
    Surroundings { clock: Clock::system(), random: Random::system(), environ: environ() }
}
