//! `ci.reporters.*` that take effect: a reader for each kind, and what they share.

use mlua::{Table, Value};

use super::outline::check;
use super::{Reader, generator, scripted};
use crate::model::config::{
    GeneratorKind, GithubComment, GithubStatus, HttpReporter, ReporterConfig, ReporterKind,
};
use crate::model::render::Renderable;
use crate::script::interpolate;
use crate::script::read::fields::Fields;

/// What every reporter takes, and then its own.
macro_rules! options {
    ($($own:literal),*) => {
        &["name", "builders", "tags", "branches", "schedulers", "generators", "data", $($own),*]
    };
}

pub(super) const STATUS_OPTIONS: &[&str] =
    options!["token", "api", "context", "pending", "start", "finish", "verbose"];
pub(super) const GITEA_OPTIONS: &[&str] =
    options!["token", "api", "context", "pending", "start", "finish", "verbose", "verify", "debug"];
pub(super) const COMMENT_OPTIONS: &[&str] =
    options!["token", "api", "context", "finish", "verify", "debug"];
pub(super) const HTTP_OPTIONS: &[&str] = options![
    "url",
    "user",
    "password",
    "headers",
    "skip_encoding",
    "payload",
    "certificate",
    "verify",
    "debug"
];

/// The kinds with a reader here.
pub(super) const KINDS: [&str; 5] =
    ["github_status", "gitea_status", "github_comment", "http", "reporter"];

/// Reads a reporter; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<ReporterConfig> {
    let object = reader.object(table)?;
    let kind = object.kind.as_str();
    if kind == "reporter" {
        return scripted::reporter(reader, &object, table);
    }
    if !KINDS.contains(&kind) {
        return None;
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner = format!("reporter {kind}");
    let site = f.site();
    let name = f.text("name").unwrap_or_else(|| kind.to_owned());
    let takes: fn(&GeneratorKind) -> bool = match kind {
        "github_status" | "gitea_status" => {
            |kind| !matches!(kind, GeneratorKind::WorkerMissing { .. })
        }
        // A comment is about something that has ended.
        "github_comment" => |kind| {
            !matches!(
                kind,
                GeneratorKind::WorkerMissing { .. } | GeneratorKind::BuildRequest { .. }
            )
        },
        _ => |_| true,
    };
    let scope = generator::scope(&mut f);
    let generators = generator::generators(&mut f, takes);
    let kind = match kind {
        "github_status" => {
            let api = api(&mut f);
            ReporterKind::GithubStatus(status(&mut f, api))
        }
        "gitea_status" => {
            check::need_url(&mut f, "api");
            f.boolean("verify", true);
            f.boolean("debug", false);
            let api = url(&mut f, "api");
            ReporterKind::GiteaStatus(status(&mut f, api))
        }
        "github_comment" => ReporterKind::GithubComment(comment(&mut f)),
        _ => ReporterKind::Http(http(&mut f)),
    };
    f.know(["data"]);
    f.finish();
    Some(ReporterConfig { name, kind, scope, generators, site })
}

fn status(f: &mut Fields<'_, '_>, api: String) -> GithubStatus {
    for key in ["pending", "start", "finish"] {
        check::not_both(f, "generators", key);
    }
    let context = f.renderable("context").unwrap_or_else(default_context);
    let mut words =
        |key: &str, default: &str| f.renderable(key).unwrap_or_else(|| Renderable::text(default));
    let (start, finish) = (words("start", "Build started."), words("finish", "Build done."));
    GithubStatus {
        token: f.required_secret("token"),
        api,
        context,
        pending: f.renderable("pending"),
        start,
        finish,
        verbose: f.boolean("verbose", false),
    }
}

fn comment(f: &mut Fields<'_, '_>) -> GithubComment {
    check::not_both(f, "generators", "finish");
    f.boolean("verify", true);
    f.boolean("debug", false);
    GithubComment {
        token: f.required_secret("token"),
        api: api(f),
        context: f.renderable("context").unwrap_or_else(default_context),
        finish: f.renderable("finish"),
    }
}

fn http(f: &mut Fields<'_, '_>) -> HttpReporter {
    check::not_both(f, "generators", "payload");
    check::need_url(f, "url");
    let (user, password) = (f.text("user"), f.secret("password"));
    if user.is_some() != password.is_some() {
        let message = format!("{} takes `user` and `password` together.", f.owner);
        f.problem(if user.is_some() { "user" } else { "password" }, message);
    }
    for key in ["verify", "debug"] {
        f.boolean(key, false);
    }
    f.text("certificate");
    let mut headers = std::collections::BTreeMap::new();
    for (name, value) in f.data("headers") {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        match value.as_str().filter(|text| !text.contains(['\r', '\n'])) {
            Some(text) if !name.is_empty() && name.bytes().all(fits) => {
                headers.insert(name, text.to_owned());
            }
            _ => {
                let owner = &f.owner;
                let message = format!(
                    "`{name}` in `headers` of {owner} is no header: a name and a text of one line."
                );
                f.problem(&name, message);
            }
        }
    }
    HttpReporter {
        url: url(f, "url"),
        login: user.zip(password),
        headers,
        skip_encoding: f.boolean("skip_encoding", false),
        payload: f.callback("payload"),
    }
}

/// A URL that was checked.
fn url(f: &mut Fields<'_, '_>, key: &str) -> String {
    match f.value(key) {
        Some(Value::String(url)) => url.to_string_lossy(),
        _ => String::new(),
    }
}

/// Buildbot's default.
fn default_context() -> Renderable {
    interpolate::named("buildbot/%(prop:buildername)s".to_owned(), Default::default())
        .unwrap_or_else(|_| Renderable::text("buildbot"))
}

/// The option `api`: a base URL, without a final `/`.
pub(super) fn api(f: &mut Fields<'_, '_>) -> String {
    let Some(api) = f.text("api") else { return "https://api.github.com".to_owned() };
    if !api.starts_with("https://") && !api.starts_with("http://") {
        let message = format!("`api` of {} must be a URL, not {api:?}.", f.owner);
        f.problem("api", message);
    }
    api.trim_end_matches('/').to_owned()
}
