//! Artifacts on the page of their build, in the data API, and as downloads that nobody's browser runs.

use std::time::SystemTime;

use halide_ci::base::clock::Timestamp;
use halide_ci::base::id::{BuildId, BuilderId};
use halide_ci::base::results::Results;
use halide_ci::model::artifact::Keep;
use halide_ci::store::artifacts::{self, NewArtifact};
use serde_json::json;

use super::site::{Site, config, with};

/// The build of this id keeps a file.
pub(crate) async fn keep(site: &Site, build: i64, step: &str, name: &str, text: &str) -> String {
    let blobs = site.engine.artifacts().unwrap();
    let mut incoming = blobs.receive().unwrap();
    incoming.write(text.as_bytes()).unwrap();
    let blob = blobs.keep(incoming, SystemTime::UNIX_EPOCH).unwrap();
    let artifact = NewArtifact {
        step: step.to_owned(),
        name: name.to_owned(),
        size: i64::try_from(blob.size).unwrap(),
        sha256: blob.sha256().to_owned(),
        branch: Some("main".to_owned()),
        is_proposal: false,
        keep: Keep::default(),
    };
    let of = (BuilderId(1), BuildId(build));
    let insert = move |conn: &halide_ci::store::Conn<'_>| {
        artifacts::insert(conn, of, &artifact, Timestamp::from_secs(1_700_000_000))
    };
    assert!(site.engine.write(insert).await.unwrap().is_some());
    blob.sha256().to_owned()
}

