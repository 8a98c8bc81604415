//! The data API over HTTP: shapes, filters, errors, logs and control as Buildbot's clients know
//! them.

use serde_json::json;

use crate::web::artifacts::keep;
use crate::web::site::{EVIL, config, with};
use crate::web::test_results::report;

#[test]
fn objects_have_buildbots_shape() {
    with(config(), async |site| {
        for (path, expected) in [
            (
                "masters/1",
                json!({"masters": [{"active": true, "last_active": 0, "masterid": 1,
                    "name": "host:/dir"}], "meta": {}}),
            ),
            (
                "builders/1",
                json!({"builders": [{"builderid": 1, "description": EVIL,
                    "description_format": null, "description_html": null, "masterids": [1],
                    "name": "linux", "projectid": null, "tags": ["t1", "a \"b\""]}], "meta": {}}),
            ),
            (
                "workers/w1",
                json!({"workers": [{"configured_on": [{"builderid": 1, "masterid": 1},
                    {"builderid": 2, "masterid": 1}], "connected_to": [], "graceful": false,
                    "name": "w1", "pause_reason": null, "paused": false, "quarantine_reason": null,
                    "quarantined_until": null, "workerid": 1, "workerinfo": {}}], "meta": {}}),
            ),
            (
                "schedulers/1",
                json!({"schedulers": [{"enabled": true, "name": "force", "schedulerid": 1,
                    "master": {"active": true, "last_active": 0, "masterid": 1,
                    "name": "host:/dir"}}], "meta": {}}),
            ),
            (
                "changesources/1",
                json!({"changesources": [{"changesourceid": 1, "error": null, "kind": "git_poller",
                    "master": {"active": true, "last_active": 0, "masterid": 1,
                    "name": "host:/dir"}, "name": "origin", "polled_at": null}], "meta": {}}),
            ),
            (
                "buildsets/1",
                json!({"buildsets": [{"bsid": 1, "complete": true, "complete_at": 1_700_000_003,
                    "external_idstring": null, "parent_buildid": null,
                    "parent_relationship": null, "reason": "because", "rebuilt_buildid": null,
                    "results": 2, "submitted_at": 1_700_000_000, "sourcestamps": [{
                    "branch": "main\u{202e}", "codebase": "", "created_at": 1_700_000_000,
                    "patch": null, "project": "o/n", "repository": "https://github.com/o/n",
                    "revision": "abcdef0123456789", "ssid": 1}]}], "meta": {}}),
            ),
            (
                "buildrequests/1",
                json!({"buildrequests": [{"builderid": 1, "buildrequestid": 1, "buildsetid": 1,
                    "claimed": true, "claimed_at": 1_700_000_000, "claimed_by_masterid": 1,
                    "complete": true, "complete_at": 1_700_000_003, "priority": 0,
                    "properties": null, "results": 2, "submitted_at": 1_700_000_000,
                    "waited_for": false}], "meta": {}}),
            ),
            (
                "builds/1",
                json!({"builds": [{"builderid": 1, "buildid": 1, "buildrequestid": 1,
                    "complete": true, "complete_at": 1_700_000_003, "locks_duration_s": 0,
                    "masterid": 1, "number": 1, "properties": {}, "results": 2,
                    "started_at": 1_700_000_000, "state_string": "failed 'make' (failure)",
                    "workerid": 1}], "meta": {}}),
            ),
            (
                "builds/1/steps/0",
                json!({"steps": [{"buildid": 1, "complete": true, "complete_at": 1_700_000_000,
                    "hidden": false, "locks_acquired_at": null, "name": "worker_preparation",
                    "number": 0, "results": 0, "started_at": 1_700_000_000,
                    "state_string": "worker w1 ready", "stepid": 1, "urls": []}], "meta": {}}),
            ),
            (
                "builders/linux/builds/1/steps/make/logs",
                json!({"logs": [{"complete": true, "logid": 1, "name": "stdio", "num_lines": 4,
                    "slug": "stdio", "stepid": 2, "type": "s"}], "meta": {"total": 1}}),
            ),
            (
                "changes/1",
                json!({"changes": [{"author": "A <a@x>", "branch": "main\u{202e}",
                    "category": null, "changeid": 1, "codebase": "",
                    "comments": format!("{EVIL}\nmore"), "committer": null,
                    "files": ["n.txt", EVIL], "parent_changeids": [], "project": "o/n",
                    "properties": {"event": ["push", "Change"]},
                    "repository": "https://github.com/o/n", "revision": "abcdef0123456789",
                    "revlink": "javascript:alert(1)", "when_timestamp": 1_600_000_000,
                    "sourcestamp": {"branch": "main\u{202e}", "codebase": "",
                    "created_at": 1_700_000_000, "patch": null, "project": "o/n",
                    "repository": "https://github.com/o/n", "revision": "abcdef0123456789",
                    "ssid": 1}}], "meta": {}}),
            ),
            (
                "builds/1/properties",
                json!({"properties": [{"branch": [EVIL, "Build"],
                    "owner": ["ann", "Force Build Form"]}], "meta": {}}),
            ),
            (
                "buildsets/1/properties_list",
                json!({"_properties": [{"name": "owner", "source": "Force Build Form",
                    "value": "\"ann\""}], "meta": {"total": 1}}),
            ),
            (
                "builds?property=owner&field=buildid&field=properties",
                json!({"builds": [{"buildid": 1, "properties":
                    {"owner": ["ann", "Force Build Form"]}}], "meta": {"total": 1}}),
            ),
            ("builds/9/properties", json!({"properties": [{}], "meta": {}})),
        ] {
            let mut answer = site.api(path).await;
            // The master wrote this moment itself.
            if let Some(at) = answer.pointer_mut("/masters/0/last_active") {
                *at = 0.into();
            }
            for of in ["schedulers", "changesources"] {
                if let Some(at) = answer.pointer_mut(&format!("/{of}/0/master/last_active")) {
                    *at = 0.into();
                }
            }
            assert_eq!(answer, expected, "{path}");
        }
    });
}

