//! `ci.change_sources.*` that the engine can do. Those that it cannot are in
//! `outline/change_source.rs`.

use mlua::{Table, Value};
use regex::Regex;

use super::outline::check;
use super::{Reader, reporter};
use crate::base::wildcard;
use crate::model::config::{
    BranchPattern, Branches, Encoding, GitAccess, GitPoller, PollTimes, PullRequestPoller,
    RepositoryType, Said, SourceConfig, SourceKind,
};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const GIT_OPTIONS: &[&str] = &[
    "name",
    "data",
    "poll_interval",
    "poll_at_launch",
    "poll_random_delay_min",
    "poll_random_delay_max",
    "category",
    "project",
    "codebase",
    "repo",
    "branch",
    "branches",
    "build_pushes_with_no_commits",
    "only_tags",
    "fetch_refspec",
    "use_timestamps",
    "encoding",
    "workdir",
    "git",
    "ssh_private_key",
    "ssh_host_key",
    "ssh_known_hosts",
    "auth_user",
    "auth_password",
];
pub(super) const PULL_REQUEST_OPTIONS: &[&str] = &[
    "name",
    "data",
    "poll_interval",
    "poll_at_launch",
    "poll_random_delay_min",
    "poll_random_delay_max",
    "category",
    "project",
    "codebase",
    "owner",
    "repo",
    "branches",
    "api",
    "pull_request_filter",
    "token",
    "magic_link",
    "repository_type",
    "github_property_whitelist",
];

/// Reads a change source; none when `table` is something else, or one that is only checked.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<SourceConfig> {
    let object = reader.object(table)?;
    if !matches!(object.kind.as_str(), "git_poller" | "github_pull_request_poller") {
        return None;
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner.clone_from(&object.kind);
    let site = f.site();
    let name = f.text("name");
    if name.as_deref() == Some("") {
        f.problem("name", format!("`name` of {} must not be empty.", f.owner));
    }
    let (kind, default) = match object.kind.as_str() {
        "git_poller" => {
            let git = git(&mut f);
            let name = without_user(&git.repo);
            (SourceKind::GitPoller(git), name)
        }
        _ => {
            let poller = pull_requests(&mut f);
            let name = format!("{}/{}", poller.owner, poller.repo);
            (SourceKind::GithubPullRequestPoller(poller), name)
        }
    };
    let source = SourceConfig {
        name: name.unwrap_or(default),
        kind,
        times: times(&mut f),
        category: said(&mut f, "category"),
        project: f.text("project"),
        codebase: f.text("codebase"),
        site,
    };
    f.know(["data"]);
    f.finish();
    Some(source)
}

/// A URL without the name and password of a user: names are shown.
fn without_user(repo: &str) -> String {
    let Some((scheme, rest)) = repo.split_once("://") else { return repo.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => repo.to_owned(),
    }
}

fn times(f: &mut Fields<'_, '_>) -> PollTimes {
    let interval = f.seconds("poll_interval");
    if interval == Some(0.0) {
        f.problem(
            "poll_interval",
            format!("`poll_interval` of {} must be more than 0 seconds.", f.owner),
        );
    }
    let (low, high) = (f.seconds("poll_random_delay_min"), f.seconds("poll_random_delay_max"));
    let times = PollTimes {
        poll_interval: interval.unwrap_or(600.0),
        poll_at_launch: f.boolean("poll_at_launch", false),
        poll_random_delay_min: low.unwrap_or(0.0),
        poll_random_delay_max: high.or(low).unwrap_or(0.0),
    };
    if times.poll_random_delay_min > times.poll_random_delay_max {
        let message = "`poll_random_delay_min` is more than `poll_random_delay_max`.";
        f.problem("poll_random_delay_min", message);
    }
    if times.poll_random_delay_max > 0.0 && times.poll_random_delay_max >= times.poll_interval {
        let key = if high.is_some() { "poll_random_delay_max" } else { "poll_random_delay_min" };
        let message = format!(
            "`{key}` must be less than `poll_interval`, which is {} s.",
            times.poll_interval
        );
        f.problem(key, message);
    }
    times
}

/// A text or a function.
pub(super) fn said(f: &mut Fields<'_, '_>, key: &str) -> Option<Said> {
    match f.value(key)? {
        Value::Function(function) => Some(Said::Callback(f.keep(key, &function))),
        Value::String(text) => Some(Said::Fixed(text.to_string_lossy())),
        other => {
            let got = a_type(&other);
            let message =
                format!("`{key}` of {} must be a string or a function, not {got}.", f.owner);
            f.problem(key, message);
            None
        }
    }
}

fn git(f: &mut Fields<'_, '_>) -> GitPoller {
    let repo = f.required_text("repo");
    check_repository(f, &repo);
    check::not_both(f, "branch", "branches");
    check::not_both(f, "branches", "only_tags");
    check::not_both(f, "branch", "only_tags");
    check::not_both(f, "ssh_host_key", "ssh_known_hosts");
    if f.value("fetch_refspec").is_some() {
        let message = format!("`fetch_refspec` of {} says nothing here.", f.owner);
        let hint = "Only what `branches` names is fetched; leave it out.";
        f.problem_with("fetch_refspec", message, vec![hint.to_owned()]);
    }
    let workdir = f.text("workdir");
    if workdir.as_deref() == Some("") {
        f.problem("workdir", format!("`workdir` of {} must not be empty.", f.owner));
    }
    GitPoller {
        branches: branches(f),
        only_tags: f.boolean("only_tags", false),
        build_pushes_with_no_commits: f.boolean("build_pushes_with_no_commits", false),
        use_timestamps: f.boolean("use_timestamps", true),
        encoding: encoding(f),
        workdir,
        git: program(f),
        access: access(f),
        repo,
    }
}

