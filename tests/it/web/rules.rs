//! Rules of `ci.authz` at the doors: roles on builders, the owner, functions that wait. The page's
//! buttons and JSON-RPC are ruled alike.

use super::site::{Site, with_text};
use super::{ANN, FORM};

const BOB: (&str, &str) = ("Authorization", "Basic Ym9iOnNlY3JldCBvZiBib2I=");
const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Tells `test` on a site whose rules are `allow`.
fn ruled(allow: &str, test: impl AsyncFnOnce(&Site)) {
    let text = format!(
        r#"
local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "pw" }} }}
c.builders = {{
  ci.builder {{ name = "linux", workers = {{ "w1" }}, factory = {{ ci.steps.shell {{ command = "make" }} }} }},
  ci.builder {{ name = "windows", workers = {{ "w1" }}, factory = {{ ci.steps.shell {{ command = "make" }} }} }},
}}
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
c.www = {{
  port = 0,
  auth = {{ ann = "secret: of ann", bob = "secret of bob" }},
  authz = {{ allow = {allow}, roles = {{ admins = {{ "ann" }}, devs = {{ users = {{ "bob" }} }} }} }},
  cookie_expiration_time = 3600,
  allowed_origins = {{ "https://*.example.org" }},
}}
return c"#
    );
    with_text(&text, test);
}

async fn page(site: &Site, who: (&'static str, &'static str), path: &str) -> u16 {
    let body = b"scheduler=force&reason=why";
    site.ask("POST", path, &[who, OWN, FORM], body).await.status
}

async fn rpc(site: &Site, who: (&'static str, &'static str), path: &str, call: &str) -> u16 {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,{call}}}"#);
    let path = format!("/api/v2/{path}");
    site.ask("POST", &path, &[who, OWN, JSON], body.as_bytes()).await.status
}

#[test]
fn a_role_may_be_for_some_builders_only() {
    let allow = r#"{ force = { "admins", { role = "devs", builders = "lin*" } } }"#;
    ruled(allow, async |site| {
        assert_eq!(page(site, BOB, "/builders/1/force").await, 303);
        assert_eq!(page(site, BOB, "/builders/2/force").await, 403);
        assert_eq!(page(site, ANN, "/builders/2/force").await, 303);
        let force = |params: &str| format!(r#""method":"force","params":{params}"#);
        let path = "forceschedulers/force";
        assert_eq!(rpc(site, BOB, path, &force(r#"{"builderid":1}"#)).await, 200);
        assert_eq!(rpc(site, BOB, path, &force(r#"{"builderid":2}"#)).await, 403);
        assert_eq!(rpc(site, BOB, path, &force("{}")).await, 403, "that is all builders");
        assert_eq!(rpc(site, ANN, path, &force("{}")).await, 200);
    });
}

#[test]
fn an_owner_may_cancel_what_is_ones_own() {
    let allow = r#"{ force = { "admins", "devs" }, cancel = "owner" }"#;
    ruled(allow, async |site| {
        let own = |who| async move {
            let body = b"scheduler=force&reason=why";
            let answer = site.ask("POST", "/builders/2/force", &[who, OWN, FORM], body).await;
            let to = answer.header("location").to_owned();
            to.replace("../../", "/").replace("?follow", "")
        };
        let (of_bob, of_ann) = (own(BOB).await, own(ANN).await);
        assert_ne!(of_bob, of_ann);
        assert_eq!(page(site, BOB, &format!("{of_ann}/cancel")).await, 403);
        assert_eq!(page(site, BOB, &format!("{of_bob}/cancel")).await, 303);
        let call = r#""method":"cancel","params":{}"#;
        assert_eq!(rpc(site, BOB, &of_ann[1..], call).await, 403);
        assert_eq!(rpc(site, ANN, &of_ann[1..], call).await, 200);
    });
}

#[test]
fn a_function_may_decide_may_wait_and_says_no_when_it_fails() {
    let allow = r#"{
      force = function(user, request)
        ci.sleep(0.01)
        return user and user.name == "bob" and request.action == "force" and request.builder == "linux"
      end,
      stop = function(user, request) error("no idea") end,
      cancel = { function() return nil end, "admins" },
    }"#;
    ruled(allow, async |site| {
        assert_eq!(page(site, BOB, "/builders/1/force").await, 303);
        assert_eq!(page(site, BOB, "/builders/2/force").await, 403);
        assert_eq!(page(site, ANN, "/builders/1/force").await, 403);
        assert_eq!(page(site, OWN, "/builders/1/force").await, 403, "nobody is logged in");
        assert_eq!(page(site, ANN, "/builds/1/stop").await, 403);
        assert_eq!(page(site, BOB, "/buildrequests/1/cancel").await, 403);
        assert_eq!(page(site, ANN, "/buildrequests/1/cancel").await, 303);
        assert_eq!(page(site, ANN, "/configuration/reload").await, 403, "no rule names it");
    });
}

#[test]
fn a_login_lasts_as_long_as_the_configuration_says_and_named_origins_may_read() {
    ruled("{}", async |site| {
        let answer = site.ask("GET", "/auth/login", &[ANN], b"").await;
        assert!(
            answer.header("set-cookie").contains("Max-Age=3600;"),
            "{}",
            answer.header("set-cookie")
        );
        for (origin, status) in [("https://ci.example.org", 200), ("https://example.com", 400)] {
            let answer = site.ask("GET", "/api/v2/builders", &[("Origin", origin)], b"").await;
            assert_eq!(answer.status, status, "{origin}");
        }
    });
}
