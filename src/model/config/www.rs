//! The web server, its logins and its hooks: `c.www`.

use regex::Regex;
use serde::Serialize;

use super::{Authz, Callback, ScriptedHook, json};
use crate::base::secret::Secret;

/// The web server (`c.www`).
#[derive(Clone, Debug, Serialize)]
pub struct Www {
    /// TCP port, 0 = any free one (default 8012).
    pub port: u16,
    /// Address to listen on (default all).
    pub interface: String,
    /// User names and passwords of `ci.auth.user_password`; empty = nobody can log in.
    #[serde(rename = "auth", serialize_with = "json::users")]
    pub users: Vec<(String, Secret)>,
    /// Who may do what.
    pub authz: Authz,
    /// Seconds after which a login ends in any case (default 30 days).
    pub cookie_expiration_time: i64,
    /// Origins whose pages may read the data API, with `*`; none = only our own.
    pub allowed_origins: Option<Vec<String>>,
    /// The GitHub hook, if one is configured.
    #[serde(rename = "change_hooks", serialize_with = "json::hooks")]
    pub github: Option<GithubHook>,
    /// Hooks of the configuration's own types.
    #[serde(rename = "own_change_hooks")]
    pub scripted: Vec<ScriptedHook>,
}

/// How long a login lasts when the configuration does not say.
pub const COOKIE_SECONDS: i64 = 30 * 24 * 3600;

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
