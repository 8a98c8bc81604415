//! `ci.change_filter`, each attribute in each form, against three changes: one that has everything,
//! one that has nothing, one that has other things. All filters judge in one world, so that what is
//! tested is what the master does, waiting functions included.

use serde_json::{Value as Json, json};

use super::{FARM, World, story};

/// The options of a filter, and whether it lets in the full, the empty and the other change.
type Case = (String, [bool; 3]);

const ATTRIBUTES: [&str; 5] = ["project", "repository", "branch", "category", "codebase"];

/// Every form for each attribute; the full change has `is-ATTRIBUTE` there, the other one `other`.
fn attributes() -> Vec<Case> {
    let mut out = Vec::new();
    for name in ATTRIBUTES {
        let value = format!("is-{name}");
        for (form, lets) in [
            (format!("{name} = '{value}'"), [true, false, false]),
            (format!("{name} = {{ '{value}', 'other' }}"), [true, false, true]),
            (format!("{name} = {{ '{value}', ci.null }}"), [true, true, false]),
            (format!("{name} = ci.null"), [false, true, false]),
            (format!("{name} = {{}}"), [false, false, false]),
            (format!("{name}_not_eq = '{value}'"), [false, true, true]),
            (format!("{name}_not_eq = {{ '{value}', {{ 'other' }} }}"), [false, true, false]),
            (format!("{name}_not_eq = ci.null"), [true, false, true]),
            (format!("{name}_re = 'is-'"), [true, false, false]),
            (format!("{name}_re = '-'"), [false, false, false]),
            (format!("{name}_re = {{ 'x', '.*ther$' }}"), [false, false, true]),
            (format!("{name}_not_re = 'is-'"), [false, true, true]),
            (format!("{name}_not_re = {{ '^$', 'o' }}"), [true, false, false]),
            (
                format!("{name} = function(value) return value == '{value}' end"),
                [true, false, false],
            ),
            (
                format!("{name} = function(value) ci.sleep(1) return value == nil end"),
                [false, true, false],
            ),
            (
                format!("{name}_not_eq = 'other', {name}_re = {{ 'is-', 'other' }}"),
                [true, false, false],
            ),
        ] {
            out.push((form, lets));
        }
    }
    out
}

fn others() -> Vec<Case> {
    [
        ("", [true, true, true]),
        ("properties = { basename = 'main' }", [true, false, false]),
        ("properties = { n = 1, list = { 1, 'x' } }", [true, false, false]),
        ("properties = { n = '1' }", [false, false, false]),
        ("property_not_eq = { basename = 'main' }", [false, true, true]),
        ("property_re = { basename = 'ma' }", [true, false, false]),
        ("property_re = { n = '[0-9]+' }", [true, false, true]),
        ("property_not_re = { basename = 'ma' }", [false, true, true]),
        ("filter = function(change) return change.properties.n == 2 end", [false, false, true]),
        (
            "filter = function(change) ci.sleep(2) return change.branch == nil end",
            [false, true, false],
        ),
        ("filter = function(change) return change.files[1] == 'a.c' end", [true, false, false]),
        ("filter = function(change) return 0 end", [true, true, true]),
        ("filter = function(change) error 'no' end", [false, false, false]),
        (
            "branch = 'is-branch', category = 'is-category', filter = function(change) return change.author == 'a' end",
            [true, false, false],
        ),
        ("branch = 'is-branch', category = ci.null", [false, false, false]),
    ]
    .map(|(form, lets)| (form.to_owned(), lets))
    .into()
}

fn changes() -> Json {
    let mut full = json!({
        "author": "a", "files": ["a.c"], "revision": "1",
        "properties": { "basename": "main", "n": 1, "list": [1, "x"] },
    });
    let mut other = json!({
        "author": "b", "files": ["b.c"], "revision": "3", "properties": { "basename": "release", "n": 2 },
    });
    for name in ATTRIBUTES {
        full[name] = format!("is-{name}").into();
        other[name] = "other".into();
    }
    let empty = json!({ "revision": "2", "category": "", "files": [] });
    json!([full, empty, other])
}

#[test]
fn every_form_of_a_filter_lets_in_what_it_says() {
    let mut cases = attributes();
    cases.extend(others());
    let mut schedulers = String::new();
    for (number, (form, _)) in cases.iter().enumerate() {
        let sugar = if number % 2 == 0 { "" } else { "ci.change_filter " };
        schedulers += &format!(
            "ci.schedulers.any_branch {{ name = 'f{number:03}', builders = {{ 'linux' }}, file_is_important = function() end,\n\
             change_filter = {sugar}{{ {form} }} }},\n"
        );
    }
    let (head, rest) = FARM.split_once("c.schedulers = {").unwrap();
    let tail = rest.split_once("\n}\n").unwrap().1.replace(
        r#"secret = "secret-of-the-hook""#,
        r#"secret = "secret-of-the-hook", on_event = function(event) return event.payload.changes end"#,
    );
    let config = format!("{head}c.schedulers = {{\n{schedulers}\n}}\n{tail}");
    story(&config, async |world: &mut World| {
        world.deliver_about("g-1", "custom", "", &json!({ "changes": changes() })).await;
        world.pass(600).await;
        let rows = world.rows("select verdicts from changes order by revision", 1).await;
        assert_eq!(rows.len(), 3, "{}", world.transcript());
        let verdicts: Vec<Json> =
            rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let mut wrong = Vec::new();
        for (number, (form, lets)) in cases.iter().enumerate() {
            for (which, expected) in lets.iter().enumerate() {
                let said = verdicts[which][format!("f{number:03}")].as_str().unwrap_or("nothing");
                if said.starts_with("taken") != *expected {
                    wrong.push(format!("{form}: change {} is {said}", which + 1));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
