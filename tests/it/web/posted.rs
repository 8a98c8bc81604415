//! Changes that anybody posts who knows the secret, by the hook `base` and by `sendchange`; and the
//! hook that lets pollers look at once.

use std::process::{Command, Output, Stdio};

use halide_ci::params;

use super::site::{Site, with_text};

fn hooked(www: &str, test: impl AsyncFnOnce(&Site)) {
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
c.change_sources = {{
  ci.change_sources.git_poller {{ name = "origin", repo = "https://example.org/x.git" }},
  ci.change_sources.git_poller {{ name = "other", repo = "https://example.org/y.git" }},
}}
c.www = {{ port = 0, {www} }}
return c"#
    );
    with_text(&text, test);
}

const BASE: &str = "change_hooks = { base = ci.hooks.base { secret = 'key of base' } }";
const BEARER: (&str, &str) = ("Authorization", "Bearer key of base");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn post(site: &Site, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let path = format!("/change_hook/{path}");
    let answer = site.ask("POST", &path, headers, body.as_bytes()).await;
    (answer.status, answer.text().trim_end().to_owned())
}

/// The bodies of the deliveries, oldest first.
async fn stored(site: &Site) -> Vec<String> {
    let read = |conn: &halide_ci::store::Conn<'_>| {
        conn.query("select body from deliveries order by id", params![], |r| r.blob(0))
    };
    let bodies = site.engine.store().read(read).await.unwrap();
    bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect()
}

#[test]
fn nobody_posts_a_change_without_the_secret() {
    hooked(BASE, async |site| {
        let body = r#"{"author":"ann"}"#;
        for wrong in [
            vec![JSON],
            vec![JSON, ("Authorization", "Bearer key of bas")],
            vec![JSON, ("Authorization", "Bearer ")],
            vec![JSON, ("Authorization", "Basic a2V5IG9mIGJhc2U=")],
            vec![JSON, ("X-Hub-Signature-256", "sha256=00")],
            vec![JSON, BEARER, BEARER],
        ] {
            let (status, text) = post(site, "base", &wrong, body).await;
            assert_eq!(status, 401, "{wrong:?}: {text}");
            assert!(text.contains("does not prove itself"), "{text}");
        }
        assert!(stored(site).await.is_empty());
        assert_eq!(post(site, "base", &[JSON, BEARER], body).await, (200, "1 change found".into()));
        assert_eq!(stored(site).await.len(), 1);
        assert_eq!(post(site, "poller", &[BEARER], "").await.0, 404);
    });
}

#[test]
fn a_change_comes_as_json_as_a_form_or_in_the_address_and_once_by_its_key() {
    hooked(BASE, async |site| {
        let form = "who=Ann+%3Ca%40b%3E&files=%5B%22a.c%22%5D&when=5.7&properties=%7B%22x%22%3A1%7D&\
                    branch=&comments=one%0Atwo";
        let key = ("Idempotency-Key", "k-1");
        for _ in 0..2 {
            let (status, text) = post(site, "base?branch=main", &[FORM, BEARER, key], form).await;
            assert_eq!((status, text.as_str()), (200, "1 change found"));
        }
        let json = r#"{"author":"ben","when_timestamp":7,"files":["b"],"revision":null}"#;
        assert_eq!(post(site, "base", &[JSON, BEARER], json).await.0, 200);
        assert_eq!(post(site, "base?who=cat", &[BEARER], "").await.0, 200);
        let stored = stored(site).await;
        let of = |at: usize, name: &str| {
            serde_json::from_str::<serde_json::Value>(&stored[at]).unwrap()[name].to_string()
        };
        assert_eq!(stored.len(), 3, "{stored:?}");
        let first = ["author", "branch", "files", "when_timestamp", "properties", "comments"];
        let first = first.map(|name| of(0, name));
        assert_eq!(
            first,
            ["\"Ann <a@b>\"", "\"main\"", "[\"a.c\"]", "5", "{\"x\":1}", "\"one\\ntwo\""]
        );
        assert_eq!((of(1, "author"), of(1, "when_timestamp")), ("\"ben\"".into(), "7".into()));
        assert_eq!(of(2, "author"), "\"cat\"");
    });
}

