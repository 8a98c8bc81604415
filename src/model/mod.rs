//! Plain data and pure rules: what the engine, the store and the edges speak about. No IO, no
//! tokio, no database, no Lua. A configuration's functions appear here only as [`config::Callback`],
//! a slot number that the script edge can call.

pub mod artifact;
pub mod build;
pub mod change;
pub mod command;
pub mod config;
pub mod cron;
pub mod deciding;
pub mod delivery;
pub mod difference;
pub mod event;
pub mod filter;
pub mod hold;
pub mod log;
pub mod outline;
pub mod plan;
pub mod property;
pub mod render;
pub mod request;
pub mod sourcestamp;
pub mod standing;
pub mod step;
pub mod telling;
pub mod test_results;
pub mod trigger;
pub mod why;
pub mod worker;
