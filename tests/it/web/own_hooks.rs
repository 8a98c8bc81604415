//! Hooks of the configuration's own types: closed by default, proved in one of three ways, stored
//! before they are answered.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::site::{Site, with_text};

const HOOKS: &str = r#"
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w1", password = "pw" } }
c.builders = {
  ci.builder { name = "linux", workers = { "w1" }, factory = { ci.steps.shell { command = "make" } } },
  ci.builder { name = "windows", workers = { "w1" }, factory = { ci.steps.shell { command = "make" } } },
}
c.schedulers = { ci.schedulers.force { name = "force", builders = c.builders } }
local function read() return {} end
local signed = ci.hook_type { name = "signed", read = read, delivery_header = "X-Id", event_header = "X-Event" }
local other = ci.hook_type { name = "other", read = read, signature_header = "X-Gitea-Signature" }
local token = ci.hook_type { name = "token", read = read, token_header = "X-Gitlab-Token" }
local asked = ci.hook_type {
  name = "asked", read = read,
  verify = function(hook, request)
    if request.query.fail then error("no idea about " .. hook.secret) end
    if request.query.truthy then return 1 end
    return request.headers.authorization == "Bearer " .. hook.secret and request.json.n == 1
  end,
}
c.www = { port = 0, change_hooks = {
  signed = signed { secret = "key-of-signed" },
  other = other { secret = "key-of-other" },
  token = token { secret = "key-of-token" },
  asked = asked { secret = "key-of-asked" },
} }
return c"#;

/// Tells `test` on a site with [`HOOKS`].
fn hooked(test: impl AsyncFnOnce(&Site)) {
    with_text(HOOKS, test);
}

fn sign(key: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

async fn post(site: &Site, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut headers = headers.to_vec();
    headers.push(("Content-Type", "application/json"));
    let path = format!("/change_hook/{path}");
    let answer = site.ask("POST", &path, &headers, body.as_bytes()).await;
    (answer.status, answer.text().trim_end().to_owned())
}

/// A path, headers, and the status that they deserve.
type Case<'c> = (&'c str, Vec<(&'c str, &'c str)>, u16);

#[test]
fn a_request_is_let_in_by_the_proof_of_its_hook_and_by_nothing_else() {
    let body = r#"{"n":1}"#;
    let (good, other) = (sign("key-of-signed", body), sign("key-of-other", body));
    let prefixed = format!("sha256={good}");
    let hub = "X-Hub-Signature-256";
    let gitea = "X-Gitea-Signature";
    let cases: [Case<'_>; 18] = [
        ("signed", vec![(hub, &prefixed)], 200),
        ("signed", vec![(hub, &good)], 200),
        ("signed", vec![], 401),
        ("signed", vec![(hub, "")], 401),
        ("signed", vec![(hub, "sha256=00")], 401),
        ("signed", vec![(hub, &other)], 401),
        ("signed", vec![(hub, &good), (hub, &good)], 401),
        ("other", vec![(gitea, &other)], 200),
        ("other", vec![(hub, &other)], 401),
        ("token", vec![("X-Gitlab-Token", "key-of-token")], 200),
        ("token", vec![("X-Gitlab-Token", "key-of-toke")], 401),
        ("token", vec![], 401),
        ("asked", vec![("Authorization", "Bearer key-of-asked")], 200),
        ("asked", vec![("Authorization", "Bearer key")], 401),
        ("asked?truthy=1", vec![], 401),
        ("asked?fail=1", vec![("Authorization", "Bearer key-of-asked")], 401),
        ("github", vec![(hub, &good)], 404),
        ("nobody", vec![], 404),
    ];
    hooked(async |site| {
        let mut stored = 0;
        for (path, headers, status) in cases {
            let (got, text) = post(site, path, &headers, body).await;
            assert_eq!(got, status, "{path} {headers:?}: {text}");
            assert!(!text.contains("key-of"), "{text}");
            stored += i64::from(got == 200);
            assert_eq!(super::stored(site).await, stored, "{path} {headers:?}");
        }
        let (status, _) = post(site, "token", &[("X-Gitlab-Token", "key-of-token")], "{}").await;
        assert_eq!(status, 200);
    });
}

#[test]
fn a_request_is_kept_without_its_proof_and_once_by_its_id() {
    let body = "{}";
    let good = sign("key-of-signed", body);
    hooked(async |site| {
        let headers = [
            ("X-Hub-Signature-256", good.as_str()),
            ("X-Id", "7"),
            ("X-Event", "push"),
            ("Cookie", "session=1"),
        ];
        for _ in 0..2 {
            assert_eq!(post(site, "signed?from=here", &headers, body).await.0, 200);
        }
        let read = |c: &halide_ci::store::Conn<'_>| {
            c.query("select guid, event, line, headers from deliveries", &[], |r| {
                Ok([r.text(0)?, r.text(1)?, r.text(2)?, r.text(3)?])
            })
        };
        let rows = site.engine.store().read(read).await.unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((&*row[0], &*row[1], &*row[2]), ("7", "push", "signed"));
        assert!(row[3].contains(r#"":query":"from=here""#), "{row:?}");
        assert!(!row[3].contains(&good) && !row[3].contains("session"), "{row:?}");
    });
}
