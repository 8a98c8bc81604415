//! The worker protocol: the master's side against recorded and invented peers, and both sides
//! together.

pub(crate) mod gate;
mod pb;
mod pb_recorded;
mod session;
pub(crate) mod stock;
mod stock_master;
mod together;
mod transfers;
