//! `ci.authz`: roles, and rules for actions.

use std::collections::BTreeMap;

use mlua::Value;

use crate::model::config::{Authz, Grant, Role, Rule};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::script::spelling::suggestion;

pub(super) const OPTIONS: &[&str] = &["allow", "roles"];
pub(super) const RULE_OPTIONS: &[&str] = &["role", "builders"];
pub(super) const ROLE_OPTIONS: &[&str] = &["users", "emails", "domains", "groups"];

/// Roles that need no definition.
const BUILT_IN: [&str; 2] = ["anyone", "owner"];

/// Reads the option `authz` of `c.www`.
pub(super) fn read(outer: &mut Fields<'_, '_>) -> Authz {
    let Some(mut f) = outer.nested("authz", "authz", "ci.authz") else { return Authz::default() };
    let roles = roles(&mut f);
    let mut allow = BTreeMap::new();
    if let Some(mut given) = f.nested("allow", "allow", "`allow` of ci.authz") {
        for action in given.given().iter().filter(|a| Authz::ACTIONS.contains(&a.as_str())) {
            // An empty list lets nobody: it must not fall back on the rules of `control`.
            let rules = rules(&mut given, action, &roles);
            allow.insert(action.clone(), rules);
        }
        given.know(Authz::ACTIONS);
        given.finish();
    }
    f.finish();
    Authz { allow, roles }
}

/// Role → a list of user names, or `{ users, emails, domains, groups }`.
fn roles(f: &mut Fields<'_, '_>) -> BTreeMap<String, Role> {
    let mut out = BTreeMap::new();
    let Some(mut given) = f.nested("roles", "roles", "`roles` of ci.authz") else { return out };
    for name in given.given() {
        if BUILT_IN.contains(&name.as_str()) {
            let message = format!("the role {name:?} is there already; it cannot be redefined.");
            given.problem(&name, message);
        }
        let has_keys = given.has_names(&name);
        let role = if has_keys {
            let owner = format!("the role {name:?}");
            let Some(mut role) = given.nested(&name, "role", &owner) else { continue };
            let mut list = |key: &str| role.texts(key).unwrap_or_default();
            let (users, emails, domains) = (list("users"), list("emails"), list("domains"));
            let groups = list("groups");
            for email in emails.iter().filter(|e| !e.contains('@')) {
                let message = format!("`emails` of {owner} holds no mail address: {email:?}.");
                role.problem_at("emails", email, message, Vec::new());
            }
            for domain in domains.iter().filter(|d| d.contains('@') || d.is_empty()) {
                let message =
                    format!("`domains` of {owner} takes what follows the @, not {domain:?}.");
                role.problem_at("domains", domain, message, Vec::new());
            }
            role.finish();
            Role { users, emails, domains, groups }
        } else {
            match given.texts(&name) {
                Some(users) => Role::of_users(users),
                None => continue,
            }
        };
        out.insert(name, role);
    }
    given.finish();
    out
}

/// What stands at an action: a role, a function, `{ role, builders }`, or a list of these.
fn rules(f: &mut Fields<'_, '_>, action: &str, roles: &BTreeMap<String, Role>) -> Vec<Rule> {
    let mut out = Vec::new();
    f.each(action, |f, _, item| match &item {
        Value::String(role) => {
            let role = role.to_string_lossy();
            out.extend(known(f, action, &role, roles).map(Rule::of));
        }
        Value::Function(function) => {
            out.push(Rule::of(Grant::Predicate(f.keep(action, function))));
        }
        Value::Table(table) if f.reader.object(table).is_none() => {
            let owner = format!("a rule of `{action}` in `allow` of ci.authz");
            let mut rule = f.inside(action, "rule", &owner, table);
            let who = match rule.value("role") {
                Some(Value::Function(function)) => {
                    Some(Grant::Predicate(rule.keep("role", &function)))
                }
                _ => {
                    let role = rule.required_text("role");
                    known(&rule, "role", &role, roles).filter(|_| !role.is_empty())
                }
            };
            let builders = rule.names("builders", &["builder"]);
            if builders.as_ref().is_some_and(Vec::is_empty) {
                rule.problem("builders", format!("`builders` of {owner} is empty."));
            }
            refer(&rule, builders.as_deref().unwrap_or_default());
            rule.finish();
            out.extend(who.map(|who| Rule { who, builders }));
        }
        other => {
            let got = a_type(other);
            let message = format!(
                "`{action}` in `allow` of ci.authz takes a role, a function of the user, or \
                 {{ role = …, builders = … }}, not {got}."
            );
            f.problem(action, message);
        }
    });
    out
}

/// Names without wildcards must be those of builders.
fn refer(rule: &Fields<'_, '_>, builders: &[String]) {
    let plain = builders.iter().filter(|name| !name.contains(['*', '?']));
    rule.refer("builders", "builder", plain.cloned().collect());
}

/// Whom the role called `role` lets; a role that does not exist is an error.
fn known(
    f: &Fields<'_, '_>,
    key: &str,
    role: &str,
    roles: &BTreeMap<String, Role>,
) -> Option<Grant> {
    match role {
        "anyone" => return Some(Grant::Anyone),
        "owner" => return Some(Grant::Owner),
        "" => return None,
        _ => {}
    }
    if !roles.contains_key(role) {
        let known: Vec<String> = roles.keys().cloned().chain(BUILT_IN.map(str::to_owned)).collect();
        let message = format!("`allow` names the role {role:?}, which `roles` does not have.");
        let hints = suggestion(role, &known).into_iter().collect();
        f.problem_at(key, role, message, hints);
    }
    Some(Grant::Role(role.to_owned()))
}
