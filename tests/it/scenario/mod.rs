//! Stories: what a user does and what becomes of it, told against the simulated world.

mod artifacts;
mod attempts;
mod cancel;
mod configuration;
mod custom;
mod deciding;
mod edits;
mod failure;
mod filters;
mod functions;
mod github;
mod grouped;
mod libraries;
mod locks;
mod logs;
mod missed;
mod missing;
mod on_master;
mod operator;
mod output;
mod own_steps;
mod parents;
mod pollers;
mod posted;
mod random;
mod reporters;
mod restart;
mod sabotage;
mod schedule;
mod settings;
mod survival;
mod test_results;
mod timed;
mod tools;
mod triggers;
mod virtual_builders;
mod why;
mod wishes;
mod worker;

use crate::sim::world::{Setting, World, story};

/// The configuration of most stories.
pub(crate) const FARM: &str = include_str!("../sim/farm.lua");

/// The three commands of a build of [`FARM`] that goes well.
fn all_steps() -> [crate::sim::hand::Expected; 3] {
    ["make", "make test", "make clean"].map(crate::sim::hand::shell)
}
