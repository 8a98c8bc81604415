//! Everything that comes later, in a small configuration each: that it is refused, at its line, and
//! that nothing else is wrong with it. A new row of `LATER` needs its sample here.

use std::time::Duration;

use super::load::{LoadOptions, Mount, load};
use super::read::later::LATER;
use crate::base::clock::Clock;

/// The least that an object of a kind needs, as its constructor's call.
const OBJECTS: &[(&str, &str)] = &[
    ("project", "ci.project { name = 'halide' }"),
    ("gerrit", "ci.change_sources.gerrit { server = 's', username = 'u' }"),
    (
        "gerrit_event_log_poller",
        "ci.change_sources.gerrit_event_log_poller { url = 'https://example.org' }",
    ),
    ("pb", "ci.change_sources.pb { user = 'u', password = 'password' }"),
    ("gitlab_hook", "ci.hooks.gitlab { secret = 'password' }"),
    ("gitea_hook", "ci.hooks.gitea { secret = 'password' }"),
    ("bitbucket_hook", "ci.hooks.bitbucket {}"),
    ("bitbucketcloud_hook", "ci.hooks.bitbucketcloud { secret = 'password' }"),
    ("bitbucketserver_hook", "ci.hooks.bitbucketserver { secret = 'password' }"),
    ("htpasswd_auth", "ci.auth.htpasswd { file = 'x' }"),
    ("remote_user_auth", "ci.auth.remote_user { header = 'X-User', header_re = '(.*)' }"),
    (
        "custom_auth",
        "ci.auth.custom { check = function(user, password) return user == password end }",
    ),
    ("github_auth", "ci.auth.github { client_id = 'x', client_secret = 'password' }"),
    (
        "oidc_auth",
        "ci.auth.oidc { client_id = 'x', client_secret = 'password', issuer = 'https://example.org' }",
    ),
    ("google_auth", "ci.auth.google { client_id = 'x', client_secret = 'password' }"),
    (
        "gitlab_auth",
        "ci.auth.gitlab { client_id = 'x', client_secret = 'password', instance_url = 'https://example.org' }",
    ),
    ("bitbucket_auth", "ci.auth.bitbucket { client_id = 'x', client_secret = 'password' }"),
    (
        "keycloak_auth",
        "ci.auth.keycloak { client_id = 'x', client_secret = 'password', instance_url = 'https://example.org', realm = 'r' }",
    ),
    (
        "ldap_user_info_auth",
        "ci.auth.ldap_user_info { uri = 'ldap://example.org', bind_user = 'u', bind_password = 'password', \
         account_base = 'b', account_pattern = 'p', account_full_name = 'n', account_email = 'm' }",
    ),
    ("dashboard", "ci.dashboard { name = 'x', render = function(request) return '' end }"),
    ("gitlab_status", "ci.reporters.gitlab_status { token = 'password' }"),
    ("bitbucket_status", "ci.reporters.bitbucket_status { auth = { ann = 'password' } }"),
    (
        "bitbucket_server_status",
        "ci.reporters.bitbucket_server_status { api = 'https://example.org' }",
    ),
    (
        "bitbucket_server_core_api_status",
        "ci.reporters.bitbucket_server_core_api_status { api = 'https://example.org', token = 'password' }",
    ),
    (
        "bitbucket_server_pr_comment",
        "ci.reporters.bitbucket_server_pr_comment { api = 'https://example.org' }",
    ),
    (
        "gerrit_status",
        "ci.reporters.gerrit_status { server = 's', username = 'u', notify = 'ALL' }",
    ),
    (
        "gerrit_verify_status",
        "ci.reporters.gerrit_verify_status { api = 'https://example.org', auth = { ann = 'password' } }",
    ),
    ("mail", "ci.reporters.mail { from = 'CI <ci@example.org>', lookup = 'example.org' }"),
    (
        "irc",
        "ci.reporters.irc { host = 'h', nick = 'n', channels = { '#x' }, notify_events = { 'worse' } }",
    ),
];

