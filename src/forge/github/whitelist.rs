//! Payload fields that become properties: a payload flattened with dots under `github.`, of which
//! the configuration lets some through by fnmatch patterns. Lists stay whole, as in Buildbot.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

/// The fields of `payload` whose dotted name fits one of `patterns`.
#[must_use]
pub fn properties(payload: &Json, patterns: &[String]) -> BTreeMap<String, Json> {
    let patterns: Vec<Regex> = patterns.iter().filter_map(|p| translate(p)).collect();
    let mut out = BTreeMap::new();
    if !patterns.is_empty() {
        flatten(payload, "github", &patterns, &mut out);
    }
    out
}

fn flatten(json: &Json, name: &str, patterns: &[Regex], out: &mut BTreeMap<String, Json>) {
    if let Json::Object(fields) = json {
        for (key, value) in fields {
            flatten(value, &format!("{name}.{key}"), patterns, out);
        }
    } else if patterns.iter().any(|p| p.is_match(name)) {
        out.insert(name.to_owned(), json.clone());
    }
}

/// fnmatch's `*`, `?`, `[abc]`, `[!a-z]` as a regex; a bracket without end is itself.
fn translate(pattern: &str) -> Option<Regex> {
    let mut out = String::from(r"(?s)\A");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => match class(rest.as_str()) {
                Some((class, after)) => {
                    out.push_str(&class);
                    rest = after.chars();
                }
                None => out.push_str(r"\["),
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(r"\z");
    Regex::new(&out).ok()
}

/// The class at the start of `rest` (after its `[`) as a regex, and what follows it.
fn class(rest: &str) -> Option<(String, &str)> {
    let (negated, body) = rest.strip_prefix('!').map_or((false, rest), |body| (true, body));
    // A closing bracket in the first place is a member.
    let end = body.char_indices().skip(1).find(|(_, c)| *c == ']').map(|(i, _)| i)?;
    let members: String = body[..end]
        .chars()
        .flat_map(|c| {
            let escaped = matches!(c, '\\' | '[' | ']' | '^' | '&' | '~');
            escaped.then_some('\\').into_iter().chain([c])
        })
        .collect();
    Some((format!("[{}{members}]", if negated { "^" } else { "" }), &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(patterns: &[&str]) -> Vec<String> {
        let payload = json!({
            "number": 7,
            "base": { "ref": "main", "repo": { "id": 1 } },
            "labels": [{ "name": "build" }],
            "body": null,
        });
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        properties(&payload, &patterns).into_keys().collect()
    }

    #[test]
    fn patterns_choose_fields_by_their_dotted_name() {
        assert_eq!(names(&[]), [""; 0]);
        assert_eq!(names(&["github.base.ref"]), ["github.base.ref"]);
        assert_eq!(names(&["github.base.*"]), ["github.base.ref", "github.base.repo.id"]);
        assert_eq!(names(&["github.?ody", "github.[a-m]abels"]), ["github.body", "github.labels"]);
        assert_eq!(names(&["github.[!a-m]*"]), ["github.number"]);
        assert_eq!(names(&["base.ref", "github.base", "GITHUB.*"]), [""; 0]);
        assert_eq!(names(&["github.*"]).len(), 5);
    }

    #[test]
    fn strange_patterns_are_taken_literally() {
        for pattern in ["[", "[!", "a[]", "(+"] {
            assert!(translate(pattern).is_some_and(|re| re.is_match(pattern)), "{pattern}");
        }
        assert!(translate("[]]").is_some_and(|re| re.is_match("]")));
        assert!(translate("[z-a]").is_none());
    }
}
