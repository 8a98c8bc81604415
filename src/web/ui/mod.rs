//! The pages: drawn on the server, useful without a script. A page is a [`layout`] around
//! fragments; the script swaps fragments that changed, found by [`scope`]. Everything is escaped
//! by maud; text from outside goes through [`visible`] as well, logs through [`ansi`].

pub(super) mod about;
mod ansi;
mod artifacts;
pub(super) mod assets;
pub(super) mod build;
pub(super) mod builder;
pub(super) mod builders;
pub(super) mod changes;
pub(super) mod configuration;
mod form;
pub(super) mod home;
pub(super) mod layout;
pub(super) mod log;
pub(super) mod orders;
mod part;
pub(super) mod problem;
mod reason;
pub(super) mod request;
pub(super) mod schedulers;
pub(super) mod scope;
pub(super) mod tests;
mod visible;
pub(super) mod workers;
