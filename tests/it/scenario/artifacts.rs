//! Artifacts: on the disk before their row, in their row before their step ends; found, fetched, let go
//! by rule; and never half there, whatever breaks.

use std::path::{Path, PathBuf};

use halide_ci::engine::input::Force;

use super::{World, story};
use crate::sim::hand::shell;

/// Two builders; `make` keeps, `use` fetches.
fn farm(keep: &str, fetch: &str) -> String {
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
c.builders = {{
  ci.builder {{ name = "make", workers = {{ "w1" }}, factory = {{ {keep} }} }},
  ci.builder {{ name = "use", workers = {{ "w1" }}, factory = {{ {fetch} }} }},
}}
c.schedulers = {{
  ci.schedulers.force {{ name = "make", builders = {{ "make" }} }},
  ci.schedulers.force {{ name = "use", builders = {{ "use" }} }},
}}
return c"#
    )
}

const KEEP: &str = r#"ci.steps.artifact { name = "package", paths = "out/*.tgz", keep = 2 }"#;
const FETCH: &str = r#"ci.steps.fetch_artifact { builder = "make", workerdest = "deps" }"#;

async fn force(world: &World, scheduler: &str) {
    let force = Force { scheduler: scheduler.to_owned(), ..Force::default() };
    world.engine().force(force).await.unwrap();
    world.pass(1).await;
    world.settle().await;
}

/// What a worker does that keeps `out/a.tgz`.
fn keeps(text: &str) -> [crate::sim::hand::Expected; 3] {
    let file = "/w/w1/make/build/out/a.tgz";
    [
        shell("glob /w/w1/make/build/out/*.tgz").finds(&[file]),
        shell(&format!("stat {file}")).exits(1),
        shell(&format!("upload {file}")).holds(text),
    ]
}

/// The files of the store, without what is coming in.
fn kept(world: &World) -> usize {
    files(&world.dir().join("artifacts")).iter().filter(|path| !is_incoming(path)).count()
}

fn is_incoming(path: &Path) -> bool {
    path.parent().is_some_and(|dir| dir.ends_with("incoming"))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => out.extend(files(&entry.path())),
            false => out.push(entry.path()),
        }
    }
    out
}

const ROWS: &str = "select b.number, a.step, a.name, a.size from artifacts a \
                    join builds b on b.id = a.build_id order by a.id";
const STATE: &str = "select state_string from steps where number = 1 order by id desc limit 1";

#[test]
fn what_a_build_keeps_a_later_one_fetches_also_after_a_crash() {
    story(&farm(KEEP, FETCH), async |world: &mut World| {
        world.connect("w1").await;
        force(world, "use").await;
        let none = ["fetching: There is no latest-success of make that has artifacts. (failure)"];
        assert_eq!(world.rows(STATE, 1).await, none);
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect(keeps("the first package"));
        force(world, "make").await;
        assert_eq!(world.rows(STATE, 1).await, ["kept 1 file, 17 B"]);
        assert_eq!(world.rows(ROWS, 4).await, ["1 package a.tgz 17"]);
        world.crash().await;
        world.start().await;
        let hand = world.connect("w1").await;
        hand.expect([shell("download /w/w1/use/build/deps/a.tgz")]);
        force(world, "use").await;
        assert_eq!(world.rows(STATE, 1).await, ["fetched 1 file of #1"]);
        assert_eq!(hand.written(), ["the first package"]);
    });
}

#[test]
fn an_upload_that_breaks_leaves_no_row_and_its_bytes_go() {
    story(&farm(KEEP, FETCH), async |world: &mut World| {
        let [glob, stat, upload] = keeps("half of it");
        let hand = world.connect("w1").await;
        hand.expect([glob, stat, upload.takes(1000)]);
        let force = Force { scheduler: "make".to_owned(), ..Force::default() };
        world.engine().force(force).await.unwrap();
        world.pass(10).await;
        assert_eq!(files(&world.dir().join("artifacts")).len(), 1, "it is coming in");
        world.crash().await;
        world.start().await;
        assert_eq!(world.rows(ROWS, 4).await, [""; 0]);
        // The next attempt keeps the same content; the step is one, and so is the row.
        world.connect("w1").await.expect(keeps("half of it"));
        world.pass(60).await;
        world.settle().await;
        assert_eq!(world.rows(ROWS, 4).await.len(), 1);
        assert_eq!(kept(world), 1);
    });
}

