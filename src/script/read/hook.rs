//! The hooks that the program itself knows: `ci.hooks.github`, `base` and `poller`.

use mlua::Value;
use regex::Regex;

use super::{filter, reporter};
use crate::base::secret::Secret;
use crate::model::config::{BaseHook, Codebase, GithubHook, PollerHook};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "secret",
    "allow_sha1",
    "api",
    "cancel_on_close",
    "codebase",
    "commands",
    "github_property_whitelist",
    "on_event",
    "on_pull_request",
    "on_push",
    "pullrequest_ref",
    "reconcile",
    "skips",
    "token",
];

pub(super) const BASE_OPTIONS: &[&str] = &["secret", "codebase", "on_event"];
pub(super) const POLLER_OPTIONS: &[&str] = &["secret", "allowed"];

/// The dialects that are only checked, by the name in their address, and their kinds.
pub(super) const OTHERS: [(&str, &str); 5] = [
    ("bitbucket", "bitbucket_hook"),
    ("bitbucketcloud", "bitbucketcloud_hook"),
    ("bitbucketserver", "bitbucketserver_hook"),
    ("gitea", "gitea_hook"),
    ("gitlab", "gitlab_hook"),
];

/// Seconds between two reconciliations.
const RECONCILE: f64 = 300.0;

/// Buildbot's two.
const SKIPS: [&str; 2] = [r"\[ *skip *ci *\]", r"\[ *ci *skip *\]"];

/// Reads the option `github` of `c.www.change_hooks`.
pub(super) fn read(outer: &mut Fields<'_, '_>) -> Option<GithubHook> {
    let mut f = outer.nested("github", "github_hook", "the github hook")?;
    let skips = filter::patterns(&mut f, "skips");
    let hook = GithubHook {
        secret: f.required_secret("secret"),
        allow_sha1: f.boolean("allow_sha1", false),
        codebase: codebase(&mut f),
        property_whitelist: f.texts("github_property_whitelist").unwrap_or_default(),
        skips: skips.unwrap_or_else(|| SKIPS.iter().filter_map(|s| Regex::new(s).ok()).collect()),
        api: reporter::api(&mut f),
        pullrequest_ref: f.text("pullrequest_ref").unwrap_or_else(|| "merge".to_owned()),
        token: f.secret("token"),
        reconcile: reconcile(&mut f),
        cancel_on_close: f.boolean("cancel_on_close", true),
        on_push: f.callback("on_push"),
        on_pull_request: f.callback("on_pull_request"),
        on_event: f.callback("on_event"),
    };
    f.boolean("commands", false);
    f.finish();
    Some(hook)
}

/// How often GitHub is asked what it did not tell: seconds, true or false.
fn reconcile(f: &mut Fields<'_, '_>) -> Option<f64> {
    let has_token = f.value("token").is_some();
    // `false` means more than leaving it out.
    let seconds = match f.raw("reconcile") {
        None => return has_token.then_some(RECONCILE),
        Some(Value::Boolean(false)) => return None,
        Some(Value::Boolean(true)) => RECONCILE,
        Some(_) => f.seconds("reconcile")?,
    };
    if !has_token {
        f.problem("reconcile", format!("`reconcile` of {} needs `token`.", f.owner));
    }
    if seconds < 10.0 {
        let message = format!("`reconcile` of {} must be at least 10 seconds.", f.owner);
        f.problem("reconcile", message);
    }
    Some(seconds)
}

/// Reads the option `base` of `c.www.change_hooks`.
pub(super) fn base(outer: &mut Fields<'_, '_>, have_passwords: bool) -> Option<BaseHook> {
    let mut f = outer.nested("base", "base_hook", "the base hook")?;
    let hook = BaseHook {
        secret: proof(&mut f, have_passwords),
        codebase: codebase(&mut f),
        on_event: f.callback("on_event"),
    };
    f.finish();
    Some(hook)
}

/// Reads the option `poller` of `c.www.change_hooks`.
pub(super) fn poller(outer: &mut Fields<'_, '_>, have_passwords: bool) -> Option<PollerHook> {
    let mut f = outer.nested("poller", "poller_hook", "the poller hook")?;
    let hook = PollerHook { secret: proof(&mut f, have_passwords), allowed: f.texts("allowed") };
    if let Some(allowed) = &hook.allowed {
        f.refer("allowed", "change_source", allowed.clone());
    }
    f.finish();
    Some(hook)
}

/// The secret of a hook: nobody gets in without a proof.
fn proof(f: &mut Fields<'_, '_>, have_passwords: bool) -> Option<Secret> {
    let secret = f.secret("secret");
    if secret.is_none() && !have_passwords {
        f.missing("secret");
    }
    secret
}

fn codebase(f: &mut Fields<'_, '_>) -> Option<Codebase> {
    match f.value("codebase")? {
        Value::Function(function) => Some(Codebase::Callback(f.keep("codebase", &function))),
        Value::String(text) => Some(Codebase::Fixed(text.to_string_lossy())),
        other => {
            let got = a_type(&other);
            let message =
                format!("`codebase` of {} must be a string or a function, not {got}.", f.owner);
            f.problem("codebase", message);
            None
        }
    }
}
