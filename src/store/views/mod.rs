//! What is read for people and clients, one file per noun: the data API's [`Table`]s
//! (`super::page`) and the joined queries of the pages. Apart from `store/builds.rs` and its
//! neighbours because those are the engine's: rows to model, one at a time; here one query answers
//! a whole list, and nothing is ever written.
//!
//! [`Table`]: super::page::Table

pub mod builders;
pub mod buildrequests;
pub mod builds;
pub mod buildsets;
pub mod changes;
pub mod configuration;
pub mod logs;
pub mod masters;
pub mod properties;
pub mod schedulers;
pub mod sourcestamps;
pub mod steps;
pub mod workers;
