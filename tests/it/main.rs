//! The one integration-test binary. Each file is a module here; `tidy` refuses forgotten ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]

mod alone;
mod api;
mod budget;
mod checkout;
mod cli;
mod details;
mod editors;
mod escape;
mod explain;
mod first_day;
mod forge;
mod fuzz;
mod guide;
mod hooks;
mod interop;
mod library;
mod local;
mod lua;
mod mirror;
mod outbox;
mod real;
mod resolved;
mod results;
mod scenario;
mod scripts;
mod sim;
mod steps;
mod terminal;
mod testing;
mod tidy;
mod web;
mod wire;
mod worker;
mod worker_lua;
