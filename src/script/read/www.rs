//! `c.www`: the web server and who may log in. Who may do what is in `authz.rs`.

use mlua::Value;

use super::outline::{self, check};
use super::{authz, hook, listen, scripted};
use crate::base::secret::Secret;
use crate::model::artifact::Keep;
use crate::model::config::{Artifacts, COOKIE_SECONDS, Hooks, ScriptedHook, Www};
use crate::script::convert::{self, a_type};
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "port",
    "interface",
    "auth",
    "authz",
    "change_hooks",
    "change_hook_auth",
    "cookie_expiration_time",
    "allowed_origins",
    "artifacts",
    "dashboards",
    "default_page",
    "plugins",
    "theme",
    "ui_default_config",
    "ws_ping_interval",
    "logfile_name",
    "log_rotate_length",
    "max_rotated_files",
];

/// Buildbot's pages that are plugins there.
const PLUGINS: [&str; 4] = ["badges", "console_view", "grid_view", "waterfall_view"];

/// Reads the option `www` of the configuration.
pub(super) fn read(outer: &mut Fields<'_, '_>) -> Option<Www> {
    let mut f = outer.nested("www", "www", "c.www")?;
    let change_hook_auth = passwords(&mut f);
    let (hooks, scripted) = hooks(&mut f, !change_hook_auth.is_empty()).unwrap_or_default();
    let (port, interface) = listen::place(&mut f, 8012, "0.0.0.0");
    let cookie = f.integer("cookie_expiration_time", 60..=i64::from(u32::MAX));
    let www = Www {
        port,
        interface,
        users: users(&mut f),
        authz: authz::read(&mut f),
        cookie_expiration_time: cookie.unwrap_or(COOKIE_SECONDS),
        allowed_origins: origins(&mut f),
        hooks,
        change_hook_auth,
        scripted,
        artifacts: artifacts(&mut f),
    };
    dashboards(&mut f);
    plugins(&mut f);
    theme(&mut f);
    check::data(&mut f, "ui_default_config");
    check::text(&mut f, "default_page");
    check::seconds(&mut f, "ws_ping_interval");
    check::text(&mut f, "logfile_name");
    check::positive(&mut f, "log_rotate_length");
    check::count(&mut f, "max_rotated_files");
    f.finish();
    Some(www)
}

/// The option `change_hook_auth`.
fn passwords(f: &mut Fields<'_, '_>) -> Vec<(String, Secret)> {
    let owner = "`change_hook_auth` of c.www";
    let Some(mut given) = f.nested("change_hook_auth", "passwords", owner) else {
        return Vec::new();
    };
    let names = given.given();
    let users: Vec<_> =
        names.into_iter().filter_map(|n| given.secret(&n).map(|s| (n, s))).collect();
    given.finish();
    if users.is_empty() {
        f.problem("change_hook_auth", format!("{owner} has no user: nobody could get in."));
    }
    users
}

/// The option `artifacts`.
fn artifacts(outer: &mut Fields<'_, '_>) -> Artifacts {
    let usual = Artifacts::default();
    let Some(mut f) = outer.nested("artifacts", "artifacts", "`artifacts` of c.www") else {
        return usual;
    };
    let dir = f.text("dir").unwrap_or(usual.dir);
    if dir.is_empty() {
        f.problem("dir", "`dir` in `artifacts` of c.www is the path of a directory, not empty.");
    }
    let keep = f.value("keep").map(|value| {
        let json = convert::to_json(f.reader.lua, &value).map_err(|what| format!("is {what}"));
        json.and_then(|json| Keep::read(&json)).unwrap_or_else(|what| {
            f.problem("keep", format!("`keep` in `artifacts` of c.www {what}."));
            Keep::USUAL
        })
    });
    let max_size = f.integer("max_size", 1..=i64::MAX).and_then(|n| u64::try_from(n).ok());
    f.finish();
    Artifacts {
        dir,
        keep: keep.unwrap_or(usual.keep),
        max_size: max_size.unwrap_or(usual.max_size),
    }
}

