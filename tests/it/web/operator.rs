//! Orders to workers, schedulers and waiting requests, by JSON-RPC and by the buttons of the pages;
//! and what is told about what waits, in both.

use serde_json::{Value as Json, json};

use super::site::{Answer, Site, config, with, with_text};
use super::{ANN, BOB, FORM};

const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn rpc(site: &Site, path: &str, method: &str, params: Json) -> Answer {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let path = format!("/api/v2/{path}");
    site.ask("POST", &path, &[ANN, OWN, JSON], call.to_string().as_bytes()).await
}

async fn done(site: &Site, path: &str, method: &str, params: Json) {
    let answer = rpc(site, path, method, params).await;
    let expected = json!({ "jsonrpc": "2.0", "id": 1, "result": null });
    assert_eq!(answer.json(), expected, "{method} of {path}");
}

async fn refused(site: &Site, path: &str, method: &str, params: Json) -> (u16, String) {
    let answer = rpc(site, path, method, params).await;
    let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    (answer.status, message)
}

async fn post(site: &Site, path: &str, body: &str) -> u16 {
    site.ask("POST", path, &[ANN, OWN, FORM], body.as_bytes()).await.status
}

#[test]
fn workers_are_paused_and_unpaused_at_each_of_their_paths() {
    with(config(), async |site| {
        for path in [
            "workers/1",
            "workers/w1",
            "masters/1/workers/1",
            "masters/1/workers/w1",
            "builders/1/workers/1",
            "builders/1/workers/w1",
            "masters/1/builders/1/workers/1",
            "masters/1/builders/1/workers/w1",
        ] {
            done(site, path, "pause", json!({ "reason": "dust" })).await;
            let worker = &site.api("workers/1").await["workers"][0];
            assert_eq!(
                (&worker["paused"], &worker["pause_reason"]),
                (&json!(true), &json!("dust"))
            );
            done(site, path, "unpause", json!({})).await;
            let worker = &site.api("workers/1").await["workers"][0];
            assert_eq!((&worker["paused"], &worker["pause_reason"]), (&json!(false), &json!(null)));
            assert_eq!(worker["quarantined_until"], json!(null));
        }
        done(site, "workers/w1", "pause", json!({ "reason": "" })).await;
        let worker = &site.api("workers/1").await["workers"][0];
        assert_eq!(worker["pause_reason"], "no reason", "as Buildbot says it");
        for order in ["stop", "kill"] {
            let (status, text) = refused(site, "workers/1", order, json!({})).await;
            assert_eq!(status, 400, "{text}");
            assert!(text.contains("w1 is not connected"), "{text}");
        }
        assert_eq!(refused(site, "workers/9", "pause", json!({})).await.0, 404);
        assert_eq!(refused(site, "workers/w9", "unpause", json!({})).await.0, 404);
        assert_eq!(refused(site, "workers/1", "dance", json!({})).await.0, 501);
    });
}

#[test]
fn schedulers_are_switched_and_requests_get_priorities() {
    with(config(), async |site| {
        done(site, "schedulers/1", "enable", json!({ "enabled": false })).await;
        assert_eq!(site.api("schedulers/1").await["schedulers"][0]["enabled"], false);
        let (status, text) =
            refused(site, "forceschedulers/force", "force", json!({ "builderid": 1 })).await;
        assert_eq!((status, text.as_str()), (400, "Scheduler force is switched off."));
        done(site, "masters/1/schedulers/1", "enable", json!({ "enabled": true })).await;
        assert_eq!(site.api("schedulers/1").await["schedulers"][0]["enabled"], true);
        let wrong = refused(site, "schedulers/1", "enable", json!({ "enabled": "no" })).await;
        assert_eq!(wrong, (400, "invalid enabled \"no\"".to_owned()));
        assert_eq!(
            refused(site, "schedulers/9", "enable", json!({ "enabled": true })).await.0,
            404
        );

        done(site, "buildrequests/2", "set_priority", json!({ "priority": -3 })).await;
        assert_eq!(site.api("buildrequests/2").await["buildrequests"][0]["priority"], -3);
        let wrong = refused(site, "buildrequests/2", "set_priority", json!({})).await;
        assert_eq!(wrong, (400, "missing priority".to_owned()));
        let (status, text) =
            refused(site, "buildrequests/1", "set_priority", json!({ "priority": 1 })).await;
        assert_eq!((status, text.contains("is complete")), (400, true), "{text}");
        let unknown = refused(site, "buildrequests/9", "set_priority", json!({ "priority": 1 }));
        assert_eq!(unknown.await.0, 404);
    });
}

