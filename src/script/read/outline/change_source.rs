//! `ci.change_sources.*`: what looks for changes by itself.

use super::check::{
    self, boolean, callback, count, need_secret, need_text, need_url, seconds, secret, text,
    text_or_function, texts, texts_true_or_function, url,
};
use super::{Entry, Outline, nothing_more};
use crate::script::read::fields::Fields;

/// Of everything that polls.
const POLLER: &[Entry] = &[
    ("name", check::text),
    ("data", check::anything),
    ("poll_interval", |f, k| {
        if f.seconds(k) == Some(0.0) {
            f.problem(k, format!("`{k}` of {} must be more than 0 seconds.", f.owner));
        }
    }),
    ("poll_at_launch", boolean),
    ("poll_random_delay_min", seconds),
    ("poll_random_delay_max", seconds),
    ("category", text_or_function),
    ("project", text),
    ("codebase", text),
];

/// How git reaches a repository that asks who comes.
const GIT_ACCESS: &[Entry] = &[
    ("ssh_private_key", secret),
    ("ssh_host_key", text),
    ("ssh_known_hosts", text),
    ("auth_user", text),
    ("auth_password", secret),
];

/// Of both kinds that listen to Gerrit.
const GERRIT: &[Entry] = &[
    ("name", check::text),
    ("data", check::anything),
    ("handled_events", texts),
    ("get_files", boolean),
    ("codebase", text),
    ("debug", boolean),
];

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "git_poller",
        owner: "git_poller",
        options: &[
            POLLER,
            GIT_ACCESS,
            &[
                ("repo", need_text),
                ("branch", text),
                ("branches", texts_true_or_function),
                ("build_pushes_with_no_commits", boolean),
                ("only_tags", boolean),
                ("fetch_refspec", text),
                ("use_timestamps", boolean),
                ("encoding", text),
                ("workdir", text),
                ("git", text),
            ],
        ],
        whole: |f| {
            check::not_both(f, "branch", "branches");
            check::not_both(f, "branches", "only_tags");
            check::not_both(f, "ssh_host_key", "ssh_known_hosts");
            delays(f);
        },
    },
    Outline {
        kind: "github_pull_request_poller",
        owner: "github_pull_request_poller",
        options: &[
            POLLER,
            &[
                ("owner", need_text),
                ("repo", need_text),
                ("branches", texts),
                ("api", url),
                ("pull_request_filter", callback),
                ("token", secret),
                ("magic_link", boolean),
                ("repository_type", |f, k| check::choice(f, k, &["https", "svn", "git", "ssh"])),
                ("github_property_whitelist", texts),
            ],
        ],
        whole: delays,
    },
    Outline {
        kind: "gerrit",
        owner: "gerrit change source",
        options: &[
            GERRIT,
            &[
                ("server", need_text),
                ("username", need_text),
                ("port", check::port),
                ("identity_file", text),
                ("http_url", url),
                ("http_auth", check::passwords),
                ("ssh_server_alive_interval", seconds),
                ("ssh_server_alive_count_max", count),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "gerrit_event_log_poller",
        owner: "gerrit_event_log_poller",
        options: &[
            GERRIT,
            &[
                ("url", need_url),
                ("auth", check::passwords),
                ("poll_interval", seconds),
                ("poll_at_launch", boolean),
                ("first_fetch_lookback", seconds),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "pb",
        owner: "pb change source",
        options: &[&[
            ("name", check::text),
            ("data", check::anything),
            ("user", need_text),
            ("password", need_secret),
            ("port", check::port),
            ("prefix", text),
        ]],
        whole: nothing_more,
    },
];

/// The random delay must be a range inside the interval.
fn delays(f: &mut Fields<'_, '_>) {
    let (low, high) = (f.seconds("poll_random_delay_min"), f.seconds("poll_random_delay_max"));
    let interval = f.seconds("poll_interval").unwrap_or(600.0);
    if low.unwrap_or(0.0) > high.unwrap_or(f64::MAX) {
        let message = "`poll_random_delay_min` is more than `poll_random_delay_max`.";
        f.problem("poll_random_delay_min", message);
    }
    if high.is_some_and(|high| high >= interval) {
        let message = format!(
            "`poll_random_delay_max` must be less than `poll_interval`, which is {interval} s."
        );
        f.problem("poll_random_delay_max", message);
    }
}
