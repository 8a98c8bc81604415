//! The web server from outside: who may do what, the hook, escaping, sessions, limits, live pages.

pub(crate) mod artifacts;
mod forms;
mod operator;
mod own_hooks;
mod parents;
mod posted;
mod rules;
pub(crate) mod site;
pub(crate) mod test_results;
mod trying;

use futures_util::{SinkExt as _, StreamExt as _};
use halide_ci::web::route::{Access, TABLE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use site::{HOOK_SECRET, Site, config, with};
use tokio_tungstenite::tungstenite::Message;

const ANN: (&str, &str) = ("Authorization", "Basic YW5uOnNlY3JldDogb2YgYW5u");
const BOB: (&str, &str) = ("Authorization", "Basic Ym9iOnNlY3JldCBvZiBib2I=");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A path of the table with parameters filled in.
fn filled(path: &str) -> String {
    path.replace("{id}", "1")
        .replace("{number}", "1")
        .replace("{step}", "1")
        .replace("{slug}", "stdio")
        .replace("{dialect}", "github")
        .replace("{*path}", "builds/1")
}

#[test]
fn every_route_asks_for_the_right_it_declares() {
    with(config(), async |site| {
        for route in TABLE {
            let path = filled(route.path);
            for (who, header, is_admin) in
                [("nobody", None, false), ("bob", Some(BOB), false), ("ann", Some(ANN), true)]
            {
                let mut headers = vec![("Sec-Fetch-Site", "same-origin"), FORM];
                headers.extend(header);
                let answer = site.ask(route.method, &path, &headers, b"").await;
                let what = format!("{who}: {} {path} gave {}", route.method, answer.status);
                match route.access {
                    Access::Action(_) if is_admin => assert_ne!(answer.status, 403, "{what}"),
                    Access::Action(_) => assert_eq!(answer.status, 403, "{what}"),
                    Access::Read => assert!(
                        ![401, 403].contains(&answer.status) || path == "/auth/login",
                        "{what}"
                    ),
                    Access::OwnPage | Access::Control | Access::Signed => {
                        assert_ne!(answer.status, 500, "{what}");
                    }
                }
                if route.method == "POST" && route.access != Access::Signed {
                    let foreign = [("Sec-Fetch-Site", "cross-site"), FORM, header.unwrap_or(FORM)];
                    let answer = site.ask("POST", &path, &foreign, b"").await;
                    assert_eq!(answer.status, 403, "from another site: {what}");
                }
            }
        }
    });
}

#[test]
fn nothing_changes_by_get() {
    let changing = TABLE.iter().filter(|r| matches!(r.access, Access::Action(_) | Access::Control));
    for route in changing {
        assert_eq!(route.method, "POST", "{}", route.path);
    }
}

#[test]
fn every_page_escapes_what_comes_from_outside() {
    with(config(), async |site| {
        for route in TABLE.iter().filter(|r| r.method == "GET" && r.access == Access::Read) {
            let answer = site.get(&filled(route.path)).await;
            if !answer.header("content-type").starts_with("text/html") {
                continue;
            }
            let html = answer.text();
            assert!(!html.contains("<img"), "{}", route.path);
            assert!(!html.contains("href=\"javascript:"), "{}", route.path);
            assert!(!html.contains(" style="), "{}: the policy forbids it", route.path);
            assert!(!html.contains('\u{202e}') && !html.contains('\u{1b}'), "{}", route.path);
            let policy = answer.header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && !policy.contains("unsafe"),
                "{policy}"
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        let changes = site.get("/changes").await.text();
        assert!(changes.contains("&lt;img src=x onerror=alert(1)&gt;"), "{changes}");
        assert!(changes.contains("main⟨U+202E⟩"), "{changes}");
    });
}

#[test]
fn a_build_page_gives_the_answer_first() {
    with(config(), async |site| {
        let html = site.get("/builders/1/builds/1").await.text();
        let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
        assert!(at("failed 'make'").min(at("Failed in")) < at("id=\"step-1\""));
        assert!(!html.contains("worker_preparation"), "it went well and took no time");
        assert!(at("class=\"tail\"") < at("Cause"));
        // Links are relative, for any prefix of a proxy.
        assert!(html.contains("href=\"../../../builders/1\""), "{html}");
        assert!(!html.contains("href=\"/"), "{html}");
        // Nobody may rebuild without a name; ann may.
        assert!(!html.contains(">Rebuild<"), "{html}");
        let ann = site.ask("GET", "/builders/1/builds/1", &[ANN], b"").await;
        assert!(ann.text().contains(">Rebuild<"));
        assert_eq!(ann.header("cache-control"), "no-store");
        let log = site.get("/builders/1/builds/1/steps/1/logs/stdio").await.text();
        assert!(log.contains("id=\"L3\"") && log.contains("class=\"f1\""), "{log}");
        // HTML of a build can be seen and nothing else.
        let log = site.get("/builders/1/builds/1/steps/0/logs/report").await.text();
        assert!(log.contains("sandbox=\"\"") && !log.contains("id=\"L1\""), "{log}");
        let raw = site.get("/api/v2/steps/1/logs/report/raw_inline").await;
        assert_eq!(raw.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(raw.header("x-frame-options"), "SAMEORIGIN");
        let policy = raw.header("content-security-policy");
        assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
    });
}

fn signature(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(HOOK_SECRET.as_bytes()).unwrap();
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

async fn deliver(site: &Site, body: &[u8], headers: &[(&str, &str)]) -> (u16, String) {
    let answer = site.ask("POST", "/change_hook/github", headers, body).await;
    (answer.status, answer.text().trim_end().to_owned())
}

fn push() -> Vec<u8> {
    let commit = |id: &str| {
        json!({
            "id": id, "message": "m", "timestamp": "2026-01-01T00:00:00Z", "url": "https://x/c",
            "author": {"name": "A", "email": "a@x"}, "committer": {"name": "A", "email": "a@x"},
            "added": [], "removed": [], "modified": ["f"], "distinct": true,
        })
    };
    let id = "0123456789abcdef0123456789abcdef01234567";
    json!({
        "ref": "refs/heads/main", "before": "0", "after": id, "deleted": false, "created": false,
        "forced": false, "commits": [commit(id)], "head_commit": commit(id),
        "repository": {"full_name": "o/n", "html_url": "https://github.com/o/n", "name": "n"},
        "sender": {"login": "a"},
    })
    .to_string()
    .into_bytes()
}

async fn stored(site: &Site) -> i64 {
    let count = |c: &halide_ci::store::Conn<'_>| {
        c.query_one("select count(*) from deliveries", &[], |r| r.int(0))
    };
    site.engine.store().read(count).await.unwrap()
}

#[test]
fn a_signed_push_is_stored_before_it_is_answered_and_only_once() {
    with(config(), async |site| {
        let body = push();
        let sign = signature(&body);
        let headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("X-GitHub-Event", "push"),
            ("X-GitHub-Delivery", "guid-1"),
            ("X-Hub-Signature-256", sign.as_str()),
        ];
        let found = (200, "1 change found".to_owned());
        assert_eq!(deliver(site, &body, &headers).await, found);
        assert_eq!(stored(site).await, 1);
        assert_eq!(deliver(site, &body, &headers).await, found);
        assert_eq!(stored(site).await, 1);
    });
}

#[test]
fn the_hook_refuses_what_the_sender_got_wrong() {
    with(config(), async |site| {
        let body = push();
        let good = signature(&body);
        let json = ("Content-Type", "application/json");
        let event = ("X-GitHub-Event", "push");
        let signed = ("X-Hub-Signature-256", good.as_str());
        let broken = b"{\"ref\":".to_vec();
        let broken_sign = signature(&broken);
        let lean = b"{\"zen\":1}".to_vec();
        let lean_sign = signature(&lean);
        for (body, headers, words) in [
            (&body, vec![json, event], "no signature"),
            (&body, vec![json, event, ("X-Hub-Signature-256", "sha256=00")], "malformed"),
            (&lean, vec![json, event, signed], "does not match"),
            (&body, vec![("Content-Type", "text/plain"), event, signed], "content type"),
            (&body, vec![json, signed], "X-GitHub-Event"),
            (&broken, vec![json, event, ("X-Hub-Signature-256", &broken_sign)], "JSON"),
            (&lean, vec![json, event, ("X-Hub-Signature-256", &lean_sign)], "ref"),
        ] {
            let (status, text) = deliver(site, body, &headers).await;
            assert_eq!(status, 400, "{text}");
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(stored(site).await, 0);
        let answer = site.ask("POST", "/change_hook/gitlab", &[json], b"{}").await;
        assert_eq!(answer.status, 404);
        let huge = [json, event, signed, ("Content-Length", "26214401")];
        assert_eq!(site.ask("POST", "/change_hook/github", &huge, b"").await.status, 413);
        assert_eq!(site.get("/change_hook/github").await.status, 405);
    });
}

#[test]
fn a_form_delivery_carries_its_payload() {
    with(config(), async |site| {
        let payload = String::from_utf8(push()).unwrap();
        let mut body = String::from("payload=");
        for byte in payload.bytes() {
            body.push_str(&format!("%{byte:02X}"));
        }
        let sign = signature(body.as_bytes());
        let headers = [FORM, ("X-GitHub-Event", "push"), ("X-Hub-Signature-256", sign.as_str())];
        let (status, text) = deliver(site, body.as_bytes(), &headers).await;
        assert_eq!((status, text.as_str()), (200, "1 change found"));
    });
}

#[test]
fn a_session_lasts_until_it_is_ended() {
    with(config(), async |site| {
        let cookie = site.log_in("ann", "secret: of ann").await;
        let with_cookie = ("Cookie", cookie.as_str());
        let own = ("Sec-Fetch-Site", "same-origin");
        let html = site.ask("GET", "/", &[with_cookie], b"").await.text();
        assert!(html.contains("Log out") && html.contains("ann"), "{html}");
        // The cookie alone proves nothing about the page that sends it.
        let path = "/configuration/reload";
        assert_eq!(site.ask("POST", path, &[with_cookie, FORM], b"").await.status, 403);
        assert_eq!(site.ask("POST", path, &[with_cookie, own, FORM], b"").await.status, 303);
        let rows = |c: &halide_ci::store::Conn<'_>| {
            c.query("select sha256 from sessions", &[], |r| r.text(0))
        };
        let keys = site.engine.store().read(rows).await.unwrap();
        assert!(keys.iter().all(|key| !cookie.contains(key.as_str())), "only a hash is stored");
        let out = site.ask("POST", "/auth/logout", &[with_cookie, own], b"").await;
        assert!(out.header("set-cookie").contains("Max-Age=0"));
        let html = site.ask("GET", "/", &[with_cookie], b"").await.text();
        assert!(!html.contains("Log out"), "the session is over on the server");
    });
}

#[test]
fn guessing_passwords_ends_soon() {
    with(config(), async |site| {
        let own = ("Sec-Fetch-Site", "same-origin");
        let mut seen = Vec::new();
        for _ in 0..12 {
            let body = b"username=ann&password=guess";
            seen.push(site.ask("POST", "/auth/login", &[FORM, own], body).await.status);
        }
        assert_eq!(seen[0], 401);
        assert_eq!(seen[11], 429);
        let long = "x".repeat(5000);
        let body = format!("username=ann&password={long}");
        let answer = site.ask("POST", "/auth/login", &[FORM, own], body.as_bytes()).await;
        assert_eq!(answer.status, 413);
    });
}

#[test]
fn api_clients_get_a_cookie_by_basic() {
    with(config(), async |site| {
        let asked = site.get("/auth/login").await;
        assert_eq!(asked.status, 401);
        assert!(asked.header("www-authenticate").starts_with("Basic"));
        let answer = site.ask("GET", "/auth/login?redirect=//evil.example", &[ANN], b"").await;
        assert_eq!((answer.status, answer.header("location")), (302, "../"));
        assert!(answer.header("set-cookie").starts_with("halide_ci_session="));
    });
}

#[test]
fn a_form_forces_a_build_and_leads_to_its_request() {
    with(config(), async |site| {
        let own = ("Sec-Fetch-Site", "same-origin");
        let body = b"scheduler=force&reason=why&branch=b";
        let answer = site.ask("POST", "/builders/1/force", &[ANN, own, FORM], body).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = answer.header("location").replace("../../", "/");
        assert!(page.ends_with("?follow"), "{page}");
        let html = site.get(&page).await.text();
        assert!(html.contains("waiting") && html.contains("why"), "{html}");
        let wrong = b"scheduler=force&priority=high";
        let answer = site.ask("POST", "/builders/1/force", &[ANN, own, FORM], wrong).await;
        assert_eq!(answer.status, 400);
        // Who follows a request that is being built already is led on; who looks at it is not.
        let answer = site.get("/buildrequests/1?follow").await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header("location"), "../builders/1/builds/1");
        assert_eq!(site.get("/buildrequests/1").await.status, 200);
    });
}

#[test]
fn why_a_request_waits_is_in_the_data_api() {
    with(config(), async |site| {
        let answer = site.get("/api/v2/buildrequests/2/why").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let why: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(why["state"], "waiting");
        let reason = serde_json::json!({
            "kind": "worker",
            "worker": "w1",
            "because": { "kind": "away" },
            "text": "worker w1 is not connected",
        });
        assert_eq!(why["reasons"], serde_json::json!([reason]));
        let answer = site.get("/api/v2/buildrequests/99/why").await;
        assert_eq!((answer.status, answer.text().contains("no request 99")), (404, true));
        assert_eq!(site.get("/api/v2/buildrequests/x/why").await.status, 404);
    });
}

#[test]
fn who_holds_a_request_and_what_failed_is_shown_where_it_waits() {
    with(config(), async |site| {
        let id = halide_ci::base::id::RequestId(2);
        let note = move |conn: &halide_ci::store::Conn<'_>| {
            let held_by = "can_start_build (master.lua:7), which said no to <w1>";
            halide_ci::store::requests::note(conn, id, Some(held_by), Some("next_worker failed"))
        };
        site.engine.write(note).await.unwrap();
        for path in ["/", "/builders/1", "/buildrequests/2"] {
            let html = site.get(path).await.text();
            let held_by = "can_start_build (master.lua:7), which said no to &lt;w1&gt;";
            assert!(
                html.contains(held_by) && html.contains("next_worker failed"),
                "{path}: {html}"
            );
        }
    });
}

