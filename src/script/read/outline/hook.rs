//! `ci.hooks.*` of the other forges.

use super::check::{
    boolean, callback, need_secret, patterns, secret, text, text_or_function, texts, url,
};
use super::{Entry, Outline, nothing_more};

/// What the hook of every forge takes.
const FORGE: &[Entry] = &[
    ("secret", need_secret),
    ("codebase", text_or_function),
    ("skips", patterns),
    ("cancel_on_close", boolean),
    ("on_push", callback),
    ("on_event", callback),
];

pub(super) const ALL: &[Outline] = &[
    Outline {
        kind: "gitlab_hook",
        owner: "the gitlab hook",
        options: &[FORGE, &[("api", url), ("token", secret), ("on_merge_request", callback)]],
        whole: nothing_more,
    },
    Outline {
        kind: "gitea_hook",
        owner: "the gitea hook",
        options: &[
            FORGE,
            &[
                ("api", url),
                ("token", secret),
                ("pullrequest_ref", text),
                ("on_pull_request", callback),
            ],
        ],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucket_hook",
        owner: "the bitbucket hook",
        options: &[&[
            ("secret", secret),
            ("codebase", text_or_function),
            ("skips", patterns),
            ("on_push", callback),
            ("on_event", callback),
        ]],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucketcloud_hook",
        owner: "the bitbucketcloud hook",
        options: &[FORGE, BITBUCKET],
        whole: nothing_more,
    },
    Outline {
        kind: "bitbucketserver_hook",
        owner: "the bitbucketserver hook",
        options: &[FORGE, BITBUCKET],
        whole: nothing_more,
    },
];

/// What the newer hooks of Bitbucket add.
const BITBUCKET: &[Entry] =
    &[("bitbucket_property_whitelist", texts), ("on_pull_request", callback)];
