//! Forms of force schedulers with every kind of parameter: how the data API describes them, how the
//! page draws them, what fits and what becomes of it.

use serde_json::{Value as Json, json};

use super::site::{Site, with_text};
use super::{ANN, FORM};

const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

const FORMS: &str = r#"
local ci = require "ci"
local c = ci.config()
local p = ci.parameters
c.workers = { ci.worker { name = "w1", password = "pw" } }
local factory = { ci.steps.shell { command = "make" } }
c.builders = {
  ci.builder { name = "linux", workers = { "w1" }, factory = factory },
  ci.builder { name = "windows", workers = { "w1" }, factory = factory },
}
c.schedulers = { ci.schedulers.force { name = "plain", builders = { "windows" } }, ci.schedulers.force {
  name = "rich", builders = { "linux" }, button_name = "Go", label = "A rich form",
  reason = p.string { name = "reason", label = "Why:", required = true, default = "" },
  username = p.username { need_email = true },
  codebases = {
    p.codebase { codebase = "main", branch = p.choice { name = "branch", choices = { "main", "release" } }, project = false,
                 repository = "https://example.org/main.git" },
    "other",
  },
  properties = {
    p.string { name = "str", label = "Word", regex = "[a-z]+$", max_size = 5, tooltip = "small letters" },
    p.text { name = "txt", cols = 40, rows = 3 },
    p.int { name = "num", default = 3 },
    p.boolean { name = "flag", default = true },
    p.choice { name = "one", choices = { "a", "b" } },
    p.choice { name = "many", choices = { "a", "b", "c" }, multiple = true, default = { "b" } },
    p.choice { name = "free", choices = { "a" }, strict = false, default = "z" },
    p.fixed { name = "fix", default = { 1, "x" } },
    p.string { name = "secretly", hide = true, default = "h" },
    p.any_property { name = "any" },
    p.nested { name = "grp", label = "Group", fields = { p.string { name = "in1" }, p.boolean { name = "in2" } } },
    p.nested { fields = { p.string { name = "loose", default = "l" } } },
  },
} }
c.www = { port = 0, auth = { ann = "secret: of ann" }, authz = { allow = { force = "anyone" } } }
return c"#;

fn told(test: impl AsyncFnOnce(&Site)) {
    with_text(FORMS, test);
}

async fn force(site: &Site, params: Json, who: &[(&'static str, &'static str)]) -> (u16, Json) {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "force", "params": params });
    let mut headers = vec![OWN, ("Content-Type", "application/json")];
    headers.extend(who);
    let path = "/api/v2/forceschedulers/rich";
    let answer = site.ask("POST", path, &headers, call.to_string().as_bytes()).await;
    (answer.status, answer.json())
}

/// The properties that the form set, without their source.
async fn properties(site: &Site, buildset: &Json) -> Json {
    let answer = site.api(&format!("buildsets/{buildset}/properties")).await;
    let all = answer["properties"][0].as_object().unwrap().clone();
    let of_form = all.into_iter().filter(|(_, v)| v[1] == "Force Build Form");
    Json::Object(of_form.map(|(name, v)| (name, v[0].clone())).collect())
}

#[test]
fn defaults_count_where_nothing_is_said() {
    told(async |site| {
        let (status, answer) = force(site, json!({ "reason": "because" }), &[]).await;
        assert_eq!(status, 200, "{answer}");
        let set = &answer["result"][0];
        let expected = json!({
            "reason": "because", "owner": "", "str": "", "txt": "", "num": 3, "flag": true,
            "one": "a", "many": ["b"], "free": "z", "fix": [1, "x"], "secretly": "h",
            "grp": { "in1": "", "in2": false }, "loose": "l",
        });
        assert_eq!(properties(site, set).await, expected);
        let stamps = site.api(&format!("buildsets/{set}/sourcestamps")).await;
        let stamp = |i: usize| {
            let s = &stamps["sourcestamps"][i];
            json!([s["codebase"], s["branch"], s["repository"], s["project"]])
        };
        assert_eq!(stamp(0), json!(["main", "main", "https://example.org/main.git", ""]));
        assert_eq!(stamp(1), json!(["other", null, "", ""]));
    });
}