/// Options, as a line that says one of its object.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("config", "janitor", "c.janitor = { log_horizon = 86400 * 30 }"),
    ("config", "projects", "c.projects = {}"),
    ("protocols", "require_tls", "c.protocols = { require_tls = true }"),
    (
        "builder",
        "description_format",
        "ci.builder { name = 'x', workers = { 'w' }, factory = {}, description_format = 'markdown' }",
    ),
    (
        "builder",
        "project",
        "ci.builder { name = 'x', workers = { 'w' }, factory = {}, project = 'p' }",
    ),
    (
        "worker",
        "keepalive_interval",
        "ci.worker { name = 'x', password = 'password', keepalive_interval = 60 }",
    ),
    (
        "github_hook",
        "commands",
        "www { change_hooks = { github = { secret = 'password', commands = true } } }",
    ),
    ("role", "groups", "www { authz = { roles = { admins = { groups = { 'x' } } } } }"),
    ("www", "dashboards", "www { dashboards = {} }"),
    ("www", "default_page", "www { default_page = 'builders' }"),
    ("www", "plugins", "www { plugins = { badges = { style = 'flat' }, grid_view = true } }"),
    ("www", "theme", "www { theme = { ['bb-color'] = '#fff' } }"),
    ("www", "ui_default_config", "www { ui_default_config = { ['Builders.x'] = 5 } }"),
    ("www", "ws_ping_interval", "www { ws_ping_interval = 30 }"),
    ("www", "logfile_name", "www { logfile_name = 'http.log' }"),
    ("www", "log_rotate_length", "www { log_rotate_length = 1000 }"),
    ("www", "max_rotated_files", "www { max_rotated_files = 5 }"),
    (
        "gitea_status",
        "debug",
        "ci.reporters.gitea_status { token = 'password', api = 'https://example.org', debug = true }",
    ),
    (
        "gitea_status",
        "verify",
        "ci.reporters.gitea_status { token = 'password', api = 'https://example.org', verify = true }",
    ),
    ("http", "certificate", "ci.reporters.http { url = 'https://x', certificate = 'x.pem' }"),
    ("http", "debug", "ci.reporters.http { url = 'https://x', debug = true }"),
    ("http", "verify", "ci.reporters.http { url = 'https://x', verify = true }"),
    ("github_comment", "debug", "ci.reporters.github_comment { token = 'password', debug = true }"),
    (
        "github_comment",
        "verify",
        "ci.reporters.github_comment { token = 'password', verify = true }",
    ),
    ("build_status_generator", "add_patch", "ci.generators.build_status { add_patch = true }"),
    (
        "build_start_end_generator",
        "add_patch",
        "ci.generators.build_start_end { add_patch = true }",
    ),
    ("build_request_generator", "add_patch", "ci.generators.build_request { add_patch = true }"),
    (
        "buildset_status_generator",
        "add_patch",
        "ci.generators.buildset_status { add_patch = true }",
    ),
];

/// A configuration in which nothing but line 6 could be wrong.
fn configuration(line: &str) -> String {
    let line = match line.strip_prefix("www ") {
        Some(table) => format!("c.www = {table}"),
        None if line.starts_with("c.") => line.to_owned(),
        None => format!("local _ = {line}"),
    };
    format!(
        "local ci = require 'ci'\nlocal c = ci.config()\n\
         c.workers = {{ ci.worker {{ name = 'w', password = 'password' }} }}\n\
         c.builders = {{ ci.builder {{ name = 'linux', workers = {{ 'w' }}, factory = {{}} }} }}\n\
         c.schedulers = {{ ci.schedulers.force {{ name = 'force', builders = {{ 'linux' }} }} }}\n\
         {line}\nreturn c\n"
    )
}

/// What is said of a configuration, a line each.
async fn told(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("master.lua");
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(dir.path().join("secrets")).unwrap();
    std::fs::write(dir.path().join("secrets/x"), "secret").unwrap();
    let options = LoadOptions {
        file,
        base_dir: dir.path().to_owned(),
        clock: Clock::system(),
        http: crate::http::Client::new(),
        secrets: crate::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    let loaded = tokio::time::timeout(Duration::from_secs(60), load(options)).await.unwrap();
    loaded.err().map_or_else(Vec::new, |e| e.plain().lines().map(str::to_owned).collect())
}

fn sample(kind: &str, option: &str) -> Option<&'static str> {
    if option == "*" {
        return OBJECTS.iter().find(|(known, _)| *known == kind).map(|(_, line)| *line);
    }
    OPTIONS.iter().find(|(k, o, _)| *k == kind && *o == option).map(|(_, _, line)| *line)
}

#[tokio::test]
async fn every_name_that_comes_later_is_refused_at_its_line_and_nothing_else_is_wrong() {
    assert_eq!(told(&configuration("nil")).await, [""; 0]);
    let mut wrong = Vec::new();
    for (kind, option) in LATER {
        let Some(line) = sample(kind, option) else {
            wrong.push(format!("({kind}, {option}) has no sample in this file"));
            continue;
        };
        let text = configuration(line);
        let told = told(&text).await;
        let what = if *option == "*" { String::new() } else { format!("`{option}` of ") };
        let fits = |line: &String| {
            line.starts_with(&format!("master.lua:6: {what}"))
                && line.contains("is not available yet.")
        };
        if told.len() != 1 || !told.iter().all(fits) {
            wrong.push(format!("({kind}, {option}): {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
