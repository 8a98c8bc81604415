//! Hides secrets in a stream of bytes. A secret that arrives in two pieces is found too: an end that
//! may be the beginning of one is kept back until more comes. Secrets shorter than six bytes are
//! not masked: they would hide ordinary text.

use aho_corasick::{AhoCorasick, MatchKind};

use serde_json::Value as Json;

use crate::base::secret::Secret;
use crate::model::property::Properties;

/// What is shown in place of a secret.
const MASK: &[u8] = b"*****";
/// Shorter secrets are not masked.
const SHORTEST: usize = 6;

/// Finds and hides secrets.
#[derive(Debug, Default)]
pub(crate) struct Masker {
    finder: Option<AhoCorasick>,
    secrets: Vec<Vec<u8>>,
}

impl Masker {
    /// Hides each of `secrets`, and each line of one that has several.
    #[must_use]
    pub(crate) fn new(secrets: &[Secret]) -> Self {
        let mut patterns: Vec<Vec<u8>> = secrets
            .iter()
            .flat_map(|s| std::iter::once(s.expose()).chain(s.expose().lines()))
            .map(|text| text.trim().as_bytes().to_vec())
            .filter(|text| text.len() >= SHORTEST)
            .collect();
        patterns.sort();
        patterns.dedup();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .ok()
            .filter(|_| !patterns.is_empty());
        Self { finder, secrets: patterns }
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// Masks `data`. Returns the masked bytes (none = as they are) without the last `keep` bytes,
    /// and `keep`: how many at the end may begin a secret.
    #[must_use]
    pub(crate) fn mask(&self, data: &[u8]) -> (Option<Vec<u8>>, usize) {
        let Some(finder) = &self.finder else { return (None, 0) };
        let mut out = Vec::new();
        let mut done = 0;
        for found in finder.find_iter(data) {
            out.extend_from_slice(&data[done..found.start()]);
            out.extend_from_slice(MASK);
            done = found.end();
        }
        let keep = self.beginning_at_end(&data[done..]);
        if done == 0 {
            return (None, keep);
        }
        out.extend_from_slice(&data[done..data.len() - keep]);
        (Some(out), keep)
    }

    /// The length of the longest end of `data` with which a secret begins.
    fn beginning_at_end(&self, data: &[u8]) -> usize {
        let longest = |secret: &Vec<u8>| {
            (1..secret.len().min(data.len() + 1))
                .rev()
                .find(|n| data.ends_with(&secret[..*n]))
                .unwrap_or(0)
        };
        self.secrets.iter().map(longest).max().unwrap_or(0)
    }

    /// `text` with every secret hidden.
    #[must_use]
    pub(crate) fn text(&self, text: &str) -> String {
        match &self.finder {
            None => text.to_owned(),
            Some(finder) => finder.replace_all(text, &vec!["*****"; self.secrets.len()]),
        }
    }
}

impl Masker {
    /// `properties` with every secret hidden in their texts.
    pub(crate) fn properties(&self, properties: &Properties) -> Properties {
        if self.is_empty() {
            return properties.clone();
        }
        let hide = |(name, (value, source)): (&String, &(Json, String))| {
            (name.clone(), (self.json(value), source.clone()))
        };
        Properties(properties.0.iter().map(hide).collect())
    }

    fn json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(map) => {
                map.iter().map(|(name, value)| (self.text(name), self.json(value))).collect()
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_is_hidden_however_it_is_cut(
            before in "[a-c]{0,9}", after in "[a-c]{0,9}", cuts in proptest::collection::vec(0usize..30, 0..6)
        ) {
            let secret = "abcabcd";
            let masker = Masker::new(&[Secret::new(secret)]);
            let text = format!("{before}{secret}{after}");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (text.len() + 1)).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let (mut shown, mut held, mut from) = (Vec::new(), Vec::new(), 0);
            for to in cuts {
                held.extend_from_slice(&text.as_bytes()[from..to]);
                from = to;
                let (clean, keep) = masker.mask(&held);
                let rest = held.split_off(held.len() - keep);
                shown.extend(clean.unwrap_or(held));
                held = rest;
            }
            shown.extend(held);
            prop_assert_eq!(String::from_utf8(shown).unwrap(), format!("{before}*****{after}"));
        }
    }

    #[test]
    fn short_secrets_and_ordinary_text_are_left_alone() {
        let masker = Masker::new(&[Secret::new("abc")]);
        assert!(masker.is_empty());
        let masker = Masker::new(&[Secret::new("abcdef")]);
        assert_eq!(masker.mask(b"hello\n"), (None, 0));
        assert_eq!(masker.text("x abcdef y"), "x ***** y");
    }
}