#[test]
fn what_is_filled_in_is_checked_and_becomes_properties() {
    told(async |site| {
        let params = json!({
            "builderid": "1", "username": "Ann <ann@example.org>", "reason": ["why"], "priority": "7",
            "main_branch": "release", "other_revision": " abc ", "str": "word", "txt": "a\nb ",
            "num": "-5", "flag": false, "one": "b", "many": ["a", "c"], "free": "other",
            "fix": "mine", "any_name": "extra", "any_value": "x", "grp_in1": "i", "grp_in2": true,
        });
        let (status, answer) = force(site, params, &[]).await;
        assert_eq!(status, 200, "{answer}");
        let set = &answer["result"][0];
        let expected = json!({
            "reason": "why", "owner": "Ann <ann@example.org>", "str": "word", "txt": "a\nb ",
            "num": -5, "flag": false, "one": "b", "many": ["a", "c"], "free": "other",
            "fix": [1, "x"], "secretly": "h", "extra": "x", "grp": { "in1": "i", "in2": true },
            "loose": "l",
        });
        assert_eq!(properties(site, set).await, expected);
        let request = site.api("buildrequests?order=-buildrequestid&limit=1").await;
        assert_eq!(request["buildrequests"][0]["priority"], 7);
        let stamps = site.api(&format!("buildsets/{set}/sourcestamps")).await;
        assert_eq!(stamps["sourcestamps"][0]["branch"], "release");
        assert_eq!(stamps["sourcestamps"][1]["revision"], "abc");
    });
}

#[test]
fn all_that_is_wrong_is_told_by_field() {
    told(async |site| {
        let wrong = json!({
            "username": "ann", "priority": "high", "main_branch": "develop", "str": "Word",
            "num": 1.5, "one": "c", "many": ["a", "d"], "txt": { "a": 1 },
        });
        let (status, answer) = force(site, wrong, &[]).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32602)));
        let errors = &answer["error"]["message"];
        for (field, what) in [
            ("username", "username: please fill in email address"),
            ("reason", "'Why:' needs to be specified"),
            ("priority", "invalid literal for int() with base 10: 'high'"),
            (
                "main_branch",
                "'develop' does not belong to list of available choices '['main', 'release']'",
            ),
            ("str", "Word:'Word' does not match pattern '[a-z]+$'"),
            ("num", "invalid literal for int() with base 10: '1.5'"),
            ("one", "'c' does not belong"),
            ("many", "'d' does not belong"),
            ("txt", "is not text"),
        ] {
            let said = errors[field].as_str().unwrap_or_else(|| panic!("{field}: {errors}"));
            assert!(said.contains(what), "{field}: {said}");
        }
        assert_eq!(errors.as_object().unwrap().len(), 9, "{errors}");
        let long = json!({ "reason": "x", "str": "abcdef", "username": "ann" });
        let (_, answer) = force(site, long, &[ANN]).await;
        let errors = &answer["error"]["message"];
        assert_eq!(
            *errors,
            json!({ "str": "Word: is too large 6 > 5" }),
            "who is logged in is known"
        );
    });
}

#[test]
fn the_configuration_says_what_branches_and_properties_may_be() {
    let validation = r#"c.validation = { branch = "[a-z]*$", revision = "[0-9a-f]+$",
      property_name = "[a-z]+$", property_value = "\\w*$" }
return c"#;
    with_text(&FORMS.replace("return c", validation), async |site| {
        let wrong = json!({
            "reason": "x", "other_branch": "a;b", "other_revision": "main", "any_name": "A b",
            "any_value": "$(x)", "str": "other", "txt": "$(y)",
        });
        let (status, answer) = force(site, wrong, &[ANN]).await;
        assert_eq!(status, 400);
        assert_eq!(
            answer["error"]["message"],
            json!({
                "other_branch": "branch: 'a;b' does not match '[a-z]*$' (c.validation.branch)",
                "other_revision": "revision: 'main' does not match '[0-9a-f]+$' (c.validation.revision)",
                "any_name": "Name: 'A b' does not match '[a-z]+$' (c.validation.property_name)",
                "any_value": "Value: '$(x)' does not match '\\w*$' (c.validation.property_value)",
            })
        );
        let right = json!({
            "reason": "x", "other_branch": "next", "other_revision": "0a", "any_name": "n",
            "any_value": "v", "main_branch": "release",
        });
        assert_eq!(force(site, right, &[ANN]).await.0, 200);
        let nothing = json!({ "reason": "x" });
        assert_eq!(force(site, nothing, &[ANN]).await.0, 200, "an empty field always fits");
    });
}

