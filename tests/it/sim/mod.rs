//! The simulated world: the real engine, store, scripts and reporters on a clock that only moves
//! when nobody has anything to do, with a fake GitHub and fake workers.

pub(crate) mod fake_git;
pub(crate) mod fake_github;
pub(crate) mod fake_worker;
pub(crate) mod hand;
pub(crate) mod mutant;
pub(crate) mod payload;
pub(crate) mod world;
