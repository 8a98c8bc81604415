//! The one source of randomness: the machine's, or a seeded stream that a simulation can repeat.

use std::sync::{Arc, Mutex, PoisonError};

/// Random numbers and tokens.
#[derive(Clone, Debug, Default)]
pub struct Random(Option<Arc<Mutex<u64>>>);

impl Random {
    /// The operating system's randomness, fit for secrets.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A repeatable stream; for simulations only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(seed))))
    }

    /// A random number.
    #[must_use]
    pub fn next_u64(&self) -> u64 {
        match &self.0 {
            // Without randomness no token may be made; the process cannot go on.
            None => getrandom::u64().unwrap_or_else(|_| std::process::abort()),
            Some(state) => {
                // splitmix64: short, well spread, and the same everywhere.
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
        }
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    #[must_use]
    pub fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.next_u64().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }

    /// A token of 256 random bits in hexadecimal.
    #[must_use]
    pub fn token(&self) -> String {
        (0..4).map(|_| format!("{:016x}", self.next_u64())).collect()
    }
}
