//! The steps that keep files with a build and fetch those of earlier ones: what they ask for.

use serde_json::json;

use super::*;

fn stat(mode: u32) -> Result<StepAnswer, DeskError> {
    Ok(StepAnswer::Stat(Some(FileStat { mode, size: 1, mtime: 0 })))
}

fn file() -> Result<StepAnswer, DeskError> {
    stat(0o100_644)
}

fn directory() -> Result<StepAnswer, DeskError> {
    stat(0o040_755)
}

fn files(names: &[&str]) -> Result<StepAnswer, DeskError> {
    Ok(StepAnswer::Files(names.iter().map(|name| (*name).to_owned()).collect()))
}

fn kept(size: i64) -> Result<StepAnswer, DeskError> {
    Ok(StepAnswer::Value(json!({ "size": size, "sha256": "0" })))
}

fn keep(src: &str, name: &str, is_directory: bool) -> String {
    format!(
        "KeepArtifact(ArtifactWish {{ workersrc: {src:?}, name: {name:?}, is_directory: {is_directory}, \
         keep: None, max_size: None }})"
    )
}

#[test]
fn files_keep_the_path_below_what_their_pattern_names() {
    let step = "ci.steps.artifact { paths = { 'out/**/*.log', 'README', 'docs' } }";
    let answers = vec![
        files(&["/w/b/build/out/a/x.log", "C:\\w\\x.log", "/w/b/build/out/d.log"]),
        file(),
        file(),
        directory(),
        kept(900),
        kept(600),
        file(),
        kept(1),
        directory(),
        kept(5),
        done(),
    ];
    play(step, answers).expect(
        Results::Success,
        &[
            "Glob { path: \"/w/b/build/out/**/*.log\" }",
            "stat /w/b/build/out/a/x.log",
            "stat C:\\w\\x.log",
            "stat /w/b/build/out/d.log",
            &keep("/w/b/build/out/a/x.log", "a/x.log", false),
            &keep("C:\\w\\x.log", "x.log", false),
            "stat /w/b/build/README",
            &keep("/w/b/build/README", "README", false),
            "stat /w/b/build/docs",
            &keep("/w/b/build/docs", "docs.tar.gz", true),
            "SetSummary { text: \"kept 4 files, 1.51 kB\" }",
        ],
    );
}

#[test]
fn directories_are_found_by_a_pattern_that_ends_in_a_slash() {
    let step = "ci.steps.artifact { paths = 'out/*/', keep = { builds = 3, per = 'branch' } }";
    let answers = vec![
        files(&["/w/b/build/out/a", "/w/b/build/out/f"]),
        directory(),
        file(),
        kept(7),
        done(),
    ];
    let keep = "KeepArtifact(ArtifactWish { workersrc: \"/w/b/build/out/a\", name: \"a.tar.gz\", is_directory: true, \
         keep: Some(Keep { builds: Some(3), per_branch: true, days: None }), max_size: None })";
    play(step, answers).expect(
        Results::Success,
        &[
            "Glob { path: \"/w/b/build/out/*\" }",
            "stat /w/b/build/out/a",
            "stat /w/b/build/out/f",
            keep,
            "SetSummary { text: \"kept 1 file, 7 B\" }",
        ],
    );
}

#[test]
fn what_cannot_be_kept_fails_in_words() {
    let step = "ci.steps.artifact { paths = '*.tgz' }";
    play(step, vec![files(&[])]).expect_failure("no file was found");
    let optional = "ci.steps.artifact { paths = '*.tgz', optional = true }";
    let nothing =
        ["Glob { path: \"/w/b/build/*.tgz\" }", "SetSummary { text: \"kept 0 files, 0 B\" }"];
    play(optional, vec![files(&[]), done()]).expect(Results::Success, &nothing);
    let full = || Err(DeskError::Failed("no space".to_owned()));
    play("ci.steps.artifact { paths = 'a' }", vec![file(), full()]).expect_failure("no space");
    play("ci.steps.artifact { paths = { 'a', 'x/a' } }", vec![file(), kept(1), file()])
        .expect_failure("/w/b/build/a and /w/b/build/x/a would be the same artifact, a.");
    play("ci.steps.artifact { paths = 'a:b' }", vec![file()]).expect_failure(
        "the artifact's name \"a:b\" has the character ':', which not every file system takes.",
    );
    play("ci.steps.artifact { paths = 'a', keep = { day = 1 } }", vec![file()]).expect_failure(
        "`keep` of step:keep_artifact takes a number of builds, \"forever\", or a table of `builds`, `per` and \
         `days`; it has no `day`.",
    );
}

fn found() -> Result<StepAnswer, DeskError> {
    let one = |id: i64, name: &str| json!({ "id": id, "name": name, "size": 1, "build": 12 });
    Ok(StepAnswer::Value(json!([one(3, "a.tgz"), one(4, "b/c.txt")])))
}

#[test]
fn artifacts_are_fetched_into_a_directory() {
    let find = |which: &str, names: &str| {
        format!(
            "FindArtifacts {{ builder: Some(\"make\"), which: {which}, branch: None, names: [{names}] }}"
        )
    };
    let fetch = |id: i64, to: &str| {
        format!("FetchArtifact {{ id: {id}, workerdest: {to:?}, mode: Some(493) }}")
    };
    let step = "ci.steps.fetch_artifact { builder = 'make', workerdest = 'deps', mode = '0755' }";
    play(step, vec![found(), done(), done(), done()]).expect(
        Results::Success,
        &[
            &find("LatestSuccess", "\"*\""),
            &fetch(3, "/w/b/build/deps/a.tgz"),
            &fetch(4, "/w/b/build/deps/b/c.txt"),
            "SetSummary { text: \"fetched 2 files of #12\" }",
        ],
    );
    let some = "ci.steps.fetch_artifact { builder = 'make', build = 12, names = '*.txt' }";
    let played = play(some, vec![found(), done(), done()]);
    assert_eq!(played.asked[0], find("Number(12)", "\"*.txt\""));
    assert!(
        played.asked[1].contains("id: 4, workerdest: \"/w/b/build/b/c.txt\""),
        "{:?}",
        played.asked
    );
}

#[test]
fn what_cannot_be_fetched_fails_in_words() {
    let step = "ci.steps.fetch_artifact { builder = 'make', names = '*.zip' }";
    play(step, vec![found()])
        .expect_failure("latest-success of make has no *.zip; it has a.tgz, b/c.txt.");
    play(step, vec![Ok(StepAnswer::Value(json!(null)))])
        .expect_failure("There is no latest-success of make that has artifacts.");
    play("ci.steps.fetch_artifact { builder = 'make', build = 'newest' }", vec![]).expect_failure(
        "`build` of step:find_artifacts is \"latest-success\" or the number of a build, not a string.",
    );
}