#[test]
fn what_is_wrong_with_a_posted_change_is_said() {
    hooked(BASE, async |site| {
        for (headers, body, why) in [
            (JSON, "{", "The body is not JSON"),
            (JSON, "[]", "not a JSON object"),
            (JSON, "{}", "describes no change"),
            (JSON, r#"{"author":null,"branch":""}"#, "describes no change"),
            (JSON, r#"{"autor":"ann"}"#, "unknown field `autor`"),
            (JSON, r#"{"author":5}"#, "The change cannot be read"),
            (JSON, r#"{"when":"yesterday"}"#, "must be seconds"),
            (JSON, r#"{"when":1e300}"#, "must be seconds"),
            (FORM, "files=a.c", "The field files is not JSON"),
            (FORM, "who=%ff", "UTF-8"),
            (("Content-Type", "text/plain"), "x", "Unknown content type"),
        ] {
            let (status, text) = post(site, "base", &[headers, BEARER], body).await;
            assert_eq!(status, 400, "{body}: {text}");
            assert!(text.contains(why), "{body}: {text}");
        }
        assert!(stored(site).await.is_empty());
    });
}

#[test]
fn names_and_passwords_stand_before_every_hook() {
    let www = "change_hook_auth = { git = 'password of git' }, change_hooks = { base = {}, \
               github = ci.hooks.github { secret = 'key of github' } }";
    hooked(www, async |site| {
        let good = ("Authorization", "Basic Z2l0OnBhc3N3b3JkIG9mIGdpdA==");
        let wrong = ("Authorization", "Basic Z2l0OndvcmQgb2YgZ2l0");
        let body = r#"{"author":"ann"}"#;
        assert_eq!(post(site, "base", &[JSON], body).await.0, 401);
        assert_eq!(post(site, "base", &[JSON, wrong], body).await.0, 401);
        assert_eq!(post(site, "base", &[JSON, BEARER], body).await.0, 401);
        assert_eq!(post(site, "base", &[JSON, good], body).await.0, 200);
        let (status, text) = post(site, "github", &[JSON], body).await;
        assert_eq!(status, 401, "{text}");
        let (status, text) = post(site, "github", &[JSON, good], body).await;
        assert_eq!(status, 400, "the signature is checked as ever: {text}");
        assert_eq!(stored(site).await.len(), 1);
    });
}

#[test]
fn pollers_that_may_be_asked_are_wanted_before_the_answer() {
    let www = "change_hooks = { poller = { secret = 'key of base', allowed = { 'origin' } } }";
    hooked(www, async |site| {
        let wanted = async || {
            let read = |conn: &halide_ci::store::Conn<'_>| {
                conn.query("select wanted from change_sources order by id", params![], |r| r.int(0))
            };
            site.engine.store().read(read).await.unwrap()
        };
        assert_eq!(post(site, "poller?poller=origin", &[], "").await.0, 401);
        let (status, text) = post(site, "poller?poller=other", &[BEARER], "").await;
        assert_eq!((status, &*text), (400, "The poller \"other\" may not be asked here."));
        assert_eq!(wanted().await, [0, 0]);
        let (status, text) = post(site, "poller?poller=origin", &[BEARER], "").await;
        assert_eq!((status, &*text), (200, "no change found"));
        assert_eq!(wanted().await, [1, 0]);
        assert_eq!(post(site, "poller", &[BEARER, FORM], "poller=origin").await.0, 200);
        assert_eq!(post(site, "poller", &[BEARER], "").await.0, 200);
        assert_eq!(wanted().await, [3, 0]);
    });
    hooked("change_hooks = { poller = { secret = 'key of base' } }", async |site| {
        let (status, text) = post(site, "poller?poller=nobody", &[BEARER], "").await;
        assert_eq!(status, 400);
        assert_eq!(text, "Sorry, there is no change source named \"nobody\".");
    });
}

/// Runs `sendchange` against the site, with `secret` in a file.
async fn sendchange(site: &Site, secret: &str, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret.txt");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
    command.args(["sendchange", "--url", &format!("http://{}/", site.address), "--secret-file"]);
    command.arg(&file).args(args).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[test]
fn sendchange_says_what_became_of_it() {
    hooked(BASE, async |site| {
        let args = [
            "--who", "ann", "--branch", "main", "-r", "abc", "-c", "Fix", "-p", "a:b:c", "--when",
            "9", "x.c", "y.c",
        ];
        let out = sendchange(site, "key of base", &args).await;
        assert_eq!(String::from_utf8_lossy(&out.stdout), "1 change found\n");
        assert_eq!(out.status.code(), Some(0));
        let stored = stored(site).await;
        let change: serde_json::Value = serde_json::from_str(&stored[0]).unwrap();
        assert_eq!(change["files"], serde_json::json!(["x.c", "y.c"]));
        assert_eq!(change["properties"], serde_json::json!({ "a": "b:c" }));
        assert_eq!((&change["author"], &change["when_timestamp"]), (&"ann".into(), &9.into()));
        let out = sendchange(site, "another key", &["--who", "ann"]).await;
        assert_eq!(out.status.code(), Some(1));
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(text.contains("does not prove itself") && !text.contains("another key"), "{text}");
        assert_eq!(sendchange(site, "key of base", &[]).await.status.code(), Some(2));
        let nowhere = ["--who", "ann", "--url", "http://127.0.0.1:1/"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
        command.arg("sendchange").args(nowhere);
        let out = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(out.status.code(), Some(3), "{}", String::from_utf8_lossy(&out.stderr));
    });
}
