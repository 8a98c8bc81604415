//! JSON whose maps keep the order in which they were written. `serde_json::Value` sorts names, which
//! is right for values and wrong for documents that people read and compare.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value as Json;

/// A JSON document.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Null, a boolean or a number.
    Plain(Json),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// Names and values, in order.
    Map(Vec<(String, Self)>),
}

impl Tree {
    /// `value` as it serializes itself; null when it cannot.
    #[must_use]
    pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
        // Through text, which keeps the order; documents are made for people, who read slower.
        let text = serde_json::to_string(value).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_else(|_| {
            // Nested deeper than a parser likes: then without the order.
            serde_json::to_value(value).unwrap_or_default().into()
        })
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The number, if it is a whole one and not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Plain(value) => value.as_u64(),
            _ => None,
        }
    }

    /// The value called `name`, of a map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(n, _)| n == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value called `name`, of a map.
    #[must_use]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => {
                entries.iter_mut().find(|(n, _)| n == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The items of a list; nothing of anything else.
    pub fn items_mut(&mut self) -> std::slice::IterMut<'_, Self> {
        match self {
            Self::List(items) => items.iter_mut(),
            _ => [].iter_mut(),
        }
    }

    /// Shows every node to `f`, a node before what is in it.
    pub fn walk(&mut self, f: &mut impl FnMut(&mut Self)) {
        f(self);
        match self {
            Self::List(items) => items.iter_mut().for_each(|item| item.walk(f)),
            Self::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.walk(f)),
            Self::Plain(_) | Self::Text(_) => {}
        }
    }

    /// The document as indented text.
    #[must_use]
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl From<Json> for Tree {
    fn from(value: Json) -> Self {
        match value {
            Json::String(text) => Self::Text(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Json::Object(map) => {
                Self::Map(map.into_iter().map(|(name, v)| (name, v.into())).collect())
            }
            plain @ (Json::Null | Json::Bool(_) | Json::Number(_)) => Self::Plain(plain),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(n, v)| (n, v))),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Plain(Json::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = list.next_element()? {
            out.push(item);
        }
        Ok(Tree::List(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = map.next_entry()? {
            out.push(entry);
        }
        Ok(Tree::Map(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_numbers_survive() {
        let text = r#"{"b":[1,-2,0.5,null,true],"a":{"z":"é","y":[]}}"#;
        let tree: Tree = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&tree).unwrap(), text);
        assert_eq!(Tree::of(&tree), tree);
    }

    #[test]
    fn depth_is_no_obstacle() {
        let deep = (0..200).fold(Json::from("x"), |inner, _| serde_json::json!([inner]));
        assert_eq!(serde_json::to_value(Tree::of(&deep)).unwrap(), deep);
    }

    #[test]
    fn every_node_is_seen() {
        let mut tree: Tree = serde_json::from_str(r#"{"a":["x",{"b":"y"}]}"#).unwrap();
        tree.walk(&mut |node| {
            if let Tree::Text(text) = node {
                text.push('!');
            }
        });
        assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"a":["x!",{"b":"y!"}]}"#);
    }
}