#[test]
fn the_data_api_describes_every_field() {
    told(async |site| {
        let answer = site.api("forceschedulers/rich").await;
        let form = &answer["forceschedulers"][0];
        assert_eq!((&form["label"], &form["button_name"]), (&json!("A rich form"), &json!("Go")));
        let fields = form["all_fields"].as_array().unwrap();
        let names: Vec<&Json> = fields.iter().map(|f| &f["name"]).collect();
        assert_eq!(names[..4], ["", "main", "other", "str"]);
        let by_name = |name: &str| fields.iter().find(|f| f["name"] == name).unwrap();
        let expected = json!({
            "name": "many", "fullName": "many", "label": "many", "tablabel": "many", "type": "list",
            "choices": ["a", "b", "c"], "strict": true, "multiple": true, "default": ["b"],
            "required": false, "regex": null, "hide": false, "maxsize": null, "autopopulate": null,
            "tooltip": "",
        });
        assert_eq!(*by_name("many"), expected);
        assert_eq!(by_name("grp")["fields"][0]["fullName"], "grp_in1");
        assert_eq!(by_name("txt")["rows"], 3);
        assert_eq!(fields[0]["fields"][1]["label"], "Why:");
        let loose = fields.last().unwrap();
        assert_eq!((&loose["fullName"], &loose["type"]), (&Json::Null, &json!("nested")));
        assert_eq!(loose["fields"][0]["fullName"], "loose");
        let main: Vec<&Json> =
            by_name("main")["fields"].as_array().unwrap().iter().map(|f| &f["type"]).collect();
        assert_eq!(main, ["list", "text", "text", "fixed"]);
    });
}

