//! Where the keys of a table of options are written. A place is worked out when there is something
//! to tell about it: most loads have nothing to tell, and never look into their sources.

use std::rc::Rc;
use std::sync::Arc;

use mlua::Table;

use super::locate::{Sources, Spot};
use crate::model::config::Site;

/// Where the keys of a table are written.
#[derive(Clone)]
pub(super) enum Anchor {
    /// In the brackets after the call of this constructor.
    Call(Site, String),
    /// In assignments to a configuration, made there; each key knows its last line.
    Assigned(Site, Table),
    /// In what the main part of this file returns.
    Returned(Arc<str>),
    /// In the brackets after this key.
    Within(Rc<Key>),
    /// Nobody knows: the whole file.
    Unknown,
}

/// A key of a table.
pub(super) struct Key {
    pub(super) anchor: Anchor,
    pub(super) name: String,
}

impl Key {
    /// Its place.
    pub(super) fn spot(&self, sources: &Sources) -> Spot {
        self.anchor.key(sources, &self.name)
    }
}

impl Anchor {
    /// The place of the whole table.
    pub(super) fn spot(&self, sources: &Sources) -> Spot {
        match self {
            Self::Call(site, called) => sources.call(site, called),
            Self::Assigned(site, _) => site.clone().into(),
            Self::Returned(file) => sources.returned(file).unwrap_or_else(|| {
                Site { file: file.clone(), line: sources.last_line(file) }.into()
            }),
            Self::Within(key) => key.spot(sources),
            Self::Unknown => Site::default().into(),
        }
    }

    /// The line of the whole table.
    pub(super) fn site(&self, sources: &Sources) -> Site {
        match self {
            Self::Call(site, _) | Self::Assigned(site, _) => site.clone(),
            Self::Returned(_) | Self::Within(_) | Self::Unknown => self.spot(sources).site,
        }
    }

    /// The place of the key `key` of the table.
    pub(super) fn key(&self, sources: &Sources, key: &str) -> Spot {
        match self {
            Self::Call(site, called) => {
                let spot = sources.key(site, called, key);
                if spot.caret.is_some() { spot } else { sources.call(site, called) }
            }
            Self::Returned(file) => sources.key_of_returned(file, key),
            Self::Within(outer) => sources.key(&outer.spot(sources).site, "", key),
            Self::Assigned(site, sites) => match sites.raw_get::<Option<Table>>(key) {
                Ok(Some(at)) => {
                    let file: String = at.raw_get("file").unwrap_or_default();
                    let line = at.raw_get("line").unwrap_or_default();
                    let at = Site { file: file.into(), line };
                    // The brackets of `ci.config { … }` are read on from the line of the call.
                    let called = sources.key(&at, "config", key);
                    if called.caret.is_some() { called } else { sources.assignment(&at, key) }
                }
                _ => site.clone().into(),
            },
            Self::Unknown => Site::default().into(),
        }
    }
}
