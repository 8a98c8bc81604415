//! Buildbot's rules for the environment of a command: lists are joined with the path separator,
//! `${NAME}` is taken from the worker's own environment, null removes a variable, and PYTHONPATH is
//! put before the worker's instead of replacing it. The worker applies them; the simulator and
//! `explain` use the same rules.

use std::collections::BTreeMap;

/// A value that a step gives for a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// Text in which `${NAME}` is replaced.
    Text(String),
    /// Texts that are joined with the path separator.
    List(Vec<String>),
    /// The variable is removed.
    Remove,
}

/// `own` with `changes` applied; `separator` is `:` or, on Windows, `;`.
#[must_use]
pub fn merged(
    own: &BTreeMap<String, String>,
    changes: &BTreeMap<String, EnvValue>,
    separator: &str,
) -> BTreeMap<String, String> {
    let mut out = own.clone();
    for (name, change) in changes {
        let text = match change {
            EnvValue::Remove => {
                out.remove(name);
                continue;
            }
            EnvValue::Text(text) => text.clone(),
            EnvValue::List(items) => items.join(separator),
        };
        let mut text = expand(&text, own);
        if name == "PYTHONPATH" {
            text.push_str(separator);
            text.push_str(own.get(name).map_or("", String::as_str));
        }
        out.insert(name.clone(), text);
    }
    out
}

/// Replaces each `${NAME}` (letters, digits, `_`) by the variable's value, or by nothing.
fn expand(text: &str, own: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let after = &rest[start + 2..];
        let name_end =
            after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
        out.push_str(&rest[..start]);
        if name_end > 0 && after[name_end..].starts_with('}') {
            out.push_str(own.get(&after[..name_end]).map_or("", String::as_str));
            rest = &after[name_end + 1..];
        } else {
            out.push_str("${");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_values_follow_buildbot() {
        let own = BTreeMap::from([
            ("PATH".to_owned(), "/bin".to_owned()),
            ("GONE".to_owned(), "x".to_owned()),
            ("PYTHONPATH".to_owned(), "/py".to_owned()),
        ]);
        let changes = BTreeMap::from([
            ("PATH".to_owned(), EnvValue::List(vec!["/opt/bin".to_owned(), "${PATH}".to_owned()])),
            ("GONE".to_owned(), EnvValue::Remove),
            ("A".to_owned(), EnvValue::Text("$PATH ${NOSUCH}|${".to_owned())),
            ("PYTHONPATH".to_owned(), EnvValue::Text("/mine".to_owned())),
        ]);
        let out = merged(&own, &changes, ":");
        assert_eq!(out["PATH"], "/opt/bin:/bin");
        assert_eq!(out.get("GONE"), None);
        assert_eq!(out["A"], "$PATH |${");
        assert_eq!(out["PYTHONPATH"], "/mine:/py");
    }
}
