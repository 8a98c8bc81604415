//! Perspective Broker, the protocol of Buildbot's workers since the beginning, from bytes upwards:
//! [`banana`] makes nested lists of bytes, [`jelly`] Python's values of lists, and [`broker`] calls on
//! objects of values.

pub mod banana;
pub mod broker;
pub mod jelly;
