//! What a configuration may already say but the engine cannot do yet. Such an option is read and
//! checked like any other and then refused, so that nothing is ever silently ignored; a row leaves
//! this table when its feature arrives. The type definitions say the same: a test compares them.

/// Kinds of objects and their options; `*` = the whole kind.
pub(in crate::script) const LATER: &[(&str, &str)] = &[
    ("builder", "description_format"),
    ("builder", "project"),
    ("step", "lazylogfiles"),
    ("step", "log_encoding"),
    ("step", "logfiles"),
    ("step", "use_pty"),
    ("worker", "keepalive_interval"),
    ("worker", "missing_timeout"),
    ("worker", "notify_on_missing"),
];

/// Whether `option` of `kind` is only checked.
pub(in crate::script) fn is_later(kind: &str, option: &str) -> bool {
    LATER.contains(&(kind, option))
}

/// What is said of `what`.
pub(in crate::script) fn refusal(what: &str) -> (String, String) {
    (
        format!("{what} is not available yet."),
        "It is checked, but this version cannot do it; leave it out.".to_owned(),
    )
}
