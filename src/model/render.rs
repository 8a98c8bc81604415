//! Renderables: option values that are known only when a step runs. A tree of constants,
//! properties, interpolations and callbacks; evaluation is in `engine/render.rs`, because a
//! callback leaf must be awaited. What rendering means is `lua-api` D7: nil is null in a map and
//! left out of a list, `{}` is an empty map.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::config::Callback;

/// A value that may depend on the build.
#[derive(Clone, Debug, PartialEq)]
pub enum Renderable {
    /// The value itself.
    Constant(Json),
    /// `ci.property(name, default)`: the default also replaces null and empty text.
    Property {
        /// Name of the property.
        name: String,
        /// Used when the property is missing, null or empty.
        default: Option<Box<Self>>,
    },
    /// `ci.interpolate(text, kw)`.
    Interpolate(Interpolation),
    /// `a .. b` with a renderable on either side; null counts as empty, a table is an error.
    Concat(Vec<Self>),
    /// `ci.builddir`: the build's directory on the worker, with forward slashes.
    Builddir,
    /// A Lua function of the build; what it returns is rendered again.
    Callback(Callback),
    /// `ci.transform(fn, ...)`: a Lua function of rendered arguments.
    Transform(Callback, Vec<Self>),
    /// `ci.merge(...)`: maps, later keys win; null and false are skipped.
    Merge(Vec<Self>),
    /// A list; what renders to null is left out and lists inside are kept.
    List(Vec<Self>),
    /// A map; what renders to null is null.
    Map(BTreeMap<String, Self>),
}

/// `ci.interpolate(text, kw)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolation {
    /// As it was written.
    pub text: String,
    /// What `%(kw:NAME)s` refers to.
    pub keywords: BTreeMap<String, Renderable>,
    /// The text read: pieces that are joined.
    pub pieces: Vec<Piece>,
}

/// A piece of an interpolation.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// A selector, `%(...)s`.
    Select {
        /// What is looked up.
        what: Selector,
        /// What happens with the value.
        alternative: Alternative,
    },
}

/// What `%(...)s` looks up.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// `prop:NAME`
    Property(String),
    /// `src:CODEBASE:ATTRIBUTE` (branch, revision, repository, project, codebase)
    Source {
        /// The codebase, may be empty.
        codebase: String,
        /// The attribute's name.
        attribute: String,
    },
    /// `kw:NAME`, already resolved to the renderable that was given.
    Keyword(Box<Renderable>),
    /// `worker:NAME`: a property of the worker.
    Worker(String),
}

/// The `:-`, `:~`, `:+`, `:?`, `:#?` endings of a selector.
#[derive(Clone, Debug, PartialEq)]
pub enum Alternative {
    /// The value, or nothing.
    None,
    /// `:-text`: the text if the value is missing.
    IfMissing(Vec<Piece>),
    /// `:~text`: the text if the value is missing or false in Buildbot's sense (empty, 0, false).
    IfFalse(Vec<Piece>),
    /// `:+text`: the text if the value is there, else nothing.
    IfPresent(Vec<Piece>),
    /// `:?:a:b` (by presence) and `:#?:a:b` (by truth).
    Choose {
        /// Decide by truth instead of presence.
        by_truth: bool,
        /// The text for yes.
        yes: Vec<Piece>,
        /// The text for no.
        no: Vec<Piece>,
    },
}

impl Renderable {
    /// A constant text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Constant(Json::String(text.to_owned()))
    }

    /// The value, when nothing in it depends on the build.
    #[must_use]
    pub fn as_constant(&self) -> Option<&Json> {
        match self {
            Self::Constant(value) => Some(value),
            _ => None,
        }
    }
}