#[test]
fn the_pages_have_the_buttons_for_those_who_may() {
    with(config(), async |site| {
        assert_eq!(post(site, "/workers/1/pause", "reason=new+disk").await, 303);
        let html = site.get("/workers").await.text();
        assert!(html.contains("paused") && html.contains("new disk"), "{html}");
        assert!(!html.contains("Unpause"), "nobody may without a name: {html}");
        let html = site.ask("GET", "/workers", &[ANN], b"").await.text();
        assert!(html.contains("workers/1/unpause") && !html.contains("workers/1/pause"), "{html}");
        assert_eq!(post(site, "/workers/1/unpause", "").await, 303);
        assert_eq!(post(site, "/workers/1/pause", "").await, 303);
        let worker = &site.api("workers/1").await["workers"][0];
        assert_eq!(worker["pause_reason"], "paused by ann");
        assert_eq!(post(site, "/workers/1/kill", "").await, 400, "it is not there");

        assert_eq!(post(site, "/schedulers/1/off", "").await, 303);
        let html = site.ask("GET", "/schedulers", &[ANN], b"").await.text();
        assert!(html.contains("schedulers/1/on") && html.contains("off"), "{html}");
        assert_eq!(post(site, "/schedulers/1/on", "").await, 303);

        assert_eq!(post(site, "/buildrequests/2/priority", "priority=12").await, 303);
        let html = site.ask("GET", "/buildrequests/2", &[ANN], b"").await.text();
        assert!(html.contains("name=\"priority\" value=\"12\""), "{html}");
        assert_eq!(post(site, "/buildrequests/2/priority", "priority=high").await, 400);
        let html = site.ask("GET", "/buildrequests/2", &[BOB], b"").await.text();
        assert!(!html.contains("name=\"priority\""), "{html}");
    });
}

#[test]
fn the_lists_say_why_in_the_engines_words() {
    with(config(), async |site| {
        for page in ["/", "/builders/1", "/buildrequests/2"] {
            let html = site.get(page).await.text();
            assert!(html.contains("worker w1 is not connected"), "{page}: {html}");
        }
        let why = site.api("buildrequests/2/why").await;
        assert_eq!(why["reasons"][0]["because"]["kind"], "away", "{why}");
        let complete = site.get("/api/v2/builds/1/why").await;
        assert_eq!(complete.status, 400, "{}", complete.text());
        assert_eq!(site.get("/api/v2/builds/9/why").await.status, 404);
        let verdicts = site.api("changes/1/verdicts").await;
        assert_eq!(verdicts["verdicts"][0]["scheduler"], "force", "{verdicts}");
        assert_eq!(verdicts["verdicts"][0]["waits"], json!(null));
        assert_eq!(site.get("/api/v2/changes/9/verdicts").await.status, 404);
    });
}

#[test]
fn each_order_has_its_own_rule() {
    let config = r#"
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w1", password = "pw" } }
local f = { ci.steps.shell { command = "make" } }
c.builders = {
  ci.builder { name = "linux", workers = { "w1" }, factory = f },
  ci.builder { name = "windows", workers = { "w1" }, factory = f },
}
c.schedulers = { ci.schedulers.force { name = "force", builders = c.builders } }
c.www = {
  port = 0,
  auth = { ann = "secret: of ann" },
  authz = { allow = { control = {}, worker = "admins", priority = "anyone" }, roles = { admins = { "ann" } } },
}
return c"#;
    with_text(config, async |site| {
        done(site, "workers/1", "pause", json!({})).await;
        done(site, "buildrequests/2", "set_priority", json!({ "priority": 1 })).await;
        let (status, text) =
            refused(site, "schedulers/1", "enable", json!({ "enabled": false })).await;
        assert_eq!((status, text.contains("ann may not scheduler")), (403, true), "{text}");
        assert_eq!(post(site, "/schedulers/1/off", "").await, 403);
    });
}
