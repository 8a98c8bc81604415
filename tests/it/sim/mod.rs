//! The simulated world: everything around the master that a story needs.

pub(crate) mod fake_github;
