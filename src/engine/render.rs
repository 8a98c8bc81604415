//! Evaluates renderables against a build. The tree is in `model/render.rs`; here a callback leaf is
//! awaited. What a callback returns is rendered again, as `lua-api` D7 has it; the depth is
//! limited so that a function that returns itself ends with an error.

use serde_json::{Map, Value as Json};

use crate::engine::ports::{Argument, Future, ScriptError, Scripts};
use crate::model::build::BuildView;
use crate::model::config::LockAccess;
use crate::model::render::{Alternative, Piece, Renderable, Selector};

/// Renders `value` for `build`.
///
/// # Errors
/// What a callback raises, or a table where text is needed.
pub async fn render(
    value: &Renderable,
    build: &std::sync::Arc<BuildView>,
    scripts: &dyn Scripts,
) -> Result<Json, ScriptError> {
    Renderer { build, scripts, purpose: Purpose::Value }.value(value).await
}

/// Renders `value` for `build`, as part of an option of `purpose`.
///
/// # Errors
/// As [`render`].
pub async fn render_for(
    purpose: Purpose,
    value: &Renderable,
    build: &std::sync::Arc<BuildView>,
    scripts: &dyn Scripts,
) -> Result<Json, ScriptError> {
    Renderer { build, scripts, purpose }.value(value).await
}

/// The lock accesses that `list` renders to.
///
/// # Errors
/// As [`render`]; for what is no lock access.
pub async fn render_locks(
    list: &[Renderable],
    build: &std::sync::Arc<BuildView>,
    scripts: &dyn Scripts,
) -> Result<Vec<LockAccess>, ScriptError> {
    let mut out = Vec::new();
    let mut open = Vec::new();
    for value in list.iter().rev() {
        open.push(render_for(Purpose::Locks, value, build, scripts).await?);
    }
    while let Some(value) = open.pop() {
        match value {
            Json::Null | Json::Bool(false) => {}
            Json::Array(items) => open.extend(items.into_iter().rev()),
            Json::Object(map) if map.is_empty() => {}
            other => match LockAccess::from_json(&other) {
                Some(access) => out.push(access),
                None => {
                    return Err(error(format!("`locks` takes lock accesses, not {other}.")));
                }
            },
        }
    }
    Ok(out)
}

/// What is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A value.
    Value,
    /// A list of lock accesses.
    Locks,
}

struct Renderer<'a> {
    purpose: Purpose,
    build: &'a std::sync::Arc<BuildView>,
    scripts: &'a dyn Scripts,
}

