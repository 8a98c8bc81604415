//! Change sources that are only checked; the others are in `read/source.rs`.

use super::check::{
    self, boolean, count, need_secret, need_text, need_url, seconds, text, texts, url,
};
use super::{Entry, Outline, nothing_more};

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
