//! What a configuration may already say but the engine cannot do yet. Such an option is read and
//! checked like any other and then refused, so that nothing is ever silently ignored; a row leaves
//! this table when its feature arrives. The type definitions say the same: a test compares them.

/// Kinds of objects and their options; `*` = the whole kind.
pub(in crate::script) const LATER: &[(&str, &str)] = &[
    ("config", "janitor"),
    ("config", "projects"),
    ("protocols", "require_tls"),
    ("project", "*"),
    ("builder", "description_format"),
    ("builder", "project"),
    ("worker", "keepalive_interval"),
    // What looks for changes.
    ("gerrit", "*"),
    ("gerrit_event_log_poller", "*"),
    ("pb", "*"),
    // The web server.
    ("github_hook", "commands"),
    ("gitlab_hook", "*"),
    ("gitea_hook", "*"),
    ("bitbucket_hook", "*"),
    ("bitbucketcloud_hook", "*"),
    ("bitbucketserver_hook", "*"),
    ("htpasswd_auth", "*"),
    ("remote_user_auth", "*"),
    ("custom_auth", "*"),
    ("github_auth", "*"),
    ("oidc_auth", "*"),
    ("google_auth", "*"),
    ("gitlab_auth", "*"),
    ("bitbucket_auth", "*"),
    ("keycloak_auth", "*"),
    ("ldap_user_info_auth", "*"),
    ("role", "groups"),
    ("dashboard", "*"),
    ("www", "dashboards"),
    ("www", "default_page"),
    ("www", "plugins"),
    ("www", "theme"),
    ("www", "ui_default_config"),
    ("www", "ws_ping_interval"),
    ("www", "logfile_name"),
    ("www", "log_rotate_length"),
    ("www", "max_rotated_files"),
    // Reporters.
    ("github_comment", "debug"),
    ("github_comment", "verify"),
    ("http", "certificate"),
    ("http", "debug"),
    ("http", "verify"),
    ("build_status_generator", "add_patch"),
    ("build_start_end_generator", "add_patch"),
    ("build_request_generator", "add_patch"),
    ("buildset_status_generator", "add_patch"),
    ("gitlab_status", "*"),
    ("gitea_status", "debug"),
    ("gitea_status", "verify"),
    ("bitbucket_status", "*"),
    ("bitbucket_server_status", "*"),
    ("bitbucket_server_core_api_status", "*"),
    ("bitbucket_server_pr_comment", "*"),
    ("gerrit_status", "*"),
    ("gerrit_verify_status", "*"),
    ("mail", "*"),
    ("irc", "*"),
];

/// The options of `kind` that are only checked.
pub(in crate::script) fn of_kind(kind: &str) -> impl Iterator<Item = &'static str> {
    LATER.iter().filter(move |(known, _)| *known == kind).map(|(_, option)| *option)
}

/// What is said of `what`.
pub(in crate::script) fn refusal(what: &str) -> (String, String) {
    (
        format!("{what} is not available yet."),
        "It is checked, but this version cannot do it; leave it out.".to_owned(),
    )
}
