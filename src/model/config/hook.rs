//! `c.www.change_hooks`: what the master is told of changes. Hooks of the configuration's own types
//! are in `scripted.rs`.

use regex::Regex;
use serde::Serialize;

use super::{Callback, json};
use crate::base::secret::Secret;

/// The hooks that the program itself knows, by dialect.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hooks {
    /// GitHub's deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<GithubHook>,
    /// Changes that anybody posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseHook>,
    /// Lets pollers look at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poller: Option<PollerHook>,
}

/// `ci.hooks.base`: one change in each request, as a form or as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct BaseHook {
    /// What senders prove themselves with; none = `change_hook_auth` alone.
    pub secret: Option<Secret>,
    /// The codebase of changes that come without one: text or a function of the change.
    pub codebase: Option<Codebase>,
    /// Called with the change; returns what is made of it.
    pub on_event: Option<Callback>,
}

impl BaseHook {
    /// The last part of its address.
    pub const DIALECT: &str = "base";
}

/// `ci.hooks.poller`.
#[derive(Clone, Debug, Serialize)]
pub struct PollerHook {
    /// What senders prove themselves with; none = `change_hook_auth` alone.
    pub secret: Option<Secret>,
    /// The change sources that may be asked to look; none = all.
    pub allowed: Option<Vec<String>>,
}

/// `ci.hooks.github`, see the design of the hook for the meaning of each option.
#[derive(Clone, Debug, Serialize)]
pub struct GithubHook {
    /// The secret that deliveries are signed with; required.
    pub secret: Secret,
    /// Accept a SHA-1 signature when there is no SHA-256 one (default false).
    pub allow_sha1: bool,
    /// The codebase of the changes: text or a function of the payload.
    pub codebase: Option<Codebase>,
    /// fnmatch patterns of payload fields that become properties.
    #[serde(rename = "github_property_whitelist")]
    pub property_whitelist: Vec<String>,
    /// Patterns that make a commit message skip (default Buildbot's two).
    #[serde(serialize_with = "json::patterns")]
    pub skips: Vec<Regex>,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// Last part of a pull request's ref (default `merge`).
    pub pullrequest_ref: String,
    /// Token for API calls.
    pub token: Option<Secret>,
    /// Seconds between two questions to GitHub what nobody told us (default 300 with a token); none =
    /// it is not asked.
    pub reconcile: Option<f64>,
    /// Cancel what runs or waits for a pull request that is closed (default true).
    pub cancel_on_close: bool,
    /// Called with (event, default) for a push.
    pub on_push: Option<Callback>,
    /// Called with (event, default) for a pull request.
    pub on_pull_request: Option<Callback>,
    /// Called with (event, default) for every other event.
    pub on_event: Option<Callback>,
}

/// A codebase as text or as a function of the payload.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Codebase {
    /// Always this one.
    Fixed(String),
    /// What the function returns.
    Callback(Callback),
}
