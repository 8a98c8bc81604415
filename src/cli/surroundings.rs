//! What a worker takes from this process: the time, randomness, and the environment that its
//! commands inherit.

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::worker::Surroundings;

/// The surroundings of a worker in this process. Variables that are not Unicode are left out.
pub(super) fn here() -> Surroundings {
    let environ = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Surroundings { clock: Clock::system(), random: Random::system(), environ }
}