#[test]
fn an_artifact_that_fails_says_why_and_keeps_nothing() {
    let too_large = r#"ci.steps.artifact { paths = { "a.tgz" }, max_size = 5 }"#;
    let step = |config: &str| farm(config, FETCH);
    story(&step(too_large), async |world: &mut World| {
        let hand = world.connect("w1").await;
        let file = "/w/w1/make/build/a.tgz";
        let upload = shell(&format!("upload {file}")).holds("123456");
        hand.expect([shell(&format!("stat {file}")).exits(1), upload]);
        force(world, "make").await;
        let state = world.rows(STATE, 1).await;
        assert!(state[0].contains("a.tgz has more than 5 bytes, which is `max_size`"), "{state:?}");
        assert_eq!((world.rows(ROWS, 4).await.len(), kept(world)), (0, 0));

        let twice = r#"ci.steps.artifact { name = "one", paths = "a" }, ci.steps.artifact { name = "two", paths = "a" }"#;
        world.reload(&step(twice)).await.unwrap();
        let a = ["stat /w/w1/make/build/a", "upload /w/w1/make/build/a"].map(shell);
        hand.expect(a.clone().into_iter().chain(a));
        force(world, "make").await;
        let state = world.rows("select state_string from steps where number = 2", 1).await;
        assert!(
            state[0].contains("another step of this build has kept an artifact \"a\""),
            "{state:?}"
        );
        assert_eq!(world.rows("select step from artifacts", 1).await, ["one"]);
    });
}

#[test]
fn rules_let_go_what_is_old_and_the_disk_follows() {
    story(&farm(KEEP, FETCH), async |world: &mut World| {
        let hand = world.connect("w1").await;
        for text in ["one", "two", "three", "two"] {
            hand.expect(keeps(text));
            force(world, "make").await;
        }
        assert_eq!((world.rows(ROWS, 4).await.len(), kept(world)), (4, 3));
        world.pass(3700).await;
        world.settle().await;
        assert_eq!(world.rows(ROWS, 4).await, ["3 package a.tgz 5", "4 package a.tgz 3"]);
        assert_eq!(kept(world), 3, "bytes stay for a while: an upload may have brought them again");
        world.pass(7 * 3600).await;
        world.settle().await;
        assert_eq!(kept(world), 2);
        hand.expect([shell("download /w/w1/use/build/deps/a.tgz")]);
        force(world, "use").await;
        assert_eq!(hand.written(), ["two"]);
    });
}

#[test]
fn what_stays_for_days_is_let_go_but_for_the_newest_success() {
    let keep = r#"ci.steps.artifact { paths = "out/*.tgz" }"#;
    let www = r#"c.www = { port = 0, artifacts = { keep = { days = 1 } } } return c"#;
    let config = farm(keep, FETCH).replace("return c", www);
    story(&config, async |world: &mut World| {
        let hand = world.connect("w1").await;
        for text in ["one", "two"] {
            hand.expect(keeps(text));
            force(world, "make").await;
        }
        world.pass(25 * 3600).await;
        world.settle().await;
        assert_eq!(world.rows(ROWS, 4).await, ["2 artifact a.tgz 3"]);
        let moved = config.replace("artifacts = {", "artifacts = { dir = 'elsewhere',");
        let refused = world.reload(&moved).await.unwrap_err();
        assert!(
            refused.contains("c.www.artifacts.dir has changed from artifacts to elsewhere"),
            "{refused}"
        );
    });
}
