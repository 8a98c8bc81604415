//! The database ring: every SQL word of the program. One file per table; statements are shared by
//! SQLite and PostgreSQL. Only [`Writer`], which the engine's beat owns, can write; everybody else
//! reads through [`Store`].

pub mod artifacts;
pub mod blobs;
pub mod builders;
pub mod builds;
pub mod buildsets;
pub mod change_sources;
pub mod changes;
pub mod chronicle;
pub mod conn;
pub mod counts;
pub mod deliveries;
pub mod facts;
pub mod frames;
pub mod generations;
pub mod logs;
pub mod migrate;
pub mod outbox;
pub mod page;
pub mod patches;
pub mod received_heads;
pub mod requests;
pub mod scheduler_codebases;
pub mod scheduler_events;
pub mod scheduler_states;
pub mod schedulers;
pub mod sessions;
pub mod sourcestamps;
pub mod sqlite;
pub mod steps;
pub mod test_results;
pub mod triggers;
pub mod views;
pub mod workers;

pub use conn::{Conn, Result, StoreError, Value};
pub use sqlite::{Opened, Store, StoreOptions, Writer};
