//! The shape of a value, read from its `Debug` text: how a reload tells which options of an object
//! differ without a second list of all options, which would fall behind the first. Only what
//! derived `Debug` writes is understood; anything else is one atom, equal or not.

use std::fmt::Debug;

/// A value as its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A word, number or text, as written.
    Atom(String),
    /// `Name { key: value, … }`, and maps and sets, which have no name.
    Braces(String, Vec<(Self, Option<Self>)>),
    /// `Name(value, …)` and `[value, …]`, with the opening bracket at the end of the name.
    Sequence(String, Vec<Self>),
}

impl Outline {
    /// The shape of `value`. Secrets differ in it as their texts do (see `base::secret`).
    #[must_use]
    pub fn of(value: &impl Debug) -> Self {
        Self::read(&text(value))
    }

    fn read(text: &str) -> Self {
        let mut cursor = Cursor { text, at: 0 };
        match cursor.value() {
            Some(outline) if cursor.rest().is_empty() => outline,
            _ => Self::Atom(text.to_owned()),
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Braces(_, entries) = self else { return None };
        entries.iter().find(|(k, _)| k.word() == key).and_then(|(_, value)| value.as_ref())
    }

    /// An atom without the quotes of a text; nothing for everything else.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Atom(text) => {
                text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
            }
            Self::Braces(..) | Self::Sequence(..) => "",
        }
    }

    /// What stands alone in brackets, however deep: `Some(x)`, `Branch(x)` are `x`.
    #[must_use]
    pub fn inner(&self) -> &Self {
        match self {
            Self::Sequence(name, items) if name.ends_with('(') => match items.as_slice() {
                [only] => only.inner(),
                _ => self,
            },
            _ => self,
        }
    }

    /// The same with every part replaced that `f` has something for.
    pub fn replace(&mut self, f: &impl Fn(&Self) -> Option<Self>) {
        if let Some(other) = f(self) {
            *self = other;
            return;
        }
        match self {
            Self::Atom(_) => {}
            Self::Braces(_, entries) => {
                entries
                    .iter_mut()
                    .filter_map(|(_, value)| value.as_mut())
                    .for_each(|v| v.replace(f));
            }
            Self::Sequence(_, items) => items.iter_mut().for_each(|item| item.replace(f)),
        }
    }
}

/// The text that [`Outline::of`] reads; equal texts are equal shapes.
#[must_use]
pub fn text(value: &impl Debug) -> String {
    format!("{value:+?}")
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn value(&mut self) -> Option<Outline> {
        if self.rest().starts_with(['"', '\'']) {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest.find(|c| "{}[](),:\" ".contains(c)).unwrap_or(rest.len());
        self.at += end;
        let name = &rest[..end];
        if self.take(" {") || self.take("{") {
            return self.braces(name);
        }
        let spaced = self.rest().starts_with(" [") && !name.is_empty();
        if spaced {
            self.at += 1;
        }
        for (open, close) in [("[", "]"), ("(", ")")] {
            if self.take(open) {
                return self.sequence(format!("{name}{open}"), close);
            }
        }
        (!name.is_empty()).then(|| Outline::Atom(name.to_owned()))
    }

    fn quoted(&mut self) -> Option<Outline> {
        let rest = self.rest();
        let quote = rest.as_bytes()[0];
        let mut is_escaped = false;
        for (at, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                _ if byte == quote => {
                    self.at += at + 1;
                    return Some(Outline::Atom(rest[..=at].to_owned()));
                }
                _ => {}
            }
        }
        None
    }

    fn braces(&mut self, name: &str) -> Option<Outline> {
        let mut entries = Vec::new();
        loop {
            self.take(" ");
            if self.take("}") {
                return Some(Outline::Braces(name.to_owned(), entries));
            }
            let key = self.value()?;
            let value = if self.take(": ") { Some(self.value()?) } else { None };
            entries.push((key, value));
            if !self.take(",") {
                self.take(" ");
                return self.take("}").then(|| Outline::Braces(name.to_owned(), entries));
            }
        }
    }

    fn sequence(&mut self, name: String, close: &str) -> Option<Outline> {
        let mut items = Vec::new();
        loop {
            self.take(" ");
            if self.take(close) {
                return Some(Outline::Sequence(name, items));
            }
            items.push(self.value()?);
            if !self.take(",") {
                return self.take(close).then_some(Outline::Sequence(name, items));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;
    use crate::base::secret::Secret;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its text matters")]
    struct Sample {
        text: String,
        map: BTreeMap<String, serde_json::Value>,
        set: BTreeSet<i64>,
        nested: Option<Kind>,
        nothing: (),
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its text matters")]
    enum Kind {
        Plain,
        Holding(f64, char),
    }

    #[test]
    fn everything_that_derived_debug_writes_is_read() {
        let sample = Sample {
            text: "a \"b\", {c: (d)]\\".to_owned(),
            map: BTreeMap::from([
                ("x".to_owned(), json!({"a": [1, -2.5, null, "}"], "b": {}})),
                ("y z".to_owned(), json!([])),
            ]),
            set: BTreeSet::from([1, 2]),
            nested: Some(Kind::Holding(1.5e300, '\'')),
            nothing: (),
        };
        let outline = Outline::of(&sample);
        let Outline::Braces(name, entries) = &outline else { panic!("{outline:?}") };
        assert_eq!((name.as_str(), entries.len()), ("Sample", 5));
        assert_eq!(outline.get("text").unwrap().word(), r#"a \"b\", {c: (d)]\\"#);
        let map = outline.get("map").unwrap();
        assert!(
            matches!(map.get("x").unwrap(), Outline::Braces(n, e) if n == "Object" && e.len() == 2)
        );
        assert!(
            matches!(map.get("y z").unwrap(), Outline::Sequence(n, e) if n == "Array[" && e.is_empty())
        );
        let nested = outline.get("nested").unwrap().inner();
        assert!(matches!(nested, Outline::Sequence(n, e) if n == "Holding(" && e.len() == 2));
        assert_eq!(Outline::of(&Kind::Plain).word(), "Plain");
    }

    #[test]
    fn secrets_differ_without_showing() {
        let (a, b) = (Outline::of(&Secret::new("hunter22")), Outline::of(&Secret::new("hunter23")));
        assert_ne!(a, b);
        assert!(!format!("{a:?}").contains("hunter"), "{a:?}");
        assert_eq!(format!("{:?}", Secret::new("hunter22")), "Secret(***)");
    }

    #[test]
    fn what_is_not_understood_is_one_atom() {
        assert_eq!(Outline::read("a b"), Outline::Atom("a b".to_owned()));
        assert_eq!(Outline::read("A { b"), Outline::Atom("A { b".to_owned()));
    }
}
