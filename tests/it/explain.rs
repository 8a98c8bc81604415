//! `explain` as people see it: each case is a command line, and its golden text is what the program
//! prints and how it ends. `UPDATE_GOLDEN=1` writes the texts anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Name of the golden text, and the arguments after `explain master.lua`.
const CASES: [(&str, &str); 14] = [
    ("change", "--change change.json"),
    ("change_steps", "--change change.json --steps"),
    ("pull_request", "--event pull.json"),
    ("push_as_pull_request", "--event pull.json --event-name push"),
    ("unreadable_event", "--event short.json"),
    ("wrong_change", "--change wrong.json"),
    ("no_file", "--event nothing.json"),
    ("builder", "--builder linux --worker linux-1 --property branch=dev --property target=[1,2]"),
    (
        "builder_of_commit",
        "--builder linux --worker linux-2 --property branch=main --property revision=0123456789abcdef",
    ),
    ("broken", "--builder broken"),
    ("unknown_builder", "--builder linus"),
    ("unknown_worker", "--builder broken --worker linux-3"),
    ("tools", "--builder tools --property branch=dev"),
    ("bad_property", "--builder linux --property =1"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/explain")
}

/// Exit status, standard output, standard error.
fn explain(arguments: &str) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .args(["explain", "master.lua"])
        .args(arguments.split(' '))
        .current_dir(folder())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn every_answer_is_as_it_should_be() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, arguments) in CASES {
        let (code, out, err) = explain(arguments);
        let text =
            format!("$ halide-ci explain master.lua {arguments}\n{out}{err}exit status {code}\n");
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
fn the_json_has_everything_and_no_secret() {
    // Made up, because there are no secret files: that text must not be shown either.
    let (code, out, _) = explain("--builder linux --worker linux-1 --json");
    assert_eq!(code, 0);
    assert!(!out.contains("made up for"), "{out}");
    let json: Json = serde_json::from_str(&out).unwrap();
    let build = &json["requests"][0]["builds"][0];
    assert_eq!(build["worker"], "linux-1");
    assert_eq!(build["locks"][0]["lock"], "memory");
    let step = &build["steps"][1];
    assert_eq!(step["status"], "ran");
    assert_eq!(step["commands"][0]["command"], serde_json::json!(["make", "-j", "4", "all"]));
    assert_eq!(step["commands"][0]["env"]["TOKEN"], "*****");
    assert_eq!(step["options"]["env"]["FLAGS"], "-O2 -g");
    assert_eq!(step["halt_on_failure"], true);
    assert_eq!(build["steps"][2]["status"], "skipped");
    let (_, out, _) = explain("--change change.json --json");
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(json["changes"][0]["verdicts"][1]["why"], "category is empty, not \"pull\"");
    assert_eq!(json["requests"].as_array().unwrap().len(), 2);
}

#[test]
fn nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(folder().join("master.lua"), dir.path().join("master.lua")).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .args(["explain", ".", "--builder", "linux"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["master.lua"]);
}

#[test]
fn what_is_tried_again_is_told_until_it_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"
        local ci = require "ci"
        local again = ci.step_type { name = "again", run = function() return "retry" end }
        local worker = ci.worker { name = "w", password = "password" }
        return {
          workers = { worker },
          builders = { ci.builder { name = "b", workers = { worker }, factory = { again {} } } },
          schedulers = { ci.schedulers.force { name = "f", builders = { "b" } } },
        }
    "#;
    std::fs::write(dir.path().join("master.lua"), text).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .args(["explain", ".", "--builder", "b"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let told = String::from_utf8(out.stdout).unwrap();
    let builds: Vec<&str> = told.lines().filter(|line| line.starts_with("b, build")).collect();
    let ends = ["1 on w: retry", "2 on w: retry", "3 on w: retry", "4 on w: exception"];
    assert_eq!(builds, ends.map(|end| format!("b, build {end}")));
}

#[test]
fn what_a_step_triggers_is_told_with_its_builds() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"
        local ci = require "ci"
        local worker = ci.worker { name = "w", password = "password", max_builds = 2 }
        local packages = ci.schedulers.triggerable { name = "packages", builders = { "child" } }
        return {
          workers = { worker },
          builders = {
            ci.builder { name = "parent", workers = { worker }, factory = {
              ci.steps.trigger { name = "Package", schedulers = packages, wait_for_finish = true,
                                 set_properties = { of = ci.property "buildername" } } } },
            ci.builder { name = "child", workers = { worker }, factory = {
              ci.steps.shell { command = { "make", ci.property "of" } } } },
          },
          schedulers = { ci.schedulers.force { name = "f", builders = { "parent" } }, packages },
        }
    "#;
    std::fs::write(dir.path().join("master.lua"), text).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .args(["explain", ".", "--builder", "parent"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let told = "\
parent, build 1 on w: success
  1  Package  trigger; master.lua:9
     triggers child (packages): build 1, and waits

child, build 1 on w, asked by packages: success
  1  shell  shell; master.lua:12
     in /worker/child/build
     $ make parent
";
    assert_eq!(String::from_utf8(out.stdout).unwrap(), told);
}