#[test]
fn every_path_of_the_table_answers() {
    with(config(), async |site| {
        report(site).await;
        keep(site, 1, "make", "a.tgz", "some bytes").await;
        for endpoint in halide_ci::api::table::TABLE {
            let path: Vec<&str> = endpoint
                .pattern
                .split('/')
                .map(|part| match part.split_once(':') {
                    None => part,
                    Some((_, "buildername")) => "linux",
                    Some((_, "schedulername")) => "force",
                    Some((_, "name")) => "w1",
                    Some((_, "step_name")) => "make",
                    Some((_, "stepid")) => "2",
                    Some((_, "step_number")) => "1",
                    Some((_, "log_slug")) => "stdio",
                    Some(_) => "1",
                })
                .collect();
            let path = format!("/api/v2{}", path.join("/").trim_end_matches('/'));
            let answer = site.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
    });
}

#[test]
fn filters_order_and_totals_are_done_by_the_database() {
    with(config(), async |site| {
        for (path, key, ids) in [
            ("builders?order=-name", "builderid", vec![2, 1]),
            ("builders?tags__contains=t1&limit=1", "builderid", vec![1]),
            ("builders?tags__contains=a%20%22b%22", "builderid", vec![1, 2]),
            ("builders?tags__contains=b", "builderid", vec![]),
            ("builders?name__contains=in", "builderid", vec![1, 2]),
            ("builders?name__contains=IN", "builderid", vec![]),
            ("builders?name=linux&name=nosuch", "builderid", vec![1]),
            ("builders?name__ne=linux", "builderid", vec![2]),
            ("builders?offset=1", "builderid", vec![2]),
            ("buildrequests?claimed=false", "buildrequestid", vec![2]),
            ("buildrequests?complete=true", "buildrequestid", vec![1]),
            ("buildrequests?order=-priority&order=-submitted_at", "buildrequestid", vec![2, 1]),
            ("builds?complete=false", "buildid", vec![]),
            ("builds?started_at__ge=1700000000", "buildid", vec![1]),
            ("builds?started_at__gt=1700000000", "buildid", vec![]),
            ("builds?results__ne=0", "buildid", vec![1]),
            ("buildsets?results=-1", "bsid", vec![2]),
            ("changes?files__contains=n.txt", "changeid", vec![1]),
            ("builders/1/builds", "buildid", vec![1]),
            ("builders/nosuch/builds", "buildid", vec![]),
            ("builds/999/steps", "stepid", vec![]),
        ] {
            let answer = site.api(path).await;
            let list = answer.as_object().unwrap().values().find(|v| v.is_array()).unwrap();
            let found: Vec<i64> =
                list.as_array().unwrap().iter().map(|e| e[key].as_i64().unwrap()).collect();
            assert_eq!(found, ids, "{path}");
        }
        assert_eq!(site.api("builders?limit=1").await["meta"]["total"], 2);
        assert_eq!(site.api("builders?limit=0").await["meta"]["total"], 2);
        assert_eq!(site.api("builders?limit=1&name=linux").await["meta"]["total"], 1);
    });
}

#[test]
fn errors_are_buildbots() {
    with(config(), async |site| {
        for (path, status, text) in [
            ("/api/v2/nosuch/thing", 404, "Invalid path: nosuch/thing"),
            ("/api/v2/", 404, "Invalid path: "),
            ("/api/v2/logchunks", 404, "Invalid path: logchunks"),
            ("/api/v2/builds?foo=1", 400, "unrecognized query parameter 'foo'"),
            ("/api/v2/builds?field=x", 400, "no such field 'x'"),
            ("/api/v2/builds/1?results=2", 400, "this is not a collection"),
        ] {
            let answer = site.get(path).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.json(), json!({ "error": text }), "{path}");
            assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        }
        for path in ["builds/99", "builders/nosuch", "builders/1/builds/9/steps", "logs/9/contents"]
        {
            assert_eq!(site.get(&format!("/api/v2/{path}")).await.status, 404, "{path}");
        }
        let evil = [("Origin", "http://evil.example")];
        assert_eq!(site.ask("GET", "/api/v2/builds", &evil, b"").await.status, 400);
        let ours = [("Origin", "http://ci.example")];
        let answer = site.ask("GET", "/api/v2/builds", &ours, b"").await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://ci.example");
    });
}

