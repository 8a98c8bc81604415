//! `ci.reporters.*` beside GitHub's commit statuses.

use super::check::{
    self, address, addresses, boolean, callback, choice, choices, count, need, need_secret,
    need_text, need_url, passwords, port, renderable, secret, text, texts, url,
};
use super::generator::CHOICE;
use super::{Entry, Outline, nothing_more};
use crate::script::read::fields::Fields;

const NAME: &[Entry] = &[("name", text)];

/// What every reporter of a state to a forge says.
const STATUS: &[Entry] = &[
    ("context", renderable),
    ("pending", renderable),
    ("start", renderable),
    ("finish", renderable),
    ("verbose", boolean),
];

/// Of whatever sends by HTTP.
const HTTP: &[Entry] = &[("verify", boolean), ("debug", boolean)];

/// User and password for a server.
const LOGIN: &[Entry] = &[("user", text), ("password", secret)];

/// What Bitbucket knows a state by.
const KEYED: &[Entry] = &[("key", renderable), ("status_name", renderable)];

/// What people are told of on IRC.
const EVENTS: [&str; 12] = [
    "started",
    "finished",
    "success",
    "failure",
    "exception",
    "cancelled",
    "warnings",
    "problem",
    "recovery",
    "worse",
    "better",
    "worker",
];

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "gitlab_status",
        owner: "reporter gitlab_status",
        options: &[NAME, CHOICE, STATUS, HTTP, &[("token", need_secret), ("api", url)]],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucket_status",
        owner: "reporter bitbucket_status",
        options: &[
            NAME,
            CHOICE,
            HTTP,
            KEYED,
            &[
                ("api", url),
                ("oauth_key", text),
                ("oauth_secret", secret),
                ("auth", |f, k| passwords(f, k)),
            ],
        ],
        whole: |f| {
            check::not_both(f, "oauth_key", "auth");
            if f.value("oauth_key").is_some() != f.value("oauth_secret").is_some() {
                let message = format!("{} takes `oauth_key` and `oauth_secret` together.", f.owner);
                f.problem("oauth_key", message);
            } else if f.value("oauth_key").is_none() && f.value("auth").is_none() {
                f.missing("auth");
            }
        },
    },
    Outline {
        kind: "bitbucket_server_status",
        owner: "reporter bitbucket_server_status",
        options: &[NAME, CHOICE, HTTP, LOGIN, KEYED, &[("api", need_url)]],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucket_server_core_api_status",
        owner: "reporter bitbucket_server_core_api_status",
        options: &[
            NAME,
            CHOICE,
            HTTP,
            LOGIN,
            KEYED,
            &[
                ("api", need_url),
                ("token", secret),
                ("parent_name", renderable),
                ("build_number", renderable),
                ("ref", renderable),
                ("duration", renderable),
                ("test_results", renderable),
                ("status_suffix", renderable),
            ],
        ],
        whole: |f| check::not_both(f, "password", "token"),
    },
    Outline {
        kind: "bitbucket_server_pr_comment",
        owner: "reporter bitbucket_server_pr_comment",
        options: &[NAME, CHOICE, HTTP, LOGIN, &[("api", need_url), ("finish", renderable)]],
        whole: nothing_more,
    },
    Outline {
        kind: "gerrit_status",
        owner: "reporter gerrit_status",
        options: &[
            NAME,
            CHOICE,
            &[
                ("server", need_text),
                ("username", need_text),
                ("port", port),
                ("identity_file", text),
                ("notify", |f, k| choice(f, k, &["NONE", "OWNER", "OWNER_REVIEWERS", "ALL"])),
                ("review", callback),
                ("start", callback),
                ("summary", callback),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "gerrit_verify_status",
        owner: "reporter gerrit_verify_status",
        options: &[
            NAME,
            CHOICE,
            HTTP,
            &[
                ("api", need_url),
                ("auth", |f, k| need(f, k, passwords)),
                ("verification_name", renderable),
                ("abstain", renderable),
                ("category", renderable),
                ("reporter", renderable),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "mail",
        owner: "reporter mail",
        options: &[
            NAME,
            CHOICE,
            &[
                ("from", |f, k| need(f, k, address)),
                ("extra_recipients", addresses),
                ("send_to_interested_users", boolean),
                ("lookup", lookup),
                ("relay_host", text),
                ("smtp_port", port),
                ("smtp_user", text),
                ("smtp_password", secret),
                ("use_tls", boolean),
                ("use_smtps", boolean),
                ("extra_headers", check::renderable_map),
                ("dump_mails_to_log", boolean),
                ("subject", renderable),
                ("finish", renderable),
            ],
        ],
        whole: mail,
    },
    Outline {
        kind: "irc",
        owner: "reporter irc",
        options: &[
            NAME,
            CHOICE,
            &[
                ("host", need_text),
                ("nick", need_text),
                ("port", port),
                ("channels", texts),
                ("pm_to_nicks", texts),
                ("password", secret),
                ("notify_events", |f, k| choices(f, k, &EVENTS)),
                ("no_report_internal", boolean),
                ("authz", commands),
                ("use_ssl", boolean),
                ("use_sasl", boolean),
                ("use_colors", boolean),
                ("use_revisions", boolean),
                ("show_blame_list", boolean),
                ("lost_delay", check::seconds),
                ("failed_delay", check::seconds),
                ("max_message_lines", count),
            ],
        ],
        whole: |f| {
            if f.list("channels").is_none_or(|c| c.is_empty())
                && f.list("pm_to_nicks").is_none_or(|n| n.is_empty())
            {
                f.problem(
                    "channels",
                    format!("{} has neither `channels` nor `pm_to_nicks`.", f.owner),
                );
            }
        },
    },
];

/// How users become addresses: the domain to add, or a function of the user's name.
fn lookup(f: &mut Fields<'_, '_>, key: &'static str) {
    if matches!(f.value(key), Some(mlua::Value::String(_))) {
        let domain = f.text(key).unwrap_or_default();
        if domain.is_empty() || domain.contains('@') || domain.contains(char::is_whitespace) {
            let message =
                format!("`{key}` of {} is a domain or a function, not {domain:?}.", f.owner);
            f.problem(key, message);
        }
        return;
    }
    callback(f, key);
}

fn mail(f: &mut Fields<'_, '_>) {
    check::not_both(f, "use_tls", "use_smtps");
    if f.value("smtp_user").is_some() != f.value("smtp_password").is_some() {
        let message = format!("{} takes `smtp_user` and `smtp_password` together.", f.owner);
        f.problem("smtp_user", message);
    }
    let sends = f.boolean("send_to_interested_users", true);
    if !sends && f.list("extra_recipients").is_none_or(|r| r.is_empty()) {
        let message = format!("{} has nobody to write to.", f.owner);
        let hint = "Give `extra_recipients`, or leave `send_to_interested_users` alone.";
        f.problem_with("send_to_interested_users", message, vec![hint.to_owned()]);
    }
}

/// Command → who may say it: a list of names, or true for everybody.
fn commands(f: &mut Fields<'_, '_>, key: &'static str) {
    let owner = format!("`{key}` of {}", f.owner);
    let Some(mut given) = f.nested(key, "commands", &owner) else { return };
    for command in given.given() {
        match given.raw(&command) {
            Some(mlua::Value::Boolean(_)) | None => {}
            Some(_) => {
                given.texts(&command);
            }
        }
    }
    given.finish();
}

/// The kinds with an outline.
pub(in crate::script::read) const KINDS: [&str; 9] = [
    "gitlab_status",
    "bitbucket_status",
    "bitbucket_server_status",
    "bitbucket_server_core_api_status",
    "bitbucket_server_pr_comment",
    "gerrit_status",
    "gerrit_verify_status",
    "mail",
    "irc",
];
