//! The database ring: every SQL word of the program. One file per table; statements are shared by
//! SQLite and PostgreSQL. Only [`Writer`], which the engine's beat owns, can write; everybody else
//! reads through [`Store`].

pub mod conn;
pub mod frames;
pub mod migrate;
pub mod sqlite;

pub use conn::{Conn, Result, StoreError, Value};
pub use sqlite::{Store, StoreOptions, Writer};
