//! `halide-ci test`: configurations with tests that pass and tests that fail, run by the program, and
//! what it prints. `UPDATE_GOLDEN=1` writes the golden texts anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/testing")
}

/// Exit status, standard output, standard error.
fn test(arguments: &str) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .arg("test")
        .args(arguments.split(' '))
        .current_dir(folder())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

/// Without what is different each time.
fn steady(text: &str) -> String {
    let times = regex::Regex::new(r"(\(| in )\d+(\.\d+)? m?s").unwrap();
    let here = folder().canonicalize().unwrap();
    times.replace_all(text, "${1}TIME").replace(&here.display().to_string(), "HERE")
}

#[test]
fn what_people_see_is_as_it_should_be() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, arguments) in [
        ("good", "good"),
        ("grouped", "grouped"),
        ("filter", "good --filter document"),
        ("one_file", "good/builds_test.lua --filter main"),
        ("bad", "bad"),
        ("broken", "broken"),
        ("endless", "endless"),
        ("nothing_matches", "good --filter nothing"),
        ("no_tests", "../explain"),
    ] {
        let (code, out, err) = test(arguments);
        let text = format!("$ halide-ci test {arguments}\n{out}{err}exit status {code}\n");
        let text = steady(&text);
        let file = folder().join(format!("{name}.txt"));
        if update {
            std::fs::write(&file, &text).unwrap();
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_json_names_every_test() {
    let (code, out, _) = test("bad --json");
    assert_eq!(code, 1);
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(json["passed"], 1);
    let files = json["files"].as_array().unwrap();
    let names: Vec<&str> = files.iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["broken_test.lua", "syntax_test.lua", "wrong_test.lua"]);
    assert!(files[0]["problem"].as_str().unwrap().contains("broken_test.lua:3"));
    let tests = files[2]["tests"].as_array().unwrap();
    assert_eq!(tests[0]["passed"], true);
    assert_eq!(tests[1]["failure"]["site"], "wrong_test.lua:4");
    assert_eq!(json["failed"].as_u64().unwrap() as usize, 2 + tests.len() - 1);
}

#[test]
fn tests_leave_nothing_behind_and_are_for_tests_only() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["master.lua", "builds_test.lua"] {
        std::fs::copy(folder().join("good").join(name), dir.path().join(name)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_halide-ci");
        let out = Command::new(program).args(arguments).current_dir(dir.path()).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    assert_eq!(run(&["test", "."]).0, 0);
    let mut left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["builds_test.lua", "master.lua"]);
    std::fs::write(dir.path().join("master.lua"), "local t = require 'ci.test'\nreturn t").unwrap();
    let (code, said) = run(&["checkconfig", "master.lua"]);
    assert_eq!(code, 1);
    assert!(said.contains("master.lua:1: ci.test is for tests"), "{said}");
}
