//! GitHub: [`payload`] checks a delivery and takes the facts out of it, [`stock`] makes changes of
//! them by Buildbot's rules, [`reading`] adds what only the API knows, through [`client`] and [`pulls`];
//! [`status`] is the commit status.

pub mod client;
pub mod comment;
pub mod missed;
pub mod payload;
pub mod pulls;
pub mod reading;
pub mod status;
pub mod stock;
pub mod whitelist;