#[test]
fn a_path_that_leads_nowhere_finds_its_style() {
    with(config(), async |site| {
        for (path, root) in [("/x", "./"), ("//", "../"), ("/a/b/c/", "../../../"), ("//a", "../")]
        {
            let lost = site.get(path).await;
            assert_eq!(lost.status, 404, "{path}");
            let style = format!("href=\"{root}static/style.css");
            assert!(lost.text().contains(&style), "{path}: {}", lost.text());
        }
    });
}

#[test]
fn probes_and_assets_answer() {
    with(config(), async |site| {
        assert_eq!(site.get("/healthz").await.text(), "ok\n");
        assert_eq!(site.get("/readyz").await.status, 200);
        assert_eq!(site.get("/version").await.json()["name"], "halide-ci");
        let home = site.get("/").await.text();
        let style = home.split("href=\"./").find(|p| p.starts_with("static/style.css")).unwrap();
        let path = format!("/{}", style.split('"').next().unwrap());
        let answer = site.get(&path).await;
        assert!(answer.header("cache-control").contains("immutable"), "{path}");
        let zipped = site.ask("GET", &path, &[("Accept-Encoding", "gzip")], b"").await;
        assert_eq!(zipped.header("content-encoding"), "gzip");
        let lost = site.get("/no/such/page").await;
        assert_eq!(lost.status, 404);
        assert!(lost.text().contains("href=\"../../static/style.css"), "{}", lost.text());
    });
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(site: &Site) -> Socket {
    tokio_tungstenite::connect_async(format!("ws://{}/ws", site.address)).await.unwrap().0
}

async fn say(socket: &mut Socket, message: Json) {
    socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Json {
    let wait = std::time::Duration::from_secs(5);
    loop {
        let message = tokio::time::timeout(wait, socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[test]
fn the_socket_speaks_buildbots_commands() {
    with(config(), async |site| {
        let mut socket = socket(site).await;
        for (said, heard) in [
            (json!({"cmd": "ping", "_id": 1}), json!({"msg": "pong", "code": 200, "_id": 1})),
            (
                json!({"cmd": "startConsuming", "path": "buildrequests/*/*", "_id": 2}),
                json!({"msg": "OK", "code": 200, "_id": 2}),
            ),
            (
                json!({"cmd": "stopConsuming", "path": "x", "_id": 3}),
                json!({"error": "path was not consumed 'x'", "code": 400, "_id": 3}),
            ),
            (
                json!({"cmd": "bogus", "_id": 4}),
                json!({"error": "no such command type 'bogus'", "code": 404, "_id": 4}),
            ),
            (
                json!({"cmd": "ping"}),
                json!({"error": "no '_id' or 'type' in websocket frame", "code": 400, "_id": null}),
            ),
        ] {
            say(&mut socket, said).await;
            assert_eq!(hear(&mut socket).await, heard);
        }
        let body = br#"{"jsonrpc":"2.0","method":"force","id":1,"params":{"builderid":1}}"#;
        let json = ("Content-Type", "application/json");
        let path = "/api/v2/forceschedulers/force";
        assert_eq!(site.ask("POST", path, &[json, ANN], body).await.status, 200);
        let event = hear(&mut socket).await;
        assert_eq!(event["k"], "buildrequests/3/new");
        assert_eq!(event["m"]["builderid"], 1);
        assert_eq!(event["m"]["complete"], false);
    });
}

#[test]
fn a_watched_page_gets_what_differs_and_nothing_else() {
    with(config(), async |site| {
        let html = site.get("/").await.text();
        let mut have = serde_json::Map::new();
        for part in html.split("<section id=\"").skip(1) {
            let mut quoted = part.split('"');
            let (id, hash) = (quoted.next().unwrap(), quoted.nth(1).unwrap());
            have.insert(id.to_owned(), hash.into());
        }
        assert_eq!(have.len(), 5);
        have.insert("waiting".to_owned(), "something old".into());
        let mut socket = socket(site).await;
        say(&mut socket, json!({"cmd": "watch", "scope": "home", "have": have, "_id": 1})).await;
        assert_eq!(hear(&mut socket).await["code"], 200);
        let news = hear(&mut socket).await;
        let ids: Vec<&str> = news["fragments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["id"].as_str().unwrap())
            .collect();
        assert!(ids.contains(&"waiting") && !ids.contains(&"running"), "{ids:?}");
        say(&mut socket, json!({"cmd": "watch", "scope": "../etc", "_id": 2})).await;
        assert_eq!(hear(&mut socket).await["code"], 400);
    });
}

#[test]
fn a_followed_log_and_a_watched_build_arrive_at_once() {
    with(config(), async |site| {
        let mut socket = socket(site).await;
        say(&mut socket, json!({"cmd": "watch", "scope": "log/1/1", "_id": 1})).await;
        assert_eq!(hear(&mut socket).await["code"], 200);
        let news = hear(&mut socket).await["append"].clone();
        assert_eq!((&news["next"], &news["complete"]), (&json!(4), &json!(true)));
        let html = news["html"].as_str().unwrap();
        assert!(html.starts_with("<li id=\"L2\"") && html.contains("id=\"L4\""), "{html}");
        assert!(!html.contains("<img") && !html.contains("id=\"L5\""), "{html}");

        say(&mut socket, json!({"cmd": "watch", "scope": "build/1", "_id": 2})).await;
        assert_eq!(hear(&mut socket).await["code"], 200);
        let news = hear(&mut socket).await;
        assert_eq!(
            news["order"],
            json!([
                "summary",
                "step-1",
                "artifacts-of-build",
                "triggered",
                "cause",
                "changes",
                "properties"
            ])
        );
        assert_eq!(news["fragments"].as_array().unwrap().len(), 7);
        // What the browser has and the page has no longer is gone from the order, also when nothing
        // else differs.
        let have: serde_json::Map<String, Json> = site
            .get("/builders/1/builds/1")
            .await
            .text()
            .split("<section id=\"")
            .skip(1)
            .map(|part| {
                let mut words = part.split('"');
                (words.next().unwrap().to_owned(), words.nth(1).unwrap().into())
            })
            .chain([("step-0".to_owned(), "old".into())])
            .collect();
        assert_eq!(have.len(), 8, "{have:?}");
        let watch = json!({"cmd": "watch", "scope": "build/1", "have": have, "_id": 3});
        say(&mut socket, watch).await;
        assert_eq!(hear(&mut socket).await["code"], 200);
        let gone = hear(&mut socket).await;
        assert_eq!((&gone["fragments"], &gone["order"]), (&json!([]), &news["order"]));
        // The links fit the page that shows them.
        let cause = news["fragments"][4]["html"].as_str().unwrap();
        assert!(cause.contains("href=\"../../../buildrequests/1\""), "{cause}");
    });
}

#[test]
fn another_sites_page_may_not_listen() {
    with(config(), async |site| {
        let upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Origin", "http://evil.example"),
        ];
        assert_eq!(site.ask("GET", "/ws", &upgrade, b"").await.status, 403);
        assert_eq!(site.get("/ws").await.status, 426);
    });
}
