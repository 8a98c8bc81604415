//! What functions that decide returned, checked against what they were asked: builders, a request, a
//! worker, a number. Objects come as `{"builder": "linux"}`; names will do as well. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::id::WorkerId;
use crate::base::text;
use crate::model::config::Priority;
use crate::model::deciding::{RequestView, WorkerView};

/// Lua's truth: everything but nil and false.
pub(super) fn is_true(value: &Json) -> bool {
    !value.is_null() && *value != Json::Bool(false)
}

/// A list of builders, each once; nil and false in it are left out.
///
/// # Errors
/// The end of a sentence about the function.
pub(super) fn builders<T: Clone>(
    json: &Json,
    known: &BTreeMap<String, T>,
) -> Result<Vec<T>, String> {
    let must = "it must return a list of builders or of their names";
    if !is_true(json) {
        return Err(format!("returned {}; {must}", words(json)));
    }
    let mut names = Vec::new();
    flatten(json, &mut names).map_err(|item| format!("returned {item} among builders; {must}"))?;
    let mut out: Vec<(&str, T)> = Vec::new();
    for name in names {
        let Some(builder) = known.get(name) else {
            let near = text::nearest(name, known.keys().map(String::as_str));
            let hint = near.map_or_else(String::new, |near| format!(" (did it mean {near:?}?)"));
            return Err(format!("returned the builder {name:?}, which it cannot choose{hint}"));
        };
        if !out.iter().any(|(known, _)| *known == name) {
            out.push((name, builder.clone()));
        }
    }
    Ok(out.into_iter().map(|(_, builder)| builder).collect())
}

fn flatten<'j>(json: &'j Json, out: &mut Vec<&'j str>) -> Result<(), String> {
    match json {
        Json::Array(items) => items.iter().try_for_each(|item| flatten(item, out)),
        Json::Object(map) if map.is_empty() => Ok(()),
        item if !is_true(item) => Ok(()),
        item => {
            out.push(name(item, "builder").ok_or_else(|| words(item))?);
            Ok(())
        }
    }
}

/// One of the requests; none = no request now.
///
/// # Errors
/// The end of a sentence about the function.
pub(super) fn request(
    json: &Json,
    given: &[Arc<RequestView>],
) -> Result<Option<Arc<RequestView>>, String> {
    if !is_true(json) {
        return Ok(None);
    }
    let id = json.get("request").unwrap_or(json).as_i64();
    let chosen = given.iter().find(|view| Some(view.request.id.0) == id);
    chosen.cloned().map(Some).ok_or_else(|| {
        format!("returned {}; it must return one of the requests it was given, or nil", words(json))
    })
}

/// The position of one of the workers; none = no worker now.
///
/// # Errors
/// The end of a sentence about the function.
pub(super) fn worker(
    json: &Json,
    given: &[(WorkerId, WorkerView)],
) -> Result<Option<usize>, String> {
    if !is_true(json) {
        return Ok(None);
    }
    let name = name(json, "worker");
    let chosen = name.and_then(|name| given.iter().position(|(_, view)| view.name == name));
    chosen.map(Some).ok_or_else(|| {
        format!("returned {}; it must return one of the workers it was given, or nil", words(json))
    })
}

/// A priority.
///
/// # Errors
/// The end of a sentence about the function.
pub(super) fn priority(json: &Json) -> Result<i64, String> {
    let number = json.as_i64().filter(|n| n.abs() <= Priority::MOST);
    let most = Priority::MOST;
    number.ok_or_else(|| {
        format!("returned {}; it must return an integer from -{most} to {most}", words(json))
    })
}

/// The name in an object of `kind`, or the name itself.
fn name<'j>(json: &'j Json, kind: &str) -> Option<&'j str> {
    match json {
        Json::Object(map) if map.len() == 1 => map.get(kind)?.as_str(),
        Json::String(name) => Some(name),
        _ => None,
    }
}

/// A value in words.
fn words(json: &Json) -> String {
    match json {
        Json::Null => "nothing".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(map) => match map.iter().next() {
            Some((kind, Json::String(name))) if map.len() == 1 => format!("the {kind} {name:?}"),
            Some((kind, Json::Number(id))) if map.len() == 1 => format!("the {kind} {id}"),
            _ => "a table".to_owned(),
        },
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn worker_named(name: &str) -> (WorkerId, WorkerView) {
        (WorkerId(1), WorkerView { name: name.to_owned(), info: Arc::default(), running: 0 })
    }

    #[test]
    fn builders_are_objects_or_names_in_nested_lists() {
        let known: BTreeMap<String, i32> = [("a".to_owned(), 1), ("linux".to_owned(), 2)].into();
        let read = |json: Json| builders(&json, &known);
        for (json, expected) in [
            (json!([{ "builder": "linux" }, "a"]), vec![2, 1]),
            (json!([["a", null], false, "a"]), vec![1]),
            (json!("linux"), vec![2]),
            (json!({ "builder": "a" }), vec![1]),
            (json!({}), vec![]),
            (json!([]), vec![]),
        ] {
            assert_eq!(read(json.clone()), Ok(expected), "{json}");
        }
        let must = "it must return a list of builders or of their names";
        for (json, expected) in [
            (json!(null), format!("returned nothing; {must}")),
            (json!(false), format!("returned false; {must}")),
            (json!([7]), format!("returned 7 among builders; {must}")),
            (
                json!([{ "worker": "a" }]),
                format!("returned the worker \"a\" among builders; {must}"),
            ),
            (json!({ "x": 1, "y": 2 }), format!("returned a table among builders; {must}")),
            (
                json!(["linus"]),
                "returned the builder \"linus\", which it cannot choose (did it mean \"linux\"?)"
                    .to_owned(),
            ),
        ] {
            assert_eq!(read(json.clone()), Err(expected), "{json}");
        }
    }

    #[test]
    fn a_worker_is_one_of_those_that_were_offered() {
        let given = [worker_named("w1"), worker_named("w2")];
        assert_eq!(worker(&json!({ "worker": "w2" }), &given), Ok(Some(1)));
        assert_eq!(worker(&json!("w1"), &given), Ok(Some(0)));
        assert_eq!(worker(&json!(null), &given), Ok(None));
        assert_eq!(worker(&json!(false), &given), Ok(None));
        for (json, got) in [
            (json!("w3"), "\"w3\""),
            (json!(5), "5"),
            (json!({ "builder": "w1" }), "the builder \"w1\""),
            (json!(["w1"]), "a list"),
            (json!({}), "a table"),
        ] {
            let must = "it must return one of the workers it was given, or nil";
            assert_eq!(worker(&json, &given), Err(format!("returned {got}; {must}")));
        }
    }

    #[test]
    fn a_priority_is_an_integer() {
        assert_eq!(priority(&json!(-3)), Ok(-3));
        for (json, got) in [
            (json!(1.5), "1.5"),
            (json!("high"), "\"high\""),
            (json!(null), "nothing"),
            (json!(1_i64 << 40), "1099511627776"),
        ] {
            let expected =
                format!("returned {got}; it must return an integer from -1000000 to 1000000");
            assert_eq!(priority(&json), Err(expected));
        }
    }
}
