//! Perspective Broker, the protocol of Buildbot's workers since the beginning, from bytes upwards:
//! [`banana`] makes nested lists of bytes, [`jelly`] Python's values of lists, and [`broker`] calls on
//! objects of values. Above them are the login, and the conversation in the words of the session.

pub(super) mod arguments;
pub mod banana;
pub mod broker;
mod door;
pub(super) mod entrance;
pub mod jelly;
mod places;
pub(super) mod speech;
mod values;
