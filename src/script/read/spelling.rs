//! Buildbot's names and ours. Who writes `repourl` or `haltOnFailure` is told `repo` and
//! `halt_on_failure`; who writes what Buildbot has and we do not have is told by the normal error.

use mlua::Table;

/// Buildbot's name (in snake case) and ours, where they differ.
const OTHERS: [(&str, &str); 44] = [
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
