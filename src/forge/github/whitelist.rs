//! Payload fields that become properties: a payload flattened with dots under `github.`, of which
//! the configuration lets some through by fnmatch patterns. Lists stay whole, as in Buildbot.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

use crate::base::wildcard;

/// The fields of `payload` whose dotted name fits one of `patterns`.
#[must_use]
pub fn properties(payload: &Json, patterns: &[String]) -> BTreeMap<String, Json> {
    let patterns: Vec<Regex> =
        patterns.iter().filter_map(|p| Regex::new(&wildcard::regex(p)).ok()).collect();
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
}
