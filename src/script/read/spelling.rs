//! Buildbot's names and ours. Who writes `repourl` or `haltOnFailure` is told `repo` and
//! `halt_on_failure`; who writes what Buildbot has and we do not have is told by the normal error.

use mlua::Table;

/// Buildbot's name (in snake case) and ours, where they differ.
const OTHERS: [(&str, &str); 99] = [
    ("any_branch_scheduler", "any_branch"),
    ("base_url", "api"),
    ("buildbot_url", "url"),
    ("buildbot_netusage", "buildbot_net_usage"),
    ("builder_name", "builder"),
    ("builder_names", "builders"),
    ("change_hook_dialects", "change_hooks"),
    ("db_url", "db"),
    ("dir", "dir"),
    ("default_branch", "branch"),
    ("default_properties", "properties"),
    ("done", "finish"),
    ("end_description", "finish"),
    ("extract_fn", "extract"),
    ("file_is_important_fn", "file_is_important"),
    ("filter_fn", "filter"),
    ("force_scheduler", "force"),
    ("git_hub", "github"),
    ("git_hub_status_push", "github_status"),
    ("github_api_endpoint", "api"),
    ("github_property_whitelist", "github_property_whitelist"),
    ("keep_alive", "keepalive"),
    ("make_directory_step", "make_directory"),
    ("max_delay_time", "max_delay"),
    ("maxdelay", "max_delay"),
    ("maxsize", "max_size"),
    ("blocksize", "block_size"),
    ("keepstamp", "keep_stamp"),
    ("buildmaster_host", "host"),
    ("passwd", "password"),
    ("workername", "name"),
    ("worker_name", "name"),
    ("worker_names", "workers"),
    ("workernames", "workers"),
    ("slavenames", "workers"),
    ("property_name", "property"),
    ("project_name", "title"),
    ("project_url", "title_url"),
    ("repourl", "repo"),
    ("repo_url", "repo"),
    ("shell_command", "shell"),
    ("single_branch_scheduler", "single_branch"),
    ("start_description", "start"),
    ("steps", "factory"),
    ("periodic_build_timer", "period"),
    ("property_eq", "properties"),
    ("fromaddr", "from"),
    ("relayhost", "relay_host"),
    ("server_url", "url"),
    ("git_hub_pullrequest_poller", "github_pull_request_poller"),
    ("github_pullrequest_poller", "github_pull_request_poller"),
    ("pullrequest_filter", "pull_request_filter"),
    ("gitbin", "git"),
    ("usetimestamps", "use_timestamps"),
    ("string_parameter", "string"),
    ("text_parameter", "text"),
    ("int_parameter", "int"),
    ("boolean_parameter", "boolean"),
    ("choice_string_parameter", "choice"),
    ("user_name_parameter", "username"),
    ("fixed_parameter", "fixed"),
    ("file_parameter", "file"),
    ("worker_choice_parameter", "worker_choice"),
    ("any_property_parameter", "any_property"),
    ("nested_parameter", "nested"),
    ("codebase_parameter", "codebase"),
    ("http_status_push", "http"),
    ("mail_notifier", "mail"),
    ("git_lab_status_push", "gitlab_status"),
    ("git_hub_comment_push", "github_comment"),
    ("bitbucket_status_push", "bitbucket_status"),
    ("gerrit_status_push", "gerrit_status"),
    ("old_build_canceller", "old_builds"),
    ("failing_buildset_canceller", "failing_buildsets"),
    ("pb_change_source", "pb"),
    ("gerrit_change_source", "gerrit"),
    ("user_password_auth", "user_password"),
    ("ht_passwd_auth", "htpasswd"),
    ("remote_user_auth", "remote_user"),
    ("custom_auth", "custom"),
    ("git_hub_auth", "github"),
    ("google_auth", "google"),
    ("git_lab_auth", "gitlab"),
    ("bitbucket_auth", "bitbucket"),
    ("key_cloak_auth", "keycloak"),
    ("allow_rules", "allow"),
    ("role_matchers", "roles"),
    ("build_status_generator", "build_status"),
    ("build_start_end_status_generator", "build_start_end"),
    ("build_request_generator", "build_request"),
    ("build_set_status_generator", "buildset_status"),
    ("build_set_combined_status_generator", "buildset_combined_status"),
    ("worker_missing_generator", "worker_missing"),
    ("message_formatter_missing_worker", "missing_worker"),
    ("message_formatter_function_raw", "raw"),
    ("ctx", "context"),
    ("extra_info_cb", "extra_info"),
    ("userpass", "users"),
    ("change_source", "change_sources"),
];

/// A hint that names our spelling of Buildbot's `name`, if that is one of `known`.
pub(in crate::script) fn ours(name: &str, known: &[String]) -> Option<String> {
    let ours = translated(name)?;
    (ours != name && known.contains(&ours))
        .then(|| format!("Buildbot's `{name}` is `{ours}` here."))
}

/// A hint when `key` is missing and something that means it was given.
pub(in crate::script) fn given_instead(table: &Table, key: &str) -> Option<String> {
    let mut given: Vec<String> = table
        .pairs::<mlua::Value, mlua::Value>()
        .flatten()
        .filter_map(|(k, _)| k.as_string().map(mlua::LuaString::to_string_lossy))
        .collect();
    given.sort();
    given
        .iter()
        .find(|g| *g != key && translated(g).as_deref() == Some(key))
        .map(|g| format!("Buildbot's `{g}` is `{key}` here."))
}

fn translated(name: &str) -> Option<String> {
    let snake = snake_case(name);
    let other = OTHERS.iter().find(|(theirs, _)| *theirs == snake).map(|(_, ours)| *ours);
    Some(other.map_or(snake, str::to_owned))
}

/// `haltOnFailure` → `halt_on_failure`, `buildbotURL` → `buildbot_url`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        if c.is_uppercase() && at > 0 {
            let after_lower = chars[at - 1].is_lowercase() || chars[at - 1].is_ascii_digit();
            let before_lower = chars.get(at + 1).is_some_and(|n| n.is_lowercase());
            if after_lower || (chars[at - 1].is_uppercase() && before_lower) {
                out.push('_');
            }
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildbots_spelling_is_translated() {
        let known = ["halt_on_failure", "repo", "url", "builders"].map(str::to_owned);
        for (theirs, hint) in [
            ("haltOnFailure", Some("Buildbot's `haltOnFailure` is `halt_on_failure` here.")),
            ("repourl", Some("Buildbot's `repourl` is `repo` here.")),
            ("buildbotURL", Some("Buildbot's `buildbotURL` is `url` here.")),
            ("builderNames", Some("Buildbot's `builderNames` is `builders` here.")),
            ("repo", None),
            ("nothing", None),
        ] {
            assert_eq!(ours(theirs, &known).as_deref(), hint, "{theirs}");
        }
    }
}
