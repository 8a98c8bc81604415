//! `ci.auth.*` beside names with passwords: a file, a proxy, somebody else's login.

use super::check::{
    boolean, need_callback, need_secret, need_text, need_url, patterns, text, texts, url,
};
use super::{Entry, Outline, nested, nothing_more};

/// Where more is asked about a user whose name is proven.
const MORE: &[Entry] = &[("user_info", |f, k| nested(f, k, "ldap_user_info_auth"))];

/// Of every login by OAuth 2.
const CLIENT: &[Entry] = &[
    ("client_id", need_text),
    ("client_secret", need_secret),
    ("autologin", boolean),
    ("ssl_verify", boolean),
];

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "htpasswd_auth",
        owner: "ci.auth.htpasswd",
        options: &[&[("file", need_text)], MORE],
        whole: nothing_more,
    },
    Outline {
        kind: "remote_user_auth",
        owner: "ci.auth.remote_user",
        options: &[&[("header", text), ("header_re", patterns), ("trusted", texts)], MORE],
        whole: nothing_more,
    },
    Outline {
        kind: "custom_auth",
        owner: "ci.auth.custom",
        options: &[&[("check", need_callback)], MORE],
        whole: nothing_more,
    },
    Outline {
        kind: "github_auth",
        owner: "ci.auth.github",
        options: &[
            CLIENT,
            &[
                ("server_url", url),
                ("api_version", |f, k| {
                    f.integer(k, 3..=4);
                }),
                ("get_teams_membership", boolean),
            ],
        ],
        whole: |f| {
            let version = f.integer("api_version", 3..=4).unwrap_or(3);
            if f.boolean("get_teams_membership", false) && version < 4 {
                let message = "`get_teams_membership` of ci.auth.github needs `api_version = 4`.";
                f.problem("get_teams_membership", message);
            }
        },
    },
    Outline {
        kind: "oidc_auth",
        owner: "ci.auth.oidc",
        options: &[
            CLIENT,
            &[
                ("issuer", need_url),
                ("scopes", texts),
                ("name_claim", text),
                ("groups_claim", text),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "google_auth",
        owner: "ci.auth.google",
        options: &[CLIENT],
        whole: nothing_more,
    },
    Outline {
        kind: "gitlab_auth",
        owner: "ci.auth.gitlab",
        options: &[CLIENT, &[("instance_url", need_url)]],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucket_auth",
        owner: "ci.auth.bitbucket",
        options: &[CLIENT],
        whole: nothing_more,
    },
    Outline {
        kind: "keycloak_auth",
        owner: "ci.auth.keycloak",
        options: &[CLIENT, &[("instance_url", need_url), ("realm", need_text)]],
        whole: nothing_more,
    },
    Outline {
        kind: "ldap_user_info_auth",
        owner: "ci.auth.ldap_user_info",
        options: &[&[
            ("uri", |f, k| {
                let uri = f.required_text(k);
                if !uri.is_empty() && !uri.starts_with("ldap://") && !uri.starts_with("ldaps://") {
                    let message =
                        format!("`{k}` of {} must begin with ldap:// or ldaps://.", f.owner);
                    f.problem(k, message);
                }
            }),
            ("bind_user", need_text),
            ("bind_password", need_secret),
            ("account_base", need_text),
            ("account_pattern", need_text),
            ("account_full_name", need_text),
            ("account_email", need_text),
            ("account_extra_fields", texts),
            ("group_base", text),
            ("group_member_pattern", text),
            ("group_name", text),
            ("avatar_pattern", text),
            ("avatar_data", text),
        ]],
        whole: |f| {
            let given = ["group_base", "group_member_pattern", "group_name"];
            let count = given.iter().filter(|key| f.value(key).is_some()).count();
            if count != 0 && count != given.len() {
                let message = format!(
                    "{} takes `group_base`, `group_member_pattern` and `group_name` together.",
                    f.owner
                );
                f.problem("group_base", message);
            }
        },
    },
];

/// The kinds that `auth` of `c.www` takes.
pub(in crate::script::read) const KINDS: [&str; 9] = [
    "htpasswd_auth",
    "remote_user_auth",
    "custom_auth",
    "github_auth",
    "oidc_auth",
    "google_auth",
    "gitlab_auth",
    "bitbucket_auth",
    "keycloak_auth",
];