/// The hooks by dialect; `have_passwords`: every sender needs one of `change_hook_auth`.
fn hooks(f: &mut Fields<'_, '_>, have_passwords: bool) -> Option<(Hooks, Vec<ScriptedHook>)> {
    let mut hooks = f.nested("change_hooks", "change_hooks", "c.www.change_hooks")?;
    let own = own_hooks(&mut hooks);
    let is_own = |name: &str| own.iter().any(|hook| hook.name == name);
    let known = Hooks {
        github: hook::read(&mut hooks),
        base: if is_own("base") { None } else { hook::base(&mut hooks, have_passwords) },
        poller: if is_own("poller") { None } else { hook::poller(&mut hooks, have_passwords) },
    };
    for (dialect, kind) in hook::OTHERS {
        if !is_own(dialect) {
            outline::nested(&mut hooks, dialect, kind);
        }
    }
    hooks.finish();
    Some((known, own))
}

/// Hooks of the configuration's own types, each under the name of its address.
fn own_hooks(hooks: &mut Fields<'_, '_>) -> Vec<ScriptedHook> {
    let mut out = Vec::new();
    for name in hooks.given() {
        let Some(Value::Table(table)) = hooks.peek(&name) else { continue };
        if hooks.reader.object(&table).is_none_or(|object| object.kind != "hook") {
            continue;
        }
        if name == "github" {
            // Its reader refuses what is not its own.
            continue;
        }
        hooks.know([name.as_str()]);
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if name.is_empty() || !name.bytes().all(fits) {
            let message = format!(
                "{name:?} cannot be the name of a hook: it is the last part of /change_hook/NAME, of \
                 letters, digits, `-` and `_`."
            );
            hooks.problem(&name, message);
        }
        out.extend(scripted::hook(hooks.reader, &name, &table));
    }
    out
}

/// `ci.auth.user_password`: names and passwords. The other kinds are only checked.
fn users(outer: &mut Fields<'_, '_>) -> Vec<(String, Secret)> {
    if let Some(Value::Table(table)) = outer.value("auth")
        && outline::object(outer.reader, &table, &outline::AUTH_KINDS)
    {
        return Vec::new();
    }
    let Some(mut f) = outer.nested("auth", "user_password_auth", "ci.auth.user_password") else {
        return Vec::new();
    };
    let names = f.given();
    let users = names.into_iter().filter_map(|n| f.secret(&n).map(|s| (n, s))).collect();
    f.finish();
    users
}

/// Who else may read: `scheme://host:port`, with `*`.
fn origins(f: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let origins = f.texts("allowed_origins")?;
    for origin in &origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if origin != "*" && (host.is_empty() || host.contains('/')) {
            let message = format!(
                "`allowed_origins` of c.www takes what a browser calls an origin, not {origin:?}."
            );
            let hint =
                r#"That is "https://ci.example.org" or "https://*.example.org", without a path."#;
            f.problem_at("allowed_origins", origin, message, vec![hint.to_owned()]);
        }
    }
    Some(origins.into_iter().map(|o| o.to_ascii_lowercase()).collect())
}

fn dashboards(f: &mut Fields<'_, '_>) {
    f.each("dashboards", |f, _, item| match &item {
        Value::Table(table) if outline::object(f.reader, table, &["dashboard"]) => {}
        other => {
            let got = a_type(other);
            let message =
                format!("`dashboards` of c.www holds {got}; it takes what ci.dashboard makes.");
            f.problem("dashboards", message);
        }
    });
}

/// Plugin → true, or its settings.
fn plugins(f: &mut Fields<'_, '_>) {
    let Some(mut given) = f.nested("plugins", "plugins", "`plugins` of c.www") else { return };
    for name in PLUGINS {
        match given.value(name) {
            Some(Value::Boolean(_)) | None => {}
            Some(_) if name == "badges" => outline::nested(&mut given, name, "badges"),
            Some(_) => {
                given.data(name);
            }
        }
    }
    given.finish();
}

/// Variables of the style sheet.
fn theme(f: &mut Fields<'_, '_>) {
    for (name, value) in f.data("theme") {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            let message = format!("`{name}` in `theme` of c.www is not the name of a variable.");
            f.problem(&name, message);
        }
        let is_value = value.as_str().is_some_and(|v| !v.contains([';', '{', '}', '<', '>']));
        if !is_value {
            let message = format!("`{name}` in `theme` of c.www must be a value of CSS.");
            f.problem(&name, message);
        }
    }
}