impl Renderer<'_> {
    fn value<'b>(&'b self, value: &'b Renderable) -> Future<'b, Result<Json, ScriptError>> {
        Box::pin(async move {
            Ok(match value {
                Renderable::Constant(constant) => constant.clone(),
                Renderable::Property { name, default } => {
                    match (self.build.properties.get(name).filter(|v| !is_empty(v)), default) {
                        (Some(found), _) => found.clone(),
                        (None, Some(default)) => self.value(default).await?,
                        (None, None) => Json::Null,
                    }
                }
                Renderable::Interpolate(i) => Json::String(self.pieces(&i.pieces).await?),
                Renderable::Concat(parts) => {
                    let mut out = String::new();
                    for part in parts {
                        out.push_str(&text(&self.value(part).await?)?);
                    }
                    Json::String(out)
                }
                Renderable::Builddir => Json::String(self.build.builddir.replace('\\', "/")),
                Renderable::Url => Json::String(self.build.url.clone()),
                Renderable::Secret(name) => match self.secret(name) {
                    Some(secret) => secret,
                    None => return Err(error(format!("there is no secret {name:?}."))),
                },
                Renderable::Callback(callback) => {
                    let args = self.arguments(Argument::Build(self.build.clone()));
                    self.scripts.call(callback, args).await?
                }
                Renderable::Transform(callback, args) => {
                    let mut rendered = self.arguments(Argument::For(self.build.clone()));
                    for arg in args {
                        rendered.push(Argument::Json(self.value(arg).await?));
                    }
                    self.scripts.call(callback, rendered).await?
                }
                Renderable::Merge(maps) => self.merge(maps).await?,
                Renderable::List(items) => {
                    let mut out = Vec::new();
                    for item in items {
                        match self.value(item).await? {
                            Json::Null => {}
                            rendered => out.push(rendered),
                        }
                    }
                    Json::Array(out)
                }
                Renderable::Map(entries) => {
                    let mut out = Map::new();
                    for (name, entry) in entries {
                        out.insert(name.clone(), self.value(entry).await?);
                    }
                    Json::Object(out)
                }
            })
        })
    }

    fn arguments(&self, first: Argument) -> Vec<Argument> {
        let locks = (self.purpose == Purpose::Locks).then_some(Argument::Locks);
        std::iter::once(first).chain(locks).collect()
    }

    async fn merge(&self, maps: &[Renderable]) -> Result<Json, ScriptError> {
        let mut out = Map::new();
        for map in maps {
            match self.value(map).await? {
                Json::Null | Json::Bool(false) => {}
                Json::Object(entries) => out.extend(entries),
                other => return Err(error(format!("ci.merge takes maps, this one is {other}."))),
            }
        }
        Ok(Json::Object(out))
    }

    fn pieces<'b>(&'b self, pieces: &'b [Piece]) -> Future<'b, Result<String, ScriptError>> {
        Box::pin(async move {
            let mut out = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Select { what, alternative } => {
                        let value = self.select(what).await?;
                        if let (Selector::Secret(name), None, Alternative::None) =
                            (what, &value, alternative)
                        {
                            return Err(error(format!("there is no secret {name:?}.")));
                        }
                        out.push_str(&self.alternative(value, alternative).await?);
                    }
                }
            }
            Ok(out)
        })
    }

    /// The value a selector finds; none = it is not there at all.
    async fn select(&self, what: &Selector) -> Result<Option<Json>, ScriptError> {
        Ok(match what {
            Selector::Property(name) => self.build.properties.get(name).cloned(),
            Selector::Source { codebase, attribute } => {
                self.build.sourcestamps.iter().find(|s| s.codebase == *codebase).and_then(|s| {
                    match attribute.as_str() {
                        "changes" => Some(self.revisions(codebase)),
                        _ => serde_json::to_value(s).ok()?.get(attribute).cloned(),
                    }
                })
            }
            Selector::Keyword(value) => Some(self.value(value).await?),
            Selector::Secret(name) => self.secret(name),
            Selector::Worker(name) => match name.as_str() {
                "name" => Some(Json::String(self.build.worker.clone())),
                _ => (self.build.worker_properties.get(name).cloned())
                    .or_else(|| self.build.worker_info.public().remove(name)),
            },
        }
        .filter(|v| !v.is_null()))
    }

    fn secret(&self, name: &str) -> Option<Json> {
        self.build.secrets.get(name).map(|secret| secret.expose().into())
    }

    /// The revisions of the codebase's changes: a list, of which only its truth can be asked.
    fn revisions(&self, codebase: &str) -> Json {
        let changes = self.build.changes.iter().filter(|c| c.what.codebase == codebase);
        changes.map(|c| c.what.revision.clone()).collect()
    }

    async fn alternative(
        &self,
        value: Option<Json>,
        alternative: &Alternative,
    ) -> Result<String, ScriptError> {
        let shown = |v: Option<Json>| v.map_or(Ok(String::new()), |v| text(&v));
        match alternative {
            Alternative::None => shown(value),
            Alternative::IfMissing(other) if value.is_none() => self.pieces(other).await,
            Alternative::IfFalse(other) if !value.as_ref().is_some_and(is_true) => {
                self.pieces(other).await
            }
            Alternative::IfMissing(_) | Alternative::IfFalse(_) => shown(value),
            Alternative::IfPresent(other) if value.is_some() => self.pieces(other).await,
            Alternative::IfPresent(_) => Ok(String::new()),
            Alternative::Choose { by_truth, yes, no } => {
                let chosen =
                    if *by_truth { value.as_ref().is_some_and(is_true) } else { value.is_some() };
                self.pieces(if chosen { yes } else { no }).await
            }
        }
    }
}

/// Whether a property counts as not said: null or empty text.
fn is_empty(value: &Json) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Buildbot's (Python's) truth of a value.
fn is_true(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(b) => *b,
        Json::Number(n) => n.as_f64() != Some(0.0),
        Json::String(s) => !s.is_empty(),
        Json::Array(a) => !a.is_empty(),
        Json::Object(o) => !o.is_empty(),
    }
}

/// A value as part of a text: null is nothing, a table is an error.
///
/// # Errors
/// For lists and maps.
pub fn text(value: &Json) -> Result<String, ScriptError> {
    match value {
        Json::Null => Ok(String::new()),
        Json::String(s) => Ok(s.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(value.to_string()),
        Json::Array(_) | Json::Object(_) => {
            Err(error(format!("a table cannot be part of a text: {value}.")))
        }
    }
}

fn error(message: String) -> ScriptError {
    ScriptError { message, site: None, is_failure: false }
}
