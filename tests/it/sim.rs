//! The simulated world's parts.

pub(crate) mod fake_worker;
