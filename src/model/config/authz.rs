//! Who may do what: `ci.authz`. Reading is allowed; an action that no rule names is denied.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Callback;

/// Rules and roles.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Authz {
    /// Action (`force`, `stop`, `rebuild`, `cancel`, `priority`, `reload`, `scheduler`, `worker`,
    /// or `control` for all of them) → rules; one that says yes is enough.
    pub allow: BTreeMap<String, Vec<Rule>>,
    /// Role → who has it.
    pub roles: BTreeMap<String, Role>,
}

/// A rule: whom it lets do the action, and on which builders.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// Whom.
    #[serde(rename = "role")]
    pub who: Grant,
    /// The builders, with `*` for any text; none = all, and what is not of a builder.
    pub builders: Option<Vec<String>>,
}

/// Whom a rule lets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Everybody, logged in or not (`anyone`).
    Anyone,
    /// Who started what is acted on (`owner`).
    Owner,
    /// Who has this role.
    #[serde(untagged)]
    Role(String),
    /// Whom a function of (user, request) lets.
    #[serde(untagged)]
    Predicate(Callback),
}

/// Who has a role; one of them is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Users by name.
    pub users: Vec<String>,
    /// Users by mail address.
    pub emails: Vec<String>,
    /// Users of these domains, by the end of their mail address.
    pub domains: Vec<String>,
    /// Groups that a login tells.
    pub groups: Vec<String>,
}

/// What an action is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The builders; empty when it is not about builders.
    pub builders: Vec<String>,
    /// Who started it.
    pub owner: Option<String>,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Allowed.
    Yes,
    /// Denied.
    No,
    /// Allowed if one of these functions says so.
    Ask(Vec<Callback>),
}

impl Authz {
    /// The actions that rules may name.
    pub const ACTIONS: [&'static str; 9] = [
        "control",
        "force",
        "stop",
        "rebuild",
        "cancel",
        "priority",
        "reload",
        "scheduler",
        "worker",
    ];

    /// The rules for `action`; its own win over those of `control`.
    #[must_use]
    pub fn rules(&self, action: &str) -> &[Rule] {
        self.allow.get(action).or_else(|| self.allow.get("control")).map_or(&[], Vec::as_slice)
    }

    /// Whether the rules for `action` look at what it is about.
    #[must_use]
    pub fn needs_target(&self, action: &str) -> bool {
        self.rules(action).iter().any(|rule| {
            rule.builders.is_some() || matches!(rule.who, Grant::Owner | Grant::Predicate(_))
        })
    }

    /// Whether `user` (none = not logged in) may do `action` to `target`.
    #[must_use]
    pub fn ruling(&self, action: &str, user: Option<&str>, target: &Target) -> Ruling {
        let mut ask = Vec::new();
        for rule in self.rules(action).iter().filter(|rule| rule.covers(target)) {
            match &rule.who {
                Grant::Anyone => return Ruling::Yes,
                Grant::Owner if user.is_some() && user == target.owner.as_deref() => {
                    return Ruling::Yes;
                }
                Grant::Role(role) if self.has_role(role, user) => return Ruling::Yes,
                Grant::Predicate(callback) => ask.push(callback.clone()),
                Grant::Owner | Grant::Role(_) => {}
            }
        }
        if ask.is_empty() { Ruling::No } else { Ruling::Ask(ask) }
    }

    /// Whether there is something that `user` may do `action` to, as far as can be said without
    /// looking at it or asking a function: for the buttons of a page.
    #[must_use]
    pub fn allows(&self, action: &str, user: Option<&str>) -> bool {
        self.rules(action).iter().any(|rule| match &rule.who {
            Grant::Anyone => true,
            Grant::Owner | Grant::Predicate(_) => user.is_some(),
            Grant::Role(role) => self.has_role(role, user),
        })
    }

    fn has_role(&self, role: &str, user: Option<&str>) -> bool {
        user.is_some_and(|user| self.roles.get(role).is_some_and(|role| role.has(user)))
    }
}

impl Rule {
    /// A rule for all builders.
    #[must_use]
    pub fn of(who: Grant) -> Self {
        Self { who, builders: None }
    }

    fn covers(&self, target: &Target) -> bool {
        let Some(patterns) = &self.builders else { return true };
        let fits = |name: &String| patterns.iter().any(|p| crate::base::text::wildcard(p, name));
        !target.builders.is_empty() && target.builders.iter().all(fits)
    }
}

impl Role {
    /// A role of these users.
    #[must_use]
    pub fn of_users(users: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { users: users.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Whether the user called `user` has it. A user whose name is a mail address has that one.
    fn has(&self, user: &str) -> bool {
        let same = |list: &[String], text: &str| list.iter().any(|t| t.eq_ignore_ascii_case(text));
        self.users.iter().any(|name| name == user)
            || (user.contains('@') && same(&self.emails, user))
            || user.rsplit_once('@').is_some_and(|(_, domain)| same(&self.domains, domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authz() -> Authz {
        let force = vec![
            Rule { who: Grant::Role("devs".into()), builders: Some(vec!["linux-*".into()]) },
            Rule::of(Grant::Role("admins".into())),
        ];
        let devs = Role {
            emails: vec!["Eve@Example.org".into()],
            domains: vec!["halide-lang.org".into()],
            ..Role::of_users(["bob"])
        };
        Authz {
            allow: [
                ("force".to_owned(), force),
                ("stop".to_owned(), vec![Rule::of(Grant::Owner)]),
                ("control".to_owned(), vec![Rule::of(Grant::Role("admins".into()))]),
            ]
            .into(),
            roles: [("devs".to_owned(), devs), ("admins".to_owned(), Role::of_users(["root"]))]
                .into(),
        }
    }

    #[test]
    fn rules_look_at_user_builder_and_owner() {
        let authz = authz();
        let on = |builders: &[&str], owner: Option<&str>| Target {
            builders: builders.iter().map(|b| (*b).to_owned()).collect(),
            owner: owner.map(str::to_owned),
        };
        for (action, user, target, ruling) in [
            ("force", Some("bob"), on(&["linux-1"], None), Ruling::Yes),
            ("force", Some("bob"), on(&["linux-1", "mac"], None), Ruling::No),
            ("force", Some("bob"), on(&[], None), Ruling::No),
            ("force", Some("eve@example.org"), on(&["linux-1"], None), Ruling::Yes),
            ("force", Some("x@halide-lang.org"), on(&["linux-1"], None), Ruling::Yes),
            ("force", Some("x@not-halide-lang.org"), on(&["linux-1"], None), Ruling::No),
            ("force", Some("root"), on(&["mac"], None), Ruling::Yes),
            ("force", None, on(&["linux-1"], None), Ruling::No),
            ("stop", Some("bob"), on(&["mac"], Some("bob")), Ruling::Yes),
            ("stop", Some("root"), on(&["mac"], Some("bob")), Ruling::No),
            ("stop", None, on(&["mac"], None), Ruling::No),
            ("rebuild", Some("root"), on(&["mac"], None), Ruling::Yes),
            ("rebuild", Some("bob"), on(&["mac"], None), Ruling::No),
        ] {
            assert_eq!(authz.ruling(action, user, &target), ruling, "{action} {user:?} {target:?}");
        }
        assert_eq!(Authz::default().ruling("stop", Some("root"), &on(&[], None)), Ruling::No);
    }
}
