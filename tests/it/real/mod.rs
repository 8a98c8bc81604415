//! Tests of the real binary as real processes: the journey, kills, the disk.

pub(crate) mod farm;
mod group_commit;
mod journey;
mod kill;
mod reload;
mod tools;