#[test]
fn a_build_lists_what_it_has_kept_and_everybody_finds_the_newest_success() {
    with(config(), async |site| {
        assert!(!site.get("/builders/1/builds/1").await.text().contains("<h2 id=\"artifacts\">"));
        let hash = keep(site, 1, "make", "a b/<i>.tgz", "0123456789").await;
        let html = site.get("/builders/1/builds/1").await.text();
        let (_, part) = html.split_once("<h2 id=\"artifacts\">1 artifact</h2>").unwrap();
        let (part, _) = part.split_once("</table>").unwrap();
        let path = "artifacts/linux/1/a%20b/%3Ci%3E%2Etgz";
        for wanted in [&format!("href=\"../../../{path}\">a b/&lt;i&gt;.tgz<"), "10 B", &hash[..12]]
        {
            assert!(part.contains(wanted), "{wanted} in {part}");
        }
        let answer = site.get(&format!("/{path}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "0123456789"));
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("content-length", "10"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
            (
                "content-disposition",
                "attachment; filename=\"_i_.tgz\"; filename*=UTF-8''%3Ci%3E%2Etgz",
            ),
            ("etag", &format!("\"{hash}\"")),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert_eq!(site.get("/artifacts/linux/1/make").await.text(), "0123456789", "by its step");

        // The build has failed: it is no success.
        let none = site.get("/artifacts/linux/latest-success/make").await;
        assert_eq!(none.status, 404);
        assert!(
            none.text().starts_with("No build of this builder has succeeded"),
            "{}",
            none.text()
        );
        let succeed = |conn: &halide_ci::store::Conn<'_>| {
            conn.execute("update builds set results = $1", &[Results::Success.into()])
        };
        site.engine.write(succeed).await.unwrap();
        assert_eq!(site.get("/artifacts/linux/latest-success/make").await.text(), "0123456789");
        assert_eq!(site.get("/artifacts/linux/latest-success/make?branch=main").await.status, 200);
        assert_eq!(site.get("/artifacts/linux/latest-success/make?branch=x").await.status, 404);

        keep(site, 1, "make", "second", "").await;
        let two = site.get("/artifacts/linux/1/make").await;
        assert_eq!(two.status, 404, "a step that has kept two files names neither");
        assert!(two.text().contains("it has a b/<i>.tgz, second."), "{}", two.text());
        assert_eq!(site.get("/artifacts/linux/1/second").await.text(), "");
        for path in [
            "none/1/a",
            "linux/7/a",
            "linux/newest/a",
            "linux/1/..%2f..%2fstate.sqlite",
            "windows/1/a",
        ] {
            assert_eq!(site.get(&format!("/artifacts/{path}")).await.status, 404, "{path}");
        }
    });
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    with(config(), async |site| {
        let hash = keep(site, 1, "make", "a", "0123456789").await;
        let (tag, path) = (format!("\"{hash}\""), "/artifacts/linux/1/a");
        let part = async |headers: &[(&str, &str)]| {
            let answer = site.ask("GET", path, headers, b"").await;
            (answer.status, answer.header("content-range").to_owned(), answer.text())
        };
        let expected =
            |status: u16, range: &str, text: &str| (status, range.to_owned(), text.to_owned());
        assert_eq!(part(&[("Range", "bytes=3-5")]).await, expected(206, "bytes 3-5/10", "345"));
        assert_eq!(part(&[("Range", "bytes=7-")]).await, expected(206, "bytes 7-9/10", "789"));
        assert_eq!(part(&[("Range", "bytes=-2")]).await, expected(206, "bytes 8-9/10", "89"));
        let same = [("Range", "bytes=0-0"), ("If-Range", tag.as_str())];
        assert_eq!(part(&same).await, expected(206, "bytes 0-0/10", "0"));
        let whole = expected(200, "", "0123456789");
        assert_eq!(part(&[("Range", "bytes=0-0"), ("If-Range", "\"old\"")]).await, whole);
        assert_eq!(part(&[("Range", "bytes=0-1,4-5")]).await, whole);
        assert_eq!(part(&[("Range", "lines=1")]).await, whole);
        assert_eq!(part(&[("Range", "bytes=10-")]).await, expected(416, "bytes */10", ""));
        assert_eq!(part(&[("If-None-Match", &tag)]).await, expected(304, "", ""));
        assert_eq!(part(&[("Accept-Encoding", "gzip, zstd")]).await, whole);
        let head = site.ask("HEAD", path, &[], b"").await;
        assert_eq!(
            (head.status, head.header("content-length"), head.text().as_str()),
            (200, "10", "")
        );

        // Somebody has removed the file.
        std::fs::remove_dir_all(site.dir().join("artifacts").join(&hash[..2])).unwrap();
        let gone = site.get(path).await;
        assert_eq!(gone.status, 410);
        assert_eq!(gone.text(), "The file of this artifact is gone from the master's disk.\n");
    });
}

#[test]
fn programs_get_lists() {
    with(config(), async |site| {
        let sha256 = keep(site, 1, "make", "a", "0123456789").await;
        let json = [("Accept", "application/json")];
        let list = site.ask("GET", "/artifacts/linux/1", &json, b"").await.json();
        let one = json!({ "artifactid": 1, "name": "a", "size": 10, "sha256": sha256, "step_name": "make",
                          "created_at": 1_700_000_000 });
        assert_eq!(list, json!({ "builderid": 1, "number": 1, "artifacts": [one] }));
        let page = site.get("/artifacts/linux/1").await;
        assert_eq!(
            (page.status, page.header("location")),
            (303, "../../builders/1/builds/1#artifacts")
        );
        let row = json!({ "artifactid": 1, "branch": "main", "builderid": 1, "buildid": 1,
                          "created_at": 1_700_000_000, "expires_at": null, "name": "a", "sha256": sha256,
                          "size": 10, "step_name": "make" });
        let all = json!({ "artifacts": [row], "meta": { "total": 1 } });
        for path in [
            "artifacts",
            "builds/1/artifacts",
            "builders/1/artifacts",
            "builders/1/builds/1/artifacts",
        ] {
            assert_eq!(site.api(path).await, all, "{path}");
        }
        assert_eq!(site.api("builds/1/artifacts?name=b").await["meta"]["total"], 0);
        assert_eq!(site.api("artifacts/1").await["artifacts"][0], row);
    });
}
