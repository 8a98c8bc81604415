//! Schedulers: pure rules from changes and time to buildsets. One file per kind.

pub(crate) mod branch;
pub(crate) mod timed;
