//! The web server and its logins: `c.www`.

use serde::Serialize;

use super::{Authz, Hooks, ScriptedHook, json};
use crate::base::secret::Secret;
use crate::model::artifact::Keep;

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
    /// The hooks.
    #[serde(rename = "change_hooks")]
    pub hooks: Hooks,
    /// Names and passwords that every request to a hook needs; empty = none.
    #[serde(serialize_with = "json::users")]
    pub change_hook_auth: Vec<(String, Secret)>,
    /// Hooks of the configuration's own types.
    #[serde(rename = "own_change_hooks")]
    pub scripted: Vec<ScriptedHook>,
    /// Where artifacts are kept.
    pub artifacts: Artifacts,
}

/// The store of artifacts (`c.www.artifacts`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Artifacts {
    /// The directory, relative to the master's base directory (default `artifacts`).
    pub dir: String,
    /// How long those stay whose step does not say.
    pub keep: Keep,
    /// Bytes of one artifact, at most (default 4 GiB).
    pub max_size: u64,
}

impl Default for Artifacts {
    fn default() -> Self {
        Self { dir: "artifacts".to_owned(), keep: Keep::USUAL, max_size: 4 << 30 }
    }
}

/// How long a login lasts when the configuration does not say.
pub const COOKIE_SECONDS: i64 = 30 * 24 * 3600;
