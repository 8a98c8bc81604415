//! `ci.reporters.*`.

use mlua::Table;

use super::{Reader, outline, scripted};
use crate::model::config::{GithubStatus, ReporterConfig, ReporterKind};
use crate::model::render::Renderable;
use crate::script::interpolate;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "name",
    "token",
    "api",
    "builders",
    "tags",
    "branches",
    "schedulers",
    "generators",
    "context",
    "pending",
    "start",
    "finish",
    "verbose",
    "data",
];

/// Reads a reporter; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<ReporterConfig> {
    let object = reader.object(table)?;
    match object.kind.as_str() {
        "github_status" => {}
        "reporter" => return scripted::reporter(reader, &object, table),
        _ => return None,
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner = "reporter github_status".to_owned();
    let site = f.site();
    let name = f.text("name").unwrap_or_else(|| "github_status".to_owned());
    let context = f.renderable("context").unwrap_or_else(default_context);
    let mut words =
        |key: &str, default: &str| f.renderable(key).unwrap_or_else(|| Renderable::text(default));
    let (start, finish) = (words("start", "Build started."), words("finish", "Build done."));
    let status = GithubStatus {
        token: f.required_secret("token"),
        api: api(&mut f),
        context,
        pending: f.renderable("pending"),
        start,
        finish,
    };
    let builders = f.names("builders", &["builder"]);
    for (key, check) in outline::CHOICE {
        check(&mut f, key);
    }
    f.boolean("verbose", false);
    f.finish();
    Some(ReporterConfig { name, kind: ReporterKind::GithubStatus(status), builders, site })
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
