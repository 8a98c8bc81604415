//! The types of a step type's options, as its author writes them: `"string[]?"`,
//! `"string|scalar[]"`, `'"full"|"incremental"'`. Constants are checked when the configuration
//! loads, everything else when it is rendered. Lists are flattened on the way, nil and false left
//! out.

use serde_json::Value as Json;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    String,
    Integer,
    Number,
    Boolean,
    /// Text, number or boolean: an argument of a program.
    Scalar,
    /// A table of names.
    Map,
    /// A table of either kind.
    Table,
    /// The name of a scheduler that can be triggered.
    Scheduler,
    /// A Lua function that the step calls itself.
    Function,
    /// Exactly this text.
    Literal(String),
    List(Box<Self>),
    Union(Vec<Self>),
    /// May be absent.
    Optional(Box<Self>),
}

const WORDS: [(&str, Shape); 10] = [
    ("any", Shape::Any),
    ("string", Shape::String),
    ("integer", Shape::Integer),
    ("number", Shape::Number),
    ("boolean", Shape::Boolean),
    ("scalar", Shape::Scalar),
    ("map", Shape::Map),
    ("table", Shape::Table),
    ("scheduler", Shape::Scheduler),
    ("function", Shape::Function),
];

impl Shape {
    /// Reads a type.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if let Some(inner) = trimmed.strip_suffix('?') {
            return Ok(Self::Optional(Box::new(Self::parse(inner)?)));
        }
        let parts: Vec<&str> = split_union(trimmed);
        if parts.len() > 1 {
            return Ok(Self::Union(parts.into_iter().map(Self::parse).collect::<Result<_, _>>()?));
        }
        if let Some(inner) = trimmed.strip_suffix("[]") {
            return Ok(Self::List(Box::new(Self::parse(inner)?)));
        }
        if let Some(inner) = trimmed.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            return Self::parse(inner);
        }
        if let Some(inner) = trimmed.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            return Ok(Self::Literal(inner.to_owned()));
        }
        WORDS.iter().find(|(word, _)| *word == trimmed).map(|(_, shape)| shape.clone()).ok_or_else(
            || {
                let near = crate::base::text::nearest(trimmed, WORDS.iter().map(|(w, _)| *w));
                let near = near.map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
                format!("`{trimmed}` is not a type.{near}")
            },
        )
    }

    /// Whether the option may be left out.
    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::Optional(_) | Self::Any)
    }

    /// Whether a Lua function given for it is the value, not a renderable.
    pub(super) fn takes_function(&self) -> bool {
        match self {
            Self::Function => true,
            Self::Optional(inner) => inner.takes_function(),
            Self::Union(shapes) => shapes.iter().any(Self::takes_function),
            _ => false,
        }
    }

    /// Whether lists given for it are flattened.
    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::Optional(inner) => inner.is_list(),
            Self::Union(shapes) => shapes.iter().any(Self::is_list),
            _ => false,
        }
    }

    /// Whether its lists hold maps.
    fn holds_maps(&self) -> bool {
        match self {
            Self::List(inner) => inner.fits(&Json::Object(serde_json::Map::new())),
            Self::Optional(inner) => inner.holds_maps(),
            Self::Union(shapes) => shapes.iter().any(Self::holds_maps),
            _ => false,
        }
    }

    /// Whether it names schedulers.
    pub(super) fn names_schedulers(&self) -> bool {
        match self {
            Self::Scheduler => true,
            Self::List(inner) | Self::Optional(inner) => inner.names_schedulers(),
            Self::Union(shapes) => shapes.iter().any(Self::names_schedulers),
            _ => false,
        }
    }

    /// Whether `false` is a value of it rather than "not said".
    pub(super) fn takes_boolean(&self) -> bool {
        match self {
            Self::Boolean | Self::Any => true,
            Self::Optional(inner) => inner.takes_boolean(),
            Self::Union(shapes) => shapes.iter().any(Self::takes_boolean),
            _ => false,
        }
    }

    /// `value` in the form the step gets it: lists flattened.
    ///
    /// # Errors
    /// What was expected and what is there.
    pub(super) fn settle(&self, value: Json) -> Result<Json, String> {
        let value = match value {
            Json::Array(items) if self.is_list() => {
                let mut flat = Vec::new();
                flatten(items, self.holds_maps(), &mut flat);
                Json::Array(flat)
            }
            // An empty Lua table is a map; where a list is wanted it is an empty list.
            Json::Object(map) if map.is_empty() && self.is_list() => Json::Array(Vec::new()),
            Json::Bool(false) if !self.takes_boolean() => Json::Null,
            other => other,
        };
        if self.fits(&value) {
            return Ok(value);
        }
        Err(format!("expected {}, got {}", self.words(), shown(&value)))
    }

    fn fits(&self, value: &Json) -> bool {
        match self {
            Self::Any => true,
            Self::String | Self::Scheduler => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Scalar => value.is_string() || value.is_number() || value.is_boolean(),
            Self::Map => value.is_object(),
            Self::Table => value.is_object() || value.is_array(),
            Self::Function => false,
            Self::Literal(text) => value.as_str() == Some(text),
            Self::List(inner) => {
                value.as_array().is_some_and(|items| items.iter().all(|v| inner.fits(v)))
            }
            Self::Union(shapes) => shapes.iter().any(|s| s.fits(value)),
            Self::Optional(inner) => value.is_null() || inner.fits(value),
        }
    }

    /// In words, for messages.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Literal(text) => format!("{text:?}"),
            Self::List(inner) => format!("a list of {}", inner.plural()),
            Self::Union(shapes) => shapes.iter().map(Self::words).collect::<Vec<_>>().join(" or "),
            Self::Optional(inner) => inner.words(),
            Self::Any => "anything".to_owned(),
            Self::Integer => "an integer".to_owned(),
            Self::Scalar => "a string or a number".to_owned(),
            other => format!("a {}", other.word()),
        }
    }

    fn plural(&self) -> String {
        match self {
            Self::Scalar => "strings and numbers".to_owned(),
            Self::List(_) | Self::Union(_) | Self::Optional(_) | Self::Literal(_) | Self::Any => {
                self.words()
            }
            other => format!("{}s", other.word()),
        }
    }

    fn word(&self) -> &'static str {
        WORDS.iter().find(|(_, shape)| shape == self).map_or("value", |(word, _)| *word)
    }
}

