//! What we know of code forges: how their webhooks read and how their APIs are called. A helper
//! for the edges; it decides nothing about builds.

pub mod github;
