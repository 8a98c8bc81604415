//! The script edge: all of Lua. [`load::load`] reads `master.lua` into a `model::config::Config` and
//! leaves its functions on a Lua state of their own, reached through the engine's port `Scripts`.
//! No other part of the program knows that there is Lua; nothing here decides what is built.

mod anchor;
mod bind;
mod budget;
mod choice;
mod compiled;
mod convert;
mod embed;
pub mod fault;
mod fingerprint;
mod ground;
mod handle;
mod hints;
mod host;
mod interpolate;
mod json;
mod late;
mod library;
pub mod load;
mod locate;
mod modules;
mod native;
mod pattern;
mod raised;
mod read;
#[cfg(test)]
mod refusals;
mod sandbox;
mod shape;
mod slots;
mod spelling;
mod stack;
pub mod steady;
#[cfg(test)]
mod stubs;
mod syntax;
pub mod testing;
pub mod texts;
mod upvalues;
pub mod watch;
mod watchdog;
pub mod worker_config;

pub use embed::META;
pub use fault::{LoadError, Problem};
pub use load::{LoadOptions, Loaded, Mount, load};
pub use watch::{Watcher, watch};
pub use worker_config::load_worker;