/// What begins with a dash would be an option to git, and `ext::` runs a program of its own.
fn check_repository(f: &Fields<'_, '_>, repo: &str) {
    let why = if repo.starts_with('-') {
        "it would be an option to git"
    } else if repo.split_once("::").is_some_and(|(head, _)| !head.contains(['/', '[', '@'])) {
        "helpers of git are not used"
    } else if repo.contains(char::is_control) {
        "it has a control character"
    } else {
        return;
    };
    let message = format!("`repo` of {} cannot be {repo:?}: {why}.", f.owner);
    f.problem("repo", message);
}

fn branches(f: &mut Fields<'_, '_>) -> Branches {
    if let Some(branch) = f.text("branch") {
        return Branches::Matching(patterns(f, "branch", vec![branch]));
    }
    match f.value("branches") {
        None => Branches::Default,
        Some(Value::Boolean(true)) => Branches::All,
        Some(Value::Function(function)) => Branches::Callback(f.keep("branches", &function)),
        Some(_) => {
            let texts = f.texts("branches").unwrap_or_default();
            Branches::Matching(patterns(f, "branches", texts))
        }
    }
}

fn patterns(f: &Fields<'_, '_>, key: &str, texts: Vec<String>) -> Vec<BranchPattern> {
    let mut out = Vec::new();
    for text in texts {
        let name = text.strip_prefix("refs/heads/").unwrap_or(&text);
        match Regex::new(&wildcard::regex(name)) {
            Ok(regex) if !name.is_empty() => out.push(BranchPattern { text, regex }),
            _ => {
                let message = format!("{text:?} in `{key}` of {} names no branch.", f.owner);
                f.problem_at(key, &text, message, Vec::new());
            }
        }
    }
    out
}

fn encoding(f: &mut Fields<'_, '_>) -> Encoding {
    let Some(text) = f.text("encoding") else { return Encoding::default() };
    match text.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => Encoding::Utf8,
        "latin-1" | "latin1" | "iso-8859-1" => Encoding::Latin1,
        _ => {
            let message = format!("`encoding` of {} cannot be {text:?}.", f.owner);
            let hint = r#"It can be "utf-8" or "latin-1"."#;
            f.problem_at("encoding", &text, message, vec![hint.to_owned()]);
            Encoding::default()
        }
    }
}

fn program(f: &mut Fields<'_, '_>) -> String {
    let program = f.text("git").unwrap_or_else(|| "git".to_owned());
    if program.is_empty() {
        f.problem("git", format!("`git` of {} must not be empty.", f.owner));
    }
    program
}

fn access(f: &mut Fields<'_, '_>) -> GitAccess {
    let access = GitAccess {
        ssh_private_key: f.secret("ssh_private_key"),
        ssh_host_key: f.text("ssh_host_key"),
        ssh_known_hosts: f.text("ssh_known_hosts"),
        auth_user: f.text("auth_user"),
        auth_password: f.secret("auth_password"),
    };
    if access.auth_user.is_some() && access.auth_password.is_none() {
        f.problem("auth_user", format!("`auth_user` of {} needs `auth_password`.", f.owner));
    }
    if access.ssh_host_key.is_some() && access.ssh_private_key.is_none() {
        f.problem(
            "ssh_host_key",
            format!("`ssh_host_key` of {} needs `ssh_private_key`.", f.owner),
        );
    }
    access
}

fn pull_requests(f: &mut Fields<'_, '_>) -> PullRequestPoller {
    let mut word = |key: &str| {
        let text = f.required_text(key);
        if text.contains('/') || text.contains(char::is_whitespace) {
            let message = format!("`{key}` of {} is one name, not {text:?}.", f.owner);
            f.problem_at(key, &text, message, Vec::new());
        }
        text
    };
    let (owner, repo) = (word("owner"), word("repo"));
    PullRequestPoller {
        owner,
        repo,
        branches: f.texts("branches"),
        api: reporter::api(f),
        pull_request_filter: f.callback("pull_request_filter"),
        token: f.secret("token"),
        magic_link: f.boolean("magic_link", false),
        repository_type: repository_type(f),
        github_property_whitelist: f.texts("github_property_whitelist").unwrap_or_default(),
    }
}

fn repository_type(f: &mut Fields<'_, '_>) -> RepositoryType {
    check::choice(f, "repository_type", &["https", "svn", "git", "ssh"]);
    match f.text("repository_type").as_deref() {
        Some("svn") => RepositoryType::Svn,
        Some("git") => RepositoryType::Git,
        Some("ssh") => RepositoryType::Ssh,
        _ => RepositoryType::Https,
    }
}
