//! halide-ci

pub mod api;
pub mod base;
pub mod cli;
pub mod engine;
pub mod forge;
pub mod http;
pub mod model;
pub mod report;
pub mod script;
pub mod store;
pub mod web;
pub mod wire;
pub mod worker;