#[test]
fn the_page_draws_the_form_and_takes_it_back() {
    told(async |site| {
        let html = site.get("/builders/1").await.text();
        for part in [
            r#"<summary>Go</summary>"#,
            r#"name="username""#,
            r#"<label title="small letters">Word<input name="str""#,
            r#"<textarea name="txt" cols="40" rows="3">"#,
            r#"<input type="checkbox" name="flag" value="true" checked>"#,
            r#"<select name="many" multiple>"#,
            r#"<option value="b" selected>b</option>"#,
            r#"<legend>Group</legend>"#,
            r#"name="grp_in1""#,
            r#"name="main_branch""#,
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        for absent in [r#"name="secretly""#, r#"name="fix""#, r#"name="main_project""#] {
            assert!(!html.contains(absent), "{absent}");
        }
        let body = b"scheduler=rich&reason=why&flag=false&grp_in2=false&grp_in2=true&many=a&many=c";
        let answer = site.ask("POST", "/builders/1/force", &[ANN, OWN, FORM], body).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let sets = site.api("buildsets?order=-bsid&limit=1").await;
        let set = properties(site, &sets["buildsets"][0]["bsid"]).await;
        assert_eq!(
            json!([set["flag"], set["grp"]["in2"], set["many"], set["owner"]]),
            json!([false, true, ["a", "c"], "ann"])
        );
        let html =
            String::from_utf8(site.ask("GET", "/builders/1", &[ANN], b"").await.body).unwrap();
        assert!(!html.contains(r#"name="username""#), "who is logged in is not asked");
    });
}

const FILES: &str = r#"
local ci = require "ci"
local c = ci.config()
local p = ci.parameters
c.workers = { ci.worker { name = "w1", password = "pw" }, ci.worker { name = "w2", password = "pw2" } }
c.builders = {
  ci.builder { name = "linux", workers = { "w2", "w1" }, can_start_build = ci.enforce_chosen_worker,
               factory = { ci.steps.shell { command = "make" } } },
  ci.builder { name = "windows", workers = { "w1" }, factory = { ci.steps.shell { command = "make" } } },
}
c.schedulers = { ci.schedulers.force { name = "plain", builders = { "windows" } }, ci.schedulers.force {
  name = "rich", builders = { "linux" },
  codebases = { p.codebase { patch = true } },
  properties = {
    p.file { name = "notes", max_size = 40 },
    p.worker_choice {},
    p.choice { name = "kind", choices = { "fast", "full" },
               autopopulate = { fast = { jobs = 1 }, full = { jobs = 8 } } },
    p.int { name = "jobs" },
  },
} }
c.www = { port = 0, auth = { ann = "secret: of ann" }, authz = { allow = { force = "anyone" } } }
return c"#;

#[test]
fn files_patches_and_workers_are_asked_for_and_checked() {
    with_text(FILES, async |site| {
        let form =
            site.api("forceschedulers/rich").await["forceschedulers"][0]["all_fields"].clone();
        let names: Vec<&Json> = form[1]["fields"][4]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| &field["fullName"])
            .collect();
        let expected =
            ["body", "level", "author", "comment", "subdir"].map(|n| format!("patch_{n}"));
        assert_eq!(names, expected.iter().collect::<Vec<_>>());
        let of = |name: &str| {
            form.as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone()
        };
        assert_eq!(
            (of("notes")["type"].clone(), of("notes")["maxsize"].clone()),
            (json!("file"), json!(40))
        );
        assert_eq!(of("workername")["choices"], json!(["-any-", "w1", "w2"]));
        assert_eq!(of("workername")["default"], "-any-");
        assert_eq!(of("kind")["autopopulate"]["full"], json!({ "jobs": 8 }));

        let patch = "--- a/x\n+++ b/x\n";
        let (status, answer) = force(
            site,
            json!({ "builderid": 1, "reason": "r", "username": "A <a@x.org>", "notes": " one\ntwo\n",
                    "workername": "w2", "kind": "full", "jobs": "8", "revision": "abc",
                    "patch_body": patch, "patch_author": "ann", "patch_subdir": "./src" }),
            &[],
        )
        .await;
        assert_eq!(status, 200, "{answer}");
        let set = answer["result"][0].as_i64().unwrap();
        let stamp = &site.api(&format!("buildsets/{set}")).await["buildsets"][0]["sourcestamps"][0];
        let shown = &stamp["patch"];
        assert_eq!(shown["body"], patch);
        assert_eq!((&shown["level"], &shown["subdir"]), (&json!(1), &json!("src")));
        let properties =
            site.api(&format!("buildsets/{set}/properties")).await["properties"][0].clone();
        assert_eq!(properties["notes"][0], " one\ntwo\n");
        assert_eq!(properties["workername"][0], "w2");
        assert_eq!(properties["jobs"][0], 8);

        let (status, answer) = force(
            site,
            json!({ "builderid": 1, "username": "A <a@x.org>", "workername": "-any-" }),
            &[],
        )
        .await;
        assert_eq!(status, 200, "{answer}");
        let set = answer["result"][0].as_i64().unwrap();
        let stamp = &site.api(&format!("buildsets/{set}")).await["buildsets"][0]["sourcestamps"][0];
        assert_eq!(stamp["patch"], Json::Null);
        let properties =
            site.api(&format!("buildsets/{set}/properties")).await["properties"][0].clone();
        assert_eq!(properties["workername"], Json::Null, "any worker is no property");

        let (_, answer) = force(
            site,
            json!({ "builderid": 1, "username": "A <a@x.org>", "notes": "x".repeat(41),
                    "workername": "w3", "patch_body": patch, "patch_level": "-1", "patch_subdir": "../up" }),
            &[],
        )
        .await;
        let wrong = &answer["error"]["message"];
        assert_eq!(
            *wrong,
            json!({
                "notes": "notes: is too large 41 > 40",
                "workername": "'w3' does not belong to list of available choices '['-any-', 'w1', 'w2']'",
                "patch_level": "-1 is no level of a patch",
                "patch_subdir": "'../up' is no folder below the source",
            })
        );
    });
}
