//! `c.www`: the web server, who may log in, who may do what.

use std::collections::BTreeMap;

use mlua::Value;

use super::{hook, scripted, suggestion};
use crate::base::secret::Secret;
use crate::model::config::{Authz, ScriptedHook, Www};
use crate::script::fields::Fields;

pub(super) const AUTHZ_OPTIONS: &[&str] = &["allow", "roles"];

/// Reads the option `www` of the configuration.
pub(super) fn read(outer: &mut Fields<'_, '_>) -> Option<Www> {
    let mut f = outer.nested("www", "www", "c.www")?;
    let (mut github, mut scripted) = (None, Vec::new());
    if let Some(mut hooks) = f.nested("change_hooks", "change_hooks", "c.www.change_hooks") {
        github = hook::read(&mut hooks);
        scripted = own_hooks(&mut hooks);
        hooks.finish();
    }
    let www = Www {
        port: f.integer("port", 0..=65535).and_then(|p| u16::try_from(p).ok()).unwrap_or(8012),
        interface: f.text("interface").unwrap_or_else(|| "0.0.0.0".to_owned()),
        users: users(&mut f),
        authz: authz(&mut f),
        github,
        scripted,
    };
    f.finish();
    Some(www)
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

/// `ci.auth.user_password`: names and passwords.
fn users(outer: &mut Fields<'_, '_>) -> Vec<(String, Secret)> {
    let Some(mut f) = outer.nested("auth", "user_password", "ci.auth.user_password") else {
        return Vec::new();
    };
    let names = f.given();
    let users = names.into_iter().filter_map(|n| f.secret(&n).map(|s| (n, s))).collect();
    f.finish();
    users
}

fn authz(outer: &mut Fields<'_, '_>) -> Authz {
    let Some(mut f) = outer.nested("authz", "authz", "ci.authz") else { return Authz::default() };
    let mut roles = BTreeMap::new();
    if let Some(mut given) = f.nested("roles", "roles", "`roles` of ci.authz") {
        for role in given.given() {
            if let Some(names) = given.texts(&role) {
                roles.insert(role, names);
            }
        }
        given.finish();
    }
    let mut allow = BTreeMap::new();
    if let Some(mut given) = f.nested("allow", "allow", "`allow` of ci.authz") {
        for action in given.given().iter().filter(|a| Authz::ACTIONS.contains(&a.as_str())) {
            let Some(role) = given.text(action) else { continue };
            if role != "anyone" && !roles.contains_key(&role) {
                let mut known: Vec<String> = roles.keys().cloned().collect();
                known.push("anyone".to_owned());
                let message =
                    format!("`allow` names the role {role:?}, which `roles` does not have.");
                given.problem_at(
                    action,
                    &role,
                    message,
                    suggestion(&role, &known).into_iter().collect(),
                );
            }
            allow.insert(action.clone(), role);
        }
        given.know(Authz::ACTIONS);
        given.finish();
    }
    f.finish();
    Authz { allow, roles }
}