#[test]
fn people_get_indented_text_and_clients_compact_json() {
    with(config(), async |site| {
        let people = site.get("/api/v2/builders/1?field=name").await;
        assert_eq!(people.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(
            people.text(),
            "{\n  \"builders\": [\n    {\n      \"name\": \"linux\"\n    }\n  ], \n  \"meta\": {}\n}"
        );
        let accept = [("Accept", "application/json, text/plain, */*")];
        let client = site.ask("GET", "/api/v2/builders/1?field=name", &accept, b"").await;
        assert_eq!(client.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(client.text(), "{\"builders\":[{\"name\":\"linux\"}],\"meta\":{}}");
        assert_ne!(client.header("content-length"), "");
        let head = site.ask("HEAD", "/api/v2/builders/1?field=name", &accept, b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    });
}

#[test]
fn a_log_is_given_as_lines_as_text_and_as_it_came() {
    with(config(), async |site| {
        let chunk = site.api("logs/1/contents").await["logchunks"][0].clone();
        assert_eq!(chunk["content"], format!("hmake\noone\nopart\ne{EVIL}\n"));
        let chunk = site.api("logs/1/contents?offset=1&limit=2").await["logchunks"][0].clone();
        assert_eq!((&chunk["firstline"], &chunk["content"]), (&json!(1), &json!("oone\nopart\n")));
        let past = site.api("logs/1/contents?offset=40").await["logchunks"][0].clone();
        assert_eq!(past["content"], "");
        assert_eq!(site.get("/api/v2/logs/1/contents?limit=0").await.status, 404);

        let raw = site.get("/api/v2/logs/1/raw").await;
        let head = "Builder: linux\nBuild number: 1\nWorker name: w1\n";
        assert_eq!(raw.text(), format!("{head}make\none\npart\n{EVIL}\n"));
        assert_eq!(
            raw.header("content-disposition"),
            "attachment; filename=linux_build_1_step_make_log_stdio"
        );
        assert_eq!(raw.header("x-content-type-options"), "nosniff");
        assert!(raw.header("content-security-policy").starts_with("sandbox"));
        let inline = site.get("/api/v2/steps/2/logs/stdio/raw_inline").await;
        assert_eq!(inline.header("content-disposition"), "");
        let exact = site.get("/api/v2/logs/1/raw?exact=1").await;
        assert_eq!(exact.text(), format!("make\none\npart{EVIL}"));
    });
}

#[test]
fn orders_need_a_permission_and_force_makes_a_request() {
    with(config(), async |site| {
        let body = br#"{"jsonrpc":"2.0","method":"force","id":1,"params":{"builderid":"1","reason":"x","priority":3,"branch":"b"}}"#;
        let json = ("Content-Type", "application/json; charset=utf-8");
        let path = "/api/v2/forceschedulers/force";
        let anonymous = site.ask("POST", path, &[json], body).await;
        assert_eq!(anonymous.status, 403, "{}", anonymous.text());
        assert_eq!(anonymous.json()["error"]["code"], -32600);
        // bob has no role
        let bob = ("Authorization", "Basic Ym9iOnNlY3JldCBvZiBib2I=");
        assert_eq!(site.ask("POST", path, &[json, bob], body).await.status, 403);
        let ann = ("Authorization", "Basic YW5uOnNlY3JldDogb2YgYW5u");
        let forced = site.ask("POST", path, &[json, ann], body).await;
        assert_eq!(forced.status, 200, "{}", forced.text());
        let result = forced.json()["result"].clone();
        let (set, request) = (result[0].clone(), result[1]["1"].clone());
        let made = site.api(&format!("buildrequests/{request}")).await["buildrequests"][0].clone();
        assert_eq!((&made["buildsetid"], &made["priority"]), (&set, &json!(3)));
        let stamp =
            site.api(&format!("buildsets/{set}")).await["buildsets"][0]["sourcestamps"][0].clone();
        assert_eq!(stamp["branch"], "b");
        let cancel = br#"{"jsonrpc":"2.0","method":"cancel","id":"x","params":{}}"#;
        let path = format!("/api/v2/buildrequests/{request}");
        let cancelled = site.ask("POST", &path, &[json, ann], cancel).await;
        assert_eq!(cancelled.json(), json!({"jsonrpc": "2.0", "id": "x", "result": null}));
        let made = site.api(&format!("buildrequests/{request}")).await["buildrequests"][0].clone();
        assert_eq!(made["results"], 6);
    });
}

#[test]
fn wrong_orders_say_what_is_wrong() {
    with(config(), async |site| {
        let ann = ("Authorization", "Basic YW5uOnNlY3JldDogb2YgYW5u");
        let json = ("Content-Type", "application/json");
        let call = |method: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":1,"params":{params}}}"#)
        };
        for (path, body, status, code) in [
            ("builds/1", call("bogus", "{}"), 501, -32601),
            ("nosuch/1", call("stop", "{}"), 404, -32600),
            ("builds/99", call("stop", "{}"), 404, -32600),
            ("forceschedulers/force", call("force", r#"{"priority":"x"}"#), 400, -32602),
            (
                "forceschedulers/force",
                call("force", r#"{"builderNames":["windows"]}"#),
                400,
                -32601,
            ),
            ("forceschedulers/nosuch", call("force", "{}"), 404, -32600),
            ("builds/1", "[]".to_owned(), 400, -32600),
            ("builds/1", "{".to_owned(), 400, -32700),
            ("builds/1", r#"{"jsonrpc":"2.0","method":"stop","id":1}"#.to_owned(), 400, -32600),
        ] {
            let path = format!("/api/v2/{path}");
            let answer = site.ask("POST", &path, &[json, ann], body.as_bytes()).await;
            assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
            assert_eq!(answer.json()["error"]["code"], code, "{path} {body}");
        }
        let text = ("Content-Type", "text/plain");
        let answer = site.ask("POST", "/api/v2/builds/1", &[text, ann], b"{}").await;
        assert_eq!(
            answer.json()["error"]["message"],
            "Invalid content-type (use application/json)"
        );
    });
}

#[test]
fn force_schedulers_describe_their_form() {
    with(config(), async |site| {
        let answer = site.api("builders/1/forceschedulers").await;
        let force = &answer["forceschedulers"][0];
        assert_eq!(force["builder_names"], json!(["linux"]));
        let names: Vec<&str> = force["all_fields"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["fields"].as_array().unwrap())
            .map(|field| field["fullName"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["username", "reason", "priority", "branch", "revision", "repository", "project"]
        );
        assert_eq!(site.api("builders/2/forceschedulers").await["meta"]["total"], 0);
    });
}
