//! What somebody meets who tries the program out: a new directory with tests that pass, verbs that
//! find the file of this folder, `print` where one looks for it, and errors for people and programs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

/// One builder, told apart by what `LINES` adds.
const CONFIG: &str = r#"local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "none of yours" } }
c.schedulers = { ci.schedulers.any_branch { name = "all", builders = { "b" } } }
c.builders = { ci.builder {
  name = "b", workers = { "w" }, factory = { ci.steps.shell { command = "make" } },
  can_start_build = function(builder, worker, request) LINE end,
} }
"#;

fn halide(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
    command.args(line.split(' ')).current_dir(folder).env_remove("HALIDE_CI_LOG");
    command
}

/// Exit status, standard output, standard error.
fn run(folder: &Path, line: &str) -> (i32, String, String) {
    let out = halide(folder, line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn with_config(line: &str, end: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = CONFIG.replace("LINE", line) + end;
    std::fs::write(dir.path().join("master.lua"), text).unwrap();
    dir
}

#[test]
fn a_new_master_comes_with_tests_that_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (_, out, _) = run(dir.path(), "create-master m");
    assert!(out.contains("tests    m/master_test.lua"), "{out}");
    let (code, out, err) = run(dir.path(), "test m");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("2 passed in "), "{out}");
}

#[test]
fn without_a_directory_the_file_of_this_folder_is_asked() {
    let dir = with_config("return true", "return c\n");
    let (code, out, err) = run(dir.path(), "checkconfig");
    assert_eq!(
        (code, out.as_str()),
        (0, "master.lua is fine: 1 worker, 1 builder, 1 scheduler, 0 reporters.\n"),
        "{err}"
    );
    let (code, out, err) = run(dir.path(), "explain --builder b");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("b, build 1 on w: success\n"), "{out}");
    assert!(run(dir.path(), "test").2.contains("Write one, such as master_test.lua."));
    // A base directory is what is meant, as soon as there is one.
    std::fs::create_dir(dir.path().join("master")).unwrap();
    std::fs::write(dir.path().join("master/master.lua"), "return {}").unwrap();
    assert!(run(dir.path(), "checkconfig").1.starts_with("master/master.lua is fine: 0 workers"));
}

#[test]
fn what_the_configuration_prints_is_shown_where_it_is_tried_out() {
    let dir = with_config("return request.nothing", "print('loaded', 2)\nreturn c\n");
    let printed = "master.lua:9: loaded\t2\n";
    assert_eq!(run(dir.path(), "checkconfig").2, printed);
    let (code, out, err) = run(dir.path(), "explain --builder b");
    assert_eq!(code, 0);
    let told = "can_start_build failed: master.lua:7: there is no field `nothing` here. \
                The engine decides without it.\n";
    assert_eq!(err, format!("{printed}{told}"), "{out}");
    std::fs::write(
        dir.path().join("a_test.lua"),
        "local t = require 'ci.test'\nt.test('a', function() print 'mine' end)\n",
    )
    .unwrap();
    assert_eq!(run(dir.path(), "test").2, "a_test.lua:2: mine\n");
}

#[test]
fn programs_get_the_errors_as_data() {
    let dir = with_config("return true", "c.titel = 1\nreturn c\n");
    let (code, out, err) = run(dir.path(), "checkconfig --json");
    assert_eq!(code, 1);
    assert!(err.starts_with("error: master.lua:9: unknown option `titel` of c.\n"), "{err}");
    let json: Json = serde_json::from_str(&out).unwrap();
    let problem = json!({
        "file": "master.lua", "line": 9, "column": 3, "width": 5,
        "message": "unknown option `titel` of c.", "hints": ["Did you mean `title`?"], "trace": [],
    });
    assert_eq!(json, json!({ "errors": [problem] }));
}

#[test]
fn what_a_full_disk_does_not_take_is_an_error() {
    let dir = with_config("return true", "return c\n");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let out = halide(dir.path(), "checkconfig --json").stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let err = String::from_utf8(out.stderr).unwrap();
    assert!(err.starts_with("error: Standard output cannot be written: "), "{err}");
    // Nobody there to read (`| head`) is no error.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let out = halide(dir.path(), "checkconfig").stdout(writer).output().unwrap();
    assert_eq!((out.status.code(), out.stderr.as_slice()), (Some(0), &[][..]));
}

#[test]
fn what_is_no_file_is_told_apart_from_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, err) = run(dir.path(), "checkconfig /dev/null");
    assert_eq!(code, 1);
    assert!(err.starts_with("error: /dev/null is neither a file nor a directory."), "{err}");
}

#[test]
fn another_users_master_is_not_said_to_be_away() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("m");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("halide-ci.pid"), "1\n").unwrap();
    for (path, mode, told) in [
        ("m/halide-ci.pid", 0o000, "runs cannot be seen: its directory is another user's."),
        ("m", 0o000, "The directory m cannot be read: "),
    ] {
        std::fs::set_permissions(dir.path().join(path), Permissions::from_mode(mode)).unwrap();
        let (code, out, err) = run(dir.path(), "status m");
        // Who may read everything (root) sees that nobody serves.
        let is_root = rustix::process::geteuid().is_root();
        let told = if is_root { "ended without cleaning up" } else { told };
        assert_eq!((code, out.as_str()), (if is_root { 3 } else { 1 }, ""), "{err}");
        assert!(err.contains(told), "{err}");
    }
    std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
}
