//! What an editor sees: the shipped configurations and the guide's examples, checked by a real Lua
//! language server with the type definitions that `halide-ci types` writes. Needs the server's
//! checker (`HALIDE_CI_LUA_CHECK`, its path); `.ci/run` installs it.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "the test is told where the foreign program is")]
fn checker() -> String {
    std::env::var("HALIDE_CI_LUA_CHECK").expect("HALIDE_CI_LUA_CHECK is not set")
}

/// Runs the checker over `dir`: whether it was content, and what it said.
fn checked(dir: &Path) -> (bool, String) {
    let out = Command::new(checker())
        .args(["--warnings-as-errors", "--severity", "warn"])
        .arg(dir)
        .output()
        .unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
}

/// A folder with editor settings and the definitions.
fn furnished() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let types = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
        .args(["types", "."])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(types.status.success(), "{}", String::from_utf8_lossy(&types.stderr));
    dir
}

#[test]
#[ignore = "needs a Lua language server's checker"]
fn shipped_configurations_satisfy_a_language_server() {
    let dir = furnished();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = [
        "master.lua",
        "worker/worker.lua",
        "src/cli/templates/master.lua",
        "src/cli/templates/master_test.lua",
        "src/cli/templates/worker.lua",
        "src/cli/templates/demo.lua",
        "tests/it/sim/farm.lua",
        "tests/it/explain/master.lua",
        "tests/it/resolved/master.lua",
        "tests/it/testing/good/events_test.lua",
    ];
    for name in shipped {
        std::fs::copy(root.join(name), dir.path().join(name.replace('/', "_"))).unwrap();
    }
    for (at, example) in super::guide::examples().into_iter().enumerate() {
        std::fs::write(dir.path().join(format!("guide_{at}.lua")), example.text).unwrap();
    }
    let (content, said) = checked(dir.path());
    assert!(content, "{said}");
}

#[test]
#[ignore = "needs a Lua language server's checker"]
fn a_language_server_finds_mistakes() {
    let mistakes = [
        ("c.titel = 'x'", "titel"),
        ("c.title = 7", "integer"),
        ("ci.nope()", "nope"),
        ("c.workers = { ci.worker { name = 5, password = 'x' } }", "integer"),
        ("ci.steps.git {}", "repo"),
        ("ci.steps.shell { command = 'x', timeout = 'long' }", "string"),
    ];
    for (line, expected) in mistakes {
        let dir = furnished();
        let text = format!("local ci = require \"ci\"\nlocal c = ci.config()\n{line}\nreturn c\n");
        std::fs::write(dir.path().join("master.lua"), text).unwrap();
        let (content, said) = checked(dir.path());
        assert!(!content && said.contains(expected), "{line}\n{said}");
    }
}
