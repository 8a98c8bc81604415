//! Formats of test reports: each `results/FORMAT_….*` is read, and what is found in it compared with
//! the same name ending in `.golden`. `UPDATE_GOLDEN=1` writes those anew.

use std::fmt::Write as _;
use std::path::Path;

use halide_ci::model::test_results::{MOST, TestSource, Tests};
use serde_json::json;

/// What a report holds, a line for each test.
fn told(format: &str, data: &[u8]) -> String {
    let source = TestSource::read(&json!({ "format": format, "paths": ["x"] })).unwrap();
    let mut tests = Tests::default();
    let end = source.format.read(data, &mut tests);
    let mut out = String::new();
    for test in &tests.list {
        let seconds = test.seconds.map_or(String::new(), |s| format!(" {s} s"));
        let path = test.path.as_deref().map_or(String::new(), |p| format!(" in {p}"));
        let line = test.line.map_or(String::new(), |line| format!(":{line}"));
        writeln!(out, "{:?} {}{seconds}{path}{line}", test.outcome, test.name).unwrap();
        for line in test.message.trim().lines() {
            writeln!(out, "  | {line}").unwrap();
        }
    }
    if tests.nameless > 0 {
        writeln!(out, "and {} more that passed", tests.nameless).unwrap();
    }
    if let Err(why) = end {
        writeln!(out, "no report: {why}").unwrap();
    }
    out
}

#[test]
fn reports_are_read_as_their_programs_mean_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/results");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "golden") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (format, _) = name.split_once('_').unwrap();
        let told = told(format, &std::fs::read(&path).unwrap());
        let golden = path.with_extension("golden");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(&golden).unwrap_or_default(), "{name}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn hostile_reports_cost_little_and_are_told() {
    let deep = "<testsuite>".repeat(1000);
    assert_eq!(
        told("junit", deep.as_bytes()),
        "no report: line 1: elements are nested more than 256 deep\n"
    );
    let mut tests = Tests::default();
    let tap = TestSource::read(&json!("tap")).unwrap().format;
    tap.read("ok\n".repeat(MOST + 5).as_bytes(), &mut tests).unwrap();
    assert_eq!((tests.list.len(), tests.left_out), (MOST, 5));
    let loud = format!("not ok 1\n# {}\n", "x".repeat(1 << 20));
    let mut tests = Tests::default();
    tap.read(loud.as_bytes(), &mut tests).unwrap();
    assert!(tests.list[0].message.len() < 10_000);
}
