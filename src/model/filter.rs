//! Change filters: which changes a scheduler wants, and in words why it refuses one. A key that
//! is absent is not checked (Buildbot's rule); `ci.null` means "must be empty".

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

use crate::model::change::NewChange;
use crate::model::config::Callback;

/// A filter; every part that is given must agree.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Per attribute, what it must be.
    pub fields: Vec<(Field, Vec<Test>)>,
    /// Properties that must be set to these values.
    pub properties: BTreeMap<String, Json>,
    /// Properties that must not have these values (`property_not_eq`).
    pub not_properties: BTreeMap<String, Json>,
    /// Properties whose text a pattern must (true) or must not (false) match, from its start.
    pub property_patterns: Vec<(String, Regex, bool)>,
    /// A last word in Lua: `filter = function(change)`.
    pub filter: Option<Callback>,
}

/// An attribute of a change that a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `project`
    Project,
    /// `repository`
    Repository,
    /// `branch`
    Branch,
    /// `category`
    Category,
    /// `codebase`
    Codebase,
}

impl Field {
    /// Every field, for readers and messages.
    pub const ALL: [Self; 5] =
        [Self::Project, Self::Repository, Self::Branch, Self::Category, Self::Codebase];

    /// Its name in Lua.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Repository => "repository",
            Self::Branch => "branch",
            Self::Category => "category",
            Self::Codebase => "codebase",
        }
    }

    /// Its value in a change; none and empty text are the same to a filter.
    #[must_use]
    pub fn of(self, change: &NewChange) -> Option<&str> {
        match self {
            Self::Project => Some(&*change.project),
            Self::Repository => Some(&*change.repository),
            Self::Branch => change.branch.as_deref(),
            Self::Category => change.category.as_deref(),
            Self::Codebase => Some(&*change.codebase),
        }
        .filter(|v| !v.is_empty())
    }
}

/// One condition on an attribute. An entry of none in a list means "empty".
#[derive(Clone, Debug)]
pub enum Test {
    /// One of these.
    In(Vec<Option<String>>),
    /// None of these (`_not_eq`).
    NotIn(Vec<Option<String>>),
    /// One of these patterns matches at the start (`_re`), as Buildbot matches.
    Matches(Vec<Regex>),
    /// None of these patterns matches (`_not_re`).
    NotMatches(Vec<Regex>),
    /// A Lua function of the value.
    Callback(Callback),
}

/// What the pure part of a filter says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// All pure parts agree; these callbacks, with the value each gets, still have a say.
    Ask(Vec<(Callback, Option<String>)>),
    /// Refused, with the reason in words.
    Refused(String),
}

impl ChangeFilter {
    /// Checks everything but callbacks.
    #[must_use]
    pub fn check(&self, change: &NewChange) -> Verdict {
        let mut ask = Vec::new();
        for (field, tests) in &self.fields {
            let value = field.of(change);
            for test in tests {
                match test.check(value) {
                    Some(true) => {}
                    Some(false) => return Verdict::Refused(test.refusal(*field, value)),
                    None => {
                        if let Test::Callback(callback) = test {
                            ask.push((callback.clone(), value.map(str::to_owned)));
                        }
                    }
                }
            }
        }
        for (name, wanted) in &self.properties {
            match change.properties.get(name) {
                Some(value) if value == wanted => {}
                Some(value) => {
                    return Verdict::Refused(format!("property {name} is {value}, not {wanted}"));
                }
                None => return Verdict::Refused(format!("it has no property {name}")),
            }
        }
        for (name, excluded) in &self.not_properties {
            if change.properties.get(name) == Some(excluded) {
                return Verdict::Refused(format!("property {name} is {excluded}"));
            }
        }
        for (name, pattern, is_wanted) in &self.property_patterns {
            let value = change.properties.get(name);
            let text = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            let matches = text.as_deref().is_some_and(|text| starts(pattern, text));
            if matches != *is_wanted {
                let is = value.map_or_else(|| "missing".to_owned(), Json::to_string);
                let verb = if matches { "matches" } else { "does not match" };
                return Verdict::Refused(format!(
                    "property {name} is {is}, which {verb} /{pattern}/"
                ));
            }
        }
        Verdict::Ask(ask)
    }
}

/// Whether `pattern` matches at the start of `text`.
fn starts(pattern: &Regex, text: &str) -> bool {
    pattern.find(text).is_some_and(|found| found.start() == 0)
}

impl Test {
    /// Yes, no, or (for a callback) somebody else must say.
    fn check(&self, value: Option<&str>) -> Option<bool> {
        let starts = |pattern: &Regex| starts(pattern, value.unwrap_or(""));
        let known = |list: &[Option<String>]| {
            list.iter().any(|v| v.as_deref().filter(|v| !v.is_empty()) == value)
        };
        match self {
            Self::In(list) => Some(known(list)),
            Self::NotIn(list) => Some(!known(list)),
            Self::Matches(patterns) => Some(patterns.iter().any(starts)),
            Self::NotMatches(patterns) => Some(!patterns.iter().any(starts)),
            Self::Callback(_) => None,
        }
    }

    fn refusal(&self, field: Field, value: Option<&str>) -> String {
        let is = value.map_or_else(|| "empty".to_owned(), |v| format!("{v:?}"));
        let words = |list: &[Option<String>]| {
            let words: Vec<String> = list
                .iter()
                .map(|v| v.as_ref().map_or("empty".to_owned(), |v| format!("{v:?}")))
                .collect();
            words.join(" or ")
        };
        let patterns =
            |list: &[Regex]| list.iter().map(|p| format!("/{p}/")).collect::<Vec<_>>().join(" or ");
        let field = field.word();
        match self {
            Self::In(list) => format!("{field} is {is}, not {}", words(list)),
            Self::NotIn(_) => format!("{field} is {is}, which is excluded"),
            Self::Matches(list) => {
                format!("{field} is {is}, which does not match {}", patterns(list))
            }
            Self::NotMatches(list) => format!("{field} is {is}, which matches {}", patterns(list)),
            Self::Callback(callback) => format!("{field} is {is}, refused by {}", callback.site),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(branch: Option<&str>, category: Option<&str>) -> NewChange {
        NewChange {
            branch: branch.map(str::to_owned),
            category: category.map(str::to_owned),
            ..NewChange::default()
        }
    }

    fn filter(field: Field, test: Test) -> ChangeFilter {
        ChangeFilter { fields: vec![(field, vec![test])], ..ChangeFilter::default() }
    }

    #[test]
    fn an_absent_key_is_not_checked_and_null_means_empty() {
        let any = ChangeFilter::default();
        assert_eq!(any.check(&change(Some("x"), Some("pull"))), Verdict::Ask(vec![]));
        let no_category = filter(Field::Category, Test::In(vec![None]));
        assert_eq!(no_category.check(&change(None, None)), Verdict::Ask(vec![]));
        assert_eq!(
            no_category.check(&change(None, Some("pull"))),
            Verdict::Refused("category is \"pull\", not empty".to_owned())
        );
    }

    #[test]
    fn patterns_match_at_the_start_as_in_buildbot() -> Result<(), regex::Error> {
        let f = filter(Field::Branch, Test::Matches(vec![Regex::new("release/")?]));
        assert_eq!(f.check(&change(Some("release/11.x"), None)), Verdict::Ask(vec![]));
        assert!(matches!(f.check(&change(Some("my/release/1"), None)), Verdict::Refused(_)));
        Ok(())
    }
}
