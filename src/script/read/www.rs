//! `c.www`: the web server, who may log in, who may do what.

use std::collections::BTreeMap;

use super::{hook, suggestion};
use crate::base::secret::Secret;
use crate::model::config::{Authz, Www};
use crate::script::fields::Fields;

pub(super) const AUTHZ_OPTIONS: &[&str] = &["allow", "roles"];

/// Reads the option `www` of the configuration.
pub(super) fn read(outer: &mut Fields<'_, '_>) -> Option<Www> {
    let mut f = outer.nested("www", "www", "c.www")?;
    let github = match f.nested("change_hooks", "change_hooks", "c.www.change_hooks") {
        Some(mut hooks) => {
            let github = hook::read(&mut hooks);
            hooks.finish();
            github
        }
        None => None,
    };
    let www = Www {
        port: f.integer("port", 0..=65535).and_then(|p| u16::try_from(p).ok()).unwrap_or(8012),
        interface: f.text("interface").unwrap_or_else(|| "0.0.0.0".to_owned()),
        users: users(&mut f),
        authz: authz(&mut f),
        github,
    };
    f.finish();
    Some(www)
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
