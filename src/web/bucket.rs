//! Limits on login attempts: a token bucket for each address and each account. In memory; a
//! restart forgives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::clock::Timestamp;

/// Attempts that may come at once.
const BURST: f64 = 10.0;
/// Seconds until one more is allowed.
const REFILL: f64 = 6.0;
/// Buckets kept; full ones are dropped beyond that.
const MOST: usize = 10_000;

/// The buckets.
#[derive(Default)]
pub(super) struct Logins(Mutex<HashMap<String, Bucket>>);

struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn refill(&mut self, now: Timestamp) {
        self.left = (self.left + now.since(self.at).as_secs_f64() / REFILL).min(BURST);
        self.at = now;
    }
}

impl Logins {
    /// Takes one attempt from every bucket of `keys`; no when one of them is empty.
    pub(super) fn take(&self, keys: &[String], now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MOST {
            buckets.values_mut().for_each(|b| b.refill(now));
            buckets.retain(|_, b| b.left < BURST);
        }
        let mut allowed = true;
        for key in keys {
            let bucket = buckets.entry(key.clone()).or_insert(Bucket { left: BURST, at: now });
            bucket.refill(now);
            allowed &= bucket.left >= 1.0;
        }
        for key in keys.iter().filter(|_| allowed) {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.left -= 1.0;
            }
        }
        allowed
    }

    /// A good login gives its attempts back.
    pub(super) fn succeeded(&self, keys: &[String]) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            buckets.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_down_for_the_address_and_for_the_account() {
        let logins = Logins::default();
        let at = Timestamp::from_secs;
        let keys = |address: &str, user: &str| vec![format!("a {address}"), format!("u {user}")];
        for _ in 0..10 {
            assert!(logins.take(&keys("1", "ann"), at(0)));
        }
        assert!(!logins.take(&keys("1", "bob"), at(0)), "the address is used up");
        assert!(!logins.take(&keys("2", "ann"), at(0)), "the account is used up");
        assert!(logins.take(&keys("2", "bob"), at(0)));
        assert!(logins.take(&keys("1", "ann"), at(7)), "one comes back after six seconds");
        assert!(!logins.take(&keys("1", "ann"), at(7)));
    }
}
