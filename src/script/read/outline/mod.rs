//! Objects that are read by a list: each option with its check, and a last look at the whole. What
//! the engine cannot do yet is described this way, so that it is as strict as the rest long before
//! it takes effect; a kind moves to a reader of its own, with a type in `model::config`, when it
//! does.

mod auth;
mod builder;
mod change_source;
pub(super) mod check;
mod generator;
mod hook;
mod reporter;
mod www;

use mlua::Table;

pub(super) use self::auth::KINDS as AUTH_KINDS;
pub(super) use self::reporter::KINDS as REPORTER_KINDS;
use super::Reader;
use crate::script::read::fields::Fields;

/// Looks at one option.
pub(super) type Check = fn(&mut Fields<'_, '_>, &'static str);

/// An option and its check.
pub(super) type Entry = (&'static str, Check);

/// A kind of objects.
pub(super) struct Outline {
    /// The kind, as `lua/ci/init.lua` says it.
    pub(super) kind: &'static str,
    /// What messages call it.
    pub(super) owner: &'static str,
    /// Its options, in groups that kinds share.
    pub(super) options: &'static [&'static [Entry]],
    /// What no single option can know.
    pub(super) whole: fn(&mut Fields<'_, '_>),
}

/// Every list.
const ALL: [&[Outline]; 6] =
    [auth::ALL, builder::ALL, change_source::ALL, hook::ALL, reporter::ALL, www::ALL];

/// For kinds whose options say everything.
pub(super) fn nothing_more(_: &mut Fields<'_, '_>) {}

/// The outline of `kind`.
pub(super) fn of(kind: &str) -> Option<&'static Outline> {
    ALL.iter().flat_map(|list| list.iter()).find(|outline| outline.kind == kind)
}

/// Every kind with an outline.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|list| list.iter()).map(|outline| outline.kind)
}

impl Outline {
    /// The names of its options.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.options.iter().flat_map(|group| group.iter()).map(|(name, _)| *name).collect()
    }

    /// Looks at everything that is given; `fields` ends here.
    pub(super) fn read(&self, mut fields: Fields<'_, '_>) {
        for (name, check) in self.options.iter().flat_map(|group| group.iter()) {
            check(&mut fields, name);
        }
        (self.whole)(&mut fields);
        fields.finish();
    }
}

/// Looks at an object of one of `kinds`, or of any kind when there are none; false when `table` is
/// something else.
pub(super) fn object(reader: &Reader<'_>, table: &Table, kinds: &[&str]) -> bool {
    let Some(object) = reader.object(table) else { return false };
    let Some(outline) = of(&object.kind) else { return false };
    if !kinds.is_empty() && !kinds.contains(&outline.kind) {
        return false;
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut fields = Fields::of(reader, &object);
    outline.owner.clone_into(&mut fields.owner);
    outline.read(fields);
    true
}

/// Looks at the option `key`: an object of `kind`, or its plain table.
pub(super) fn nested(outer: &mut Fields<'_, '_>, key: &str, kind: &str) {
    let Some(outline) = of(kind) else { return };
    if let Some(fields) = outer.nested(key, kind, outline.owner) {
        outline.read(fields);
    }
}
