//! Renderables: option values that are known only when a step runs. A tree of constants,
//! properties, interpolations and callbacks; evaluation is in `engine/render.rs`, because a
//! callback leaf must be awaited. What rendering means is `lua-api` D7: nil is null in a map and
//! left out of a list, `{}` is an empty map.

use std::collections::{BTreeMap, BTreeSet};

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
    /// `ci.url_for_build`: the link to the build's page.
    Url,
    /// `ci.secret(name)`: a secret of `c.secrets_providers`.
    Secret(String),
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
    /// What each `%s` stands for, in order, in a text without selectors.
    pub values: Vec<Renderable>,
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
    /// `src:CODEBASE:ATTRIBUTE` (branch, revision, repository, project, codebase, changes)
    Source {
        /// The codebase, may be empty.
        codebase: String,
        /// The attribute's name.
        attribute: String,
    },
    /// `kw:NAME`, already resolved to the renderable that was given.
    Keyword(Box<Renderable>),
    /// `secret:NAME`: a secret of `c.secrets_providers`.
    Secret(String),
    /// `worker:NAME`: what the worker said of itself, or a property of it.
    Worker(String),
}

/// The `:-`, `:~`, `:+`, `:?`, `:#?` endings of a selector.
#[derive(Clone, Debug, PartialEq)]
pub enum Alternative {
    /// The value, or nothing.
    None,
    /// `:-text`: the text if the value is missing or null.
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

    /// The secrets that it names, less those that may be missing.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<&str> {
        let mut out = BTreeSet::new();
        self.add_secrets(&mut out);
        out
    }

    fn add_secrets<'a>(&'a self, out: &mut BTreeSet<&'a str>) {
        let each = |items: &'a [Self], out: &mut BTreeSet<&'a str>| {
            items.iter().for_each(|item| item.add_secrets(out));
        };
        match self {
            Self::Secret(name) => {
                out.insert(name);
            }
            Self::Property { default, .. } => {
                if let Some(default) = default {
                    default.add_secrets(out);
                }
            }
            Self::Interpolate(text) => add_secrets_of(&text.pieces, out),
            Self::Concat(items)
            | Self::Transform(_, items)
            | Self::Merge(items)
            | Self::List(items) => each(items, out),
            Self::Map(entries) => entries.values().for_each(|entry| entry.add_secrets(out)),
            Self::Constant(_) | Self::Builddir | Self::Url | Self::Callback(_) => {}
        }
    }
}

fn add_secrets_of<'a>(pieces: &'a [Piece], out: &mut BTreeSet<&'a str>) {
    for piece in pieces {
        let Piece::Select { what, alternative } = piece else { continue };
        match (what, alternative) {
            (Selector::Secret(name), Alternative::None) => {
                out.insert(name);
            }
            (Selector::Keyword(value), _) => value.add_secrets(out),
            _ => {}
        }
        match alternative {
            Alternative::None => {}
            Alternative::IfMissing(text)
            | Alternative::IfFalse(text)
            | Alternative::IfPresent(text) => add_secrets_of(text, out),
            Alternative::Choose { yes, no, .. } => {
                add_secrets_of(yes, out);
                add_secrets_of(no, out);
            }
        }
    }
}