/// The alternatives of a union, at the outermost level.
fn split_union(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut out) = (0_i32, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            '|' if !quoted && depth == 0 => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

fn flatten(items: Vec<Json>, with_maps: bool, out: &mut Vec<Json>) {
    for item in items {
        match item {
            Json::Null | Json::Bool(false) => {}
            Json::Array(inner) => flatten(inner, with_maps, out),
            // An empty Lua table: a list of nothing.
            Json::Object(map) if map.is_empty() && !with_maps => {}
            other => out.push(other),
        }
    }
}

/// A value in a message: short.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::String(s) => format!("the string {:?}", crate::base::text::shorten(s, 60)),
        Json::Number(n) => format!("the number {n}"),
        Json::Bool(b) => format!("{b}"),
        Json::Array(_) => {
            format!("the list {}", crate::base::text::shorten(&value.to_string(), 60))
        }
        Json::Object(_) => "a table of names".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settle(shape: &str, value: Json) -> Result<Json, String> {
        Shape::parse(shape).unwrap().settle(value)
    }

    #[test]
    fn lists_are_flattened_and_nothing_is_left_out_of_other_types() {
        let nested = json!(["a", [1, [null, "b"]], false]);
        assert_eq!(settle("string|scalar[]", nested), Ok(json!(["a", 1, "b"])));
        assert_eq!(settle("string[]?", json!({})), Ok(json!([])));
        assert_eq!(settle("scalar[]", json!(["a", {}, [{}]])), Ok(json!(["a"])));
        assert_eq!(settle("map[]?", json!([{}])), Ok(json!([{}])));
        assert_eq!(settle("any", json!([[1], null])), Ok(json!([[1], null])));
        assert_eq!(settle("string?", json!(false)), Ok(json!(null)));
    }

    #[test]
    fn a_wrong_type_is_said_in_words() {
        assert_eq!(
            settle("integer?", json!("7")).unwrap_err(),
            "expected an integer, got the string \"7\""
        );
        assert_eq!(
            settle("\"full\"|\"incremental\"", json!("ful")).unwrap_err(),
            "expected \"full\" or \"incremental\", got the string \"ful\""
        );
        assert!(settle("string[]", json!(["a", 1])).is_err());
        assert!(Shape::parse("strng").unwrap_err().contains("Did you mean `string`?"));
    }
}
